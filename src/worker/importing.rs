//! An import: what was found, compared with what is here, as a face sees it; and what of it is written.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::event::Event;
use crate::desk::{FoundLogin, ImportSource, LoginKind, Verdict};
use crate::import_text;
use crate::profile::{AuthFile, Credentials, Fingerprint, Profile, ProfileName, SideFile};
use crate::store::backup::{self, BackupError};
use crate::store::home::Home;
use crate::store::import::{self, Found, Incoming, Looked};
use crate::store::profiles::{self, Loaded};

/// What a look brought.
#[derive(Debug, Default)]
pub struct Preview {
    pub found: Vec<FoundLogin>,
    /// By the ids of `found`: what would be written.
    pub logins: HashMap<u32, Incoming>,
    pub notes: Vec<String>,
}

/// Why there is nothing to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoPreview {
    WantsPassphrase {
        file: std::path::PathBuf,
        refusal: Option<String>,
    },
    /// A sentence.
    Failed(String),
    Cancelled,
}

/// How an import ended.
#[derive(Debug, Default)]
pub struct ImportEnd {
    pub added: usize,
    pub updated: usize,
    /// With the reason of each: a sentence.
    pub failed: Vec<(u32, String)>,
    pub is_cancelled: bool,
}

impl ImportEnd {
    /// Nobody knows how far it got; what has its name is whole.
    pub fn broken_off() -> Self {
        Self {
            is_cancelled: true,
            ..Self::default()
        }
    }
}

/// Faces are told of progress at most this often.
const TOLD_EVERY: Duration = Duration::from_millis(100);
const MAY_BE_STALE: &str = "Tokens change when they are renewed, so a restored login works only if nothing has renewed it since.";
const SHARED: &str = "A login that another program uses, too, works in one of the two only, once one of them has renewed it. Signing in anew gives the account a login of its own.";

/// Looks, and compares with what is here. Blocks.
pub fn look(
    home: &Home,
    user_home: Option<&Path>,
    source: &ImportSource,
    number: u64,
    cancel: &AtomicBool,
    events: &mpsc::Sender<Event>,
) -> Result<Preview, NoPreview> {
    let now = SystemTime::now();
    let mut told_at = Instant::now();
    let mut tick = |files: usize| {
        if told_at.elapsed() >= TOLD_EVERY {
            told_at = Instant::now();
            // A full channel has more important news.
            events.try_send(Event::ImportLooking { number, files }).ok();
        }
        !cancel.load(Ordering::Relaxed)
    };
    let looked = match source {
        ImportSource::Paths(paths) => match paths.as_slice() {
            [file] if import::is_backup(file) => {
                backup::check_file(file).map_err(|err| NoPreview::Failed(err.to_string()))?;
                return Err(NoPreview::WantsPassphrase {
                    file: file.clone(),
                    refusal: None,
                });
            }
            paths => import::paths(paths, user_home, now, &mut tick),
        },
        ImportSource::OtherPrograms => {
            let mut looked = import::other_programs(home, user_home, now, &mut tick);
            if !looked.found.is_empty() {
                looked.notes.push(SHARED.into());
            }
            looked
        }
        ImportSource::Text(text) => {
            let found = import_text::read(text.expose().as_bytes(), now).map_err(|err| {
                NoPreview::Failed(format!("the pasted text cannot be used: {err}"))
            })?;
            let found = found.into_iter().map(|candidate| Found {
                source: "pasted".into(),
                wish: candidate.label.clone(),
                stem: "account".into(),
                file: None,
                candidate,
            });
            Looked {
                found: found.collect(),
                ..Looked::default()
            }
        }
        ImportSource::Backup { file, passphrase } => {
            let opened = backup::open_file(file, passphrase, now);
            let opened = opened.map_err(|err| no_backup(file, &err))?;
            let source = match opened
                .made_at
                .and_then(|at| jiff::Timestamp::try_from(at).ok())
            {
                Some(at) => format!("backup of {}", at.strftime("%-d %b %Y")),
                None => "backup".into(),
            };
            let found = opened.accounts.into_iter().map(|candidate| Found {
                source: source.clone(),
                wish: candidate.label.clone(),
                stem: "account".into(),
                file: None,
                candidate,
            });
            Looked {
                found: found.collect(),
                notes: vec![MAY_BE_STALE.into()],
                ..Looked::default()
            }
        }
    };
    if looked.is_cancelled || cancel.load(Ordering::Relaxed) {
        return Err(NoPreview::Cancelled);
    }
    let here = profiles::load_all(home).map_err(|err| NoPreview::Failed(err.to_string()))?;
    let live = import::live_login(home);
    if looked.found.is_empty() && looked.notes.is_empty() {
        return Err(NoPreview::Failed("no login was found".into()));
    }
    let mut preview = compared(looked.found, &here, live.as_ref(), now);
    preview.notes = looked.notes;
    Ok(preview)
}

