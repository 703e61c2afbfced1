//! `keys`: the keys that clients of the router show. Works on the file; a running router notices within a second.
//!
//! A new key is printed once, alone on standard output, so that a script can catch it; everything said about it goes to
//! standard error.

use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{CliError, prepare, say, warn};
use crate::client_key::{ClientKey, EFFORTS, KeyDocument, Policy, Speech, checked_label};
use crate::desk::words::key_limits;
use crate::pattern::Pattern;
use crate::period::Period;
use crate::pool::Strategy;
use crate::price::MicroDollars;
use crate::store::{Environment, Home, KeysError, keys_file};

#[derive(Debug, Subcommand)]
pub(super) enum KeysVerb {
    /// Show all keys: what they are called, how they end, what they may do
    List {
        /// An object for programs; never a secret
        #[arg(long)]
        json: bool,
    },
    /// Make a key; it is printed once and never again
    ///
    /// With the first key a key becomes necessary for every request.
    Create {
        /// What the key is called here
        label: String,
        #[command(flatten)]
        terms: Box<Terms>,
    },
    /// Show one key
    Show {
        /// Its label or its id
        key: String,
        /// An object for programs; never a secret
        #[arg(long)]
        json: bool,
    },
    /// Change what a key may do; what is not named stays as it is
    Edit {
        /// Its label or its id
        key: String,
        /// Another label for it
        #[arg(long, value_name = "LABEL")]
        label: Option<String>,
        #[command(flatten)]
        terms: Box<Terms>,
    },
    /// Let a key open the router again
    Enable { key: String },
    /// Let a key open nothing until it is enabled again
    Disable { key: String },
    /// Take a key away for good
    ///
    /// Where it was the last one a key stays necessary, until `keys require off`.
    Delete { key: String },
    /// Say whether a key is necessary, or decide it: on, off
    Require { on_or_off: Option<String> },
}

/// What stands on the command line about a key. `none` takes a limit away.
#[derive(Debug, Default, Args)]
pub(super) struct Terms {
    /// The models that may be asked for: gpt-5*,o4
    #[arg(long, value_name = "PATTERNS")]
    models: Option<String>,
    /// The model that answers, whatever is asked for
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// How much the model thinks, whatever is asked for
    #[arg(long, value_name = "EFFORT")]
    effort: Option<String>,
    /// The accounts that may answer, by their names or groups: work,team-*
    #[arg(long, value_name = "PATTERNS")]
    accounts: Option<String>,
    /// How an account is picked
    #[arg(long, value_name = "STRATEGY")]
    strategy: Option<String>,
    /// Requests a minute
    #[arg(long, value_name = "NUMBER")]
    rpm: Option<String>,
    /// Requests at the same time; limits.per_key unless given
    #[arg(long, value_name = "NUMBER")]
    concurrency: Option<String>,
    /// Tokens a day, in and out; a day begins at midnight UTC
    #[arg(long, value_name = "NUMBER")]
    daily_tokens: Option<String>,
    /// Tokens a week, from Monday on
    #[arg(long, value_name = "NUMBER")]
    weekly_tokens: Option<String>,
    /// Tokens a month, from its first day on
    #[arg(long, value_name = "NUMBER")]
    monthly_tokens: Option<String>,
    /// US dollars a day, estimated
    #[arg(long, value_name = "DOLLARS")]
    daily_cost: Option<String>,
    /// US dollars a week
    #[arg(long, value_name = "DOLLARS")]
    weekly_cost: Option<String>,
    /// US dollars a month
    #[arg(long, value_name = "DOLLARS")]
    monthly_cost: Option<String>,
    /// When it stops to open the router: 30d, 12h, 2027-01-31 (its end, UTC)
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// The dialects that may be spoken: chat,messages
    #[arg(long, value_name = "NAMES")]
    dialects: Option<String>,
}

/// The word that takes a limit away.
const NONE: &str = "none";

