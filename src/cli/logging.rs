//! Where log lines go: standard error, by `RUST_LOG`, and never with a secret in them.
//!
//! The types of this program print no secret. This is the second net: every line passes a filter that blanks what looks like
//! one, wherever it came from, and no line is longer than a person reads.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::store::Environment;

pub(super) fn start(environment: &Environment) {
    let wish = environment.get("RUST_LOG").filter(|wish| !wish.is_empty());
    // Our own words by default; of the libraries only what is wrong.
    let filter = EnvFilter::builder()
        .parse_lossy(wish.unwrap_or("warn,codex_router=info,winit=error,zbus=error"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(false)
        .with_writer(Redacted);
    // A second start in one process (tests) keeps the first.
    let _already_there = log.try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|place| format!(" at {}:{}", place.file(), place.line()))
            .unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let _nobody_reads = writeln!(Redacted, "internal error{place}: {message}");
    }));
}

/// Standard error behind the filter. A log line arrives in one piece.
struct Redacted;

impl Write for Redacted {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        io::stderr().write_all(printable(line).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for Redacted {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// Libraries that are asked for everything print whole shaders.
const MAX_LINE_BYTES: usize = 8 * 1024;

/// A line as it may be printed: short enough, and without secrets.
fn printable(line: &[u8]) -> String {
    let Some((start, rest)) = line
        .split_at_checked(MAX_LINE_BYTES)
        .filter(|(_, rest)| !rest.is_empty())
    else {
        return redacted(&String::from_utf8_lossy(line));
    };
    let mut text = redacted(&String::from_utf8_lossy(start));
    text.push_str(&format!("… ({} bytes more)\n", rest.len()));
    text
}

/// Words that are secrets by their beginning: bearer tokens, API keys, client keys, refresh tokens, JWTs.
const BEGINNINGS: [&str; 6] = ["sk-", "crk_", "rt_", "rt.", "at-", "eyJ"];
/// Keys whose value is secret, in JSON, in a form and in a URL.
const KEYS: [&str; 8] = [
    "refresh_token",
    "access_token",
    "id_token",
    "code_verifier",
    "code",
    "state",
    "api_key",
    "OPENAI_API_KEY",
];
const BLANK: &str = "[redacted]";

/// The text with everything blanked that looks like a secret.
fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut key_is_secret = false;
    let mut after_bearer = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '~');
        if !is_word(first) {
            out.push(first);
            // `key":"value`, `key=value`, `key: value`; anything else ends the key.
            if !matches!(first, '"' | ':' | '=' | ' ' | '\\') {
                key_is_secret = false;
            }
            if first != ' ' {
                after_bearer = false;
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        let is_secret = key_is_secret || (after_bearer && word.len() >= 8) || looks_secret(word);
        out.push_str(if is_secret { BLANK } else { word });
        // A value stands behind a mark; `state of the file` is prose.
        key_is_secret = KEYS.contains(&word)
            && behind
                .trim_start_matches(['"', '\\'])
                .starts_with([':', '=']);
        after_bearer = word.eq_ignore_ascii_case("bearer");
        rest = behind;
    }
    out
}

fn looks_secret(word: &str) -> bool {
    const SHORTEST: usize = 10;
    word.len() >= SHORTEST
        && BEGINNINGS
            .iter()
            .any(|beginning| word.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_blanked() {
        for text in [
            "Authorization: Bearer canary-canary",
            "key sk-canary-0123456789 refused",
            r#"{"refresh_token":"canary"}"#,
            r#"{\"access_token\": \"canary\"}"#,
            "https://x.test/cb?code=canary&x=1",
            "https://x.test/cb?y=1&state=canary",
            "token eyJcanary.eyJcanary.canary!",
            "crk_canary_canary rt_canary_canary",
        ] {
            let out = redacted(text);
            assert!(
                !out.contains("canary") && out.contains(BLANK),
                "{text} became {out}"
            );
        }
    }

    #[test]
    fn a_line_that_nobody_can_read_is_cut() {
        let long = format!("{} Bearer canary-canary\n", "é".repeat(MAX_LINE_BYTES));
        let line = printable(long.as_bytes());
        assert!(line.len() < MAX_LINE_BYTES + 100);
        assert!(line.ends_with(&format!("… ({} bytes more)\n", long.len() - MAX_LINE_BYTES)));
        let whole = "x".repeat(MAX_LINE_BYTES);
        assert_eq!(printable(whole.as_bytes()), whole);
    }

    #[test]
    fn ordinary_lines_stay_as_they_are() {
        for text in [
            "INFO profile=work login renewed",
            "the state of the file is unknown, code 7",
            "Router on http://127.0.0.1:9876/v1",
            "skipped: reserve 20 % · 開発",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
