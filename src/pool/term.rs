//! One thing that the user can say about an account: its name, and how it is read and written in `router.json` and on a command line.
//!
//! Both go through the same text, so that what one accepts the other does: `{"reserve": {"weekly": 10}}` is `weekly=10`.

use std::fmt;

use serde_json::{Map, Value, json};

use super::terms::{Reserve, Terms, Tier};
use crate::pattern::Pattern;
use crate::price::MicroDollars;
use crate::profile::SideFile;
use crate::profile::about::is_deceptive;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Term {
    Enabled,
    Weight,
    Priority,
    Order,
    Reserve,
    Models,
    Group,
    DailyTokens,
    MonthlyTokens,
    DailyCost,
    MonthlyCost,
}

/// What was said and cannot be meant. It counts as not said, and stays where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} = {value:?} cannot be used: {reason}", .term.key())]
pub struct BadTerm {
    pub term: Term,
    pub value: String,
    pub reason: &'static str,
}

/// Takes a term back, on a command line.
pub const DEFAULT: &str = "default";
/// More is no share but a mistake.
const MAX_WEIGHT: u32 = 100;
const MAX_GROUP_CHARS: usize = 64;
/// A value that is told again is cut off here.
const MAX_SHOWN_CHARS: usize = 60;

impl Term {
    pub const ALL: [Self; 11] = [
        Self::Enabled,
        Self::Weight,
        Self::Priority,
        Self::Order,
        Self::Reserve,
        Self::Models,
        Self::Group,
        Self::DailyTokens,
        Self::MonthlyTokens,
        Self::DailyCost,
        Self::MonthlyCost,
    ];

    /// In `router.json`.
    pub fn key(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Weight => "weight",
            Self::Priority => "priority",
            Self::Order => "order",
            Self::Reserve => "reserve",
            Self::Models => "models",
            Self::Group => "group",
            Self::DailyTokens => "daily_tokens",
            Self::MonthlyTokens => "monthly_tokens",
            Self::DailyCost => "daily_cost",
            Self::MonthlyCost => "monthly_cost",
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Terms {
    /// What stands in a `router.json`. What cannot be used counts as not said, and is told.
    pub fn read(side: &SideFile) -> (Self, Vec<BadTerm>) {
        let (mut terms, mut bad) = (Self::default(), Vec::new());
        for term in Term::ALL {
            let Some(value) = side.get(term.key()).filter(|value| !value.is_null()) else {
                continue;
            };
            if let Err(refused) = terms.say(term, &text_of(value)) {
                bad.push(refused);
            }
        }
        (terms, bad)
    }

    /// Says one thing in the words of a command line; `default` takes it back.
    ///
    /// # Errors
    /// When it cannot be meant, with the form that can; nothing is changed then.
    pub fn say(&mut self, term: Term, text: &str) -> Result<(), BadTerm> {
        let text = text.trim();
        let unsaid = Self::default();
        let is_default = text == DEFAULT;
        let said = match term {
            Term::Enabled if is_default => set(&mut self.is_enabled, Ok(unsaid.is_enabled)),
            Term::Enabled => set(&mut self.is_enabled, switch(text)),
            Term::Weight if is_default => set(&mut self.weight, Ok(unsaid.weight)),
            Term::Weight => set(&mut self.weight, weight(text)),
            Term::Priority => set(&mut self.tier, unless(is_default, || tier(text))),
            Term::Order => set(&mut self.order, unless(is_default, || order(text))),
            Term::Reserve if is_default => set(&mut self.reserve, Ok(unsaid.reserve)),
            Term::Reserve => set(&mut self.reserve, reserve(text)),
            Term::Models if is_default => set(&mut self.models, Ok(unsaid.models)),
            Term::Models => set(&mut self.models, models(text)),
            Term::Group => set(&mut self.group, unless(is_default, || group(text))),
            Term::DailyTokens => set(
                &mut self.budget.daily.tokens,
                unless(is_default, || tokens(text)),
            ),
            Term::MonthlyTokens => set(
                &mut self.budget.monthly.tokens,
                unless(is_default, || tokens(text)),
            ),
            Term::DailyCost => set(
                &mut self.budget.daily.micro_dollars,
                unless(is_default, || dollars(text)),
            ),
            Term::MonthlyCost => set(
                &mut self.budget.monthly.micro_dollars,
                unless(is_default, || dollars(text)),
            ),
        };
        said.map_err(|reason| BadTerm {
            term,
            value: text.chars().take(MAX_SHOWN_CHARS).collect(),
            reason,
        })
    }

    /// As it stands in `router.json`; none for what is as it is without a word.
    pub fn json(&self, term: Term) -> Option<Value> {
        let unsaid = Self::default();
        match term {
            Term::Enabled => (self.is_enabled != unsaid.is_enabled).then(|| json!(self.is_enabled)),
            Term::Weight => (self.weight != unsaid.weight).then(|| json!(self.weight)),
            Term::Priority => self.tier.map(|tier| json!(tier.as_str())),
            Term::Order => self.order.map(|order| json!(order)),
            Term::Reserve => reserve_json(self.reserve),
            Term::Models => {
                let models: Vec<_> = self.models.iter().map(Pattern::as_str).collect();
                (!models.is_empty()).then(|| json!(models))
            }
            Term::Group => self.group.as_ref().map(|group| json!(group)),
            Term::DailyTokens => self.budget.daily.tokens.map(|tokens| json!(tokens)),
            Term::MonthlyTokens => self.budget.monthly.tokens.map(|tokens| json!(tokens)),
            Term::DailyCost => self.budget.daily.micro_dollars.map(dollars_json),
            Term::MonthlyCost => self.budget.monthly.micro_dollars.map(dollars_json),
        }
    }

    /// Everything that is not as it is without a word, as [`Terms::say`] takes it.
    pub fn said(&self) -> Vec<(Term, String)> {
        let said = |term| Some((term, text_of(&self.json(term)?)));
        Term::ALL.into_iter().filter_map(said).collect()
    }
}

/// Takes a value if it is one.
fn set<T>(slot: &mut T, value: Result<T, &'static str>) -> Result<(), &'static str> {
    *slot = value?;
    Ok(())
}

fn unless<T>(
    is_default: bool,
    read: impl FnOnce() -> Result<T, &'static str>,
) -> Result<Option<T>, &'static str> {
    if is_default {
        Ok(None)
    } else {
        read().map(Some)
    }
}

fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" | "1" => Ok(true),
        "no" | "false" | "off" | "0" => Ok(false),
        _ => Err("write yes or no"),
    }
}

