//! What travels through the client and comes back with its next request: ids of calls, and reasoning behind a signature.
//!
//! Both are written so that they can be read again without remembering anything.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::translate::names::is_name_byte;

/// Stands before an id that had to be wrapped.
const WRAPPED: &str = "cxr64_";
/// Stands before reasoning of ours. A signature without it was made by some other model's house: an upstream of ours would
/// refuse the whole request for it (`invalid_encrypted_content`).
const SEALED: &str = "cxr1.";

/// The id of a call as Anthropic's clients accept it: `^[a-zA-Z0-9_-]+$`.
pub(super) fn client_call_id(call_id: &str) -> Cow<'_, str> {
    if call_id.bytes().all(is_name_byte) && !call_id.starts_with(WRAPPED) {
        return Cow::Borrowed(call_id);
    }
    Cow::Owned(format!("{WRAPPED}{}", URL_SAFE_NO_PAD.encode(call_id)))
}

/// The way back. An id that is not ours stays as it is.
pub(super) fn own_call_id(client_id: &str) -> Cow<'_, str> {
    let wrapped = client_id.strip_prefix(WRAPPED);
    let bytes = wrapped.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    // What does not unwrap was never wrapped by us.
    match bytes.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(call_id) => Cow::Owned(call_id),
        None => Cow::Borrowed(client_id),
    }
}

/// The signature under which reasoning goes to the client.
pub(super) fn signature_of(encrypted_content: &str) -> String {
    format!("{SEALED}{encrypted_content}")
}

/// The reasoning behind a signature, if it is one of ours.
pub(super) fn reasoning_behind(signature: &str) -> Option<&str> {
    signature
        .strip_prefix(SEALED)
        .filter(|content| !content.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_id_travels_as_it_is() {
        assert_eq!(client_call_id("call_Ab-9"), "call_Ab-9");
        assert_eq!(own_call_id("toolu_01A"), "toolu_01A");
        assert_eq!(own_call_id("cxr64_***"), "cxr64_***");
    }

    #[test]
    fn only_a_signature_of_ours_is_opened() {
        assert_eq!(reasoning_behind(&signature_of("gAAAA=")), Some("gAAAA="));
        assert_eq!(reasoning_behind("EqQBCkYIBxgCKkA="), None);
        assert_eq!(reasoning_behind("cxr1."), None);
    }

    proptest! {
        #[test]
        fn every_id_becomes_acceptable_and_comes_back(call_id in "(cxr64_)?.{1,80}") {
            let client = client_call_id(&call_id);
            prop_assert!(client.bytes().all(is_name_byte));
            prop_assert_eq!(own_call_id(&client), call_id.as_str());
        }
    }
}