fn no_backup(file: &Path, err: &BackupError) -> NoPreview {
    match err.is_wrong_passphrase() {
        true => NoPreview::WantsPassphrase {
            file: file.to_owned(),
            refusal: Some(err.to_string()),
        },
        false => NoPreview::Failed(err.to_string()),
    }
}

/// Writes, and tells how far it is. Blocks.
pub fn write(
    home: &Home,
    incoming: &[(u32, Incoming)],
    number: u64,
    cancel: &AtomicBool,
    events: &mpsc::Sender<Event>,
) -> ImportEnd {
    let mut end = ImportEnd::default();
    let accounts: Vec<_> = incoming
        .iter()
        .map(|(_, account)| account.clone())
        .collect();
    let mut told_at: Option<Instant> = None;
    let mut done = 0;
    let written = import::write(home, &accounts, SystemTime::now(), |place, result| {
        done = place + 1;
        match result {
            Ok(import::Taken::Added) => end.added += 1,
            Ok(import::Taken::Updated | import::Taken::Same) => end.updated += 1,
            Err(err) => {
                let id = incoming.get(place).map_or(0, |(id, _)| *id);
                end.failed.push((id, err.to_string()));
            }
        }
        if told_at.is_none_or(|at| at.elapsed() >= TOLD_EVERY) {
            told_at = Some(Instant::now());
            // The end is told for certain.
            events.try_send(Event::ImportWriting { number, done }).ok();
        }
        match cancel.load(Ordering::Relaxed) && done < incoming.len() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    if let Err(err) = written {
        let rest = incoming.get(done..).unwrap_or_default();
        end.failed
            .extend(rest.iter().map(|(id, _)| (*id, err.to_string())));
        done = incoming.len();
    }
    end.is_cancelled = done < incoming.len();
    end
}

/// What taking each login would mean. Of one account only the newest login is for taking: the others are spent, and two that
/// are both renewed would end each other.
pub fn compared(
    found: Vec<Found>,
    here: &Loaded,
    live: Option<&AuthFile>,
    now: SystemTime,
) -> Preview {
    let mut preview = Preview::default();
    let best = best_of_each(&found);
    let mut taken: HashSet<String> = here
        .profiles
        .iter()
        .map(|profile| profile.name.as_str().to_lowercase())
        .chain(
            here.skipped
                .iter()
                .map(|skipped| skipped.name.to_lowercase()),
        )
        .collect();
    let holders = Holders::of(&here.profiles);
    for (place, one) in found.into_iter().enumerate() {
        let id = u32::try_from(place).unwrap_or(u32::MAX);
        let mut row = FoundLogin {
            id,
            kind: LoginKind::Unknown,
            email: one.candidate.said_email().map(str::to_owned),
            plan: one.candidate.said_plan().map(str::to_owned),
            workspace: None,
            source: one.source.clone(),
            last_refresh_at: None,
            verdict: Verdict::New,
            holder: None,
            name: fallback_name(),
            failure: None,
        };
        let login = match one.candidate.login.clone() {
            Ok(login) => login,
            Err(reason) => {
                row.verdict = Verdict::Unreadable(reason.to_string());
                preview.found.push(row);
                continue;
            }
        };
        row.kind = kind_of(login.credentials());
        if let Some(chatgpt) = login.chatgpt() {
            row.workspace.clone_from(&chatgpt.claims.workspace_title);
            row.last_refresh_at = chatgpt.last_refresh;
        }
        let holder = holders.holder(&login);
        row.holder = holder.map(|holder| holder.name.clone());
        row.verdict = match best.get(place) {
            Some(Standing::Best) | None => verdict(&login, holder, live, now),
            Some(Standing::Same) => Verdict::Same,
            Some(Standing::Older) => Verdict::Older,
        };
        if row.verdict.can_be_taken() {
            row.name = match &row.holder {
                Some(name) => name.clone(),
                None => {
                    let wish = wish_of(&one, row.email.as_deref());
                    let name = ProfileName::free(&wish, |name| {
                        taken.contains(&name.as_str().to_lowercase())
                    });
                    taken.insert(name.as_str().to_lowercase());
                    name
                }
            };
            let side = side_of(&one, &row.name);
            let name = row.name.clone();
            let incoming = Incoming {
                name,
                login,
                side,
                file: one.file.clone(),
            };
            preview.logins.insert(id, incoming);
        } else if let Some(name) = &row.holder {
            row.name = name.clone();
        }
        preview.found.push(row);
    }
    preview
}

/// Among the logins that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Best,
    /// The very same was found before.
    Same,
    Older,
}

fn best_of_each(found: &[Found]) -> Vec<Standing> {
    let mut standings = vec![Standing::Best; found.len()];
    let mut best: HashMap<Fingerprint, usize> = HashMap::new();
    let login_at = |place: usize| {
        found
            .get(place)
            .and_then(|one| one.candidate.login.as_ref().ok())
    };
    for (place, one) in found.iter().enumerate() {
        let Ok(login) = &one.candidate.login else {
            continue;
        };
        let mut keys: Vec<_> = login.account_keys().collect();
        let rival = keys.iter().find_map(|key| best.get(key)).copied();
        let mut winner = place;
        if let Some((rival, other)) = rival.and_then(|rival| Some((rival, login_at(rival)?))) {
            let (loser, standing) = if other.same_login(login) {
                winner = rival;
                (place, Standing::Same)
            } else if login.is_newer_than(other) {
                (rival, Standing::Older)
            } else {
                winner = rival;
                (place, Standing::Older)
            };
            if let Some(of_loser) = standings.get_mut(loser) {
                *of_loser = standing;
            }
            keys.extend(other.account_keys());
        }
        for key in keys {
            best.insert(key, winner);
        }
    }
    standings
}

/// The profiles by what their accounts are known by.
struct Holders<'a>(HashMap<Fingerprint, &'a Profile>);

