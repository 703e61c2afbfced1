//! A name in which `*` stands for any letters: how models, accounts and groups are meant in settings, terms and client keys.
//!
//! Works on text alone. Never enters: what the names are of.

use std::fmt;
use std::str::FromStr;

/// `gpt-5*`, `*-mini`, or a whole name. Never empty. Letters count as they are written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pattern(String);

impl Pattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name is what the pattern says, letter for letter, with anything where a `*` stands, even nothing.
    pub fn fits(&self, name: &str) -> bool {
        fits(&self.0, name)
    }

    /// Reads `gpt-5*,o*`. Spaces around a pattern and empty places do not count.
    pub fn list(text: &str) -> Vec<Self> {
        text.split(',').filter_map(|one| one.parse().ok()).collect()
    }
}

impl FromStr for Pattern {
    type Err = EmptyPattern;

    fn from_str(text: &str) -> Result<Self, EmptyPattern> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EmptyPattern);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name or a pattern with * is missing")]
pub struct EmptyPattern;

/// [`Pattern::fits`] for text that is no pattern of its own.
pub fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(start) else {
        return false;
    };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        match name.split_once(piece) {
            Some((_, after)) => name = after,
            None => return false,
        }
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_even_for_nothing() {
        for (pattern, name, is_fit) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "acd", false),
            ("*haiku*", "claude-haiku-4", true),
            ("a*b*b", "ab", false),
            ("a*b*b", "abxb", true),
            ("abc", "ab", false),
        ] {
            assert_eq!(fits(pattern, name), is_fit, "{pattern} {name}");
        }
    }

    #[test]
    fn a_list_is_read_without_its_empty_places() {
        let list = Pattern::list(" gpt-5*, ,o*,");
        let texts: Vec<_> = list.iter().map(Pattern::as_str).collect();
        assert_eq!(texts, ["gpt-5*", "o*"]);
        assert_eq!("  ".parse::<Pattern>(), Err(EmptyPattern));
    }
}
