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
