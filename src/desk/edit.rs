//! What the user says about accounts, and what has become of the deleted ones.

use std::time::SystemTime;

use crate::pool::{BadTerm, Term, Terms};
use crate::profile::{BadNetwork, BadWord, Origin, ProfileName, Rotator, Secret, SideFile};

/// One change of the user's words about accounts. Nothing takes a word back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// What it is called on screen, in any script.
    Label(Option<String>),
    Note(Option<String>),
    AddTag(String),
    RemoveTag(String),
    Pin(bool),
    /// A term for the router (group, priority, reserve, whether it is used …), as text that [`Term`] reads.
    Term(Term, Option<String>),
    /// Its own way out, as [`crate::profile::Proxy`] reads it. There may be a password in it.
    Proxy(Option<Secret>),
    /// One header that goes with its requests; nothing takes it away.
    Header(String, Option<Secret>),
}

/// Why a word cannot be said: a sentence with the form that can.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEdit {
    #[error(transparent)]
    Word(#[from] BadWord),
    #[error("{0}")]
    Term(#[from] BadTerm),
    #[error(transparent)]
    Network(#[from] BadNetwork),
}

impl Edit {
    /// Says it in a `router.json`. Everything else there stays, be it right or wrong.
    ///
    /// # Errors
    /// When it cannot be said; nothing is changed then.
    pub fn apply(&self, side: &mut SideFile) -> Result<(), BadEdit> {
        match self {
            Self::Label(label) => side.set_label(label.as_deref())?,
            Self::Note(note) => side.set_note(note.as_deref())?,
            Self::AddTag(tag) => side.add_tag(tag)?,
            Self::RemoveTag(tag) => side.remove_tag(tag),
            Self::Pin(is_pinned) => side.set_pinned(*is_pinned),
            Self::Proxy(proxy) => side.set_proxy(proxy.as_ref())?,
            Self::Header(name, value) => side.set_header(name, value.as_ref())?,
            Self::Term(term, None) => side.set(term.key(), None),
            Self::Term(term, Some(text)) => {
                let mut terms = Terms::default();
                terms.say(*term, text)?;
                side.set(term.key(), terms.json(*term));
            }
        }
        Ok(())
    }
}

/// A deleted account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrashView {
    /// Its directory in the trash.
    pub id: String,
    pub name: ProfileName,
    /// What it was called on screen.
    pub label: Option<String>,
    pub email: Option<String>,
    pub deleted_at: SystemTime,
    /// When it is gone for good.
    pub purged_at: SystemTime,
    /// Why its login cannot be read: a sentence. It can be put back all the same.
    pub trouble: Option<String>,
}

/// How a login fares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenHealth {
    /// The last rotation that was noticed.
    pub rotated_at: Option<SystemTime>,
    pub rotated_by: Option<Rotator>,
    /// When it will be refreshed by itself.
    pub next_refresh_at: Option<SystemTime>,
    /// Why the last refresh brought nothing: a sentence; and when that was.
    pub last_error: Option<(String, SystemTime)>,
    /// How and when it came here.
    pub came_by: Option<(Origin, SystemTime)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_changes_its_own_word_and_no_other() {
        let text = br#"{"weight": "odd", "label": "mine", "zz": [1]}"#;
        let said = |edit: Edit| {
            let mut side = SideFile::parse(text);
            edit.apply(&mut side).map_err(|err| err.to_string())?;
            let text = String::from_utf8(side.to_bytes()).unwrap();
            Ok::<_, String>(text.split_whitespace().collect::<String>())
        };
        let term = |term, text: &str| Edit::Term(term, Some(text.to_owned()));
        for (edit, expected) in [
            (Edit::Label(None), r#"{"weight":"odd","zz":[1]}"#),
            (
                Edit::AddTag("client".into()),
                r#"{"weight":"odd","label":"mine","zz":[1],"tags":["client"]}"#,
            ),
            (
                Edit::Pin(true),
                r#"{"weight":"odd","label":"mine","zz":[1],"pinned":true}"#,
            ),
            (
                term(Term::Weight, "3"),
                r#"{"weight":3,"label":"mine","zz":[1]}"#,
            ),
            (
                term(Term::Weight, "default"),
                r#"{"label":"mine","zz":[1]}"#,
            ),
            (
                Edit::Term(Term::Weight, None),
                r#"{"label":"mine","zz":[1]}"#,
            ),
        ] {
            assert_eq!(said(edit.clone()).as_deref(), Ok(expected), "{edit:?}");
        }
        assert!(
            said(term(Term::Weight, "0"))
                .unwrap_err()
                .contains("1 to 100")
        );
        assert!(said(Edit::Label(Some("\u{202e}".into()))).is_err());
    }
}
