//! How a field that no upstream sees is named, in the record of a request and in the reply's `x-codex-router-dropped`.
//!
//! One rule for every dialect:
//!
//! - By the client's own word: `max_tokens`, whatever the field is called on the way.
//! - A nested field as a path without numbers, `messages[].name`, once however often it occurs.
//! - A hint that may stand anywhere by its bare name: `cache_control`.
//! - A message, block, tool or call that is left out as a whole with its number, `messages[4]`: which one it was matters.
//! - What asks for nothing is not named: a field that is `null`, a value that is how things are anyway (`n: 1`), a choice among
//!   no tools, and whatever only changes its spelling.

use std::collections::HashSet;

/// Hints of caches and loaders. A coding agent puts them on dozens of blocks.
const HINTS: [&str; 3] = ["cache_control", "defer_loading", "prompt_cache_breakpoint"];

pub(crate) fn is_hint(name: &str) -> bool {
    HINTS.contains(&name)
}

/// What the fields of a translated body were called by its client, where that is another word.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnNames(Vec<(&'static str, &'static str)>);

impl OwnNames {
    pub(crate) fn note(&mut self, in_body: &'static str, by_client: &'static str) {
        self.0.push((in_body, by_client));
    }

    /// The client's word for a field of the body.
    pub fn of<'a>(&self, in_body: &'a str) -> &'a str {
        let mut known = self.0.iter();
        known
            .find(|(name, _)| *name == in_body)
            .map_or(in_body, |(_, by_client)| by_client)
    }
}

/// Every name once, in the order in which they were met.
pub fn once_each(names: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut names = names;
    names.retain(|name| seen.insert(name.clone()));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_called_what_its_client_calls_it() {
        let mut names = OwnNames::default();
        names.note("max_output_tokens", "max_tokens");
        assert_eq!(names.of("max_output_tokens"), "max_tokens");
        assert_eq!(names.of("temperature"), "temperature");
    }

    #[test]
    fn every_name_is_told_once_in_the_order_of_meeting() {
        let names = ["b", "a", "b", "a", "c"].map(str::to_owned).to_vec();
        assert_eq!(once_each(names), ["b", "a", "c"]);
    }
}
