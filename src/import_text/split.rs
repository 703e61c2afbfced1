//! A text cut into what stands in it: JSON values in a row, however they are separated, and keys on a line of their own.

use serde_json::Value;

use crate::profile::Secret;
use crate::profile::auth_file::Distinct;

use super::MAX_LOGINS;

pub enum Piece {
    Json(Value),
    Key(Secret),
    /// Why a part of the text was left out: a sentence.
    Unreadable(String),
}

/// What a person can look into; a text that is no list of logins at all would otherwise be told line by line.
const MAX_COMPLAINTS: usize = 20;
/// Of an API key of OpenAI; the real ones have more.
const MIN_KEY_BYTES: usize = 20;

/// Everything in the text, in its order.
pub fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut line = 1;
    let mut complaints = 0;
    while pieces.len() < MAX_LOGINS && complaints < MAX_COMPLAINTS {
        let after = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        line += newlines(before(rest, after));
        rest = after;
        let Some(first) = rest.chars().next() else {
            break;
        };
        let (piece, after) = match first {
            '{' | '[' => json(rest, line),
            '#' => (None, after_line(rest)),
            _ => (Some(one_line(rest, line)), after_line(rest)),
        };
        line += newlines(before(rest, after));
        rest = after;
        if let Some(piece) = piece {
            complaints += usize::from(matches!(piece, Piece::Unreadable(_)));
            pieces.push(piece);
        }
    }
    pieces
}

/// The value that begins here, and what follows it.
fn json(text: &str, line: usize) -> (Option<Piece>, &str) {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Distinct>();
    match values.next() {
        Some(Ok(Distinct(value))) => {
            let end = values.byte_offset();
            (
                Some(Piece::Json(value)),
                text.get(end..).unwrap_or_default(),
            )
        }
        Some(Err(err)) => {
            let reason = if err.is_eof() {
                format!("the JSON that begins in line {line} breaks off")
            } else if err.is_data() {
                format!("in the JSON that begins in line {line} a key stands twice")
            } else {
                let at = line + err.line().saturating_sub(1);
                format!(
                    "line {at}, column {} is not JSON as it should be",
                    err.column()
                )
            };
            (Some(Piece::Unreadable(reason)), next_start(text))
        }
        None => (None, ""),
    }
}

/// After a value that cannot be read: the next line that begins one, or a key. What stands inside of the broken one is indented.
fn next_start(text: &str) -> &str {
    let mut rest = after_line(text);
    while !rest.is_empty() && !rest.starts_with(['{', '[']) && !rest.starts_with("sk-") {
        rest = after_line(rest);
    }
    rest
}

fn one_line(text: &str, line: usize) -> Piece {
    let whole = text.lines().next().unwrap_or_default();
    match key_of(whole) {
        Some(key) => Piece::Key(Secret::new(key)),
        None => Piece::Unreadable(format!("line {line} is neither JSON nor an API key")),
    }
}

/// `sk-…` alone, in quotes, or as it stands in a shell's settings.
pub fn key_of(line: &str) -> Option<&str> {
    let line = line.trim().trim_end_matches([',', ';']);
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let line = match line.split_once('=') {
        Some((name, value)) if name.trim_end() == "OPENAI_API_KEY" => value.trim_start(),
        Some(_) | None => line,
    };
    let key = line.trim_matches(['"', '\'']);
    let is_key = key.starts_with("sk-")
        && key.len() >= MIN_KEY_BYTES
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    is_key.then_some(key)
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_line, rest)| rest)
}

fn before<'a>(text: &'a str, rest: &str) -> &'a str {
    text.get(..text.len() - rest.len()).unwrap_or_default()
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}
