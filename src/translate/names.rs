//! Tool names and call ids that an upstream would refuse, made short, and the way back.
//!
//! The Responses API takes at most 64 characters of `[A-Za-z0-9_-]` for a tool name and at most 64 characters for a
//! call id. Clients with tool servers reach both limits. Names are restored in answers; call ids need no way back,
//! because an answer only ever brings new ones.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

/// The longest tool name and the longest call id that upstreams accept, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// The names of one request: what the client calls a tool, and what the upstream hears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolNames {
    /// Only names that differ are kept.
    client_by_wire: HashMap<String, String>,
    wire_by_client: HashMap<String, String>,
    /// Names that are sent as they are, which a shortened name must not hit.
    taken: HashSet<String>,
    /// Declared as a Chat custom tool, so that the answer may say so.
    custom: HashSet<String>,
}

impl ToolNames {
    /// Reserves the names that travel unchanged. Call it with all declared names before the first [`wire`](Self::wire).
    pub fn declare<'a>(&mut self, client_names: impl Iterator<Item = &'a str> + Clone) {
        if client_names.clone().any(|name| !is_accepted(name)) {
            self.taken.extend(
                client_names
                    .filter(|name| is_accepted(name))
                    .map(str::to_owned),
            );
        }
    }

    pub fn declare_custom(&mut self, client_name: &str) {
        self.custom.insert(client_name.to_owned());
    }

    /// The name for the upstream; the same one for the same client name throughout the request.
    pub fn wire(&mut self, client_name: String) -> String {
        if is_accepted(&client_name) {
            return client_name;
        }
        if let Some(wire) = self.wire_by_client.get(&client_name) {
            return wire.clone();
        }
        let mut attempt = 0_u32;
        let wire = loop {
            let wire = shortened_name(&client_name, attempt);
            if !self.taken.contains(&wire) && !self.client_by_wire.contains_key(&wire) {
                break wire;
            }
            attempt += 1;
        };
        self.client_by_wire
            .insert(wire.clone(), client_name.clone());
        self.wire_by_client.insert(client_name, wire.clone());
        wire
    }

    /// The client's own name for what the upstream called.
    pub fn client<'a>(&'a self, wire_name: &'a str) -> &'a str {
        self.client_by_wire
            .get(wire_name)
            .map_or(wire_name, String::as_str)
    }

    /// Whether the request declared this client name as a Chat custom tool.
    pub fn is_custom(&self, client_name: &str) -> bool {
        self.custom.contains(client_name)
    }
}

/// A call id that fits: the same long id always becomes the same short one.
pub fn wire_call_id(call_id: &str) -> Cow<'_, str> {
    if call_id.len() <= MAX_NAME_BYTES {
        return Cow::Borrowed(call_id);
    }
    const HASH_BYTES: usize = 12;
    let kept = prefix(call_id, MAX_NAME_BYTES - 2 * HASH_BYTES - 1);
    Cow::Owned(format!("{kept}_{}", hash_hex::<HASH_BYTES>(call_id, 0)))
}

fn is_accepted(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME_BYTES && name.bytes().all(is_name_byte)
}

pub(crate) fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn shortened_name(name: &str, attempt: u32) -> String {
    const HASH_BYTES: usize = 5;
    let readable: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii() && is_name_byte(letter as u8) {
                letter
            } else {
                '_'
            }
        })
        .take(MAX_NAME_BYTES - 2 * HASH_BYTES - 1)
        .collect();
    format!("{readable}_{}", hash_hex::<HASH_BYTES>(name, attempt))
}

fn hash_hex<const BYTES: usize>(text: &str, attempt: u32) -> String {
    let mut hash = Sha256::new();
    hash.update(text.as_bytes());
    hash.update(attempt.to_le_bytes());
    hash.finalize()
        .iter()
        .take(BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn prefix(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_share_a_long_prefix_stay_distinct_and_come_back() {
        let long = "mcp__server__".repeat(6);
        let (one, two) = (format!("{long}read"), format!("{long}write"));
        let mut names = ToolNames::default();
        names.declare([one.as_str(), two.as_str()].into_iter());
        let (wire_one, wire_two) = (names.wire(one.clone()), names.wire(two.clone()));
        assert_ne!(wire_one, wire_two);
        assert!(wire_one.len() <= 64 && wire_two.len() <= 64);
        assert_eq!(names.wire(one.clone()), wire_one);
        assert_eq!(
            (names.client(&wire_one), names.client(&wire_two)),
            (one.as_str(), two.as_str())
        );
    }

    #[test]
    fn a_name_that_fits_travels_unchanged() {
        let mut names = ToolNames::default();
        assert_eq!(names.wire("get_weather".to_owned()), "get_weather");
        assert_eq!(names.client("get_weather"), "get_weather");
    }

    #[test]
    fn a_shortened_name_never_hits_a_declared_one() {
        let long = "a".repeat(70);
        let occupied = ToolNames::default().wire(long.clone());
        let mut names = ToolNames::default();
        names.declare([long.as_str(), occupied.as_str()].into_iter());
        let wire = names.wire(long.clone());
        assert_ne!(wire, occupied);
        assert_eq!(names.client(&wire), long);
        assert_eq!(names.client(&occupied), occupied);
    }

    #[test]
    fn letters_that_upstreams_refuse_are_replaced_and_restored() {
        let mut names = ToolNames::default();
        let wire = names.wire("files.read/ü".to_owned());
        assert!(is_accepted(&wire), "{wire}");
        assert_eq!(names.client(&wire), "files.read/ü");
    }

    #[test]
    fn long_call_ids_keep_their_difference_at_the_end() {
        let (one, two) = (
            format!("call_{}1", "x".repeat(70)),
            format!("call_{}2", "x".repeat(70)),
        );
        assert_eq!(wire_call_id(&one), wire_call_id(&one));
        assert_ne!(wire_call_id(&one), wire_call_id(&two));
        assert_eq!(wire_call_id(&one).len(), 64);
        assert_eq!(wire_call_id("c1"), "c1");
    }

    proptest! {
        #[test]
        fn every_name_becomes_acceptable_and_comes_back(name in ".{1,90}") {
            let mut names = ToolNames::default();
            let wire = names.wire(name.clone());
            prop_assert!(is_accepted(&wire));
            prop_assert_eq!(names.client(&wire), name.as_str());
            prop_assert!(wire_call_id(&name).len() <= 64);
        }
    }
}
