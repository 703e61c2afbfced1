//! Texts that hold logins, as people paste them and as other programs keep them, read into logins that Codex accepts.
//!
//! One login or many: JSON objects, arrays, a line each, keys alone. Works on values: text in, logins out; files are `store`'s
//! work. No error quotes the text. What is understood, and where each form is written down: [`forms`].

use std::fmt;
use std::time::SystemTime;

use crate::profile::{AuthFile, SideFile};

pub mod forms;
mod split;

/// A login that was found, or the reason why it is none.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What its source calls it.
    pub label: Option<String>,
    /// As its source says; the login itself may know better.
    pub email: Option<String>,
    pub plan: Option<String>,
    /// Complete: as Codex writes it.
    pub login: Result<AuthFile, NoLogin>,
    /// Our own words that came with it.
    pub side: Option<SideFile>,
}

/// Why something that looks like a login is of no use: a sentence, without what stood there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoLogin(pub String);

/// Why a whole text is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    #[error("there is nothing in it")]
    Empty,
    #[error("it is UTF-16 text; save it as UTF-8 and try again")]
    Utf16,
    #[error("it starts with a byte-order mark; save it as UTF-8 without one and try again")]
    ByteOrderMark,
    #[error("it is not UTF-8 text")]
    NotText,
    #[error("there is no login in it: neither tokens nor an API key")]
    NoLogin,
    #[error("it holds logins of other services than OpenAI only")]
    OtherService,
}

/// More than anybody has; a text that goes on is read no further.
pub const MAX_LOGINS: usize = 20_000;

/// Reads every login of a text. `now` is for logins that do not say when they were renewed.
///
/// # Errors
/// When there is not even something that looks like a login.
pub fn read(text: &[u8], now: SystemTime) -> Result<Vec<Candidate>, TextError> {
    let text = checked(text)?;
    let mut forms = forms::Reader::new(now);
    let mut unreadable = Vec::new();
    for piece in split::pieces(text) {
        match piece {
            split::Piece::Json(json) => forms.read(&json),
            split::Piece::Key(key) => forms.read_key(key),
            split::Piece::Unreadable(reason) => unreadable.push(Candidate::refused(reason)),
        }
    }
    let is_foreign = forms.has_met_others();
    let mut found = forms.into_found();
    found.extend(unreadable);
    match (found.is_empty(), is_foreign) {
        (false, _) => Ok(found),
        (true, false) => Err(TextError::NoLogin),
        (true, true) => Err(TextError::OtherService),
    }
}

/// UTF-8 that has something in it.
fn checked(text: &[u8]) -> Result<&str, TextError> {
    if text.starts_with(b"\xef\xbb\xbf") {
        return Err(TextError::ByteOrderMark);
    }
    let is_utf16 = text.starts_with(b"\xff\xfe")
        || text.starts_with(b"\xfe\xff")
        // Without a mark: every other byte of JSON is zero then.
        || matches!(text, [0, first, ..] | [first, 0, ..] if first.is_ascii_graphic());
    if is_utf16 {
        return Err(TextError::Utf16);
    }
    let text = std::str::from_utf8(text).map_err(|_binary| TextError::NotText)?;
    if text.contains('\0') {
        return Err(TextError::NotText);
    }
    match text.trim().is_empty() {
        true => Err(TextError::Empty),
        false => Ok(text),
    }
}

impl Candidate {
    fn refused(reason: impl fmt::Display) -> Self {
        Self {
            label: None,
            email: None,
            plan: None,
            login: Err(NoLogin(reason.to_string())),
            side: None,
        }
    }

    /// Whose it is, as far as anybody says.
    pub fn said_email(&self) -> Option<&str> {
        let of_login = self.login.as_ref().ok().and_then(AuthFile::chatgpt);
        of_login
            .and_then(|login| login.claims.email.as_deref())
            .or(self.email.as_deref())
    }

    pub fn said_plan(&self) -> Option<&str> {
        let of_login = self.login.as_ref().ok().and_then(AuthFile::chatgpt);
        of_login
            .and_then(|login| login.claims.plan.as_deref())
            .or(self.plan.as_deref())
    }
}

#[cfg(test)]
mod tests;
