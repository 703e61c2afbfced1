//! What people write about a key, field by field: on the command line and in the window, by the same rules.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::document::MAX_PER_MINUTE;
use super::policy::{EFFORTS, Policy, Speech};
use crate::pattern::Pattern;
use crate::period::Period;
use crate::pool::Strategy;
use crate::price::MicroDollars;

/// One thing that a policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyTerm {
    Models,
    Model,
    Effort,
    Accounts,
    Strategy,
    RequestsPerMinute,
    Concurrency,
    Tokens(Period),
    Cost(Period),
    Dialects,
}

/// The form that a text should have had: `a number from 1 to 10000`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadKeyTerm(String);

impl KeyTerm {
    pub const ALL: [Self; 14] = [
        Self::Models,
        Self::Model,
        Self::Effort,
        Self::Accounts,
        Self::Strategy,
        Self::RequestsPerMinute,
        Self::Concurrency,
        Self::Tokens(Period::Day),
        Self::Tokens(Period::Week),
        Self::Tokens(Period::Month),
        Self::Cost(Period::Day),
        Self::Cost(Period::Week),
        Self::Cost(Period::Month),
        Self::Dialects,
    ];

    /// Takes what was written into the policy. Nothing written takes the limit away.
    ///
    /// # Errors
    /// The form that the text should have. The policy is as it was then.
    pub fn set(self, policy: &mut Policy, text: &str) -> Result<(), BadKeyTerm> {
        let text = Some(text.trim()).filter(|text| !text.is_empty());
        let bad = || BadKeyTerm(self.form());
        match self {
            Self::Models => policy.models = patterns(text).ok_or_else(bad)?,
            Self::Accounts => policy.accounts = patterns(text).ok_or_else(bad)?,
            Self::Model => policy.model = text.map(str::to_owned),
            Self::Effort => {
                let read = |text: &str| EFFORTS.contains(&text).then(|| text.to_owned());
                policy.effort = told(text, read).ok_or_else(bad)?;
            }
            Self::Strategy => {
                // What is no name is told by the form.
                policy.strategy = told(text, |text| text.parse().ok()).ok_or_else(bad)?;
            }
            Self::RequestsPerMinute => {
                let most = told(text, |text| number_up_to(text, MAX_PER_MINUTE));
                policy.requests_per_minute = most.ok_or_else(bad)?;
            }
            Self::Concurrency => {
                let most = told(text, |text| number_up_to(text, u32::MAX));
                policy.concurrency = most.ok_or_else(bad)?;
            }
            Self::Tokens(period) => {
                let most = told(text, count).ok_or_else(bad)?;
                policy.tokens.set(period, most);
            }
            Self::Cost(period) => {
                let most = told(text, micro_usd).ok_or_else(bad)?;
                policy.cost.set(period, most);
            }
            Self::Dialects => {
                let speech = |word: &str| word.trim().parse::<Speech>().ok();
                let read = |text: &str| text.split(',').map(speech).collect::<Option<Vec<_>>>();
                policy.dialects = told(text, read).ok_or_else(bad)?.unwrap_or_default();
            }
        }
        Ok(())
    }

    /// What the policy says, as it is written; empty where it says nothing.
    pub fn text(self, policy: &Policy) -> String {
        let patterns = |all: &[Pattern]| {
            let all: Vec<_> = all.iter().map(Pattern::as_str).collect();
            all.join(", ")
        };
        let number = |most: Option<NonZeroU32>| most.map(|most| most.to_string());
        match self {
            Self::Models => patterns(&policy.models),
            Self::Accounts => patterns(&policy.accounts),
            Self::Model => policy.model.clone().unwrap_or_default(),
            Self::Effort => policy.effort.clone().unwrap_or_default(),
            Self::Strategy => {
                let name = policy.strategy.map(|strategy| strategy.as_str().to_owned());
                name.unwrap_or_default()
            }
            Self::RequestsPerMinute => number(policy.requests_per_minute).unwrap_or_default(),
            Self::Concurrency => number(policy.concurrency).unwrap_or_default(),
            Self::Tokens(period) => {
                let most = policy.tokens.of(period).map(|most| most.to_string());
                most.unwrap_or_default()
            }
            Self::Cost(period) => {
                let most = policy.cost.of(period).map(written_usd);
                most.unwrap_or_default()
            }
            Self::Dialects => {
                let words: Vec<_> = policy.dialects.iter().map(|it| it.as_str()).collect();
                words.join(", ")
            }
        }
    }