pub(super) fn keys(environment: &Environment, verb: KeysVerb) -> Result<(), CliError> {
    let now = SystemTime::now();
    match verb {
        KeysVerb::List { json } => {
            let (home, _) = prepare(environment)?;
            list(&read(&home)?, json, now);
            Ok(())
        }
        KeysVerb::Create { label, terms } => {
            let label = checked(&label)?;
            // Whatever is wrong is said before anything is read.
            let mut policy = Policy::default();
            terms.apply(&mut policy)?;
            let expires_at = terms.expires_at(now)?.flatten();
            let (home, _) = prepare(environment)?;
            create(&home, label, policy, expires_at, now)
        }
        KeysVerb::Show { key, json } => {
            let (home, _) = prepare(environment)?;
            let document = read(&home)?;
            let key = found(&document, &key)?;
            if json {
                say(&format!("{:#}", told(&key, now)));
            } else {
                for (name, value) in facts(&key, now) {
                    say(&format!("{name:12} {value}"));
                }
            }
            Ok(())
        }
        KeysVerb::Edit { key, label, terms } => {
            let label = label.as_deref().map(checked).transpose()?;
            let expires_at = terms.expires_at(now)?;
            terms.apply(&mut Policy::default())?;
            let (home, _) = prepare(environment)?;
            let label = change(&home, &key, |document, key| {
                if let Some(label) = label {
                    free(document, &label, Some(key))?;
                    key.label = label;
                }
                if let Some(expires_at) = expires_at {
                    key.expires_at = expires_at;
                }
                terms.apply(&mut key.policy)
            })?;
            say(&format!("Changed {label}"));
            Ok(())
        }
        KeysVerb::Enable { key } => set_enabled(environment, &key, true),
        KeysVerb::Disable { key } => set_enabled(environment, &key, false),
        KeysVerb::Delete { key } => {
            let (home, _) = prepare(environment)?;
            delete(&home, &key, now)
        }
        KeysVerb::Require { on_or_off } => require(environment, on_or_off.as_deref()),
    }
}

fn create(
    home: &Home,
    label: String,
    policy: Policy,
    expires_at: Option<SystemTime>,
    now: SystemTime,
) -> Result<(), CliError> {
    let (mut key, shown) = ClientKey::make(label, policy, rand::random(), now);
    key.expires_at = expires_at;
    let was_required = keys_file::edit(home, |document| {
        free(document, &key.label, None)?;
        let was_required = document.is_required();
        // Who had turned it off by hand beside other keys knows why.
        if document.keys().is_empty() {
            document.set_required(true);
        }
        document.add(&key);
        Ok::<_, CliError>(was_required)
    })?;
    let is_required = read(home)?.is_required();
    warn(&format!(
        "Made the key {} ({}). It is shown once; keep it where the client finds it:",
        key.label, key.id
    ));
    say(shown.expose());
    match (was_required, is_required) {
        (false, true) => warn("From now on every request needs a key."),
        (_, false) => {
            warn("Requests without a key are let in as well (`keys require on` ends that).")
        }
        (true, true) => {}
    }
    Ok(())
}

fn set_enabled(environment: &Environment, key: &str, is_enabled: bool) -> Result<(), CliError> {
    let (home, _) = prepare(environment)?;
    let label = change(&home, key, |_document, key| {
        key.is_enabled = is_enabled;
        Ok(())
    })?;
    let word = if is_enabled { "Enabled" } else { "Disabled" };
    say(&format!("{word} {label}"));
    Ok(())
}

fn delete(home: &Home, wanted: &str, now: SystemTime) -> Result<(), CliError> {
    let label = keys_file::edit(home, |document| {
        let key = match found(document, wanted) {
            Ok(key) => Some(key),
            // One that cannot be understood goes by its id.
            Err(_) if document.clone().remove(wanted) => None,
            Err(err) => return Err(err),
        };
        let is_required = document.is_required();
        let id = key.as_ref().map_or(wanted, |key| key.id.as_str());
        document.remove(id);
        document.set_required(is_required);
        Ok::<_, CliError>(key.map_or_else(|| wanted.to_owned(), |key| key.label))
    })?;
    say(&format!("Deleted {label}"));
    let left = read(home)?;
    if left.is_required() && !left.ring().has_open_key(now) {
        warn(
            "No key opens the router any more, and every request needs one (`keys require off` ends that).",
        );
    }
    Ok(())
}

fn require(environment: &Environment, wish: Option<&str>) -> Result<(), CliError> {
    let is_wanted = match wish {
        None => None,
        Some("on") => Some(true),
        Some("off") => Some(false),
        Some(_) => return Err(CliError::Usage("write on or off".into())),
    };
    let (home, _) = prepare(environment)?;
    if let Some(is_wanted) = is_wanted {
        keys_file::edit(&home, |document| {
            document.set_required(is_wanted);
            Ok::<_, CliError>(())
        })?;
    }
    let document = read(&home)?;
    if !document.is_required() {
        say("No key is necessary on this computer.");
        return Ok(());
    }
    say("Every request needs a key.");
    if !document.ring().has_open_key(SystemTime::now()) {
        warn("No key opens the router; make one with `codex-router keys create LABEL`.");
    }
    Ok(())
}

fn read(home: &Home) -> Result<KeyDocument, CliError> {
    Ok(keys_file::document(home)?)
}

/// Changes one key. Gives back its label.
fn change(
    home: &Home,
    wanted: &str,
    change: impl FnOnce(&KeyDocument, &mut ClientKey) -> Result<(), CliError>,
) -> Result<String, CliError> {
    keys_file::edit(home, |document| {
        let mut key = found(document, wanted)?;
        change(document, &mut key)?;
        document.change(&key);
        Ok(key.label)
    })
}

