//! Who may come in: the form of a request's head, whom it is addressed to, and which web page sent it.
//!
//! Works on the head alone, before a byte of the body is read. Any page in a browser can reach a port on loopback, and a DNS
//! name can be made to point at it; nothing that such a page sends may spend an account's allowance.

use std::net::{IpAddr, SocketAddr};

use http::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{Method, Version};

use super::reply::Refusal;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Where clients put their key, besides `Authorization: Bearer`.
const KEY_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
];

/// The names by which we may be called: with our port, and those that the user gave us with any.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    /// The user's own, but for `localhost` and numbers: whoever is asked by one may be a proxy with another port, or on the
    /// default port that clients leave out.
    names: Vec<String>,
    /// Where we listen at every address of this computer, each of them with this port is ours.
    any_address_at: Option<u16>,
    /// Whether other computers can come in, and need a key whatever is set.
    is_open_to_others: bool,
    uri_bytes: usize,
}

impl Guard {
    /// `address` is one of those that we listen on, `names` are the user's own for this computer.
    pub(super) fn new(address: SocketAddr, names: &[String], uri_bytes: usize) -> Self {
        let port = address.port();
        let is_name = |name: &&String| {
            name.parse::<IpAddr>().is_err() && !name.eq_ignore_ascii_case("localhost")
        };
        let (names, numbers): (Vec<_>, Vec<_>) = names.iter().partition(is_name);
        let mut hosts = vec![
            format!("127.0.0.1:{port}"),
            format!("localhost:{port}"),
            format!("[::1]:{port}"),
            address.to_string(),
        ];
        if port == 80 {
            // Clients leave the default port of http out.
            hosts.extend(["127.0.0.1".into(), "localhost".into(), "[::1]".into()]);
            hosts.extend(numbers.iter().copied().cloned());
        }
        hosts.extend(numbers.iter().map(|number| format!("{number}:{port}")));
        Self {
            hosts,
            names: names.into_iter().cloned().collect(),
            any_address_at: address.ip().is_unspecified().then_some(port),
            is_open_to_others: !address.ip().is_loopback(),
            uri_bytes,
        }
    }

    /// Whether this is a name of ours. A number is no name that somebody could point at us: whoever writes it means this
    /// computer.
    fn is_ours(&self, host: &[u8]) -> bool {
        let mut hosts = self.hosts.iter();
        if hosts.any(|ours| host.eq_ignore_ascii_case(ours.as_bytes())) {
            return true;
        }
        let text = std::str::from_utf8(host).unwrap_or_default();
        if self.is_given_name(text) {
            return true;
        }
        let Some(port) = self.any_address_at else {
            return false;
        };
        let is_here = |address: SocketAddr| address.port() == port;
        let bare = || port == 80 && text.parse::<IpAddr>().is_ok();
        text.parse().is_ok_and(is_here) || bare()
    }

    fn is_given_name(&self, host: &str) -> bool {
        let (name, has_good_port) = match host.rsplit_once(':') {
            None => (host, true),
            Some((name, port)) => {
                let is_number = port.bytes().all(|digit| digit.is_ascii_digit());
                (name, is_number && port.parse::<u16>().is_ok())
            }
        };
        let mut names = self.names.iter();
        has_good_port && names.any(|ours| ours.eq_ignore_ascii_case(name))
    }

    /// Whether this request needs a key whatever is set: it may come from another computer. What arrives on loopback under a
    /// name of the user's may have come through a proxy.
    pub(super) fn must_show_key(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).map(HeaderValue::to_str);
        let is_given = |host: &str| self.is_given_name(host);
        self.is_open_to_others || host.is_some_and(|host| host.is_ok_and(is_given))
    }

    /// Form first, then whom it is for, then who sent it.
    pub(super) fn check(&self, head: &Parts) -> Result<(), Refusal> {
        self.check_form(head)?;
        let mut hosts = head.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::BadForm("a request needs exactly one Host"));
        };
        if !self.is_ours(host.as_bytes()) {
            return Err(Refusal::ForeignHost);
        }
        check_page(head)
    }

    /// What hyper lets through although no honest client of ours sends it (seen with hyper 1.12).
    fn check_form(&self, head: &Parts) -> Result<(), Refusal> {
        if head.version > Version::HTTP_11 {
            return Err(Refusal::BadForm("only HTTP/1.1 is spoken here"));
        }
        if matches!(head.method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::BadForm("CONNECT and TRACE are not served"));
        }
        if head.uri.scheme().is_some() || head.uri.authority().is_some() {
            return Err(Refusal::BadForm("the request target must be a path"));
        }
        let target = head.uri.path_and_query().map_or(0, |it| it.as_str().len());
        if target > self.uri_bytes {
            return Err(Refusal::TargetTooLong {
                limit_bytes: self.uri_bytes,
            });
        }
        let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
        match (codings.next(), codings.next()) {
            (None, _) => Ok(()),
            (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
            _ => Err(Refusal::BadForm("the only transfer coding here is chunked")),
        }
    }
}

