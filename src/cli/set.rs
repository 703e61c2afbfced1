//! `set`: the user's terms for one account. Written into its `router.json`; a running instance notices.

use anyhow::anyhow;
use clap::Args;
use serde_json::Value;

use super::{CliError, parse, prepare, say};
use crate::desk::{Term, Terms, words};
use crate::store::{Environment, profiles};

/// What stands on the command line. Every value may be `default`.
#[derive(Debug, Args)]
pub(super) struct Wish {
    /// The account
    name: String,
    #[command(flatten)]
    words: Words,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Words {
    /// Whether the router may use it
    #[arg(long, value_name = "yes|no")]
    enabled: Option<String>,
    /// Its share where accounts take turns (round_robin, priority): 1 to 100
    #[arg(long, value_name = "N")]
    weight: Option<String>,
    /// Its tier under the strategy priority
    #[arg(long, value_name = "first|normal|last")]
    priority: Option<String>,
    /// Its place under the strategy ordered: the lowest first
    #[arg(long, value_name = "N")]
    order: Option<String>,
    /// Percent that the router leaves alone: 20 of every window, or 5-hour=20,weekly=10,other=5
    #[arg(long, value_name = "PERCENT")]
    reserve: Option<String>,
    /// The models it is for: 'gpt-5*,o*'
    #[arg(long, value_name = "PATTERNS")]
    models: Option<String>,
    /// By which a client key can mean several accounts
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Tokens a day (UTC): 500000, 500k or 2M
    #[arg(long, value_name = "N")]
    daily_tokens: Option<String>,
    /// Tokens a month (UTC)
    #[arg(long, value_name = "N")]
    monthly_tokens: Option<String>,
    /// Estimated US dollars a day (UTC)
    #[arg(long, value_name = "DOLLARS")]
    daily_cost: Option<String>,
    /// Estimated US dollars a month (UTC)
    #[arg(long, value_name = "DOLLARS")]
    monthly_cost: Option<String>,
}

pub(super) fn set(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    let name = parse(&wish.name)?;
    let values = wish.words.values()?;
    let (home, _) = prepare(environment)?;
    // Everything else stays as it stands, be it right or wrong.
    profiles::edit_side(&home, &name, |side| {
        for (term, value) in values {
            side.set(term.key(), value);
        }
    })
    .map_err(|err| anyhow!("nothing was changed for {name}: {err}"))?;
    let profile = profiles::load(&home, &name).map_err(anyhow::Error::from)?;
    let (terms, bad) = Terms::read(&profile.side);
    for bad in bad {
        super::warn(&format!("router.json of {name}: {bad}"));
    }
    let said = words::terms(&terms);
    say(&match said {
        Some(said) => format!("{name}: {said}"),
        None => format!("{name}: nothing special"),
    });
    Ok(())
}

impl Words {
    fn said(&self) -> impl Iterator<Item = (Term, &str)> {
        Term::ALL.into_iter().filter_map(|term| {
            let text = match term {
                Term::Enabled => &self.enabled,
                Term::Weight => &self.weight,
                Term::Priority => &self.priority,
                Term::Order => &self.order,
                Term::Reserve => &self.reserve,
                Term::Models => &self.models,
                Term::Group => &self.group,
                Term::DailyTokens => &self.daily_tokens,
                Term::MonthlyTokens => &self.monthly_tokens,
                Term::DailyCost => &self.daily_cost,
                Term::MonthlyCost => &self.monthly_cost,
            };
            Some((term, text.as_deref()?))
        })
    }

    /// What was said, as it stands in the file; nothing for what was taken back.
    fn values(&self) -> Result<Vec<(Term, Option<Value>)>, CliError> {
        let value = |(term, text): (Term, &str)| {
            let mut terms = Terms::default();
            terms.say(term, text).map_err(|err| {
                let option = term.key().replace('_', "-");
                CliError::Usage(format!(
                    "--{option} {text:?} cannot be used: {}",
                    err.reason
                ))
            })?;
            Ok((term, terms.json(term)))
        };
        self.said().map(value).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::profile::SideFile;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        wish: Wish,
    }

    fn changed(line: &str, side: &str) -> Result<String, String> {
        let words = std::iter::once("set").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|err| err.to_string())?;
        let mut side = SideFile::parse(side.as_bytes());
        let values = line.wish.words.values().map_err(|err| err.to_string())?;
        for (term, value) in values {
            side.set(term.key(), value);
        }
        let text = String::from_utf8(side.to_bytes()).unwrap();
        Ok(text.split_whitespace().collect())
    }

    #[test]
    fn what_was_said_is_written_and_the_rest_stays() {
        let side = r#"{"weight": "odd", "label": "mine", "reserve": 5}"#;
        for (line, expected) in [
            (
                "a --priority first --order 3",
                r#"{"weight":"odd","label":"mine","reserve":5,"priority":"first","order":3}"#,
            ),
            (
                "a --reserve 5-hour=20,weekly=10",
                r#"{"weight":"odd","label":"mine","reserve":{"5-hour":20,"weekly":10}}"#,
            ),
            (
                "a --reserve default --weight 2",
                r#"{"weight":2,"label":"mine"}"#,
            ),
            (
                "a --enabled no --models gpt-5*,o* --monthly-cost 20",
                r#"{"weight":"odd","label":"mine","reserve":5,"enabled":false,"models":["gpt-5*","o*"],"monthly_cost":20}"#,
            ),
        ] {
            assert_eq!(changed(line, side).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said_with_the_form_that_can() {
        for (line, said) in [
            ("a", "required"),
            (
                "a --weight 0",
                "--weight \"0\" cannot be used: write a whole number from 1 to 100",
            ),
            ("a --priority high", "first, normal or last"),
            ("a --reserve 120", "5-hour=20"),
            ("a --daily-tokens lots", "--daily-tokens"),
        ] {
            let refused = changed(line, "{}").unwrap_err();
            assert!(refused.contains(said), "{line}: {refused}");
        }
    }
}
