//! Plain values at the top level of a YAML file, each on one line: aider's settings. Whatever is more than that is left alone,
//! and where it cannot be told what a line means nothing is written.

use super::text::{Outcome, Untouchable, next_line, spliced, with_line};

pub(super) fn get(text: &str, key: &str) -> Outcome<Option<String>> {
    Ok(found(text, key)?.map(|line| line.value))
}

pub(super) fn set(text: &str, key: &str, value: &str) -> Outcome<String> {
    match found(text, key)? {
        Some(line) => {
            let before = text.get(..line.at.start).unwrap_or_default();
            let gap = if before.ends_with(':') { " " } else { "" };
            Ok(spliced(text, line.at, &format!("{gap}{}", scalar(value))))
        }
        None => Ok(with_line(
            text,
            text.len(),
            &format!("{key}: {}", scalar(value)),
        )),
    }
}

pub(super) fn remove(text: &str, key: &str) -> Outcome<String> {
    match found(text, key)? {
        Some(line) => {
            let end = next_line(text, line.at.end);
            Ok(spliced(text, line.start..end, ""))
        }
        None => Ok(text.to_owned()),
    }
}

/// A line that holds the value of a key.
struct Line {
    start: usize,
    /// The value with its quotes.
    at: std::ops::Range<usize>,
    value: String,
}

fn found(text: &str, key: &str) -> Outcome<Option<Line>> {
    let mut found = None;
    let mut start = 0;
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\n', '\r']);
        check(line)?;
        if let Some(after) = line.strip_prefix(key).and_then(|rest| {
            let rest = rest.trim_start_matches(' ');
            rest.strip_prefix(':')
                .filter(|after| after.is_empty() || after.starts_with([' ', '\t']))
        }) {
            let next = text.get(start + whole.len()..).unwrap_or_default();
            if found.is_some() {
                return Err(Untouchable(format!("says {key} twice; take one out first")));
            }
            found = Some(read(start, line, after, next, key)?);
        }
        start += whole.len();
    }
    Ok(found)
}

/// Refuses a file of several documents, or one that is no plain mapping.
fn check(line: &str) -> Outcome<()> {
    if line.starts_with("...") || line.starts_with(['{', '[', '%']) || line.starts_with("--- ") {
        return Err(Untouchable(
            "is built in a way that is not edited here; edit it by hand".into(),
        ));
    }
    Ok(())
}

fn read(start: usize, line: &str, after: &str, next: &str, key: &str) -> Outcome<Line> {
    let odd = || {
        Untouchable(format!(
            "has a {key} that is more than a plain value; edit it by hand"
        ))
    };
    // A value that goes on is indented on the next line.
    if next.starts_with([' ', '\t']) && !next.trim_start().starts_with('#') {
        let first = next.lines().next().unwrap_or_default();
        if !first.trim().is_empty() {
            return Err(odd());
        }
    }
    let from = line.len() - after.trim_start().len();
    let rest = line.get(from..).unwrap_or_default();
    let (length, value) = match rest.chars().next() {
        None | Some('#') => (0, String::new()),
        Some(quote @ ('"' | '\'')) => {
            let inside = rest.get(1..).unwrap_or_default();
            let end = inside.find(quote).ok_or_else(odd)?;
            let value = inside.get(..end).unwrap_or_default();
            let tail = inside.get(end + 1..).unwrap_or_default().trim_start();
            if value.contains('\\') || !(tail.is_empty() || tail.starts_with('#')) {
                return Err(odd());
            }
            (end + 2, value.to_owned())
        }
        Some('|' | '>' | '&' | '*' | '!' | '{' | '[' | '@' | '`' | '%') => return Err(odd()),
        Some(_) => {
            let end = rest.find(" #").unwrap_or(rest.len());
            let value = rest.get(..end).unwrap_or_default().trim_end();
            (value.len(), value.to_owned())
        }
    };
    let at = start + from..start + from + length;
    Ok(Line { start, at, value })
}

/// Plain where YAML reads it as this text, else in quotes.
fn scalar(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | ':');
    let is_safe = value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(is_plain)
        && !value.ends_with(':');
    let is_word = !matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "y" | "n"
    );
    if is_safe && is_word {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_added_at_the_end_exchanged_in_place_and_taken_out() {
        let before = "# my aider\nmodel: gpt-4o   # good\r\ndark-mode: true\nread:\n  - a.md\n";
        assert_eq!(get(before, "model").unwrap().as_deref(), Some("gpt-4o"));
        let set_model = set(before, "model", "openai/gpt-5.5").unwrap();
        assert_eq!(set_model, before.replace("gpt-4o", "openai/gpt-5.5"));
        let added = set("a: 1\n", "openai-api-base", "http://127.0.0.1:9876/v1").unwrap();
        assert_eq!(added, "a: 1\nopenai-api-base: http://127.0.0.1:9876/v1\n");
        assert_eq!(remove(&added, "openai-api-base").unwrap(), "a: 1\n");
        assert_eq!(set("a: 1", "b", "x").unwrap(), "a: 1\nb: x\n");
        assert_eq!(set("a: 1\r\n", "b", "x").unwrap(), "a: 1\r\nb: x\r\n");
        assert_eq!(set("b:\n", "b", "x").unwrap(), "b: x\n");
    }

    #[test]
    fn quotes_are_understood_and_made_where_they_are_needed() {
        for text in ["k: \"a b\" # c\n", "k: 'a b'\n"] {
            assert_eq!(get(text, "k").unwrap().as_deref(), Some("a b"));
        }
        assert_eq!(set("k: 'old'\n", "k", "true").unwrap(), "k: 'true'\n");
        assert_eq!(set("", "k", "a: b").unwrap(), "k: 'a: b'\n");
    }

    #[test]
    fn what_is_more_than_a_plain_value_is_not_touched() {
        for text in [
            "k: |\n  long\n",
            "k: &a x\n",
            "k: x\n  goes on\n",
            "k: [1]\n",
            "k: 1\nk: 2\n",
            "k: \"a\\n\"\n",
            "{k: 1}\n",
            "a: 1\n...\n",
        ] {
            set(text, "k", "x").unwrap_err();
        }
        // Below another key it is another one, and a longer name is another, too.
        assert_eq!(get("a:\n  k: 1\nkey: 2\n", "k").unwrap(), None);
    }
}