fn weight(text: &str) -> Result<u32, &'static str> {
    let weight = text.parse().ok();
    let weight = weight.filter(|weight| (1..=MAX_WEIGHT).contains(weight));
    weight.ok_or("write a whole number from 1 to 100")
}

fn tier(text: &str) -> Result<Tier, &'static str> {
    let tier = Tier::ALL.into_iter().find(|tier| tier.as_str() == text);
    tier.ok_or("write first, normal or last")
}

fn order(text: &str) -> Result<u32, &'static str> {
    text.parse()
        .map_err(|_no_number| "write a place in the order: 1, 2, 3 …")
}

fn reserve(text: &str) -> Result<Reserve, &'static str> {
    const FORM: &str = "write percent: 20, or 5-hour=20,weekly=10,other=5";
    let percent = |text: &str| {
        let text = text.trim();
        let percent = text.strip_suffix('%').unwrap_or(text).parse().ok();
        percent.filter(|percent: &u8| *percent <= 100).ok_or(FORM)
    };
    if !text.contains('=') {
        return Ok(Reserve::of_all(percent(text)?));
    }
    let mut reserve = Reserve::default();
    for one in text.split(',').filter(|one| !one.trim().is_empty()) {
        let (window, value) = one.split_once('=').ok_or(FORM)?;
        let slot = match window.trim() {
            FIVE_HOUR => &mut reserve.five_hour,
            WEEKLY => &mut reserve.weekly,
            OTHER => &mut reserve.other,
            _ => return Err(FORM),
        };
        *slot = percent(value)?;
    }
    Ok(reserve)
}

const FIVE_HOUR: &str = "5-hour";
const WEEKLY: &str = "weekly";
const OTHER: &str = "other";

fn reserve_json(reserve: Reserve) -> Option<Value> {
    if reserve == Reserve::default() {
        return None;
    }
    if reserve == Reserve::of_all(reserve.weekly) {
        return Some(json!(reserve.weekly));
    }
    let all = [
        (FIVE_HOUR, reserve.five_hour),
        (WEEKLY, reserve.weekly),
        (OTHER, reserve.other),
    ];
    let said = all.into_iter().filter(|(_, percent)| *percent > 0);
    let said: Map<_, _> = said
        .map(|(window, percent)| (window.to_owned(), json!(percent)))
        .collect();
    Some(Value::Object(said))
}

fn models(text: &str) -> Result<Vec<Pattern>, &'static str> {
    let models = Pattern::list(text);
    if models.is_empty() {
        return Err("name models, with * for any letters: gpt-5*,o*");
    }
    Ok(models)
}

fn group(text: &str) -> Result<String, &'static str> {
    let is_odd = |letter: char| is_deceptive(letter) || matches!(letter, '*' | ',');
    if text.is_empty() || text.chars().count() > MAX_GROUP_CHARS || text.contains(is_odd) {
        return Err("write up to 64 letters without * and commas");
    }
    Ok(text.to_owned())
}

/// `500000`, `500k`, `2M`.
fn tokens(text: &str) -> Result<u64, &'static str> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix(['m', 'M']) {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    let count = digits.parse::<u64>().ok();
    let count = count.and_then(|count| count.checked_mul(unit));
    count.ok_or("write a number of tokens: 500000, 500k or 2M")
}

/// Into micro-dollars.
fn dollars(text: &str) -> Result<u64, &'static str> {
    let digits = text.strip_prefix('$').unwrap_or(text);
    let dollars = digits.parse().ok();
    let amount = dollars.and_then(MicroDollars::from_dollars);
    amount
        .map(|amount| amount.0)
        .ok_or("write US dollars: 20 or 0.50")
}

