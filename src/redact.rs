//! Blanks what looks like a secret: the last net, for text that leaves in log lines or is kept in the ledger.
//!
//! The types of this program print no secret. What comes from elsewhere (a library, an upstream, a client) may hold one.

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
pub fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_bearer = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if !is_word(first) {
            let length = match first {
                '\\' => escape(rest),
                first => first.len_utf8(),
            };
            let (mark, behind) = rest.split_at(length);
            out.push_str(mark);
            if mark != " " {
                after_bearer = false;
            }
            rest = behind;
            continue;
        }
        let (word, behind) = rest.split_at(word_end(rest));
        let is_secret = (after_bearer && word.len() >= 8) || looks_secret(word);
        out.push_str(if is_secret { BLANK } else { word });
        after_bearer = word.eq_ignore_ascii_case("bearer");
        rest = behind;
        if !KEYS.contains(&word) {
            continue;
        }
        let Some(value) = value_behind(behind) else {
            continue;
        };
        let (before, behind) = behind.split_at(value.start);
        let (secret, behind) = behind.split_at(value.length);
        out.push_str(before);
        if !secret.is_empty() {
            out.push_str(BLANK);
        }
        after_bearer = secret.eq_ignore_ascii_case("bearer");
        rest = behind;
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '~')
}

fn word_end(text: &str) -> usize {
    text.find(|c| !is_word(c)).unwrap_or(text.len())
}

/// The length of the backslashes that the text begins with and of what they escape in JSON: that letter begins no word.
fn escape(text: &str) -> usize {
    let behind = text.trim_start_matches('\\');
    let slashes = text.len() - behind.len();
    let (word, _) = behind.split_at(word_end(behind));
    // A path of Windows, not an escape.
    if looks_secret(word) || KEYS.contains(&word) || word.eq_ignore_ascii_case("bearer") {
        return slashes;
    }
    let mut letters = behind.bytes();
    slashes
        + match letters.next() {
            Some(b'n' | b't' | b'r' | b'b' | b'f' | b'/') => 1,
            Some(b'u') if letters.take(4).filter(u8::is_ascii_hexdigit).count() == 4 => 5,
            _ => 0,
        }
}

/// Where a value stands in the text behind its key.
struct Place {
    start: usize,
    length: usize,
}

/// A value stands behind a mark: `key":"value"`, `key=value`, `key: value`. None in prose: `state of the file`.
fn value_behind(key: &str) -> Option<Place> {
    let mut text = key;
    loop {
        let shorter = text.trim_start_matches(['"', '\'', '\\']);
        text = shorter;
        match shorter.strip_prefix(QUOTE_BY_NUMBER) {
            Some(behind) => text = behind,
            None => break,
        }
    }
    let is_json = text.len() < key.len();
    let text = text.trim_start_matches(' ').strip_prefix([':', '='])?;
    let text = text.trim_start();
    // As Rust prints what may be missing.
    let text = text.strip_prefix("Some(").unwrap_or(text);
    let start = key.len() - text.len();
    let inside = text.trim_start_matches('\\');
    let slashes = text.len() - inside.len();
    let quote = ["\"", "'", QUOTE_BY_NUMBER]
        .into_iter()
        .find(|quote| inside.starts_with(quote));
    if let Some(quote) = quote.filter(|quote| slashes > 0 || *quote != QUOTE_BY_NUMBER) {
        let (_, value) = inside.split_at(quote.len());
        return Some(Place {
            start: key.len() - value.len(),
            length: closing(value, slashes, quote),
        });
    }
    let is_end = |c: char| {
        c.is_whitespace()
            || matches!(c, '&' | '"' | '\\')
            || (is_json && matches!(c, ',' | '}' | ']' | '{' | '['))
    };
    Some(Place {
        start,
        length: text.find(is_end).unwrap_or(text.len()),
    })
}

/// A quote as some write it in JSON, without its backslash.
const QUOTE_BY_NUMBER: &str = "u0022";

/// The length of a value up to its closing quote, which has no more backslashes than the opening one; all where there is none.
fn closing(value: &str, slashes: usize, quote: &str) -> usize {
    let escaped = |at: usize| {
        let before = value.bytes().take(at).rev();
        before.take_while(|byte| *byte == b'\\').count()
    };
    let mut ends = value
        .match_indices(quote)
        .map(|(at, _)| (at, escaped(at)))
        .filter(|(_, count)| *count <= slashes && (quote != QUOTE_BY_NUMBER || *count > 0));
    ends.next().map_or_else(
        || value.trim_end_matches('\n').len(),
        |(at, count)| at - count,
    )
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
            // What stands behind an escape is a word of its own.
            r#"{"text":"mine:\nsk-canary-0123456789"}"#,
            r#"{"text":"\\nsk-canary-0123456789"}"#,
            r#"{"text":"\tBearer canary-canary"}"#,
            r#"{"text":"\nrefresh_token=canary"}"#,
            r#"{"text":"\u000ask-canary-0123456789"}"#,
            r#"{"text":"\/sk-canary-0123456789"}"#,
            r"C:\rt_canary_canary",
            // A value goes up to its end, whatever it holds.
            r#"{"api_key":"abc:canary"}"#,
            r#"{"api_key":"a\"canary"}"#,
            r#"{\"api_key\":\"a\\\"canary\"}"#,
            r#"{"api_key" : "abc canary"}"#,
            r#"{"api_key":"cut off, canary"#,
            r#"{\u0022api_key\u0022:\u0022a,canary\u0022}"#,
            r#"Login { api_key: Some("a:canary") }"#,
            "{'api_key': 'a:canary'}",
            "code=4%2Fcanary",
            "code=a:b,c;canary&x=1",
            "api_key: Bearer canary-canary",
        ] {
            let out = redacted(text);
            assert!(
                !out.contains("canary") && out.contains(BLANK),
                "{text} became {out}"
            );
        }
    }

    #[test]
    fn what_stands_around_a_value_stays() {
        for (text, expected) in [
            (
                r#"{"api_key":"abc:def","model":"m"}"#,
                r#"{"api_key":"[redacted]","model":"m"}"#,
            ),
            (
                r#"{\"code\":\"a b\",\"model\":\"m\"}"#,
                r#"{\"code\":\"[redacted]\",\"model\":\"m\"}"#,
            ),
            (
                "/cb?code=4%2F0Ab&x=1 HTTP/1.1",
                "/cb?code=[redacted]&x=1 HTTP/1.1",
            ),
            (
                r#"{"code":null,"model":"m"}"#,
                r#"{"code":[redacted],"model":"m"}"#,
            ),
            (
                r#"{"code":"","state":{"a":1}}"#,
                r#"{"code":"","state":{"a":1}}"#,
            ),
            ("state: \"cut\n", "state: \"[redacted]\n"),
            (r"first\nsk-0123456789\nlast", r"first\n[redacted]\nlast"),
        ] {
            assert_eq!(redacted(text), expected);
            assert_eq!(redacted(expected), expected);
        }
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
