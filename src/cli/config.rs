//! `config`: every setting with its value and where that came from, and changes of `config.toml`. A running program notices.

use std::io::Read as _;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{CliError, say, warn};
use crate::desk::settings::{
    BadChange, Change, Listen, ReadSettings, Setting, SettingView, Source, TakesEffect,
};
use crate::store::{Environment, Home, config, keys_file, watch};

/// Without a verb all settings are shown.
#[derive(Debug, Args)]
pub(super) struct Wish {
    #[command(subcommand)]
    verb: Option<ConfigVerb>,
    /// An array of objects for programs; never a password
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Print the value of one setting
    Get { key: String },
    /// Write a value into config.toml; `-` reads it from standard input, so that a password stands in no command line
    Set { key: String, value: String },
    /// Take a value out of config.toml: its default counts again
    Unset { key: String },
}

pub(super) fn config(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    let home = Home::find(environment).map_err(anyhow::Error::from)?;
    match &wish.verb {
        None => show(&config::settings(&home, environment), wish.json),
        Some(ConfigVerb::Get { key }) => {
            say(&config::settings(&home, environment)
                .settings
                .text(setting(key)?));
        }
        Some(ConfigVerb::Set { key, value }) => {
            let setting = setting(key)?;
            let change = match value.as_str() {
                "-" => Change::to(setting, from_standard_input()?),
                value => Change::to(setting, value),
            };
            write(environment, &home, &change)?;
        }
        Some(ConfigVerb::Unset { key }) => write(environment, &home, &Change::back(setting(key)?))?,
    }
    Ok(())
}

fn setting(key: &str) -> Result<Setting, CliError> {
    Setting::of_key(key).ok_or_else(|| {
        CliError::Usage(format!(
            "there is no setting {key:?}; `codex-router config` shows all"
        ))
    })
}

fn show(read: &ReadSettings, as_json: bool) {
    let view = read.view();
    if as_json {
        let all: Vec<_> = view.all.iter().map(object).collect();
        say(&format!("{:#}", Value::Array(all)));
    } else {
        let width = |cell: fn(&SettingView) -> usize| view.all.iter().map(cell).max().unwrap_or(0);
        let keys = width(|view| view.setting.key().len());
        let values = width(|view| view.value.chars().count()).min(48);
        for view in &view.all {
            let (key, value) = (view.setting.key(), view.value.as_str());
            say(&format!(
                "{key:keys$}  {value:values$}  {}",
                source(view.source)
            ));
        }
    }
    for bad in &read.bad {
        warn(&format!("{bad}; {}", read.settings.instead(bad)));
    }
}

fn object(view: &SettingView) -> Value {
    json!({
        "key": view.setting.key(),
        "value": view.value,
        "default": view.default,
        "source": source(view.source),
        "at_once": view.takes_effect == TakesEffect::AtOnce,
    })
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Default => "default",
        Source::File => "config.toml",
        Source::Environment(name) => name,
    }
}

fn write(environment: &Environment, home: &Home, change: &Change) -> Result<(), CliError> {
    is_safe(home, change)?;
    let key = change.setting.key();
    config::change(home, std::slice::from_ref(change)).map_err(
        |BadChange { setting, reason }| match setting {
            Some(_) => CliError::Usage(format!("{key} stays as it is: {reason}")),
            None => anyhow!("{key} stays as it is: {reason}").into(),
        },
    )?;
    // A program that is not told looks by itself, a little later.
    if let Err(err) = watch::tell_of_change(home) {
        tracing::debug!(error = %err, "a running program was not told");
    }
    let read = config::settings(home, environment);
    let value = read.settings.text(change.setting);
    say(&match read.source(change.setting) {
        Source::Environment(name) => {
            format!("Written; but {name} in the environment beats it: {key} is {value:?}.")
        }
        Source::File => format!("{key} is {value:?} now."),
        Source::Default => format!("{key} is {value:?} now, its default."),
    });
    if change.setting.takes_effect() == TakesEffect::AtNextStart {
        say("A running program goes by it after its next start.");
    }
    Ok(())
}

/// The next start would refuse to listen where everybody could come in.
fn is_safe(home: &Home, change: &Change) -> Result<(), CliError> {
    let to = change.to.as_ref().map(|to| to.expose().trim());
    let listen = to
        .filter(|_| change.setting == Setting::Listen)
        .and_then(|to| Listen::parse(to).ok());
    let is_open = listen.is_some_and(|listen| !listen.is_loopback());
    if is_open && !keys_file::read(home).has_open_key(std::time::SystemTime::now()) {
        return Err(CliError::Usage(
            "other computers can reach that address, and no key keeps them out; make one first: `codex-router keys create LABEL`".into(),
        ));
    }
    Ok(())
}

/// The first line of it.
fn from_standard_input() -> Result<String, CliError> {
    const MOST_BYTES: u64 = 64 * 1024;
    let mut text = String::new();
    std::io::stdin()
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(anyhow::Error::from)?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
