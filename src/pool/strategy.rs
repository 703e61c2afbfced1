//! By which rule the router picks an account, and the words for each.

use std::fmt;
use std::str::FromStr;

/// How the router picks. What each makes of the members stands in [`super::rank`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Only the profile that the Codex CLI uses.
    Active,
    /// The user's order, one after the other.
    Ordered,
    /// Each request goes to the next, by weight.
    RoundRobin,
    /// The profile with the most percent left.
    #[default]
    LeastUsed,
    /// Tier by tier; inside a tier in turn, by weight.
    Priority,
    /// A conversation stays where it is; a fresh one goes where the most is left.
    Sticky,
    /// What comes back first is used up first.
    SoonestReset,
    /// The better of two, by the time to their first token.
    Fastest,
}

impl Strategy {
    pub const ALL: [Self; 8] = [
        Self::LeastUsed,
        Self::Active,
        Self::Ordered,
        Self::RoundRobin,
        Self::Priority,
        Self::Sticky,
        Self::SoonestReset,
        Self::Fastest,
    ];

    /// As it stands in settings and in the request header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ordered => "ordered",
            Self::RoundRobin => "round_robin",
            Self::LeastUsed => "least_used",
            Self::Priority => "priority",
            Self::Sticky => "sticky",
            Self::SoonestReset => "soonest_reset",
            Self::Fastest => "fastest",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Strategy {
    type Err = UnknownStrategy;

    fn from_str(text: &str) -> Result<Self, UnknownStrategy> {
        Self::ALL
            .into_iter()
            .find(|strategy| strategy.as_str() == text)
            .ok_or_else(|| UnknownStrategy(text.chars().take(MAX_SHOWN_CHARS).collect()))
    }
}

/// No name of a strategy, as it was written; its sentence lists those that there are.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownStrategy(String);

/// Longer than any name; the text may come from a client.
const MAX_SHOWN_CHARS: usize = 40;

impl std::error::Error for UnknownStrategy {}

impl fmt::Display for UnknownStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Strategy::ALL.map(Strategy::as_str).join(", ");
        write!(f, "unknown strategy {:?}: use one of {names}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strategy_is_read_by_its_setting_name_and_an_unknown_one_lists_them_all() {
        for strategy in Strategy::ALL {
            assert_eq!(strategy.as_str().parse(), Ok(strategy));
        }
        let sentence = "most".parse::<Strategy>().unwrap_err().to_string();
        for strategy in Strategy::ALL {
            assert!(sentence.contains(strategy.as_str()), "{sentence}");
        }
        let long = "x".repeat(10_000).parse::<Strategy>().unwrap_err();
        assert!(long.to_string().len() < 300);
    }
}
