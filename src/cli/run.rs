//! `run`: a command in a home where Codex uses one account. What is rotated there is brought home while it runs and at its end.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};

use super::{CliError, connect, oneshot, parse, prepare, warn};
use crate::connect::config_without_router;
use crate::profile::AuthFile;
use crate::store::{Environment, Home, InstanceLock, Overlay, credential_store, overlay, profiles};
use crate::system::with_users_umask;

/// How often the logins are looked at while the command runs: the dates of two files, no more.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Codex renews a login when it has expired; whoever is earlier is in nobody's way.
const RENEW_MARGIN: Duration = Duration::from_secs(20 * 60);
const RENEW_EVERY: Duration = Duration::from_secs(60);
/// Would beat the login of the account (codex-rs/login/src/auth/manager.rs).
const STRONGER: [&str; 2] = ["CODEX_API_KEY", "CODEX_ACCESS_TOKEN"];
/// Where Codex keeps its databases, among them the list of sessions; its settings' `sqlite_home` beats it, and the home is what it
/// takes without (codex-rs/config/src/config_toml.rs). Databases are no matter of one terminal: what SQLite keeps beside a file that
/// is used must never be parted from it.
const DATABASES: &str = "CODEX_SQLITE_HOME";

pub(super) fn run(
    environment: &Environment,
    name: &str,
    command: &[OsString],
) -> Result<ExitCode, CliError> {
    let name = parse(name)?;
    let (home, settings) = prepare(environment)?;
    let Some((program, arguments)) = command.split_first() else {
        return Err(CliError::Usage("say what to run: run NAME -- codex".into()));
    };
    if let Some(mode) = credential_store(&home) {
        return Err(anyhow!(
            "Codex keeps its login in {mode:?} and would not look at the file of this account; `codex-router fix credential-store` changes that"
        )
        .into());
    }
    if let Err(err) = overlay::sweep(&home, SystemTime::now()) {
        warn(&format!(
            "A terminal that was killed could not be tidied up: {err}"
        ));
    }
    // What goes through the router would be answered by whichever account it chooses.
    let own = config_without_router(&home, &connect::router(&home, &settings));
    let overlay = Overlay::open(&home, &name, own.as_deref(), SystemTime::now())
        .map_err(|err| anyhow!("no terminal for {name}: {err}"))?;
    keep_alive_by(&overlay)?;
    let mut child = Command::new(program);
    child
        .args(arguments)
        .env("CODEX_HOME", overlay.root())
        .env("CODEX_ROUTER_ACCOUNT", name.as_str());
    for stronger in STRONGER {
        child.env_remove(stronger);
    }
    if environment.path(DATABASES).is_none() {
        child.env(DATABASES, home.root());
    }
    let started = with_users_umask(|| child.spawn())
        .with_context(|| format!("{} could not be started", program.to_string_lossy()));
    let ended = started.and_then(|child| wait(child, environment, &home, &overlay));
    let closed = overlay.close(SystemTime::now());
    match closed {
        Ok(taken) => {
            if let Some(kept) = taken.kept {
                warn(&format!(
                    "Files that differ from those in {} were kept in {}",
                    home.root().display(),
                    kept.display()
                ));
            }
        }
        Err(err) => warn(&format!(
            "What was made in the terminal of {name} could not be brought home yet ({err}); its next one tries again."
        )),
    }
    Ok(exit_code(ended?))
}

/// The lock goes on to whatever is started here, so that the login stays as long as anything uses it, whatever becomes of us.
fn keep_alive_by(overlay: &Overlay) -> Result<(), CliError> {
    #[cfg(unix)]
    rustix::io::fcntl_setfd(overlay.lock(), rustix::io::FdFlags::empty())
        .map_err(anyhow::Error::from)?;
    #[cfg(not(unix))]
    let _unused = overlay;
    Ok(())
}

