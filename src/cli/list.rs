//! `list` and `usage`: the accounts as a table for people or as JSON for programs.

use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::oneshot::{loaded, start, wait_for};
use super::{CliError, say, warn};
use crate::desk::sort::{self, Sort, sorted};
use crate::desk::{
    Command, Desk, Live, LoginKind, ProfileView, Rest, Rotator, Snapshot, Term, words,
};
use crate::profile::Health;
use crate::store::Environment;
use crate::usage::Window;

/// For accounts that were never asked before; a list must not make anybody wait.
const FIRST_LOOK: Duration = Duration::from_secs(4);
/// A poll has 20 s of its own, after a refresh perhaps.
const LONGEST_POLL: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(super) struct Wish {
    /// Only accounts in which all these words are found: name, label, e-mail, workspace, plan, tags, note, group
    search: Vec<String>,
    /// What comes first; pinned accounts stand before all others
    #[arg(long, value_enum, default_value_t = SortWish::Name)]
    sort: SortWish,
    /// For other eyes: e-mails masked, accounts by aliases, no words of yours
    #[arg(long)]
    private: bool,
    /// An array of objects for programs; never a secret
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SortWish {
    /// Usable soonest
    Usable,
    Name,
    /// Most left
    Usage,
    /// Your own order
    Order,
    Plan,
}

impl SortWish {
    fn sort(self) -> Sort {
        match self {
            Self::Usable => Sort::UsableSoonest,
            Self::Name => Sort::Name,
            Self::Usage => Sort::MostLeft,
            Self::Order => Sort::Own,
            Self::Plan => Sort::Plan,
        }
    }
}

/// Shows what is known, and asks only for accounts of which nothing is known yet.
pub(super) fn list(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    let worker = start(environment)?;
    let desk = worker.desk();
    let first = loaded(&desk)?;
    let unknown: Vec<_> = first
        .profiles
        .iter()
        .filter(|profile| has_windows(profile) && profile.usage.is_none())
        .collect();
    for profile in &unknown {
        desk.ask(Command::RefreshUsage(profile.name.clone()))
            .map_err(anyhow::Error::from)?;
    }
    let snapshot = if unknown.is_empty() {
        (*first).clone()
    } else {
        settled(&desk, FIRST_LOOK)
    };
    drop(desk);
    worker.stop();
    let look = Look {
        search: wish.search.join(" "),
        sort: wish.sort.sort(),
        is_private: wish.private,
        as_json: wish.json,
    };
    print(&snapshot, &look);
    Ok(())
}

/// How the accounts are shown.
struct Look {
    search: String,
    sort: Sort,
    is_private: bool,
    as_json: bool,
}

/// Asks for every account and shows the answers; fails if none came.
pub(super) fn usage(environment: &Environment, as_json: bool) -> Result<(), CliError> {
    let worker = start(environment)?;
    let desk = worker.desk();
    let asked: Vec<_> = loaded(&desk)?
        .profiles
        .iter()
        .filter(|p| has_windows(p))
        .map(|p| p.name.clone())
        .collect();
    for name in &asked {
        desk.ask(Command::RefreshUsage(name.clone()))
            .map_err(anyhow::Error::from)?;
    }
    let snapshot = settled(&desk, LONGEST_POLL);
    drop(desk);
    worker.stop();
    let look = Look {
        search: String::new(),
        sort: Sort::Name,
        is_private: false,
        as_json,
    };
    print(&snapshot, &look);
    let failed = |name| {
        snapshot
            .profile(name)
            .is_none_or(|profile| profile.usage_error.is_some())
    };
    if !asked.is_empty() && asked.iter().all(failed) {
        let reason = asked
            .iter()
            .find_map(|name| snapshot.profile(name)?.usage_error.clone());
        return Err(anyhow::anyhow!("no account answered: {}", reason.unwrap_or_default()).into());
    }
    Ok(())
}

/// The snapshot after all polls have ended, or what there is after the longest wait.
fn settled(desk: &Desk, longest: Duration) -> Snapshot {
    let done = |snapshot: &Snapshot| {
        let is_open = |profile: &ProfileView| {
            has_windows(profile)
                && (profile.is_refreshing
                    || (profile.usage.is_none() && profile.usage_error.is_none()))
        };
        (!snapshot.profiles.iter().any(is_open)).then(|| snapshot.clone())
    };
    wait_for(desk, longest, done).unwrap_or_else(|_too_late| (*desk.snapshot()).clone())
}

fn has_windows(profile: &ProfileView) -> bool {
    profile.kind == LoginKind::ChatGpt && profile.health == Health::Fine
}

fn print(snapshot: &Snapshot, look: &Look) {
    let (now, is_private) = (SystemTime::now(), look.is_private);
    let found = snapshot
        .profiles
        .iter()
        .filter(|profile| sort::is_found(profile, &look.search, is_private));
    let shown = sorted(found, look.sort, now);
    if look.as_json {
        let rows = shown.iter().map(|profile| json_row(profile, is_private));
        say(&format!("{:#}", Value::Array(rows.collect())));
        return;
    }
    if snapshot.profiles.is_empty() {
        say(&format!("No accounts in {} yet.", snapshot.home));
        if let Some(older) = &snapshot.older_store {
            let (folder, count) = (older.folder.display(), older.accounts);
            say(&format!(
                "An older program keeps {count} in {folder}: bring them in with `codex-router import {folder}`."
            ));
        }
    }
    if shown.is_empty() && !snapshot.profiles.is_empty() {
        say(&format!("No account fits {:?}.", look.search));
    }
    let rows: Vec<_> = shown
        .iter()
        .map(|profile| text_row(profile, now, is_private))
        .collect();
    let widths: Vec<_> = (0..3)
        .map(|i| {
            rows.iter()
                .map(|row| row[i].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for [name, plan, email, state] in &rows {
        let padded = |text: &str, width: usize| {
            format!(
                "{text}{}",
                " ".repeat(width.saturating_sub(text.chars().count()))
            )
        };
        say(&format!(
            "{}  {}  {}  {state}",
            padded(name, widths[0]),
            padded(plan, widths[1]),
            padded(email, widths[2])
        ));
    }
    for profile in shown {
        for bad in &profile.bad_terms {
            let called = match is_private {
                true => words::alias(&profile.name),
                false => profile.name.to_string(),
            };
            warn(&format!("router.json of {called}: {bad}"));
        }
    }
    if let Some(name) = &snapshot.router.routed_to {
        say(&format!(
            "The router draws from {name} first, chosen by you."
        ));
    }
    match &snapshot.live {
        Live::Unsaved { email, .. } => say(&format!(
            "Codex uses a login that is not saved here ({}). Keep it with `codex-router save NAME`.",
            email.as_deref().map_or_else(
                || "no e-mail in it".to_owned(),
                |email| words::shown_email(email, is_private)
            )
        )),
        Live::Missing if snapshot.profiles.is_empty() => {
            say(
                "Sign in by `codex-router add`, or keep the login that Codex uses by `codex-router save NAME`.",
            );
        }
        Live::Missing => {
            say("Codex is signed out. Choose an account with `codex-router use NAME`.")
        }
        Live::Unreadable(reason) => say(&format!(
            "The login that Codex uses cannot be read: {reason}."
        )),
        Live::Saved(_) => {}
    }
}

pub(super) fn text_row(profile: &ProfileView, now: SystemTime, is_private: bool) -> [String; 4] {
    let mark = if profile.is_active { "*" } else { " " };
    let plan = match (&profile.kind, &profile.plan) {
        (LoginKind::ApiKey, _) => "API key".to_owned(),
        (LoginKind::Endpoint { kind, .. }, _) => words::endpoint_label(*kind).to_owned(),
        (_, Some(plan)) => words::plan_label(plan),
        (_, None) => "-".to_owned(),
    };
    let email = match &profile.kind {
        LoginKind::Endpoint { host, .. } => host.clone(),
        _ => match &profile.email {
            Some(email) => words::shown_email(email, is_private),
            None => "-".into(),
        },
    };
    // By the name it is told to this program, whatever it is called on screen.
    let called = match &profile.about.label {
        Some(label) if !is_private => format!("{} ({label})", profile.name),
        Some(_) | None => words::called(profile, is_private),
    };
    [
        format!("{mark} {called}"),
        plan,
        email,
        match words::terms(&profile.terms) {
            Some(terms) => format!("{} ({terms})", state_text(profile, now)),
            None => state_text(profile, now),
        },
    ]
}

pub(super) fn state_text(profile: &ProfileView, now: SystemTime) -> String {
    match &profile.health {
        Health::SignInAgain => {
            return format!("login expired: codex-router sign-in {}", profile.name);
        }
        Health::Unreadable(reason) => return format!("unreadable: {reason}"),
        Health::NotRoutable { mode } => {
            return format!("shown only: {mode} logins are renewed by Codex itself");
        }
        Health::Fine => {}
    }
    if profile.kind.is_paid_by_request() {
        let pauses = rest_texts(profile, now, &TimeZone::system());
        let parts = std::iter::once("no usage windows".to_owned()).chain(pauses);
        return parts.collect::<Vec<_>>().join(", ");
    }
    let Some(usage) = &profile.usage else {
        return profile
            .usage_error
            .clone()
            .unwrap_or_else(|| "no numbers yet".into());
    };
    let tz = TimeZone::system();
    let mut parts: Vec<_> = usage
        .windows
        .iter()
        .map(|window| window_text(window, now, &tz))
        .collect();
    parts.extend(rest_texts(profile, now, &tz));
    let age = now.duration_since(usage.fetched_at).unwrap_or_default();
    if age > Duration::from_secs(60) {
        parts.push(words::age(age));
    }
    if let Some(reason) = &profile.usage_error {
        parts.push(reason.clone());
    }
    parts.join(", ")
}

/// `usage limit until 14:00 (as told)`, for everything that the router leaves it alone for.
fn rest_texts(profile: &ProfileView, now: SystemTime, tz: &TimeZone) -> Vec<String> {
    let rests = profile.rest.iter().chain(&profile.model_rests);
    let text = |rest: &Rest| {
        let cause = words::rest_cause(rest.cause);
        let model = rest.model.as_deref().filter(|model| !model.is_empty());
        let model = model
            .map(|model| format!(" for {model}"))
            .unwrap_or_default();
        let source = words::rest_source(rest.source);
        format!(
            "{cause}{model} until {} ({source})",
            words::clock(rest.until, now, tz)
        )
    };
    rests.filter(|rest| rest.until > now).map(text).collect()
}

fn window_text(window: &Window, now: SystemTime, tz: &TimeZone) -> String {
    let left = window.left_percent(now);
    let name = words::short_window(window);
    let at = window
        .resets_at
        .filter(|at| *at > now)
        .map(|at| words::clock(at, now, tz));
    match (left > 0.0, at) {
        (true, Some(at)) => format!("{name} {} left (resets {at})", words::percent_left(left)),
        (true, None) => format!("{name} {} left", words::percent_left(left)),
        (false, Some(at)) => format!("{name} empty, back {at}"),
        (false, None) => format!("{name} empty"),
    }
}

pub(super) fn json_row(profile: &ProfileView, is_private: bool) -> Value {
    let (health, reason) = match &profile.health {
        Health::Fine => ("ok", None),
        Health::SignInAgain => (
            "sign_in_again",
            Some("OpenAI no longer accepts this login; sign in again".to_owned()),
        ),
        Health::Unreadable(reason) => ("unreadable", Some(reason.to_string())),
        Health::NotRoutable { mode } => (
            "shown_only",
            Some(format!(
                "logins of the kind {mode} are renewed by Codex itself"
            )),
        ),
    };
    let kind = match &profile.kind {
        LoginKind::ChatGpt => "chatgpt",
        LoginKind::ApiKey => "apikey",
        LoginKind::Endpoint { kind, .. } => kind.as_str(),
        LoginKind::Other(mode) => mode,
        LoginKind::Unknown => "unknown",
    };
    let secs = |at: SystemTime| {
        at.duration_since(SystemTime::UNIX_EPOCH)
            .map(|since| since.as_secs())
            .ok()
    };
    let windows: Vec<_> = profile
        .usage
        .iter()
        .flat_map(|usage| &usage.windows)
        .map(|window| {
            json!({
                "name": window.name(),
                "limit_window_seconds": window.length.as_secs(),
                "used_percent": window.used_percent,
                "resets_at": window.resets_at.and_then(secs),
            })
        })
        .collect();
    let said = |term: Term| Some((term.key().to_owned(), profile.terms.json(term)?));
    let terms: Map<_, _> = Term::ALL.into_iter().filter_map(said).collect();
    let rests: Vec<_> = profile
        .rest
        .iter()
        .chain(&profile.model_rests)
        .map(|rest| {
            json!({
                "cause": rest.cause.as_str(),
                "source": rest.source.as_str(),
                "model": rest.model,
                "until": secs(rest.until),
            })
        })
        .collect();
    let token = &profile.token;
    let error = token.last_error.as_ref();
    let open = |text: &Option<String>| text.clone().filter(|_| !is_private);
    let email = profile.email.as_deref();
    let tags: &[String] = if is_private { &[] } else { &profile.about.tags };
    let name = match is_private {
        true => words::alias(&profile.name),
        false => profile.name.to_string(),
    };
    json!({
        "cooldowns": rests,
        "name": name,
        "label": open(&profile.about.label),
        "note": open(&profile.about.note),
        "tags": tags,
        "pinned": profile.about.is_pinned,
        "workspace": open(&profile.workspace),
        "token": {
            "expires_at": profile.expires_at.and_then(secs),
            "rotated_at": token.rotated_at.and_then(secs),
            "rotated_by": token.rotated_by.map(Rotator::as_str),
            "next_refresh_at": token.next_refresh_at.and_then(secs),
            "last_error": error.map(|(reason, _at)| reason),
            "last_error_at": error.and_then(|(_reason, at)| secs(*at)),
            "came_by": token.came_by.map(|(origin, _at)| origin.as_str()),
            "came_at": token.came_by.and_then(|(_origin, at)| secs(at)),
        },
        "active": profile.is_active,
        "kind": kind,
        "email": email.map(|email| words::shown_email(email, is_private)),
        "plan": profile.plan,
        "health": health,
        "reason": reason.or_else(|| profile.usage_error.clone()),
        "windows": windows,
        "terms": terms,
        "bad_terms": profile.bad_terms,
        "network": profile.network.words(),
        "usage_at": profile.usage.as_ref().and_then(|usage| secs(usage.fetched_at)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{EndpointKind, ProfileName};

    fn endpoint(kind: EndpointKind) -> ProfileView {
        ProfileView {
            name: ProfileName::parse("paid").unwrap(),
            kind: LoginKind::Endpoint {
                kind,
                host: "x.test".into(),
            },
            email: None,
            plan: None,
            workspace: None,
            health: Health::Fine,
            about: crate::desk::About::default(),
            token: crate::desk::TokenHealth::default(),
            is_active: false,
            is_in_pool: true,
            terms: std::sync::Arc::default(),
            bad_terms: vec![],
            network: crate::desk::NetworkView::default(),
            rest: None,
            model_rests: vec![],
            usage: None,
            usage_error: None,
            is_refreshing: false,
            expires_at: None,
            prompt_cache: crate::desk::PromptCache::default(),
            last_refresh_at: None,
        }
    }

    #[test]
    fn an_endpoint_is_listed_by_its_kind_and_host() {
        for (kind, label, word) in [
            (EndpointKind::Azure, "Azure", "azure"),
            (EndpointKind::Compatible, "Compatible", "compatible"),
        ] {
            let row = text_row(&endpoint(kind), SystemTime::UNIX_EPOCH, false);
            assert_eq!(row, ["  paid", label, "x.test", "no usage windows"]);
            let row = json_row(&endpoint(kind), false);
            assert_eq!((&row["kind"], &row["health"]), (&json!(word), &json!("ok")));
            assert_eq!(row["windows"], json!([]));
        }
    }

    #[test]
    fn for_other_eyes_an_account_is_neither_named_nor_described() {
        let mut view = endpoint(EndpointKind::Azure);
        view.kind = LoginKind::ChatGpt;
        view.email = Some("ana@example.test".into());
        view.workspace = Some("Nord GmbH".into());
        view.about.label = Some("Büro".into());
        view.about.note = Some("secret plans".into());
        view.about.tags = vec!["client".into()];
        let open = text_row(&view, SystemTime::UNIX_EPOCH, false).join(" ");
        assert!(
            open.contains("paid (Büro)") && open.contains("ana@"),
            "{open}"
        );
        let private = text_row(&view, SystemTime::UNIX_EPOCH, true).join(" ");
        let json = json_row(&view, true).to_string();
        for told in [&private, &json] {
            for secret in ["paid", "Büro", "ana@", "Nord", "plans", "client"] {
                assert!(!told.contains(secret), "{secret}: {told}");
            }
            assert!(
                told.contains("Account ") && told.contains("a•••@•••.test"),
                "{told}"
            );
        }
        assert_eq!(json_row(&view, false)["tags"], json!(["client"]));
    }
}
