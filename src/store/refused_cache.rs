//! Parameters that upstreams were seen to refuse, so that a start does not have to learn them again.
//!
//! `router/parameters.json`: nothing in it is secret or precious; what cannot be read counts as empty.

use serde::{Deserialize, Serialize};

use super::home::Home;
use super::{StoreError, kept_list};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeptRefusal {
    pub upstream: String,
    /// The only model that it is about, if it is one.
    #[serde(default)]
    pub model: Option<String>,
    pub parameter: String,
    /// Seconds since 1970.
    pub refused_at: u64,
}

/// Longer than any name that is written here.
const MAX_WORD_BYTES: usize = 256;
const MAX_REFUSALS: usize = 256;

/// Reads what was kept; anything unexpected counts as nothing.
pub fn read(home: &Home) -> Vec<KeptRefusal> {
    let kept: Vec<KeptRefusal> = kept_list::read(&home.refused_cache());
    // It is shown in a terminal.
    let is_word = |text: &str| {
        text.len() <= MAX_WORD_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    kept.into_iter()
        .filter(|kept| {
            is_word(&kept.upstream)
                && is_word(&kept.parameter)
                && kept.model.as_deref().is_none_or(is_word)
        })
        .take(MAX_REFUSALS)
        .collect()
}

/// # Errors
/// When the file cannot be written; the next run then learns them again.
pub fn write(home: &Home, refusals: &[KeptRefusal]) -> Result<(), StoreError> {
    kept_list::write(&home.refused_cache(), refusals)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::safe_file;
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        super::super::home::prepare(&home, SystemTime::now()).unwrap();
        (dir, home)
    }

    fn refusal(parameter: &str, model: Option<&str>) -> KeptRefusal {
        KeptRefusal {
            upstream: "chatgpt".to_owned(),
            model: model.map(str::to_owned),
            parameter: parameter.to_owned(),
            refused_at: 1_800_000_000,
        }
    }

    #[test]
    fn refusals_come_back_in_their_order() {
        let (_dir, home) = home();
        assert_eq!(read(&home), []);
        let all = [
            refusal("text.verbosity", None),
            refusal("input[].x", Some("gpt-5.5")),
        ];
        write(&home, &all).unwrap();
        assert_eq!(read(&home), all);
    }

    #[test]
    fn what_no_terminal_should_see_is_left_out() {
        let (_dir, home) = home();
        let long = "x".repeat(MAX_WORD_BYTES + 1);
        let all = [
            refusal("a\u{1b}[2J", None),
            refusal("a", Some("b\nc")),
            refusal(&long, None),
            refusal("fine", None),
        ];
        write(&home, &all).unwrap();
        assert_eq!(read(&home), [refusal("fine", None)]);
        safe_file::replace(&home.refused_cache(), b"[{}]").unwrap();
        assert_eq!(read(&home), []);
    }
}
