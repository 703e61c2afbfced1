//! Why nobody is signed in: sentences for the person who tried.

use std::time::Duration;

use crate::profile::AuthFileError;
use crate::upstream::oauth::{DeviceError, ExchangeError};

/// How a sign-in ended without a login. None of them quotes a code or a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    #[error(
        "this account's workspace has no access to Codex; ask its administrator for it, or sign in to another workspace"
    )]
    NoEntitlement,
    #[error(
        "signing in was refused in the browser{}; start again to try another account",
        in_words(words)
    )]
    Denied { words: String },
    #[error(
        "the sign-in service refused with {code}{}; start again",
        in_words(words)
    )]
    Refused { code: String, words: String },
    #[error("the browser brought neither a code nor a reason; start again")]
    Nothing,
    #[error("nobody signed in within {}; start again", minutes(*.0))]
    TookTooLong(Duration),
    #[error("the code was not typed within {}; start again for another one", minutes(*.0))]
    CodeExpired(Duration),
    #[error(
        "this sign-in service gives no codes; turn them on in the security settings of ChatGPT (device code), or sign in with the browser"
    )]
    NoCodes,
    #[error(
        "another sign-in, for instance `codex login`, asked for the port; finish or end that one, then start again"
    )]
    Evicted,
    #[error(
        "Codex may use only the workspace {} here (forced_chatgpt_workspace_id in its config.toml), and this sign-in is for another one; choose that workspace while signing in, or change the setting",
        .allowed.join(" or ")
    )]
    WrongWorkspace { allowed: Vec<String> },
    #[error("the sign-in service did not say whose login this is; start again")]
    NoIdentity,
    #[error("the sign-in service sent a login that cannot be used: {0}")]
    Unusable(#[from] AuthFileError),
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    #[error(transparent)]
    Device(#[from] DeviceError),
}

/// What an issuer says in a callback (codex-rs/login/src/server.rs knows the entitlement).
pub(super) fn of_refusal(code: &str, description: &str) -> SignInError {
    let words = printable(description);
    match code {
        "access_denied" if description.contains("missing_codex_entitlement") => {
            SignInError::NoEntitlement
        }
        "access_denied" => SignInError::Denied { words },
        _ => SignInError::Refused {
            code: printable(code),
            words,
        },
    }
}

fn in_words(words: &str) -> String {
    match words {
        "" => String::new(),
        words => format!(" ({words})"),
    }
}

/// Of somebody else's words what fits into a sentence: no control or direction characters.
fn printable(text: &str) -> String {
    const MOST: usize = 160;
    let is_plain = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let text: String = text.chars().filter(is_plain).take(MOST).collect();
    text.trim().trim_end_matches('.').to_owned()
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        secs @ 0..120 => format!("{secs} seconds"),
        secs => format!("{} minutes", secs / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_issuer_says_becomes_a_sentence() {
        assert_eq!(
            of_refusal("access_denied", "no: missing_codex_entitlement for ws"),
            SignInError::NoEntitlement
        );
        assert_eq!(
            of_refusal("access_denied", "The user said no.").to_string(),
            "signing in was refused in the browser (The user said no); start again to try another account"
        );
        assert_eq!(
            of_refusal("server_error", "\u{202e}evil\nline").to_string(),
            "the sign-in service refused with server_error (evilline); start again"
        );
        assert_eq!(
            SignInError::TookTooLong(Duration::from_secs(600)).to_string(),
            "nobody signed in within 10 minutes; start again"
        );
    }
}
