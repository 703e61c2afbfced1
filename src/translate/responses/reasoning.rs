//! Reasoning in a conversation: encrypted, and readable by the account that made it (and its workspace) only.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::elements;
use crate::translate::raw::{self, RawObject};

/// Whether an item of a conversation is reasoning.
pub fn is_reasoning(item: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(borrow, rename = "type")]
        kind: Option<&'a RawValue>,
    }
    serde_json::from_slice::<Typed<'_>>(item)
        .is_ok_and(|item| raw::text(item.kind).as_deref() == Some("reasoning"))
}

/// A request without the reasoning in its `input`; everything else keeps its bytes and its place. Nothing when there is none.
pub fn without_reasoning(body: &[u8]) -> Option<Bytes> {
    let mut object = RawObject::parse(body).ok()?; // no object: no reasoning
    let input: &RawValue = serde_json::from_str(object.get("input")?).ok()?; // it was read as JSON
    let items = elements(Some(input));
    let left: Vec<&str> = items
        .iter()
        .map(|item| item.get())
        .filter(|item| !is_reasoning(item.as_bytes()))
        .collect();
    if left.len() == items.len() {
        return None;
    }
    let left = format!("[{}]", left.join(","));
    let place = object
        .fields
        .iter_mut()
        .rev()
        .find(|(name, _)| name == "input");
    if let Some((_, json)) = place {
        *json = Cow::Owned(left);
    }
    Some(Bytes::from(object.to_json()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_is_known_by_its_type() {
        assert!(is_reasoning(br#"{"id":"rs_1","type":"reasoning"}"#));
        assert!(!is_reasoning(br#"{"type":"message","x":"reasoning"}"#));
        assert!(!is_reasoning(b"reasoning"));
    }

    #[test]
    fn reasoning_is_cut_out_and_nothing_else_moves() {
        let cut = |body: &str| {
            let left = without_reasoning(body.as_bytes())?;
            Some(String::from_utf8(left.to_vec()).unwrap())
        };
        let body = r#"{"b":1.50,"input":[{"type":"reasoning","encrypted_content":"x"},{ "type":"compaction" },{"type":"reasoning"}],"a":"\u0041"}"#;
        let left = r#"{"b":1.50,"input":[{ "type":"compaction" }],"a":"\u0041"}"#;
        assert_eq!(cut(body).unwrap(), left);
        for other in [
            left,
            r#"{"input":"reasoning"}"#,
            r#"{"reasoning":{}}"#,
            "[]",
            "{",
        ] {
            assert_eq!(cut(other), None, "{other}");
        }
    }
}