    /// What may be written.
    pub fn form(self) -> String {
        match self {
            Self::Models | Self::Accounts => "names with commas between them".to_owned(),
            Self::Model => "a name".to_owned(),
            Self::Effort => EFFORTS.join(", "),
            Self::Strategy => Strategy::ALL.map(Strategy::as_str).join(", "),
            Self::RequestsPerMinute => format!("a number from 1 to {MAX_PER_MINUTE}"),
            Self::Concurrency => "a number from 1 on".to_owned(),
            Self::Tokens(_) => "a number of tokens such as 500k".to_owned(),
            Self::Cost(_) => "an amount in US dollars such as 2.50".to_owned(),
            Self::Dialects => Speech::ALL.map(Speech::as_str).join(", "),
        }
    }
}

/// When a key that is to end then stops to open the router: `30d`, `12h`, or the end of a day in UTC, `2027-01-31`.
///
/// # Errors
/// The form, where the text has none of these, or names a moment that has passed.
pub fn expiry(text: &str, now: SystemTime) -> Result<SystemTime, BadKeyTerm> {
    let text = text.trim();
    let after = |count: &str, secs: u64| {
        let secs = count.parse::<u64>().ok()?.checked_mul(secs)?; // no number: no length
        now.checked_add(Duration::from_secs(secs))
    };
    let at = if let Some(days) = text.strip_suffix('d') {
        after(days, 86_400)
    } else if let Some(hours) = text.strip_suffix('h') {
        after(hours, 3_600)
    } else {
        end_of_day(text)
    };
    let is_a_date = |at: &SystemTime| *at > now && Timestamp::try_from(*at).is_ok();
    at.filter(is_a_date)
        .ok_or_else(|| BadKeyTerm("30d, 12h, or a date to come such as 2027-01-31".to_owned()))
}

fn end_of_day(text: &str) -> Option<SystemTime> {
    let day: Date = text.parse().ok()?; // no date
    let end = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?; // the last day of all
    Some(end.timestamp().into())
}

/// The outer one: whether it can be understood. The inner one: whether there is anything.
fn told<T>(text: Option<&str>, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => read(text).map(Some),
    }
}

fn patterns(text: Option<&str>) -> Option<Vec<Pattern>> {
    let read = |text: &str| Some(Pattern::list(text)).filter(|all| !all.is_empty());
    Some(told(text, read)?.unwrap_or_default())
}

fn number_up_to(text: &str, most: u32) -> Option<NonZeroU32> {
    let number = u32::try_from(count(text)?).ok()?; // more than anybody may say
    NonZeroU32::new(number).filter(|number| number.get() <= most)
}

/// `1000000`, `1,000,000` and `1M` are the same.
fn count(text: &str) -> Option<u64> {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, ',' | '_' | ' '))
        .collect();
    let (digits, times) = match plain.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match plain.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1_000_000),
            None => (plain.as_str(), 1),
        },
    };
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = match is_whole {
        true => digits.parse::<u64>().ok()?.checked_mul(times)?, // too long for a number
        false if times > 1 => tenths(digits)?.checked_mul(times / 10)?,
        false => return None,
    };
    (number > 0).then_some(number)
}

/// `1.5` as 15.
fn tenths(text: &str) -> Option<u64> {
    let (whole, tenth) = text.split_once('.')?;
    let tenth = (tenth.len() == 1).then(|| tenth.parse::<u64>().ok())??; // no digit
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(10)?
        .checked_add(tenth) // no number
}

