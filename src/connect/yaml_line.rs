//! What the text of one YAML line is: a key, an element of a list, a value, and where what began on it ends.

use super::yaml_read::ScalarKind;

/// Whether a key stands in what should be a text.
pub(super) fn is_mapping(words: &str) -> bool {
    words.contains(": ") || words.ends_with(':')
}

/// Whether nothing but a comment is left.
pub(super) fn is_over(rest: &str) -> bool {
    let rest = rest.trim_start_matches([' ', '\t']);
    rest.is_empty() || rest.starts_with('#')
}

pub(super) fn is_dash(rest: &str) -> bool {
    rest.strip_prefix('-')
        .is_some_and(|after| after.is_empty() || after.starts_with(' '))
}

/// The key that a line begins with, and how long it is with its colon.
pub(super) fn key(rest: &str) -> Option<(String, usize)> {
    let ends = |after: &str| after.is_empty() || after.starts_with([' ', '\t']);
    if rest.starts_with(['"', '\'']) {
        let past = after_quotes(rest, 0)?;
        let after = rest.get(past..)?;
        let colon = after.len() - after.trim_start_matches(' ').len();
        let behind = after.get(colon..)?.strip_prefix(':')?;
        let ScalarKind::Text(name) = quoted(rest.get(..past)?) else {
            return None;
        };
        return ends(behind).then_some((name, past + colon + 1));
    }
    if rest.starts_with(|c: char| "#[]{},&*!|>%@`".contains(c)) || rest.starts_with("? ") {
        return None;
    }
    let comment = rest.find(" #").unwrap_or(rest.len());
    let (colon, _) = rest
        .match_indices(':')
        .find(|(at, _)| rest.get(at + 1..).is_some_and(ends))
        .filter(|(at, _)| *at < comment)?;
    let name = rest.get(..colon)?.trim_end();
    (!name.is_empty()).then(|| (name.to_owned(), colon + 1))
}

/// Without `&anchor` and `!tag`.
pub(super) fn without_properties(rest: &str) -> &str {
    let mut rest = rest;
    while rest.starts_with(['&', '!']) {
        let length = rest.find([' ', '\t']).unwrap_or(rest.len());
        rest = rest.get(length..).unwrap_or_default();
        rest = rest.trim_start_matches([' ', '\t']);
    }
    rest
}

/// Where what is quoted from here on ends, past its quote.
pub(super) fn after_quotes(text: &str, from: usize) -> Option<usize> {
    let quote = text.get(from..)?.chars().next()?;
    let mut letters = text.get(from + 1..)?.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && quote == '"' {
            letters.next();
        } else if letter == quote {
            // Two of them are one.
            if quote == '\'' && letters.peek().is_some_and(|(_, next)| *next == quote) {
                letters.next();
                continue;
            }
            return Some(from + 1 + at + 1);
        }
    }
    None
}

/// Where the list or object that begins here ends, past its bracket.
pub(super) fn after_flow(text: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = from;
    let mut before = ' ';
    while let Some(letter) = text.get(at..)?.chars().next() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.checked_sub(1)?,
            '"' | '\'' if " \t\n[{,:".contains(before) => {
                at = after_quotes(text, at)?;
                before = letter;
                continue;
            }
            '#' if before.is_whitespace() => {
                at += text.get(at..)?.find('\n')?;
                continue;
            }
            _ => {}
        }
        at += letter.len_utf8();
        if depth == 0 {
            return Some(at);
        }
        before = letter;
    }
    None
}

/// What quotes mean; whatever needs more than a look stays as it is.
pub(super) fn quoted(words: &str) -> ScalarKind {
    let inside = words
        .get(1..words.len().saturating_sub(1))
        .unwrap_or_default();
    if inside.contains(['\n', '\\']) {
        ScalarKind::Opaque
    } else if words.starts_with('\'') {
        ScalarKind::Text(inside.replace("''", "'"))
    } else {
        ScalarKind::Text(inside.to_owned())
    }
}

/// Whether YAML reads this as something else than a text.
pub(super) fn is_word(plain: &str) -> bool {
    matches!(
        plain.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null" | "~" | "y" | "n"
    )
}
