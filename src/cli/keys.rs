//! `keys`: the keys that clients of the router show. Works on the file; a running router notices within a second.
//!
//! A new key is printed once, alone on standard output, so that a script can catch it; everything said about it goes to
//! standard error.

use std::time::SystemTime;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{CliError, prepare_closed, say, warn};
use crate::client_key::{
    ClientKey, KeyChange, KeyDocument, KeyId, KeyTerm, NotChanged, Policy, checked_label, expiry,
};
use crate::desk::words::key_limits;
use crate::period::Period;
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
/// The same for the effort.
const ANY: &str = "any";

pub(super) fn keys(environment: &Environment, verb: KeysVerb) -> Result<(), CliError> {
    let now = SystemTime::now();
    match verb {
        KeysVerb::List { json } => {
            let (home, _) = prepare_closed(environment)?;
            list(&read(&home)?, json, now);
            Ok(())
        }
        KeysVerb::Create { label, terms } => {
            let label = checked(&label)?;
            // Whatever is wrong is said before anything is read.
            let mut policy = Policy::default();
            terms.apply(&mut policy)?;
            let expires_at = terms.expires_at(now)?.flatten();
            let (home, _) = prepare_closed(environment)?;
            create(&home, label, policy, expires_at, now)
        }
        KeysVerb::Show { key, json } => {
            let (home, _) = prepare_closed(environment)?;
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
            let (home, _) = prepare_closed(environment)?;
            let label = keys_file::edit(&home, |document| {
                let key = found(document, &key)?;
                let mut policy = key.policy.clone();
                terms.apply(&mut policy)?;
                if let Some(label) = label {
                    let id = key.id.clone();
                    document.obey(&KeyChange::Rename { id, label })?;
                }
                let called = document.obey(&KeyChange::Limit {
                    id: key.id,
                    policy: Box::new(policy),
                    expires_at: expires_at.unwrap_or(key.expires_at),
                })?;
                Ok::<_, CliError>(called.unwrap_or_default())
            })?;
            say(&format!("Changed {label}"));
            Ok(())
        }
        KeysVerb::Enable { key } => set_enabled(environment, &key, true),
        KeysVerb::Disable { key } => set_enabled(environment, &key, false),
        KeysVerb::Delete { key } => {
            let (home, _) = prepare_closed(environment)?;
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
    let add = KeyChange::Add(Box::new(key.clone()));
    let was_required = keys_file::edit(home, |document| {
        let was_required = document.is_required();
        document.obey(&add)?;
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
    let (home, _) = prepare_closed(environment)?;
    let label = keys_file::edit(&home, |document| {
        let id = found(document, key)?.id;
        let change = match is_enabled {
            true => KeyChange::Enable(id),
            false => KeyChange::Disable(id),
        };
        let label = document.obey(&change)?;
        Ok::<_, CliError>(label.unwrap_or_default())
    })?;
    let word = if is_enabled { "Enabled" } else { "Disabled" };
    say(&format!("{word} {label}"));
    Ok(())
}

fn delete(home: &Home, wanted: &str, now: SystemTime) -> Result<(), CliError> {
    let label = keys_file::edit(home, |document| {
        let id = match (found(document, wanted), KeyId::parse(wanted)) {
            (Ok(key), _) => key.id,
            // One that cannot be understood goes by its id.
            (Err(_), Some(id)) if document.clone().remove(wanted) => id,
            (Err(err), _) => return Err(err),
        };
        let label = document.obey(&KeyChange::Remove(id))?;
        Ok::<_, CliError>(label.unwrap_or_default())
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
    let (home, _) = prepare_closed(environment)?;
    if let Some(is_wanted) = is_wanted {
        keys_file::edit(&home, |document| {
            document.obey(&KeyChange::Require(is_wanted))?;
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

/// By its id, or by its label whatever the size of its letters.
fn found(document: &KeyDocument, wanted: &str) -> Result<ClientKey, CliError> {
    let keys: Vec<_> = document.keys().into_iter().flatten().collect();
    let by_id = keys.iter().find(|key| key.id.as_str() == wanted);
    let by_label = || keys.iter().find(|key| key.is_called(wanted.trim()));
    let found = by_id.or_else(by_label).cloned();
    found.ok_or_else(|| {
        CliError::Usage(format!(
            "there is no key {wanted:?}; see `codex-router keys list`"
        ))
    })
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

impl Terms {
    /// Each option with what was written, and what it is about.
    fn written(&self) -> [(&'static str, Option<&String>, KeyTerm); 14] {
        [
            ("--models", self.models.as_ref(), KeyTerm::Models),
            ("--model", self.model.as_ref(), KeyTerm::Model),
            ("--effort", self.effort.as_ref(), KeyTerm::Effort),
            ("--accounts", self.accounts.as_ref(), KeyTerm::Accounts),
            ("--strategy", self.strategy.as_ref(), KeyTerm::Strategy),
            ("--rpm", self.rpm.as_ref(), KeyTerm::RequestsPerMinute),
            (
                "--concurrency",
                self.concurrency.as_ref(),
                KeyTerm::Concurrency,
            ),
            (
                "--daily-tokens",
                self.daily_tokens.as_ref(),
                KeyTerm::Tokens(Period::Day),
            ),
            (
                "--weekly-tokens",
                self.weekly_tokens.as_ref(),
                KeyTerm::Tokens(Period::Week),
            ),
            (
                "--monthly-tokens",
                self.monthly_tokens.as_ref(),
                KeyTerm::Tokens(Period::Month),
            ),
            (
                "--daily-cost",
                self.daily_cost.as_ref(),
                KeyTerm::Cost(Period::Day),
            ),
            (
                "--weekly-cost",
                self.weekly_cost.as_ref(),
                KeyTerm::Cost(Period::Week),
            ),
            (
                "--monthly-cost",
                self.monthly_cost.as_ref(),
                KeyTerm::Cost(Period::Month),
            ),
            ("--dialects", self.dialects.as_ref(), KeyTerm::Dialects),
        ]
    }

    /// # Errors
    /// A sentence about the first option that cannot be understood. The policy is no longer of use then.
    fn apply(&self, policy: &mut Policy) -> Result<(), CliError> {
        for (option, text, term) in self.written() {
            let Some(text) = text else {
                continue;
            };
            // An effort of `none` is one as well; who wants none of ours says `any`.
            let none = match term {
                KeyTerm::Effort => ANY,
                _ => NONE,
            };
            let is_none = text == none;
            let wrong = || wrong(option, &format!("{}, or {none}", term.form()));
            if !is_none && text.trim().is_empty() {
                return Err(wrong());
            }
            let text = if is_none { "" } else { text };
            term.set(policy, text).map_err(|_form| wrong())?;
        }
        Ok(())
    }

    /// The outer one: whether the option was given. The inner one: whether it names an end.
    fn expires_at(&self, now: SystemTime) -> Result<Option<Option<SystemTime>>, CliError> {
        match self.expires.as_deref() {
            None => Ok(None),
            Some(NONE) => Ok(Some(None)),
            Some(text) => match expiry(text, now) {
                Ok(at) => Ok(Some(Some(at))),
                Err(form) => Err(wrong("--expires", &format!("{form}, or none"))),
            },
        }
    }
}

fn wrong(option: &str, form: &str) -> CliError {
    CliError::Usage(format!("{option} must be {form}"))
}

impl From<NotChanged> for CliError {
    fn from(err: NotChanged) -> Self {
        Self::Usage(err.to_string())
    }
}

impl From<KeysError> for CliError {
    fn from(err: KeysError) -> Self {
        Self::Failed(anyhow!(err))
    }
}

#[cfg(test)]
mod tests;