/// By its id, or by its label whatever the size of its letters.
fn found(document: &KeyDocument, wanted: &str) -> Result<ClientKey, CliError> {
    let keys: Vec<_> = document.keys().into_iter().flatten().collect();
    let by_id = keys.iter().find(|key| key.id.as_str() == wanted);
    let by_label = || {
        keys.iter()
            .find(|key| is_same_label(&key.label, wanted.trim()))
    };
    let found = by_id.or_else(by_label).cloned();
    found.ok_or_else(|| {
        CliError::Usage(format!(
            "there is no key {wanted:?}; see `codex-router keys list`"
        ))
    })
}

/// # Errors
/// When another key than `own` has this label.
fn free(document: &KeyDocument, label: &str, own: Option<&ClientKey>) -> Result<(), CliError> {
    let is_taken = |key: &ClientKey| {
        is_same_label(&key.label, label) && own.is_none_or(|own| own.id != key.id)
    };
    if document.keys().iter().flatten().any(is_taken) {
        return Err(CliError::Usage(format!("there is a key {label:?} already")));
    }
    Ok(())
}

fn is_same_label(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn checked(label: &str) -> Result<String, CliError> {
    checked_label(label).map_err(|bad| CliError::Usage(bad.to_string()))
}

fn list(document: &KeyDocument, as_json: bool, now: SystemTime) {
    let keys = document.keys();
    if as_json {
        let all: Vec<_> = keys.iter().flatten().map(|key| told(key, now)).collect();
        let told = json!({ "require_key": document.is_required(), "keys": all });
        say(&format!("{told:#}"));
    } else {
        let width = |text: fn(&ClientKey) -> &str| {
            let widths = keys.iter().flatten().map(|key| text(key).chars().count());
            widths.max().unwrap_or_default()
        };
        let (labels, ids) = (width(|key| &key.label), width(|key| key.id.as_str()));
        for key in keys.iter().flatten() {
            let state = state_of(key, now);
            let limits = key_limits(key).join(", ");
            let more = if limits.is_empty() {
                "no limits"
            } else {
                &limits
            };
            let pad = " ".repeat(labels.saturating_sub(key.label.chars().count()));
            say(&format!(
                "{}{pad}  {:ids$}  …{}  {state}  {more}",
                key.label,
                key.id.as_str(),
                key.last4
            ));
        }
        match (keys.is_empty(), document.is_required()) {
            (true, false) => say("There are no keys; any text will do as one on this computer."),
            (true, true) => say("There are no keys, and every request needs one."),
            (false, true) => say("Every request needs a key."),
            (false, false) => say("Requests without a key are let in as well."),
        }
    }
    for (name, bad) in keys.iter().filter_map(|key| key.as_ref().err()) {
        warn(&format!("{name} opens nothing: {bad} (router/keys.json)"));
    }
}

/// A key for programs.
fn told(key: &ClientKey, now: SystemTime) -> Value {
    let mut told = key.to_json();
    if let Value::Object(told) = &mut told {
        told.insert("open".to_owned(), key.is_open(now).into());
    }
    told
}

fn state_of(key: &ClientKey, now: SystemTime) -> String {
    match key.expires_at {
        _ if !key.is_enabled => "disabled".into(),
        Some(_) if key.is_expired(now) => "expired".into(),
        Some(at) => format!("until {}", utc(at)),
        None => "open".into(),
    }
}

fn utc(at: SystemTime) -> String {
    match Timestamp::try_from(at) {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_beyond_all_dates) => "far away".into(),
    }
}

fn facts(key: &ClientKey, now: SystemTime) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("label", key.label.clone()),
        ("id", key.id.to_string()),
        ("ends in", key.last4.clone()),
        ("state", state_of(key, now)),
        ("made", utc(key.created_at)),
    ];
    facts.extend(key_limits(key).into_iter().map(|limit| ("limit", limit)));
    facts
}

const MAX_PER_MINUTE: u32 = 10_000;

