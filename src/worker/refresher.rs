//! Getting a new token for one profile without ever losing the old one.
//!
//! Order: account lock, read again and adopt what is newer, make sure the answer can be saved, note the intent, redeem, save,
//! and only then use. A refresh token is spent by sending it; every step here is about that moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tracing::{debug, warn};

use crate::profile::{AuthFile, Fingerprint, Network, Profile, ProfileName};
use crate::store::home::Home;
use crate::store::live::{Live, read_live};
use crate::store::locks::AccountLock;
use crate::store::rotation::{self, Publication, Rotation, find_newer};
use crate::store::{StoreError, profiles, switch};
use crate::upstream::{RefreshError, Upstream};

/// A login that is newer than the one before, on disk unless `unsaved` says otherwise.
#[derive(Clone, Debug)]
pub struct Refreshed {
    pub auth: AuthFile,
    /// The redeemed token's fingerprint and why its successor is only in memory.
    pub unsaved: Option<(Fingerprint, String)>,
    /// The file that it was kept in, where its profile is gone or holds something else by now.
    pub kept_aside: Option<String>,
}

impl Refreshed {
    /// Somebody else got it; it lies in its profile.
    fn adopted(auth: AuthFile) -> Self {
        Self {
            auth,
            unsaved: None,
            kept_aside: None,
        }
    }
}

/// Why there is no newer login.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefreshFailure {
    /// For good: this token must never be sent again.
    #[error("OpenAI no longer accepts this login ({code}); sign in again")]
    SignInAgain { token: Fingerprint, code: String },
    #[error("{reason}")]
    Later {
        reason: String,
        retry_after: Option<Duration>,
        is_ambiguous: bool,
    },
    /// Nothing was sent, and nothing will be before the user has changed the account's `router.json`.
    #[error("{0}")]
    NoWayOut(String),
    /// Nothing was sent: the answer could not have been saved, or there is nothing to send.
    #[error("{0}")]
    NotPossible(String),
}

/// How patient the refresher is. Tests are not.
#[derive(Clone, Debug)]
pub struct Patience {
    /// The winner of a race is still writing: look again this often, for this long.
    pub look_again_every: Duration,
    pub look_again_for: Duration,
    /// The same where a Codex runs that may be the winner: its answer may still be on the way, for as long as ours may.
    pub look_again_beside_codex: Duration,
    /// Before the second and third sending of a token that never left this computer.
    pub not_sent: [Duration; 2],
    /// Before the second, third and fourth try to save.
    pub save: [Duration; 3],
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            look_again_every: Duration::from_millis(250),
            look_again_for: Duration::from_secs(5),
            look_again_beside_codex: Duration::from_secs(30),
            not_sent: [Duration::from_millis(200), Duration::from_millis(800)],
            save: [
                Duration::from_millis(100),
                Duration::from_millis(500),
                Duration::from_secs(2),
            ],
        }
    }
}

#[cfg(test)]
impl Patience {
    /// As often as the real one, without waiting.
    fn none() -> Self {
        Self {
            look_again_every: Duration::ZERO,
            look_again_for: Duration::ZERO,
            look_again_beside_codex: Duration::ZERO,
            not_sent: [Duration::ZERO; 2],
            save: [Duration::ZERO; 3],
        }
    }
}

/// A token that could not be written is tried again this often.
pub const SAVE_AGAIN_EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub struct Refresher {
    pub home: Arc<Home>,
    pub upstream: Arc<Upstream>,
    pub patience: Patience,
    /// Set when the program is about to end: what has been sent is waited for, and nothing more is sent, because nobody may be
    /// left to save the answer.
    pub is_stopping: Arc<AtomicBool>,
}

impl Refresher {
    /// The same while a Codex runs whose login this is.
    pub fn beside_codex(&self) -> Self {
        let mut other = self.clone();
        other.patience.look_again_for = self.patience.look_again_beside_codex;
        other
    }

