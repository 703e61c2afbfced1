//! The user's words about an account that are for people alone: what it is called, what it is for.
//!
//! They stand in its `router.json`. Any script may be written; what is left out is what could make one account look like
//! another on screen: characters that control a terminal or turn the reading direction.

use serde_json::{Value, json};

use super::side_file::SideFile;

/// What stands beside the name. Nothing the router goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// What it is called on screen, in any script.
    pub label: Option<String>,
    pub note: Option<String>,
    /// In the order in which they were given.
    pub tags: Vec<String>,
    /// Stands before all others in a list.
    pub is_pinned: bool,
}

/// Why a word about an account cannot be kept: what is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadWord(&'static str);

pub const MAX_LABEL_CHARS: usize = 80;
pub const MAX_NOTE_CHARS: usize = 2_000;
pub const MAX_TAG_CHARS: usize = 40;
pub const MAX_TAGS: usize = 32;

const LABEL: &str = "label";
const NOTE: &str = "note";
const TAGS: &str = "tags";
const PINNED: &str = "pinned";

impl About {
    /// What stands in a `router.json`. What another program wrote there is shown as far as it can be: cut to its length, without
    /// the characters that no screen should get.
    pub fn read(side: &SideFile) -> Self {
        let text = |key| side.get(key).and_then(Value::as_str);
        let mut tags: Vec<String> = Vec::new();
        let said = side.get(TAGS).and_then(Value::as_array);
        for tag in said.into_iter().flatten().filter_map(Value::as_str) {
            let tag = shown(tag, MAX_TAG_CHARS, false);
            if is_visible(&tag) && !has(&tags, &tag) && tags.len() < MAX_TAGS {
                tags.push(tag);
            }
        }
        Self {
            label: text(LABEL)
                .map(|label| shown(label, MAX_LABEL_CHARS, false))
                .filter(|label| is_visible(label)),
            note: text(NOTE)
                .map(|note| shown(note, MAX_NOTE_CHARS, true))
                .filter(|note| is_visible(note)),
            tags,
            is_pinned: side.get(PINNED).and_then(Value::as_bool) == Some(true),
        }
    }
}

impl SideFile {
    /// Calls the account something else on screen; nothing: by its name again.
    ///
    /// # Errors
    /// When it is too long or has characters that it may not have; nothing is changed then.
    pub fn set_label(&mut self, label: Option<&str>) -> Result<(), BadWord> {
        const RULE: BadWord = BadWord("a label has up to 80 letters of any script, in one line");
        let label = label
            .map(|text| word(text, MAX_LABEL_CHARS, false, RULE))
            .transpose()?;
        self.set(LABEL, label.map(Value::from));
        Ok(())
    }

    /// # Errors
    /// As of [`Self::set_label`].
    pub fn set_note(&mut self, note: Option<&str>) -> Result<(), BadWord> {
        const RULE: BadWord = BadWord("a note has up to 2000 letters of any script");
        let note = note
            .map(|text| word(text, MAX_NOTE_CHARS, true, RULE))
            .transpose()?;
        self.set(NOTE, note.map(Value::from));
        Ok(())
    }

    /// One tag more; one that is there already, in whatever case, stays as it is.
    ///
    /// # Errors
    /// As of [`Self::set_label`], and when there are as many as there may be.
    pub fn add_tag(&mut self, tag: &str) -> Result<(), BadWord> {
        const RULE: BadWord = BadWord("a tag has up to 40 letters of any script, without commas");
        let tag = word(tag, MAX_TAG_CHARS, false, RULE)?;
        if tag.contains(',') {
            return Err(RULE);
        }
        let mut tags = About::read(self).tags;
        if has(&tags, &tag) {
            return Ok(());
        }
        if tags.len() >= MAX_TAGS {
            return Err(BadWord(
                "it has 32 tags, which is as many as there may be; take one away first",
            ));
        }
        tags.push(tag);
        self.set_tags(&tags);
        Ok(())
    }

    /// Takes a tag away, in whatever case it is written; one that is not there is no mistake.
    pub fn remove_tag(&mut self, tag: &str) {
        let mut tags = About::read(self).tags;
        let before = tags.len();
        tags.retain(|kept| !is_same(kept, tag.trim()));
        if tags.len() != before {
            self.set_tags(&tags);
        }
    }

    pub fn set_pinned(&mut self, is_pinned: bool) {
        self.set(PINNED, is_pinned.then(|| json!(true)));
    }

    fn set_tags(&mut self, tags: &[String]) {
        self.set(TAGS, (!tags.is_empty()).then(|| json!(tags)));
    }
}

/// Whether both are the same tag to a person.
pub fn is_same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

fn has(tags: &[String], tag: &str) -> bool {
    tags.iter().any(|kept| is_same(kept, tag))
}

