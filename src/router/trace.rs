//! The way of one request, for whoever asks "why?" later: who was considered, who was asked, and how each of them ended.
//!
//! Everything is bounded, and cheap to note: names are shared, words are made by the worker.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use super::report::AttemptResult;
use crate::pool::{Choice, LeftOut, Reason, Score, Strategy};
use crate::profile::ProfileName;

/// Who could have served at the last choice, in this order, and who could not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Considered {
    /// Nothing until somebody is chosen among.
    pub strategy: Option<Strategy>,
    pub candidates: Vec<(ProfileName, Reason, Score)>,
    pub left_out: Vec<LeftOut>,
    /// More than the lists hold.
    pub unlisted: u32,
}

/// One profile's turn.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptNote {
    pub profile: ProfileName,
    pub at: SystemTime,
    pub took: Duration,
    /// `None` when nothing was sent.
    pub result: Option<AttemptResult>,
    /// Why nothing was sent.
    pub why: Option<String>,
    /// What was mended, so that the same profile was asked once more.
    pub mended: Vec<Cow<'static, str>>,
}

/// The beginning of a request's body, for a user who wants it kept. Its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Preview {
    beginning: Box<[u8]>,
    bytes: usize,
}

/// Told by the attempt when it ends, read by the record.
pub(super) type AttemptEnd = Arc<OnceLock<End>>;

#[derive(Debug)]
pub(super) struct End {
    pub(super) took: Duration,
    pub(super) result: Option<AttemptResult>,
    pub(super) why: Option<String>,
}

/// The attempts of a request as it goes on.
#[derive(Debug, Default)]
pub(super) struct Trace {
    tried: Vec<Tried>,
}

#[derive(Debug)]
struct Tried {
    profile: ProfileName,
    at: SystemTime,
    started: Instant,
    end: AttemptEnd,
    mended: Vec<Cow<'static, str>>,
}

/// More profiles than people have; who has more learns how many.
const MAX_LISTED: usize = 32;
/// A request asks fewer.
const MAX_ATTEMPTS: usize = 16;
const MAX_MENDED: usize = 8;
/// A secret that is cut at the end must still be long enough to be known as one.
const MARGIN: usize = 64;

impl Considered {
    pub(super) fn of(choice: &Choice) -> Self {
        let candidates = choice.candidates.iter();
        let unlisted = choice.candidates.len().saturating_sub(MAX_LISTED)
            + choice.left_out.len().saturating_sub(MAX_LISTED);
        Self {
            strategy: Some(choice.strategy),
            candidates: candidates
                .take(MAX_LISTED)
                .map(|it| (it.member.name.clone(), it.reason, it.score))
                .collect(),
            left_out: choice.left_out.iter().take(MAX_LISTED).cloned().collect(),
            unlisted: u32::try_from(unlisted).unwrap_or(u32::MAX),
        }
    }
}

impl Preview {
    /// Of a body, to be shown with at most so many bytes of it.
    pub(super) fn of(body: &[u8], bytes: usize) -> Self {
        let beginning = body.get(..bytes + MARGIN).unwrap_or(body);
        Self {
            beginning: beginning.into(),
            bytes,
        }
    }

    /// As it may be kept: without what `redact` takes for a secret, and cut at the end of a character.
    pub fn redacted(&self, redact: impl FnOnce(&str) -> String) -> String {
        let mut text = redact(&String::from_utf8_lossy(&self.beginning));
        let end = text.floor_char_boundary(self.bytes);
        text.truncate(end);
        text
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preview({} bytes)", self.beginning.len())
    }
}

impl Trace {
    pub(super) fn begin(&mut self, profile: ProfileName, at: SystemTime, end: AttemptEnd) {
        if self.tried.len() < MAX_ATTEMPTS {
            self.tried.push(Tried {
                profile,
                at,
                started: Instant::now(),
                end,
                mended: Vec::new(),
            });
        }
    }

    /// The last attempt goes on after something was mended.
    pub(super) fn mend(&mut self, words: Cow<'static, str>) {
        if let Some(last) = self.tried.last_mut()
            && last.mended.len() < MAX_MENDED
        {
            last.mended.push(words);
        }
    }

    pub(super) fn into_notes(self) -> Vec<AttemptNote> {
        let note = |tried: Tried| {
            let (took, result, why) = match tried.end.get() {
                Some(end) => (end.took, end.result.clone(), end.why.clone()),
                // It is about to be dropped.
                None => (
                    tried.started.elapsed(),
                    Some(AttemptResult::Abandoned),
                    None,
                ),
            };
            AttemptNote {
                profile: tried.profile,
                at: tried.at,
                took,
                result,
                why,
                mended: tried.mended,
            }
        };
        self.tried.into_iter().map(note).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    #[test]
    fn long_lists_are_cut_and_what_is_missing_is_counted() {
        let left_out = |number: usize| LeftOut {
            name: name(&format!("p{number}")),
            why: crate::pool::WhyNot::Disabled,
            until: None,
        };
        let choice = Choice {
            left_out: (0..MAX_LISTED + 5).map(left_out).collect(),
            ..Choice::default()
        };
        let considered = Considered::of(&choice);
        assert_eq!(
            (considered.left_out.len(), considered.unlisted),
            (MAX_LISTED, 5)
        );
    }

    #[test]
    fn a_preview_is_redacted_before_it_is_cut_and_never_cut_inside_a_character() {
        let body = "{\"a\":\"é sk-canary-canary\"}".as_bytes();
        let blank = |text: &str| text.replace("sk-canary-canary", "[redacted]");
        for bytes in 0..body.len() + 9 {
            let kept = Preview::of(body, bytes).redacted(blank);
            assert!(kept.len() <= bytes && !kept.contains("canary"), "{kept}");
        }
        let preview = Preview::of(b"prompt", 100);
        assert_eq!(format!("{preview:?}"), "Preview(6 bytes)");
    }

    #[test]
    fn attempts_end_as_they_were_told_and_what_was_mended_stands_beside_them() {
        let mut trace = Trace::default();
        let (first, second) = (AttemptEnd::default(), AttemptEnd::default());
        let at = SystemTime::UNIX_EPOCH;
        trace.begin(name("work"), at, first.clone());
        trace.mend("its login was renewed".into());
        trace.begin(name("home"), at, second);
        let told = first.set(End {
            took: Duration::from_millis(5),
            result: None,
            why: Some("no token".into()),
        });
        assert!(told.is_ok());
        let notes = trace.into_notes();
        assert_eq!(
            notes[0],
            AttemptNote {
                profile: name("work"),
                at,
                took: Duration::from_millis(5),
                result: None,
                why: Some("no token".into()),
                mended: vec!["its login was renewed".into()],
            }
        );
        assert_eq!(notes[1].result, Some(AttemptResult::Abandoned));
    }
}