    /// Gets a newer login for the profile, by adopting or by redeeming. Runs to its end once begun: dropping the caller's
    /// future must not happen between sending and saving, so the worker runs this as a task of its own.
    ///
    /// # Errors
    /// See [`RefreshFailure`].
    pub async fn refresh(&self, name: ProfileName) -> Result<Refreshed, RefreshFailure> {
        let home = self.home.clone();
        let flight = match blocking(move || open(&home, &name)).await? {
            Opening::Adopted(auth) => {
                return Ok(Refreshed::adopted(*auth));
            }
            Opening::Ready(flight) => *flight,
        };
        match self.redeem(&flight).await {
            Ok(Redeemed::Tokens(auth)) => Ok(self.save(flight, *auth).await),
            Ok(Redeemed::Adopted(auth)) => {
                // Its intent says who is still behind.
                end(flight, drop).await;
                Ok(Refreshed::adopted(*auth))
            }
            Err(failure) => {
                match &failure {
                    RefreshFailure::SignInAgain { .. } => end(flight, Rotation::reject).await,
                    // Sent, and nobody knows what became of it: the intent stays for the next start.
                    RefreshFailure::Later {
                        is_ambiguous: true, ..
                    } => end(flight, drop).await,
                    RefreshFailure::Later { .. }
                    | RefreshFailure::NoWayOut(_)
                    | RefreshFailure::NotPossible(_) => end(flight, Rotation::give_up).await,
                }
                Err(failure)
            }
        }
    }

    /// Sends the token, at most as often as each answer allows.
    async fn redeem(&self, flight: &Flight) -> Result<Redeemed, RefreshFailure> {
        let mut unsent = self.patience.not_sent.iter();
        let mut may_ask_again = true;
        loop {
            if self.is_stopping.load(Ordering::Relaxed) {
                return Err(RefreshFailure::Later {
                    reason: "the program is stopping".into(),
                    retry_after: None,
                    // The second time round the token has been sent before.
                    is_ambiguous: !may_ask_again,
                });
            }
            let now = SystemTime::now();
            let Some(token) = flight
                .old
                .chatgpt()
                .and_then(|login| login.refresh_token.as_ref())
            else {
                return Err(RefreshFailure::NotPossible(
                    "this login has no refresh token".into(),
                ));
            };
            let outlet = self.upstream.through(&flight.network);
            match outlet.redeem(token, now).await {
                Ok(tokens) => {
                    return match flight.old.with_refreshed(&tokens, now) {
                        Ok(auth) => Ok(Redeemed::Tokens(Box::new(auth))),
                        // Never stored; the old token is spent all the same.
                        Err(err) => Err(RefreshFailure::SignInAgain {
                            token: flight.token.clone(),
                            code: err.to_string(),
                        }),
                    };
                }
                Err(RefreshError::NotSent(reason)) => match unsent.next() {
                    Some(pause) => tokio::time::sleep(*pause).await,
                    None => return Err(later(reason, None)),
                },
                Err(RefreshError::Later {
                    status,
                    retry_after,
                }) => {
                    return Err(later(
                        format!("the sign-in service answers {status}"),
                        retry_after,
                    ));
                }
                Err(RefreshError::Ambiguous(reason)) => {
                    // Somebody else may have been first, or the answer got lost: look, then ask once more.
                    if let Some(auth) = self.look_again(flight).await {
                        return Ok(Redeemed::Adopted(Box::new(auth)));
                    }
                    if !std::mem::take(&mut may_ask_again) {
                        return Err(RefreshFailure::Later {
                            reason,
                            retry_after: None,
                            is_ambiguous: true,
                        });
                    }
                    warn!(profile = %flight.name, "the answer to a refresh got lost; asking once more");
                }
                Err(RefreshError::Rejected { code }) => {
                    return match self.look_again(flight).await {
                        Some(auth) => Ok(Redeemed::Adopted(Box::new(auth))),
                        None => Err(RefreshFailure::SignInAgain {
                            token: flight.token.clone(),
                            code,
                        }),
                    };
                }
            }
        }
    }

    /// Waits for whoever redeemed the token to finish writing.
    async fn look_again(&self, flight: &Flight) -> Option<AuthFile> {
        let deadline = tokio::time::Instant::now() + self.patience.look_again_for;
        loop {
            let (home, name, old) = (self.home.clone(), flight.name.clone(), flight.old.clone());
            let found = blocking(move || Ok(other_on_disk(&home, &name, &old)))
                .await
                .ok()
                .flatten();
            if found.is_some() || tokio::time::Instant::now() >= deadline {
                return found;
            }
            tokio::time::sleep(self.patience.look_again_every).await;
        }
    }