/// Refuses what a web page sent. `Sec-Fetch-Mode` says nothing: Node's own fetch sends `cors`.
fn check_page(head: &Parts) -> Result<(), Refusal> {
    if head.headers.contains_key(ORIGIN) || head.method == Method::OPTIONS {
        return Err(Refusal::ForeignPage);
    }
    let is_same = |site: &HeaderValue| site.as_bytes() == b"same-origin";
    if !head.headers.get_all(SEC_FETCH_SITE).iter().all(is_same) {
        return Err(Refusal::ForeignPage);
    }
    Ok(())
}

/// A body must say that it is JSON: the three types that a page may send without asking first are none.
pub(super) fn check_json(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_of_type(headers, b"application/json") {
        Ok(())
    } else {
        Err(Refusal::NotJson)
    }
}

/// Files come as a form, which a page may send without asking first; a header for a key it may not.
pub(super) fn check_upload(headers: &HeaderMap) -> Result<(), Refusal> {
    if is_of_type(headers, b"application/json") {
        return Ok(());
    }
    if !is_of_type(headers, b"multipart/form-data") {
        return Err(Refusal::NotUpload);
    }
    let has_key = headers.contains_key(AUTHORIZATION)
        || KEY_HEADERS.iter().any(|name| headers.contains_key(name));
    if has_key {
        Ok(())
    } else {
        Err(Refusal::UploadWithoutKey)
    }
}

fn is_of_type(headers: &HeaderMap, wanted: &[u8]) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(wanted))
}

/// The key that a request shows, in whichever header it stands. Never in the query, where logs would keep it.
///
/// # Errors
/// When there are two different ones: that leaves open whose limits count.
pub(super) fn shown_key(headers: &HeaderMap) -> Result<Option<&[u8]>, Refusal> {
    let bearer = headers
        .get_all(AUTHORIZATION)
        .iter()
        .map(|value| without_bearer(value.as_bytes()));
    let names = KEY_HEADERS;
    let keys = names
        .iter()
        .flat_map(|name| headers.get_all(name).iter())
        .map(|value| value.as_bytes().trim_ascii());
    let mut all = bearer.chain(keys);
    let Some(first) = all.next() else {
        return Ok(None);
    };
    if all.all(|other| other == first) {
        Ok(Some(first))
    } else {
        Err(Refusal::TwoKeys)
    }
}

