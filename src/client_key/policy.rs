//! What a key allows, and what it puts in the place of what was asked.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use super::budget::Budget;
use crate::pattern::Pattern;
use crate::pool::Strategy;

/// Everything that hangs on a key. The default allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// The models that may be asked for, by the client's name or by the one that it stands for; none listed: any.
    pub models: Vec<Pattern>,
    /// Answers every text request instead of the model that was asked for.
    pub model: Option<String>,
    /// Stands in every text request instead of the effort that was asked for: one of [`EFFORTS`].
    pub effort: Option<String>,
    /// The accounts that may answer, by their names or by the names of their groups; none listed: any.
    pub accounts: Vec<Pattern>,
    /// Picks the account instead of the router's own.
    pub strategy: Option<Strategy>,
    /// In any 60 seconds.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Requests at the same time.
    pub concurrency: Option<NonZeroU32>,
    /// Tokens in and out.
    pub tokens: Budget,
    /// Estimated, in millionths of a US dollar.
    pub cost: Budget,
    /// The dialects that may be spoken; none listed: all.
    pub dialects: Vec<Speech>,
}

/// A dialect of clients, as a policy counts them: whoever may chat may stream a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    Chat,
    Completions,
    /// With WebSockets and compaction.
    Responses,
    /// With counting.
    Messages,
    Images,
    Embeddings,
    Moderations,
    Audio,
}

/// The words of Responses for how much a model thinks; not every model takes every one.
pub const EFFORTS: [&str; 8] = [
    "none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra",
];

impl Policy {
    /// Whether a model may be asked for that the client calls `asked` and the router `meant`.
    pub fn allows_model(&self, asked: &str, meant: &str) -> bool {
        let mut models = self.models.iter();
        self.models.is_empty() || models.any(|model| model.fits(asked) || model.fits(meant))
    }

    pub fn allows_dialect(&self, dialect: Speech) -> bool {
        self.dialects.is_empty() || self.dialects.contains(&dialect)
    }

    /// The accounts that may answer, if not all may.
    pub fn only_accounts(&self) -> Option<&[Pattern]> {
        (!self.accounts.is_empty()).then_some(&self.accounts)
    }
}

impl Speech {
    pub const ALL: [Self; 8] = [
        Self::Chat,
        Self::Completions,
        Self::Responses,
        Self::Messages,
        Self::Images,
        Self::Embeddings,
        Self::Moderations,
        Self::Audio,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Images => "images",
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::Audio => "audio",
        }
    }
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Speech {
    type Err = UnknownSpeech;

    fn from_str(text: &str) -> Result<Self, UnknownSpeech> {
        let found = Self::ALL.into_iter().find(|speech| speech.as_str() == text);
        found.ok_or(UnknownSpeech)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a dialect is chat, completions, responses, messages, images, embeddings, moderations or audio"
)]
pub struct UnknownSpeech;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_without_lists_allows_everything() {
        let policy = Policy::default();
        assert!(policy.allows_model("any", "other"));
        assert!(policy.allows_dialect(Speech::Audio));
        assert!(policy.only_accounts().is_none());
    }

    #[test]
    fn a_model_is_allowed_by_its_own_name_or_by_the_one_that_it_stands_for() {
        let policy = Policy {
            models: Pattern::list("gpt-5*,claude-haiku-*"),
            ..Policy::default()
        };
        assert!(policy.allows_model("claude-sonnet-5", "gpt-5.5"));
        assert!(policy.allows_model("claude-haiku-4-5", "o4"));
        assert!(!policy.allows_model("o4", "o4"));
        assert!(!policy.allows_model("", ""));
    }

    #[test]
    fn every_dialect_is_read_by_the_word_that_it_is_written_with() {
        for speech in Speech::ALL {
            assert_eq!(speech.as_str().parse(), Ok(speech));
        }
        assert_eq!("smoke".parse::<Speech>(), Err(UnknownSpeech));
    }
}