    /// Writes the new login to the profile and, where it is live, to the live file. When that cannot be done the login is
    /// handed back all the same: in memory it still works, and the worker keeps trying.
    async fn save(&self, flight: Flight, auth: AuthFile) -> Refreshed {
        let Flight {
            mut rotation,
            name,
            token,
            ..
        } = flight;
        let mut pauses = self.patience.save.iter();
        loop {
            let new = auth.clone();
            let tried = tokio::task::spawn_blocking(move || {
                let result = finish(&mut rotation, &new);
                (rotation, result)
            });
            let reason = match tried.await {
                Ok((_, Ok(kept_aside))) => {
                    return Refreshed {
                        auth,
                        unsaved: None,
                        kept_aside,
                    };
                }
                Ok((kept, Err(reason))) => {
                    rotation = kept;
                    reason
                }
                Err(_panicked) => {
                    return Refreshed {
                        auth,
                        unsaved: Some((token, "the file work broke off".into())),
                        kept_aside: None,
                    };
                }
            };
            warn!(profile = %name, reason, "a new token could not be saved");
            match pauses.next() {
                Some(pause) => tokio::time::sleep(*pause).await,
                None => {
                    return Refreshed {
                        auth,
                        unsaved: Some((token, reason)),
                        kept_aside: None,
                    };
                }
            }
        }
    }

    /// One more try to write a login that is only in memory; the file it was kept in, where no profile holds it.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub async fn save_again(
        &self,
        name: ProfileName,
        redeemed: Fingerprint,
        auth: AuthFile,
    ) -> Result<Option<String>, String> {
        let home = self.home.clone();
        let tried = tokio::task::spawn_blocking(move || {
            let lock = AccountLock::take(&home, &auth).map_err(|err| err.to_string())?;
            let rotation = Rotation::resume(&home, lock, &name, &redeemed);
            finish(&mut rotation.map_err(|err| err.to_string())?, &auth)
        });
        tried
            .await
            .unwrap_or_else(|_panicked| Err("the file work broke off".into()))
    }
}

/// Ends a refresh that brought nothing to save.
async fn end(flight: Flight, how: impl FnOnce(Rotation) + Send + 'static) {
    if tokio::task::spawn_blocking(move || how(flight.rotation))
        .await
        .is_err()
    {
        // The mark is only a memory aid: the next try meets the same refusal.
        warn!("the end of a refresh could not be noted");
    }
}

/// Saves, and says what is still missing; the file that the login was kept in, where its profile does not hold it.
fn finish(rotation: &mut Rotation, auth: &AuthFile) -> Result<Option<String>, String> {
    let finished = rotation
        .finish(auth, SystemTime::now())
        .map_err(|err| err.to_string())?;
    let kept_aside = finished.displaced.map(|file| {
        warn!(file = %file.display(), "the profile changed meanwhile; the new login was kept aside");
        let name = file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    });
    match finished.live {
        Publication::Written | Publication::NotThisLogin => Ok(kept_aside),
        Publication::Failed(err) => Err(err.to_string()),
    }
}

enum Opening {
    Adopted(Box<AuthFile>),
    Ready(Box<Flight>),
}

enum Redeemed {
    Tokens(Box<AuthFile>),
    Adopted(Box<AuthFile>),
}

/// Everything that must be in hand before a token is sent.
struct Flight {
    rotation: Rotation,
    name: ProfileName,
    old: AuthFile,
    token: Fingerprint,
    network: Network,
}

