//! The handshake of a client (RFC 6455 section 4.2), after the guard and the key have let its head through.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING, UPGRADE,
};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::{Handover, REASONING_INCLUDED, Session};
use crate::router::House;
use crate::router::accept::Stage;
use crate::router::answer::AnswerBody;
use crate::router::headers::{Client, MODELS_ETAG};
use crate::router::keys::Caller;
use crate::router::models;
use crate::router::reply::Refusal;

/// Answers the handshake; the session begins when the answer is out.
pub(in crate::router) fn open(
    house: &Arc<House>,
    request: Request<Incoming>,
    handover: &Handover,
    caller: Caller,
) -> Result<Response<AnswerBody>, Refusal> {
    let Some(sights) = &house.sockets else {
        return Err(Refusal::NoWebSocket);
    };
    if *house.stage.borrow() > Stage::Serving {
        return Err(Refusal::Stopping);
    }
    let accept = accept_key(request.headers())?;
    let client = Client::of(request.headers());
    let etag = models::etag_for(house, &client, &caller);
    let includes_reasoning = client.is_codex && sights.includes_reasoning();
    let upgrade = hyper::upgrade::on(request);
    handover.put(Session::new(house.clone(), client, caller, upgrade));
    let mut reply = Response::new(AnswerBody::whole(Default::default()));
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if includes_reasoning {
        headers.insert(REASONING_INCLUDED, HeaderValue::from_static("true"));
    }
    if let Some(etag) = etag {
        headers.insert(MODELS_ETAG, etag);
    }
    Ok(reply)
}

fn accept_key(headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Some(value.as_bytes().trim_ascii()),
            _ => None,
        }
    };
    if only(SEC_WEBSOCKET_VERSION) != Some(b"13") {
        return Err(Refusal::BadHandshake("the version must be 13"));
    }
    let key = only(SEC_WEBSOCKET_KEY)
        .filter(|key| BASE64_STANDARD.decode(key).is_ok_and(|key| key.len() == 16));
    let Some(key) = key else {
        return Err(Refusal::BadHandshake(
            "there must be one key, 16 bytes in base64",
        ));
    };
    let is_empty = |length: &HeaderValue| length.as_bytes() == b"0";
    if headers.contains_key(TRANSFER_ENCODING)
        || !headers.get_all(CONTENT_LENGTH).iter().all(is_empty)
    {
        return Err(Refusal::BadHandshake("it must have no body"));
    }
    // Base64 is made of letters that a header carries.
    HeaderValue::try_from(derive_accept_key(key))
        .map_err(|_ignored| Refusal::BadHandshake("the key cannot be answered"))
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    #[test]
    fn the_key_is_answered_as_the_rfc_says() {
        const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        const VERSION: (&str, &str) = ("sec-websocket-version", "13");
        let answer = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                );
            }
            accept_key(&map).map_err(|refusal| refusal.status().as_u16())
        };
        // The example of RFC 6455 section 1.3.
        assert_eq!(
            answer(&[KEY, VERSION]).unwrap(),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        for bad in [
            &[KEY][..],
            &[VERSION],
            &[KEY, ("sec-websocket-version", "8")],
            &[KEY, VERSION, VERSION],
            &[KEY, KEY, VERSION],
            &[VERSION, ("sec-websocket-key", "c2hvcnQ=")],
            &[VERSION, ("sec-websocket-key", "not base64 at all!!!!!!!")],
            &[KEY, VERSION, ("content-length", "2")],
            &[KEY, VERSION, ("transfer-encoding", "chunked")],
        ] {
            assert_eq!(answer(bad), Err(400), "{bad:?}");
        }
    }
}