fn dollars_json(micros: u64) -> Value {
    if micros.is_multiple_of(1_000_000) {
        json!(micros / 1_000_000)
    } else {
        json!(MicroDollars(micros).dollars())
    }
}

/// JSON as the same would be written on a command line.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text_of).collect::<Vec<_>>().join(","),
        Value::Object(fields) => {
            let pair = |(key, value): (&String, &Value)| format!("{key}={}", text_of(value));
            fields.iter().map(pair).collect::<Vec<_>>().join(",")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pool::terms::{Allowance, Budget};

    #[test]
    fn terms_are_read_from_json_in_every_form() {
        let side = SideFile::parse(
            br#"{"enabled": false, "weight": 3, "priority": "first", "order": 2, "reserve": {"5-hour": 20, "weekly": "10%"},
                "models": ["gpt-5*", "o*"], "group": "team", "daily_tokens": "500k", "monthly_cost": 20.5, "note": "mine"}"#,
        );
        let (terms, bad) = Terms::read(&side);
        assert_eq!(bad, []);
        let expected = Terms {
            is_enabled: false,
            weight: 3,
            tier: Some(Tier::First),
            order: Some(2),
            reserve: Reserve {
                five_hour: 20,
                weekly: 10,
                other: 0,
            },
            models: Pattern::list("gpt-5*,o*"),
            group: Some("team".into()),
            budget: Budget {
                daily: Allowance {
                    tokens: Some(500_000),
                    micro_dollars: None,
                },
                monthly: Allowance {
                    tokens: None,
                    micro_dollars: Some(20_500_000),
                },
            },
        };
        assert_eq!(terms, expected);
    }

    #[test]
    fn what_cannot_be_meant_is_told_and_counts_as_not_said() {
        let side = SideFile::parse(
            br#"{"enabled": "maybe", "weight": 0, "priority": "high", "order": -1, "reserve": {"hourly": 5}, "models": [],
                "group": "a,b", "daily_tokens": -5, "monthly_tokens": 1.5, "daily_cost": "free", "monthly_cost": 1e99}"#,
        );
        let (terms, bad) = Terms::read(&side);
        assert_eq!(terms, Terms::default());
        let told: Vec<_> = bad.iter().map(|bad| bad.term).collect();
        assert_eq!(told, Term::ALL);
        let sentence = bad[1].to_string();
        assert_eq!(
            sentence,
            r#"weight = "0" cannot be used: write a whole number from 1 to 100"#
        );
        let (terms, bad) = Terms::read(&SideFile::parse(br#"{"weight": null}"#));
        assert_eq!((terms, bad), (Terms::default(), vec![]));
    }

    #[test]
    fn the_words_of_the_command_line_change_one_thing_and_default_takes_it_back() {
        let mut terms = Terms::default();
        for (term, text) in [
            (Term::Enabled, "no"),
            (Term::Weight, "7"),
            (Term::Priority, "last"),
            (Term::Order, "1"),
            (Term::Reserve, "5-hour=20,weekly=10"),
            (Term::Models, "gpt-5*,o*"),
            (Term::Group, "team"),
            (Term::DailyTokens, "1000"),
            (Term::MonthlyTokens, "2000000"),
            (Term::DailyCost, "0.5"),
            (Term::MonthlyCost, "20"),
        ] {
            terms.say(term, text).unwrap();
            let said = terms.said();
            let (last, shown) = said.last().unwrap();
            let expected = if text == "no" { "false" } else { text };
            assert_eq!((*last, shown.as_str()), (term, expected));
        }
        let before = terms.clone();
        assert!(terms.say(Term::Weight, "many").is_err());
        assert_eq!(terms, before);
        for term in Term::ALL {
            terms.say(term, DEFAULT).unwrap();
        }
        assert_eq!((terms.said(), terms), (vec![], Terms::default()));
    }

    #[test]
    fn a_bare_percent_is_the_reserve_of_every_window() {
        let mut terms = Terms::default();
        terms.say(Term::Reserve, "20%").unwrap();
        assert_eq!(terms.reserve, Reserve::of_all(20));
        assert_eq!(terms.json(Term::Reserve), Some(json!(20)));
        for text in ["101", "x", "weekly", "weekly=", "=5", "5-hour=20;weekly=10"] {
            assert!(terms.say(Term::Reserve, text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_read_again_from_what_is_written(
            texts in prop::collection::vec(("[a-z0-9=%,.*$ -]{0,12}", 0..11_usize), 0..20),
        ) {
            let mut terms = Terms::default();
            for (text, at) in texts {
                // Whether or not it can be meant.
                let _said = terms.say(Term::ALL[at], &text);
            }
            let mut side = SideFile::default();
            for term in Term::ALL {
                side.set(term.key(), terms.json(term));
            }
            prop_assert_eq!(Terms::read(&SideFile::parse(&side.to_bytes())), (terms, vec![]));
        }
    }
}