/// Takes the lock, looks for something newer, and makes sure that an answer could be saved.
fn open(home: &Home, name: &ProfileName) -> Result<Opening, RefreshFailure> {
    let profile = profiles::load(home, name).map_err(not_possible)?;
    let before = profile
        .login
        .map_err(|reason| RefreshFailure::NotPossible(reason.to_string()))?;
    let lock = AccountLock::take(home, &before).map_err(not_possible)?;
    // Read only now: whoever held the lock may have rotated.
    let profile = profiles::load(home, name).map_err(not_possible)?;
    if let Ok(exchanged) = &profile.login
        && !exchanged.same_account(&before)
        && !exchanged.same_login(&before)
    {
        // Another account by now, whose lock is another one.
        return Ok(Opening::Adopted(Box::new(exchanged.clone())));
    }
    if let Some(newer) = adopt(home, &profile)? {
        return Ok(Opening::Adopted(Box::new(newer)));
    }
    let old = match &profile.login {
        Ok(old) => old.clone(),
        Err(reason) => return Err(RefreshFailure::NotPossible(reason.to_string())),
    };
    if !before.same_login(&old) {
        return Ok(Opening::Adopted(Box::new(old)));
    }
    let Some(login) = old.chatgpt() else {
        return Err(RefreshFailure::NotPossible(
            "this kind of login is not renewed".into(),
        ));
    };
    let Some(token) = login
        .refresh_token
        .as_ref()
        .map(crate::profile::Secret::fingerprint)
    else {
        return Err(RefreshFailure::NotPossible(
            "this login has no refresh token".into(),
        ));
    };
    if profile.side.rejects(login) {
        return Err(RefreshFailure::SignInAgain {
            token,
            code: "refused before".into(),
        });
    }
    // Before anything is written: a side file that cannot be read stays as it is.
    let network = profile.side.network();
    if let Some(reason) = network.trouble() {
        return Err(RefreshFailure::NoWayOut(reason.to_owned()));
    }
    if let Some(successor) = rotation::find_successor(home, &profile).map_err(not_possible)? {
        let now = SystemTime::now();
        rotation::adopt(home, &profile, &successor, now).map_err(not_possible)?;
        return Ok(Opening::Adopted(Box::new(successor)));
    }
    if let Some(intent) = profile.side.intent()
        && intent.token == token
    {
        debug!(profile = %name, since = ?intent.at, "a refresh was cut short; the token may be spent");
    }
    // Saved, and then cut short: Codex or another profile may still hold a token that was redeemed.
    rotation::catch_up(home, &profile, SystemTime::now());
    let rotation =
        Rotation::begin(home, lock, name, &token, SystemTime::now()).map_err(not_possible)?;
    Ok(Opening::Ready(Box::new(Flight {
        rotation,
        name: name.clone(),
        old,
        token,
        network,
    })))
}

/// A newer login of the same account that lies somewhere else in this home, taken into the profile and to everybody who holds the
/// one before.
fn adopt(home: &Home, profile: &Profile) -> Result<Option<AuthFile>, RefreshFailure> {
    let Some(newer) = find_newer(home, profile) else {
        return Ok(None);
    };
    let now = SystemTime::now();
    rotation::adopt(home, profile, &newer, now).map_err(not_possible)?;
    if matches!(read_live(home), Live::Login(live) if live.same_login(&newer)) {
        switch::note_rotation(home, &profile.name, now);
    }
    Ok(Some(newer))
}

/// A login of this account on disk that is not the one we sent.
fn other_on_disk(home: &Home, name: &ProfileName, sent: &AuthFile) -> Option<AuthFile> {
    let profile = profiles::load(home, name).ok()?;
    let login = profile.login.as_ref().ok()?;
    if !login.same_account(sent) && !login.same_login(sent) {
        return None; // exchanged; the lock that is held is not this account's
    }
    if let Some(adopted) = adopt(home, &profile).ok().flatten() {
        return Some(adopted);
    }
    if login.same_login(sent) {
        return None;
    }
    // Written to the profile itself, by somebody who may know of no other place.
    if let Err(err) = rotation::adopt(home, &profile, login, SystemTime::now()) {
        warn!(profile = %name, error = %err, "others still hold the token before");
    }
    profile.login.ok()
}

/// A failure that leaves the token as good as it was.
fn later(reason: String, retry_after: Option<Duration>) -> RefreshFailure {
    RefreshFailure::Later {
        reason,
        retry_after,
        is_ambiguous: false,
    }
}

fn not_possible(err: StoreError) -> RefreshFailure {
    RefreshFailure::NotPossible(err.to_string())
}

/// Runs file work where it may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RefreshFailure> + Send + 'static,
) -> Result<T, RefreshFailure> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_panicked| {
            Err(RefreshFailure::NotPossible(
                "the file work broke off".into(),
            ))
        })
}

/// Whether a running Codex may be redeeming this login right now: less than ten minutes left, or due by age.
pub fn may_be_in_redeem(live: &AuthFile, now: SystemTime) -> bool {
    const TEN_MINUTES: Duration = Duration::from_secs(600);
    /// The old CLI refreshes at 8 days.
    const OLD: Duration = Duration::from_secs(15 * 12 * 3600);
    live.chatgpt().is_some_and(|login| {
        login.expires_within(TEN_MINUTES, now)
            || login
                .last_refresh
                .is_some_and(|at| now.duration_since(at).is_ok_and(|age| age >= OLD))
    })
}

#[cfg(test)]
mod tests;