fn micro_usd(text: &str) -> Option<u64> {
    let plain = text.trim_start_matches('$').replace(',', "");
    let amount = MicroDollars::from_dollars(plain.parse().ok()?)?; // no number
    (amount.0 > 0).then_some(amount.0)
}

/// As it is written: `2.50`, `12.345678`.
fn written_usd(micro_usd: u64) -> String {
    let (whole, millionths) = (micro_usd / 1_000_000, micro_usd % 1_000_000);
    if millionths % 10_000 == 0 {
        return format!("{whole}.{:02}", millionths / 10_000);
    }
    let digits = format!("{millionths:06}");
    format!("{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strict() -> Policy {
        let mut policy = Policy::default();
        for (term, text) in [
            (KeyTerm::Models, "gpt-5*, o4"),
            (KeyTerm::Model, "gpt-5.5"),
            (KeyTerm::Effort, "none"),
            (KeyTerm::Accounts, "work, team-*"),
            (KeyTerm::Strategy, "active"),
            (KeyTerm::RequestsPerMinute, "60"),
            (KeyTerm::Concurrency, "4"),
            (KeyTerm::Tokens(Period::Day), "1000"),
            (KeyTerm::Tokens(Period::Week), "5000"),
            (KeyTerm::Tokens(Period::Month), "9000"),
            (KeyTerm::Cost(Period::Day), "0.50"),
            (KeyTerm::Cost(Period::Week), "2.00"),
            (KeyTerm::Cost(Period::Month), "12.345678"),
            (KeyTerm::Dialects, "chat, messages"),
        ] {
            term.set(&mut policy, text).unwrap();
            assert_eq!(term.text(&policy), text);
        }
        policy
    }

    #[test]
    fn every_term_is_read_as_it_is_written_and_nothing_takes_it_away() {
        let mut policy = strict();
        for term in KeyTerm::ALL {
            assert_ne!(term.text(&policy), "", "{term:?}");
            term.set(&mut policy, " ").unwrap();
            assert_eq!(term.text(&policy), "");
        }
        assert_eq!(policy, Policy::default());
    }

    #[test]
    fn numbers_may_be_written_as_people_write_them() {
        let day = |text: &str| {
            let mut policy = Policy::default();
            let term = KeyTerm::Tokens(Period::Day);
            term.set(&mut policy, text).ok()?;
            policy.tokens.day
        };
        for text in ["1000000", "1,000,000", "1 000 000", "1M", "1000k", "1.0m"] {
            assert_eq!(day(text), Some(1_000_000), "{text}");
        }
        assert_eq!(day("1.5k"), Some(1_500));
        for text in [
            "0",
            "0k",
            "1.5",
            "1.55M",
            "k",
            "-1",
            "many",
            "99999999999999999999",
            "99999999999999999M",
        ] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_written_wrongly_changes_nothing_and_is_answered_with_the_form() {
        for (term, text, form) in [
            (KeyTerm::Models, ",", "names with commas"),
            (KeyTerm::Effort, "much", "none, minimal, low"),
            (KeyTerm::Strategy, "luck", "least_used, active"),
            (
                KeyTerm::RequestsPerMinute,
                "10001",
                "a number from 1 to 10000",
            ),
            (KeyTerm::Concurrency, "0", "a number from 1 on"),
            (KeyTerm::Tokens(Period::Week), "-", "a number of tokens"),
            (KeyTerm::Cost(Period::Day), "inf", "an amount in US dollars"),
            (KeyTerm::Cost(Period::Day), "$0", "an amount in US dollars"),
            (KeyTerm::Dialects, "chat, smoke", "chat, completions"),
        ] {
            let mut policy = strict();
            let refused = term.set(&mut policy, text).unwrap_err().to_string();
            assert!(refused.starts_with(form), "{term:?}: {refused}");
            assert_eq!(policy, strict());
        }
    }
}