impl Terms {
    /// # Errors
    /// A sentence about the first option that cannot be understood. The policy is no longer of use then.
    fn apply(&self, policy: &mut Policy) -> Result<(), CliError> {
        if let Some(text) = &self.models {
            policy.models = patterns("--models", text)?;
        }
        if let Some(text) = &self.model {
            policy.model = unless_none(text, |text| match text.trim() {
                "" => Err(wrong("--model", "a name, or none")),
                name => Ok(name.to_owned()),
            })?;
        }
        if let Some(text) = &self.effort {
            // Here `none` is an effort as well; who wants none of ours says `any`.
            policy.effort = match text.as_str() {
                "any" => None,
                text if EFFORTS.contains(&text) => Some(text.to_owned()),
                _ => {
                    return Err(wrong(
                        "--effort",
                        &format!("{}, or any", EFFORTS.join(", ")),
                    ));
                }
            };
        }
        if let Some(text) = &self.accounts {
            policy.accounts = patterns("--accounts", text)?;
        }
        if let Some(text) = &self.strategy {
            policy.strategy = unless_none(text, |text| {
                let read = text.parse::<Strategy>();
                read.map_err(|err| CliError::Usage(format!("--strategy: {err}")))
            })?;
        }
        if let Some(text) = &self.rpm {
            let form = format!("a number from 1 to {MAX_PER_MINUTE}, or none");
            policy.requests_per_minute = number("--rpm", text, MAX_PER_MINUTE, &form)?;
        }
        if let Some(text) = &self.concurrency {
            let form = "a number from 1 on, or none";
            policy.concurrency = number("--concurrency", text, u32::MAX, form)?;
        }
        for (option, text, period) in [
            ("--daily-tokens", &self.daily_tokens, Period::Day),
            ("--weekly-tokens", &self.weekly_tokens, Period::Week),
            ("--monthly-tokens", &self.monthly_tokens, Period::Month),
        ] {
            if let Some(text) = text {
                let most = unless_none(text, |text| match text.parse() {
                    Ok(0) | Err(_) => Err(wrong(option, "a number of tokens, or none")),
                    Ok(most) => Ok(most),
                })?;
                policy.tokens.set(period, most);
            }
        }
        for (option, text, period) in [
            ("--daily-cost", &self.daily_cost, Period::Day),
            ("--weekly-cost", &self.weekly_cost, Period::Week),
            ("--monthly-cost", &self.monthly_cost, Period::Month),
        ] {
            if let Some(text) = text {
                let most = unless_none(text, |text| micro_usd(option, text))?;
                policy.cost.set(period, most);
            }
        }
        if let Some(text) = &self.dialects {
            let read = |word: &str| {
                word.trim()
                    .parse::<Speech>()
                    .map_err(|err| CliError::Usage(format!("--dialects: {err}")))
            };
            let dialects = unless_none(text, |text| {
                text.split(',').map(read).collect::<Result<Vec<_>, _>>()
            })?;
            policy.dialects = dialects.unwrap_or_default();
        }
        Ok(())
    }

    /// The outer one: whether the option was given. The inner one: whether it names an end.
    fn expires_at(&self, now: SystemTime) -> Result<Option<Option<SystemTime>>, CliError> {
        const FORM: &str = "30d, 12h, a date such as 2027-01-31, or none";
        let Some(text) = &self.expires else {
            return Ok(None);
        };
        let at = unless_none(text, |text| {
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
            at.filter(is_a_date).ok_or_else(|| wrong("--expires", FORM))
        })?;
        Ok(Some(at))
    }
}

fn end_of_day(text: &str) -> Option<SystemTime> {
    let day: Date = text.parse().ok()?; // no date
    let end = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?; // the last day of all
    Some(end.timestamp().into())
}

fn unless_none<T>(
    text: &str,
    read: impl FnOnce(&str) -> Result<T, CliError>,
) -> Result<Option<T>, CliError> {
    if text == NONE {
        Ok(None)
    } else {
        read(text).map(Some)
    }
}

fn patterns(option: &str, text: &str) -> Result<Vec<Pattern>, CliError> {
    let read = unless_none(text, |text| match Pattern::list(text) {
        all if all.is_empty() => Err(wrong(option, "names with commas between them, or none")),
        all => Ok(all),
    })?;
    Ok(read.unwrap_or_default())
}

fn number(
    option: &str,
    text: &str,
    most: u32,
    form: &str,
) -> Result<Option<std::num::NonZeroU32>, CliError> {
    unless_none(text, |text| match text.parse::<std::num::NonZeroU32>() {
        Ok(number) if number.get() <= most => Ok(number),
        _ => Err(wrong(option, form)),
    })
}

fn micro_usd(option: &str, text: &str) -> Result<u64, CliError> {
    let dollars = text.trim_start_matches('$').parse().ok(); // no number
    let amount = dollars.and_then(MicroDollars::from_dollars);
    let micro_usd = amount.map(|amount| amount.0).filter(|amount| *amount > 0);
    micro_usd.ok_or_else(|| wrong(option, "an amount in US dollars such as 2.50, or none"))
}

fn wrong(option: &str, form: &str) -> CliError {
    CliError::Usage(format!("{option} must be {form}"))
}

impl From<KeysError> for CliError {
    fn from(err: KeysError) -> Self {
        Self::Failed(anyhow!(err))
    }
}

#[cfg(test)]
mod tests;
