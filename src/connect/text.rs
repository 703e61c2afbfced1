//! Settings as text: one value looked up, set or taken out, and everything else left byte for byte where it is.

use std::ops::Range;

use serde_json::Value;

use super::{json_text, toml_text, yaml_text};

/// In which language a program's settings are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Keys at the top level only; that is all that is needed.
    Toml,
    /// With comments, where the program understands them.
    Json,
    /// Keys at the top level, each on one line, and elements of lists.
    Yaml,
}

/// Why a text is not touched: a part of a sentence that begins with the file's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Untouchable(pub String);

pub(super) type Outcome<T> = Result<T, Untouchable>;

/// Everything that a text says, with its places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    pub leaves: Vec<Leaf>,
    pub comments: Vec<Range<usize>>,
}

/// A value that holds no others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    /// The keys that lead to it; elements of lists by their number.
    pub path: Vec<String>,
    pub at: Range<usize>,
    /// What it means where it is a text, and not a number or a word of the language.
    pub text: Option<String>,
    /// Nothing, or a list or an object with nothing in it.
    pub is_empty: bool,
}

/// What some editors put before the text: it stays, and is no part of it.
const BYTE_ORDER_MARK: &str = "\u{feff}";

impl Format {
    pub fn get(self, text: &str, path: &[&str]) -> Outcome<Option<Value>> {
        let (_, text) = split(text);
        match self {
            Self::Toml => Ok(toml_text::get(text, one(path)?)?.map(Value::String)),
            Self::Json => json_text::get(text, path),
            Self::Yaml => yaml_text::get(text, path),
        }
    }

    pub fn set(self, text: &str, path: &[&str], value: &Value) -> Outcome<String> {
        edited(text, |text| match self {
            Self::Toml => toml_text::set(text, one(path)?, words(value)?),
            Self::Json => json_text::set(text, path, value),
            Self::Yaml => yaml_text::set(text, one(path)?, words(value)?),
        })
    }

    /// Takes the value out; nothing happens where there is none.
    pub fn remove(self, text: &str, path: &[&str]) -> Outcome<String> {
        edited(text, |text| match self {
            Self::Toml => toml_text::remove(text, one(path)?),
            Self::Json => json_text::remove(text, path),
            Self::Yaml => yaml_text::remove(text, one(path)?),
        })
    }

    /// The element whose `id` is `name`, of the list at this path.
    pub fn element(
        self,
        text: &str,
        list: &[&str],
        id: &str,
        name: &str,
    ) -> Outcome<Option<Value>> {
        let (_, text) = split(text);
        yaml_text::element(text, self.list(list)?, id, name)
    }

    pub fn set_element(
        self,
        text: &str,
        list: &[&str],
        id: &str,
        value: &Value,
    ) -> Outcome<String> {
        let list = self.list(list)?;
        let fields = value.as_object().ok_or_else(no_such_value)?;
        edited(text, |text| yaml_text::set_element(text, list, id, fields))
    }

    /// Takes the element out; nothing happens where there is none.
    pub fn remove_element(
        self,
        text: &str,
        list: &[&str],
        id: &str,
        name: &str,
    ) -> Outcome<String> {
        let list = self.list(list)?;
        edited(text, |text| yaml_text::remove_element(text, list, id, name))
    }

    fn list<'a>(self, path: &[&'a str]) -> Outcome<&'a str> {
        match self {
            Self::Yaml => one(path),
            Self::Toml | Self::Json => Err(no_such_value()),
        }
    }

    pub fn reading(self, text: &str) -> Outcome<Reading> {
        let (mark, text) = split(text);
        let mut reading = match self {
            Self::Toml => toml_text::reading(text),
            Self::Json => json_text::reading(text),
            Self::Yaml => yaml_text::reading(text),
        }?;
        let leaves = reading.leaves.iter_mut().map(|leaf| &mut leaf.at);
        for at in leaves.chain(&mut reading.comments) {
            *at = at.start + mark.len()..at.end + mark.len();
        }
        Ok(reading)
    }
}

impl Reading {
    /// With the comments that begin with `#`, in a language that has no other use for it outside of its values.
    pub fn with_hash_comments(text: &str, leaves: Vec<Leaf>) -> Self {
        let mut comments = Vec::new();
        let mut at = 0;
        while let Some(found) = text.get(at..).and_then(|rest| rest.find('#')) {
            let hash = at + found;
            let inside = leaves.iter().find(|leaf| leaf.at.contains(&hash));
            at = match inside {
                Some(leaf) => leaf.at.end,
                None => {
                    let rest = text.get(hash..).unwrap_or_default();
                    let line = rest.lines().next().unwrap_or_default();
                    comments.push(hash..hash + line.len());
                    hash + line.len()
                }
            };
        }
        Self { leaves, comments }
    }
}

/// The mark before the text, if there is one, and the text.
pub(super) fn split(text: &str) -> (&str, &str) {
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => (BYTE_ORDER_MARK, text),
        None => ("", text),
    }
}

fn edited(text: &str, edit: impl FnOnce(&str) -> Outcome<String>) -> Outcome<String> {
    let (mark, text) = split(text);
    Ok(format!("{mark}{}", edit(text)?))
}

fn one<'a>(path: &[&'a str]) -> Outcome<&'a str> {
    match path {
        [key] => Ok(key),
        _ => Err(Untouchable("holds no nested settings of ours".into())),
    }
}

fn words(value: &Value) -> Outcome<&str> {
    value.as_str().ok_or_else(no_such_value)
}

fn no_such_value() -> Untouchable {
    Untouchable("holds no such value of ours".into())
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
pub(super) fn spliced(text: &str, range: Range<usize>, new: &str) -> String {
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
