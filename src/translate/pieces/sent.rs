//! Remembers what was sent without keeping it, so that a snapshot can be compared with the deltas before it.
//!
//! Chat only ever appends. When an event repeats a whole text, the client may get what is missing at its end and
//! nothing else. A length and a hash are enough to know what that is.

use std::borrow::Cow;

use crate::translate::raw;

/// The text that went to the client in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::translate) struct Sent {
    bytes: usize,
    hash: u64,
}

/// What a snapshot adds to what was sent.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::translate) enum Missing<'a> {
    Nothing,
    End(&'a str),
    /// The snapshot does not begin with what was sent: nothing can be put right by appending.
    Contradiction,
}

impl Sent {
    pub const NOTHING: Self = Self {
        bytes: 0,
        hash: FNV_OFFSET,
    };

    pub fn is_nothing(&self) -> bool {
        self.bytes == 0
    }

    /// Adds a piece that is still escaped.
    pub fn add_escaped(&mut self, inner: &str) {
        raw::each_decoded(inner, |piece| self.add(piece));
    }

    pub fn add(&mut self, text: &str) {
        self.bytes += text.len();
        self.hash = fnv(self.hash, text.as_bytes());
    }

    pub fn missing_of<'a>(&self, whole: &'a str) -> Missing<'a> {
        match whole.split_at_checked(self.bytes) {
            Some((begin, end)) if fnv(FNV_OFFSET, begin.as_bytes()) == self.hash => {
                if end.is_empty() {
                    Missing::Nothing
                } else {
                    Missing::End(end)
                }
            }
            _ => Missing::Contradiction,
        }
    }
}

/// An id of the upstream as a number; 0 for none or a blank one.
pub(in crate::translate) fn id_hash(id: Option<Cow<'_, str>>) -> u64 {
    match id {
        Some(id) if !id.is_empty() => id_number(id.as_bytes()).max(1),
        _ => 0,
    }
}

/// An id is always seen whole, so it can be taken eight bytes at a time.
fn id_number(id: &[u8]) -> u64 {
    let (words, rest) = id.as_chunks::<8>();
    let mut last = [0; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let hash = words
        .iter()
        .chain([&last])
        .fold(id.len() as u64, |hash, word| {
            (hash ^ u64::from_le_bytes(*word))
                .wrapping_mul(MIX)
                .rotate_left(29)
        });
    hash ^ (hash >> 32)
}

/// Odd, with about as many ones as zeros: the golden ratio in 64 bits.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

pub(in crate::translate) fn text_hash(text: &str) -> u64 {
    fnv(FNV_OFFSET, text.as_bytes())
}

/// FNV-1a, 64 bits: a few bytes at a time, one after the other, is what it is good at.
fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_missing_end_of_a_snapshot_is_found() {
        let mut sent = Sent::NOTHING;
        sent.add_escaped(r"a\n\u00e9");
        sent.add("b");
        assert_eq!(sent.missing_of("a\néb"), Missing::Nothing);
        assert_eq!(sent.missing_of("a\néb and c"), Missing::End(" and c"));
        assert_eq!(sent.missing_of("a\né"), Missing::Contradiction);
        assert_eq!(sent.missing_of("x\néb and c"), Missing::Contradiction);
        assert_eq!(Sent::NOTHING.missing_of("all"), Missing::End("all"));
    }

    #[test]
    fn a_length_inside_a_letter_is_a_contradiction() {
        let mut sent = Sent::NOTHING;
        sent.add("a");
        assert_eq!(sent.missing_of("é"), Missing::Contradiction);
    }
}
