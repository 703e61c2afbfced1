//! `show`: everything that is known of one account.

use std::time::SystemTime;

use anyhow::anyhow;
use jiff::tz::TimeZone;

use super::list::{json_row, state_text, text_row};
use super::oneshot::{loaded, start};
use super::{CliError, say};
use crate::desk::{ProfileView, health, words};
use crate::profile::ProfileName;
use crate::store::Environment;

pub(super) fn show(
    environment: &Environment,
    name: &ProfileName,
    as_json: bool,
) -> Result<(), CliError> {
    let worker = start(environment)?;
    let snapshot = loaded(&worker.desk());
    worker.stop();
    let snapshot = snapshot?;
    let profile = snapshot.profile(name).ok_or_else(|| {
        anyhow!(
            "there is no account {:?}; `codex-router list` shows them",
            name.as_str()
        )
    })?;
    if as_json {
        say(&format!("{:#}", json_row(profile, false)));
        return Ok(());
    }
    let now = SystemTime::now();
    for line in lines(profile, now, &TimeZone::system()) {
        say(&line);
    }
    Ok(())
}

fn lines(profile: &ProfileView, now: SystemTime, zone: &TimeZone) -> Vec<String> {
    let [_mark_and_name, plan, email, _state] = text_row(profile, now, false);
    let about = &profile.about;
    let called = match &about.label {
        Some(label) => format!("{label} ({})", profile.name),
        None => profile.name.to_string(),
    };
    let mut lines = vec![if profile.is_active {
        format!("{called}: Codex uses it")
    } else {
        called
    }];
    let mut add = |what: &str, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty() && text != "-") {
            lines.push(format!("  {what}: {text}"));
        }
    };
    add("plan", Some(plan));
    add("signed in as", Some(email));
    add("workspace", profile.workspace.clone());
    add("left", Some(state_text(profile, now)));
    add("router", words::terms(&profile.terms));
    add("network", profile.network.words());
    add("pinned", about.is_pinned.then(|| "yes".to_owned()));
    add(
        "tags",
        (!about.tags.is_empty()).then(|| about.tags.join(", ")),
    );
    // As wide as what stands before it.
    add(
        "note",
        about
            .note
            .as_ref()
            .map(|note| note.replace('\n', "\n        ")),
    );
    for line in health::lines(&profile.token, profile.expires_at, now, zone) {
        add("login", Some(line));
    }
    for bad in &profile.bad_terms {
        add("router.json", Some(bad.clone()));
    }
    lines
}
