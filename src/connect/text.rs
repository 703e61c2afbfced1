//! Settings as text: one value looked up, set or taken out, and everything else left byte for byte where it is.

use serde_json::Value;

use super::{json_text, toml_text, yaml_text};

/// In which language a program's settings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Keys at the top level only; that is all that is needed.
    Toml,
    /// With comments, where the program understands them.
    Json,
    /// Keys at the top level, each on one line.
    Yaml,
}

/// Why a text is not touched: a part of a sentence that begins with the file's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Untouchable(pub String);

pub(super) type Outcome<T> = Result<T, Untouchable>;

impl Format {
    pub fn get(self, text: &str, path: &[&str]) -> Outcome<Option<Value>> {
        match self {
            Self::Toml => Ok(toml_text::get(text, one(path)?)?.map(Value::String)),
            Self::Json => json_text::get(text, path),
            Self::Yaml => Ok(yaml_text::get(text, one(path)?)?.map(Value::String)),
        }
    }

    pub fn set(self, text: &str, path: &[&str], value: &Value) -> Outcome<String> {
        match self {
            Self::Toml => toml_text::set(text, one(path)?, words(value)?),
            Self::Json => json_text::set(text, path, value),
            Self::Yaml => yaml_text::set(text, one(path)?, words(value)?),
        }
    }

    /// Takes the value out; nothing happens where there is none.
    pub fn remove(self, text: &str, path: &[&str]) -> Outcome<String> {
        match self {
            Self::Toml => toml_text::remove(text, one(path)?),
            Self::Json => json_text::remove(text, path),
            Self::Yaml => yaml_text::remove(text, one(path)?),
        }
    }
}

fn one<'a>(path: &[&'a str]) -> Outcome<&'a str> {
    match path {
        [key] => Ok(key),
        _ => Err(Untouchable("holds no nested settings of ours".into())),
    }
}

fn words(value: &Value) -> Outcome<&str> {
    value
        .as_str()
        .ok_or_else(|| Untouchable("holds no such value of ours".into()))
}

/// How its lines end: what is added ends like the rest.
pub(super) fn line_end(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Where the line that holds this byte begins.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text.get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |end| end + 1)
}

/// Where the line after the one that holds this byte begins.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text.get(at..)
        .and_then(|after| after.find('\n'))
        .map_or(text.len(), |end| at + end + 1)
}

/// The text with this range replaced.
pub(super) fn spliced(text: &str, range: std::ops::Range<usize>, new: &str) -> String {
    let before = text.get(..range.start).unwrap_or_default();
    let after = text.get(range.end..).unwrap_or_default();
    format!("{before}{new}{after}")
}

/// The text with a line at this place, which must be where a line begins or the end.
pub(super) fn with_line(text: &str, at: usize, line: &str) -> String {
    let end = line_end(text);
    let before = text.get(..at).unwrap_or_default();
    let needs_end = !before.is_empty() && !before.ends_with('\n');
    let first = if needs_end { end } else { "" };
    spliced(text, at..at, &format!("{first}{line}{end}"))
}