/// Waits for the command. Signals for us are its own; meanwhile both sides of its login are kept the same.
fn wait(
    mut child: Child,
    environment: &Environment,
    home: &Home,
    overlay: &Overlay,
) -> anyhow::Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let pid = child.id();
    let (ended, mut end) = tokio::sync::oneshot::channel();
    let waiting = std::thread::Builder::new()
        .name("wait for the command".into())
        .spawn(move || {
            // Nobody listens any more when the other side broke off.
            let _gone = ended.send(child.wait());
        })?;
    let mut signals = runtime.block_on(async { Signals::new() });
    let mut renewed_at = SystemTime::now();
    let mut seen = [None; 2];
    let status = loop {
        let next = runtime.block_on(async {
            tokio::select! {
                status = &mut end => Some(status),
                signal = signals.received() => {
                    pass_on(pid, signal);
                    None
                }
                () = tokio::time::sleep(LOOK_EVERY) => None,
            }
        });
        if let Some(status) = next {
            break status.context("the command was lost")?;
        }
        let now = SystemTime::now();
        // The live file as well: where no router runs, nobody else hands on what Codex rotates there.
        let dates = [overlay.root().join("auth.json"), home.live_auth()].map(|file| date(&file));
        if dates != seen {
            seen = dates;
            if let Err(err) = overlay.reconcile(now) {
                tracing::debug!(error = %err, "the login was not brought home yet");
                seen = [None; 2];
            }
        }
        if now
            .duration_since(renewed_at)
            .is_ok_and(|age| age >= RENEW_EVERY)
        {
            renewed_at = now;
            renew(environment, home, overlay, now);
        }
    };
    if waiting.join().is_err() {
        warn("the end of the command was not seen");
    }
    Ok(status?)
}

/// `None` while it is replaced, or signed out.
fn date(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file)
        .and_then(|meta| meta.modified())
        .ok() // gone
}

/// Where no router does it: a login that is about to expire is renewed before Codex has to.
fn renew(environment: &Environment, home: &Home, overlay: &Overlay, now: SystemTime) {
    if InstanceLock::is_held(home).unwrap_or(true) {
        return;
    }
    let Ok(Some(name)) = overlay.account() else {
        return; // deleted meanwhile: Codex renews its login by itself
    };
    let is_due = profiles::load(home, &name).is_ok_and(|profile| {
        let chatgpt = profile.login.as_ref().ok().and_then(AuthFile::chatgpt);
        chatgpt.is_some_and(|login| login.expires_within(RENEW_MARGIN, now))
    });
    if is_due && let Err(err) = oneshot::renew_quietly(environment, &name) {
        tracing::debug!(error = %err, "the login was not renewed ahead of time");
    }
}

/// As shells tell it: 128 and the signal for a program that a signal has ended.
fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return ExitCode::from(128_u8.wrapping_add(u8::try_from(signal).unwrap_or(0)));
    }
    let code = status.code().unwrap_or(1);
    ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1))
}

/// The signals that would end us. A terminal sends its own to the command as well; the others are passed on.
#[cfg(unix)]
struct Signals {
    heard: Vec<(tokio::signal::unix::Signal, Option<rustix::process::Signal>)>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use rustix::process::Signal;
        use tokio::signal::unix::{SignalKind, signal};
        let heard = [
            (SignalKind::interrupt(), None),
            (SignalKind::quit(), None),
            (SignalKind::terminate(), Some(Signal::TERM)),
            (SignalKind::hangup(), Some(Signal::HUP)),
            (SignalKind::user_defined1(), Some(Signal::USR1)),
            (SignalKind::user_defined2(), Some(Signal::USR2)),
        ];
        // One that the system refuses to tell is not passed on.
        let heard = heard
            .into_iter()
            .filter_map(|(kind, passed)| Some((signal(kind).ok()?, passed)));
        Self {
            heard: heard.collect(),
        }
    }

    async fn received(&mut self) -> Option<rustix::process::Signal> {
        std::future::poll_fn(|context| {
            for (signal, passed) in &mut self.heard {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*passed);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

#[cfg(unix)]
fn pass_on(pid: u32, signal: Option<rustix::process::Signal>) {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    if let (Some(pid), Some(signal)) = (pid, signal)
        && let Err(err) = rustix::process::kill_process(pid, signal)
    {
        tracing::debug!(error = %err, "a signal was not passed on");
    }
}

/// Ctrl-C reaches the command by itself; it must not end us before it.
#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn received(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(not(unix))]
fn pass_on(_pid: u32, (): ()) {}