fn without_bearer(value: &[u8]) -> &[u8] {
    match value.split_at_checked(b"bearer ".len()) {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case(b"bearer ") => key.trim_ascii(),
        _ => value.trim_ascii(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn verdict(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        let guard = Guard::new(([127, 0, 0, 1], 9876).into(), &[], 8192);
        match guard.check(&head(method, target, headers)) {
            Ok(()) => 200,
            Err(refusal) => refusal.status().as_u16(),
        }
    }

    #[test]
    fn only_our_own_names_with_our_own_port_are_let_in() {
        for host in [
            "localhost:9876",
            "LocalHost:9876",
            "127.0.0.1:9876",
            "[::1]:9876",
        ] {
            assert_eq!(
                verdict("GET", "/v1/models", &[("host", host)]),
                200,
                "{host}"
            );
        }
        for host in [
            "",
            "localhost",
            "localhost:",
            "localhost:80",
            "localhost:98760",
            "localhost:09876",
            "localhost.:9876",
            "localhost:9876.",
            ".localhost:9876",
            "localhost.evil.test:9876",
            "evil.test",
            "evil.test:9876",
            "user@localhost:9876",
            "localhost:9876@evil.test",
            "127.1:9876",
            "127.0.0.2:9876",
            "2130706433:9876",
            "0x7f000001:9876",
            "0177.0.0.1:9876",
            "0:9876",
            "0.0.0.0:9876",
            "127.0.0.1.nip.io:9876",
            "127.0.0.1",
            "127.0.0.1:9877",
            "::1:9876",
            "[::1]",
            "[::]:9876",
            "[0:0:0:0:0:0:0:1]:9876",
            "[::ffff:127.0.0.1]:9876",
            "[::1%25lo]:9876",
            "localhost:9876 ",
            " localhost:9876",
            "localhost:9876,evil.test",
            "localhost:9876/evil",
            "localhost:9876#",
            "http://localhost:9876",
            "lokalhost:9876",
        ] {
            assert_eq!(
                verdict("GET", "/v1/models", &[("host", host)]),
                403,
                "{host:?}"
            );
        }
    }

    #[test]
    fn a_name_that_the_user_gave_us_counts_with_any_port_and_needs_a_key() {
        let names = ["box.lan", "localhost", "192.0.2.7"].map(str::to_owned);
        let guard = Guard::new(([127, 0, 0, 1], 9876).into(), &names, 8192);
        for (host, is_ours, must_show) in [
            ("box.lan", true, true),
            ("Box.LAN:443", true, true),
            ("box.lan:9876", true, true),
            ("localhost:9876", true, false),
            ("127.0.0.1:9876", true, false),
            ("192.0.2.7:9876", true, false),
            ("192.0.2.7", false, false),
            ("localhost:443", false, false),
            ("box.lan:", false, false),
            ("box.lan:+443", false, false),
            ("box.lan:65536", false, false),
            ("box.lan:443:443", false, false),
            ("box.lan.", false, false),
            ("evil.box.lan", false, false),
            ("box.lan.evil.test:443", false, false),
        ] {
            let head = head("GET", "/v1/models", &[("host", host)]);
            assert_eq!(guard.check(&head).is_ok(), is_ours, "{host}");
            if is_ours {
                assert_eq!(guard.must_show_key(&head.headers), must_show, "{host}");
            }
        }
    }

    #[test]
    fn a_head_of_a_form_that_no_honest_client_sends_is_refused() {
        let host = ("host", "localhost:9876");
        let long = format!("/{}", "x".repeat(8192));
        for (method, target, headers, status) in [
            ("GET", "/health", vec![], 400),
            ("GET", "/health", vec![host, host], 400),
            ("GET", "http://localhost:9876/health", vec![host], 400),
            ("CONNECT", "localhost:9876", vec![host], 400),
            ("TRACE", "/health", vec![host], 400),
            (
                "POST",
                "/v1/responses",
                vec![host, ("transfer-encoding", "gzip, chunked")],
                400,
            ),
            (
                "POST",
                "/v1/responses",
                vec![
                    host,
                    ("transfer-encoding", "chunked"),
                    ("transfer-encoding", "chunked"),
                ],
                400,
            ),
            (
                "POST",
                "/v1/responses",
                vec![host, ("transfer-encoding", "identity")],
                400,
            ),
            (
                "POST",
                "/v1/responses",
                vec![host, ("transfer-encoding", "Chunked")],
                200,
            ),
            ("GET", &long, vec![host], 414),
        ] {
            assert_eq!(
                verdict(method, target, &headers),
                status,
                "{method} {headers:?}"
            );
        }
    }

    #[test]
    fn whatever_a_web_page_sends_is_refused() {
        let host = ("host", "localhost:9876");
        for (method, extra, status) in [
            ("POST", ("origin", "https://evil.test"), 403),
            ("POST", ("origin", "null"), 403),
            ("POST", ("origin", "http://localhost:9876"), 403),
            ("GET", ("sec-fetch-site", "cross-site"), 403),
            ("GET", ("sec-fetch-site", "same-site"), 403),
            ("GET", ("sec-fetch-site", "none"), 403),
            ("GET", ("sec-fetch-site", "same-origin"), 200),
            ("GET", ("sec-fetch-mode", "cors"), 200),
            ("OPTIONS", ("access-control-request-method", "POST"), 403),
        ] {
            assert_eq!(
                verdict(method, "/v1/responses", &[host, extra]),
                status,
                "{method} {extra:?}"
            );
        }
    }

    #[test]
    fn a_body_must_say_that_it_is_json() {
        for (content_type, is_json) in [
            (Some("application/json"), true),
            (Some("Application/JSON; charset=utf-8"), true),
            (None, false),
            (Some("text/plain"), false),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("multipart/form-data; boundary=x"), false),
            (Some("application/jsonx"), false),
            (Some("text/plain; application/json"), false),
        ] {
            let headers: Vec<_> = content_type
                .map(|value| ("content-type", value))
                .into_iter()
                .collect();
            let head = head("POST", "/v1/responses", &headers);
            assert_eq!(
                check_json(&head.headers).is_ok(),
                is_json,
                "{content_type:?}"
            );
        }
    }

    #[test]
    fn a_form_with_files_must_come_with_a_header_that_no_page_can_send() {
        let form = ("content-type", "multipart/form-data; boundary=x");
        for (headers, status) in [
            (vec![form], 403),
            (vec![form, ("authorization", "Bearer unused")], 200),
            (vec![form, ("api-key", "unused")], 200),
            (vec![("content-type", "application/json")], 200),
            (vec![("content-type", "text/plain")], 415),
            (vec![form, form, ("api-key", "unused")], 415),
            (vec![], 415),
        ] {
            let head = head("POST", "/v1/audio/transcriptions", &headers);
            let verdict = check_upload(&head.headers).map_err(|refusal| refusal.status().as_u16());
            assert_eq!(verdict.err().unwrap_or(200), status, "{headers:?}");
        }
    }

    #[test]
    fn two_different_keys_are_one_too_many() {
        for (headers, is_fine) in [
            (vec![], true),
            (vec![("authorization", "Bearer unused")], true),
            (
                vec![("authorization", "bearer a"), ("x-api-key", "a")],
                true,
            ),
            (vec![("x-api-key", "a"), ("api-key", "a")], true),
            (
                vec![("authorization", "Bearer a"), ("x-api-key", "b")],
                false,
            ),
            (vec![("x-api-key", "a"), ("api-key", "b")], false),
            (
                vec![("authorization", "Bearer a"), ("authorization", "Bearer b")],
                false,
            ),
        ] {
            let head = head("POST", "/v1/responses", &headers);
            assert_eq!(shown_key(&head.headers).is_ok(), is_fine, "{headers:?}");
        }
    }
}
