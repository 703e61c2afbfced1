//! How a conversation begins: the same in every turn of it, when nothing else says which one it is.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::translate::raw;

/// Enough of a text to tell it from others; a prompt may be long, and every turn brings it again.
const READ_BYTES: usize = 4 * 1024;
/// What stands before the first word of a user: instructions, seldom more than two of them.
const MOST_ITEMS: usize = 8;

/// A fingerprint of the instructions and of the input up to the first item of a user. Nothing when there is no input.
///
/// Reads raw JSON and no further than that item, so a long conversation costs no more than a short one.
pub(super) fn opening_of(
    model: &str,
    instructions: Option<&RawValue>,
    input: Option<&RawValue>,
) -> Option<String> {
    let input = input?;
    let mut opening = Opening {
        hash: Sha256::new(),
        items: 0,
    };
    opening.add(model);
    opening.add(instructions.map_or("", RawValue::get));
    if raw::inner(input).is_some() {
        opening.add(input.get());
        opening.items = 1;
    } else {
        let mut json = serde_json::Deserializer::from_str(input.get());
        // It is left before its end, which the reader calls an error.
        let _left = json.deserialize_seq(&mut opening);
    }
    (opening.items > 0).then(|| {
        let hash = opening.hash.finalize();
        hash.iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    })
}

struct Opening {
    hash: Sha256,
    items: usize,
}

impl Opening {
    fn add(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes.get(..READ_BYTES).unwrap_or(bytes));
    }
}

impl<'de> Visitor<'de> for &mut Opening {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while self.items < MOST_ITEMS {
            let Some(item) = items.next_element::<&'de RawValue>()? else {
                return Ok(());
            };
            self.add(item.get());
            self.items += 1;
            if is_users(item) {
                break;
            }
        }
        Ok(())
    }
}

fn is_users(item: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Role<'a> {
        #[serde(borrow)]
        role: Option<&'a RawValue>,
    }
    let role = serde_json::from_str::<Role<'_>>(item.get());
    role.is_ok_and(|item| raw::text(item.role).as_deref() == Some("user"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(instructions: &str, input: &str) -> Option<String> {
        let raw = |json: &str| RawValue::from_string(json.to_owned()).unwrap();
        opening_of("m", Some(&raw(instructions)), Some(&raw(input)))
    }

    const SYSTEM: &str = r#"{"role":"developer","content":"s"}"#;
    const USER: &str = r#"{"role":"user","content":"a"}"#;
    const ANSWER: &str = r#"{"role":"assistant","content":"b"}"#;

    #[test]
    fn every_turn_of_a_conversation_has_one_opening_and_others_have_another() {
        let first = opening(r#""i""#, &format!("[{SYSTEM},{USER}]")).unwrap();
        let later = format!("[{SYSTEM},{USER},{ANSWER},{USER}]");
        assert_eq!(opening(r#""i""#, &later).unwrap(), first);
        for (instructions, input) in [
            (r#""other""#, later.as_str()),
            (r#""i""#, &format!("[{USER}]")),
            (r#""i""#, &later.replace("\"a\"", "\"z\"")),
        ] {
            assert_ne!(opening(instructions, input).unwrap(), first, "{input}");
        }
    }

    #[test]
    fn a_lone_text_is_an_opening_and_nothing_is_none() {
        assert!(opening("null", r#""hi""#).is_some());
        assert_ne!(opening("null", r#""hi""#), opening("null", r#""ho""#));
        assert_eq!(opening("null", "[]"), None);
        assert_eq!(opening("null", "7"), None);
        assert_eq!(opening_of("m", None, None), None);
    }

    #[test]
    fn what_follows_the_first_user_is_not_read() {
        let broken = format!("[{USER},{ANSWER},");
        let whole = format!("[{USER}]");
        let of = |input: &str| {
            let mut opening = Opening {
                hash: Sha256::new(),
                items: 0,
            };
            let mut json = serde_json::Deserializer::from_str(input);
            let _left = json.deserialize_seq(&mut opening);
            opening.hash.finalize()
        };
        assert_eq!(of(&broken), of(&whole));
    }
}
