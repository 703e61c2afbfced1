//! The address that a browser ended on, pasted by hand: from another computer, or when no listener could be reached.

use super::callback::Callback;

/// Longer than any such address; what is longer is something else that was in the clipboard.
const MAX_BYTES: usize = 8 * 1024;

/// Reads the whole address (`http://localhost:1455/auth/callback?code=…&state=…`), its query alone, or `code#state`.
///
/// # Errors
/// A sentence that says what to paste. It never quotes what was pasted.
pub(super) fn read(text: &str) -> Result<Callback, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err(
            "nothing was pasted; copy the whole address that the browser ended on, with everything behind the question mark",
        );
    }
    if text.len() > MAX_BYTES {
        return Err("this is too long to be the address that the browser ended on");
    }
    let callback = match text.split_once('?') {
        Some((_, query)) => Callback::parse(without_fragment(query)),
        None if text.contains('=') => Callback::parse(without_fragment(text)),
        None => match text.split_once('#') {
            Some((code, state)) if is_token(code) && is_token(state) => {
                Callback::of_code(code, state)
            }
            _ => Callback::default(),
        },
    };
    if callback.is_whole() {
        Ok(callback)
    } else {
        Err(
            "this is not the address that the browser ended on: it has no code and state in it; copy all of it, beginning with http://localhost",
        )
    }
}

fn without_fragment(query: &str) -> &str {
    query.split('#').next().unwrap_or(query)
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::super::callback::Brought;
    use super::*;

    #[test]
    fn every_form_of_the_address_is_read() {
        for text in [
            "http://localhost:1455/auth/callback?code=ac_1&state=st_1",
            "  http://127.0.0.1:1457/auth/callback?scope=x&state=st_1&code=ac_1#_=_\n",
            "localhost:1455/auth/callback?code=ac_1&state=st_1",
            "?code=ac_1&state=st_1",
            "code=ac_1&state=st_1",
            "ac_1#st_1",
        ] {
            let callback = read(text).unwrap();
            assert_eq!(callback.state.as_ref().unwrap().expose(), "st_1", "{text}");
            assert!(
                matches!(callback.brought(), Brought::Code(code) if code.expose() == "ac_1"),
                "{text}"
            );
        }
        let refused = read("error=access_denied&state=st_1").unwrap();
        assert!(matches!(refused.brought(), Brought::Refusal { .. }));
    }

    #[test]
    fn something_else_is_refused_with_a_sentence_that_does_not_repeat_it() {
        let long = "canary".repeat(2_000);
        for text in [
            "",
            "  ",
            "canary",
            "https://auth.openai.com/log-in",
            "http://localhost:1455/auth/callback",
            "http://localhost:1455/auth/callback?code=canary",
            "canary#",
            "#canary",
            "two canaries#x",
            &long,
        ] {
            let refused = read(text).unwrap_err();
            assert!(!refused.contains("canary"), "{refused}");
        }
    }
}