impl<'a> Holders<'a> {
    fn of(profiles: &'a [Profile]) -> Self {
        let mut by_key: HashMap<Fingerprint, &Profile> = HashMap::new();
        for profile in profiles {
            let Ok(login) = &profile.login else { continue };
            for key in login.account_keys() {
                let held = by_key.entry(key).or_insert(profile);
                // Of several profiles of one account the one with the newest login speaks.
                if let Ok(other) = &held.login
                    && login.is_newer_than(other)
                {
                    *held = profile;
                }
            }
        }
        Self(by_key)
    }

    fn holder(&self, login: &AuthFile) -> Option<&'a Profile> {
        login
            .account_keys()
            .find_map(|key| self.0.get(&key))
            .copied()
    }
}

fn verdict(
    login: &AuthFile,
    holder: Option<&Profile>,
    live: Option<&AuthFile>,
    now: SystemTime,
) -> Verdict {
    let is_refused = |profile: &Profile| {
        login
            .chatgpt()
            .is_some_and(|chatgpt| profile.side.rejects(chatgpt))
    };
    // Codex may have renewed it, and nobody has taken that home yet.
    let live_is_newer = live.is_some_and(|live| {
        live.same_account(login) && !live.same_login(login) && !login.is_newer_than(live)
    });
    if live_is_newer {
        return Verdict::Older;
    }
    let held = holder.and_then(|holder| Some((holder, holder.login.as_ref().ok()?)));
    if let Some((holder, held)) = held {
        if held.same_login(login) {
            // An import that was cut off may have left Codex behind.
            let live_is_older =
                live.is_some_and(|live| live.same_account(login) && login.is_newer_than(live));
            return match (is_refused(holder), live_is_older) {
                (true, _) => Verdict::Expired,
                (false, true) => Verdict::Newer,
                (false, false) => Verdict::Same,
            };
        }
        if !login.is_newer_than(held) {
            return Verdict::Older;
        }
        if is_refused(holder) {
            return Verdict::Expired;
        }
    }
    let is_over = login.chatgpt().is_some_and(|chatgpt| {
        chatgpt.refresh_token.is_none() && chatgpt.expires_within(Duration::ZERO, now)
    });
    match (is_over, holder) {
        (true, _) => Verdict::Expired,
        (false, Some(_)) => Verdict::Newer,
        (false, None) => Verdict::New,
    }
}

/// What it is to be called: as it was called there, else by its e-mail, else by its file.
fn wish_of(found: &Found, email: Option<&str>) -> String {
    let is_usable = |wish: &&String| {
        wish.chars().filter(char::is_ascii_alphanumeric).count() >= 2 && wish.is_ascii()
    };
    found
        .wish
        .as_ref()
        .filter(is_usable)
        .cloned()
        .or_else(|| email.map(str::to_owned))
        .unwrap_or_else(|| match &found.wish {
            Some(wish) => wish.clone(),
            None => found.stem.clone(),
        })
}

/// Our own words about it: those that came with it, and the name it had if its directory cannot be called so.
fn side_of(found: &Found, name: &ProfileName) -> SideFile {
    let mut side = match &found.candidate.side {
        Some(side) => side.for_another_place(),
        None => SideFile::default(),
    };
    if side.get("label").is_none()
        && let Some(wish) = &found.wish
        && !wish.contains('@')
        && wish != name.as_str()
        && ProfileName::parse(wish).is_err()
    {
        side.set_label(Some(wish)).ok(); // too long or odd for a label: its name will do
    }
    side
}

fn kind_of(credentials: &Credentials) -> LoginKind {
    match credentials {
        Credentials::ChatGpt(_) => LoginKind::ChatGpt,
        Credentials::ApiKey { .. } => LoginKind::ApiKey,
        Credentials::Endpoint(endpoint) => LoginKind::Endpoint {
            kind: endpoint.kind,
            host: endpoint.host().to_owned(),
        },
        Credentials::Other { mode } => LoginKind::Other(mode.clone()),
    }
}

/// Of what has no name because it is not written.
fn fallback_name() -> ProfileName {
    ProfileName::free("account", |_any| false)
}

/// A sign that both sides see.
pub type Cancel = Arc<AtomicBool>;

#[cfg(test)]
mod tests;