/// A character that does something to a screen instead of standing on it: controls, marks of direction, separators of lines.
///
/// The marks of direction are those of Unicode's bidirectional algorithm (UAX #9, section 2); U+2028 and U+2029 break lines.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Whether there is anything to see in it.
fn is_visible(text: &str) -> bool {
    let is_blank = |c: char| {
        c.is_whitespace()
            // Soft hyphen, joiners, fillers, variation selectors, tags: nothing by themselves.
            || matches!(c, '\u{00ad}' | '\u{034f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{ffa0}')
            || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
    };
    !text.chars().all(is_blank)
}

fn word(text: &str, most: usize, may_wrap: bool, rule: BadWord) -> Result<String, BadWord> {
    let text = text.trim();
    let is_odd = |c: char| is_deceptive(c) && !(may_wrap && matches!(c, '\n' | '\t'));
    if !is_visible(text) || text.chars().count() > most || text.contains(is_odd) {
        return Err(rule);
    }
    Ok(text.to_owned())
}

/// As much of a text as a screen may get.
fn shown(text: &str, most: usize, may_wrap: bool) -> String {
    let is_fine = |c: &char| !is_deceptive(*c) || (may_wrap && matches!(c, '\n' | '\t'));
    let text: String = text.chars().filter(is_fine).take(most).collect();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_any_script_survives_a_round_trip() {
        for label in ["開発 チーム", "Ünïcode", "עבודה", "👩🏽‍💻 work", "a"] {
            let mut side = SideFile::default();
            side.set_label(Some(&format!(" {label} "))).unwrap();
            let read = About::read(&SideFile::parse(&side.to_bytes()));
            assert_eq!(read.label.as_deref(), Some(label));
            side.set_label(None).unwrap();
            assert!(side.is_empty());
        }
    }

    #[test]
    fn labels_that_could_deceive_are_refused_and_change_nothing() {
        let mut side = SideFile::default();
        side.set_label(Some("mine")).unwrap();
        let before = side.clone();
        for label in [
            "",
            "  ",
            "\u{200b}\u{200d}",
            "evil\u{202e}txt",
            "a\u{2066}b",
            "a\nb",
            "\u{1b}[2J",
            "a\u{2028}b",
            &"x".repeat(81),
        ] {
            assert!(side.set_label(Some(label)).is_err(), "{label:?}");
        }
        assert_eq!(side, before);
        side.set_label(Some(&"語".repeat(80))).unwrap();
    }

    #[test]
    fn what_a_copied_file_says_is_shown_without_what_could_deceive() {
        let text = format!(
            r#"{{"label": "wo\u202erk\u001b[2J", "note": "a\nb\u2066", "tags": ["x", "X", 7, "\u200b", "y\n"], "pinned": 1, "zz": "{}"}}"#,
            "z".repeat(10)
        );
        let about = About::read(&SideFile::parse(text.as_bytes()));
        let expected = About {
            label: Some("work[2J".into()),
            note: Some("a\nb".into()),
            tags: vec!["x".into(), "y".into()],
            is_pinned: false,
        };
        assert_eq!(about, expected);
        let long = format!(r#"{{"label": "{}"}}"#, "é".repeat(500));
        let label = About::read(&SideFile::parse(long.as_bytes())).label;
        assert_eq!(label, Some("é".repeat(80)));
    }

    #[test]
    fn tags_are_known_whatever_their_case_and_have_a_limit() {
        let mut side = SideFile::default();
        side.add_tag("Client").unwrap();
        side.add_tag("client").unwrap();
        side.add_tag("Zürich").unwrap();
        assert_eq!(About::read(&side).tags, ["Client", "Zürich"]);
        side.remove_tag("CLIENT");
        side.remove_tag("never there");
        assert_eq!(About::read(&side).tags, ["Zürich"]);
        for bad in ["a,b", "", "a\nb", &"t".repeat(41)] {
            assert!(side.add_tag(bad).is_err(), "{bad:?}");
        }
        for number in 1..MAX_TAGS {
            side.add_tag(&number.to_string()).unwrap();
        }
        let full = side.add_tag("one more").unwrap_err().to_string();
        assert!(full.contains("32 tags"), "{full}");
        side.add_tag("zürich").unwrap();
        for tag in About::read(&side).tags {
            side.remove_tag(&tag);
        }
        assert!(side.is_empty());
    }

    #[test]
    fn a_note_may_have_lines_and_a_pin_is_taken_back() {
        let mut side = SideFile::default();
        side.set_note(Some("first\n\tsecond")).unwrap();
        side.set_pinned(true);
        let about = About::read(&side);
        assert_eq!(about.note.as_deref(), Some("first\n\tsecond"));
        assert!(about.is_pinned);
        assert!(side.set_note(Some("a\r\nb")).is_err());
        assert!(side.set_note(Some(&"n".repeat(2_001))).is_err());
        side.set_pinned(false);
        side.set_note(None).unwrap();
        assert!(side.is_empty());
    }
}
