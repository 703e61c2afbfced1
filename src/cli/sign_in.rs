//! `add` and `sign-in` of a ChatGPT account: what a terminal shows of a sign-in, and what is typed into it meanwhile.
//!
//! The worker does the work, as for a click. Lines that come in are pasted addresses, or answers when something is asked. Ctrl-C
//! ends the worker, and with it the sign-in and its port.

use std::collections::VecDeque;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::anyhow;
use clap::Args;
use tokio::sync::mpsc;

use super::oneshot::{loaded, start};
use super::{CliError, created, parse, say, warn};
use crate::desk::words::plan_label;
use crate::desk::{
    CallbackListener, Command, Desk, Outcome, SignInStep, SignInView, SignInWay, SignInWish,
    SignedIn, Snapshot,
};
use crate::profile::{ProfileName, Secret};
use crate::store::Environment;
use crate::system::open_link;

/// How to sign in.
#[derive(Debug, Args)]
pub(super) struct How {
    /// Show a code that is typed on any device, instead of opening a browser here
    #[arg(long)]
    device: bool,
    /// Show the address and open no browser
    #[arg(long, conflicts_with = "device")]
    no_browser: bool,
    /// Replace the login of an account without asking
    #[arg(long)]
    yes: bool,
}

/// Of a line that is pasted; an address is far shorter.
const MAX_LINE_BYTES: u64 = 32 * 1024;
const LINES: usize = 8;
/// Between two words of how long there is left.
const TICK: Duration = Duration::from_secs(1);

/// Signs in as whoever it is, under this name if it is somebody new.
pub(super) fn add(
    environment: &Environment,
    name: Option<&str>,
    how: &How,
) -> Result<(), CliError> {
    let name = name.map(created).transpose()?;
    let wish = SignInWish {
        way: how.way(),
        again: None,
        name,
    };
    sign_in(environment, wish, how)
}

/// Signs in to this account again.
pub(super) fn again(environment: &Environment, name: &str, how: &How) -> Result<(), CliError> {
    let wish = SignInWish {
        way: how.way(),
        again: Some(parse(name)?),
        name: None,
    };
    sign_in(environment, wish, how)
}

impl How {
    fn way(&self) -> SignInWay {
        match self.device {
            true => SignInWay::Code,
            false => SignInWay::Browser,
        }
    }
}

fn sign_in(environment: &Environment, wish: SignInWish, how: &How) -> Result<(), CliError> {
    let worker = start(environment)?;
    let desk = worker.desk();
    let snapshot = loaded(&desk)?;
    if let Some(name) = &wish.name {
        refuse_taken(&snapshot, name)?;
    }
    if let Some(name) = &wish.again
        && snapshot.profile(name).is_none()
    {
        let problem = format!(
            "there is no account {:?}; `codex-router list` shows them",
            name.as_str()
        );
        return Err(CliError::Usage(problem));
    }
    desk.ask(Command::SignIn(wish))
        .map_err(anyhow::Error::from)?;
    let opens = !how.no_browser && can_open_a_browser(environment);
    let mut terminal = Terminal {
        lines: lines()?,
        is_open: true,
        opens,
        says_yes: how.yes,
        is_counting: std::io::stdout().is_terminal(),
        shown: None,
        has_counted: false,
        is_signed_in: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(anyhow::Error::from)?;
    let ended = runtime.block_on(terminal.follow(desk.clone()));
    drop(desk);
    worker.stop();
    ended
}

fn refuse_taken(snapshot: &Snapshot, name: &ProfileName) -> Result<(), CliError> {
    let mut profiles = snapshot.profiles.iter();
    match profiles.find(|profile| profile.name.is_same_directory(name)) {
        None => Ok(()),
        Some(taken) => Err(CliError::Usage(format!(
            "the name {:?} is taken; choose another one, or sign in to that account again by `codex-router sign-in {}`",
            name.as_str(),
            taken.name
        ))),
    }
}

/// On Linux a browser without a display would be one in this terminal, if any.
fn can_open_a_browser(environment: &Environment) -> bool {
    let is_set = |name| environment.get(name).is_some_and(|value| !value.is_empty());
    cfg!(any(windows, target_os = "macos")) || is_set("DISPLAY") || is_set("WAYLAND_DISPLAY")
}

/// What comes in on standard input, line by line, until it ends.
fn lines() -> Result<mpsc::Receiver<Secret>, CliError> {
    let (sender, lines) = mpsc::channel(LINES);
    let read = move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = String::new();
            match input.by_ref().take(MAX_LINE_BYTES).read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            if sender.blocking_send(Secret::new(line)).is_err() {
                return;
            }
        }
    };
    // It may wait for a line until the program ends, which does not wait for it.
    std::thread::Builder::new()
        .name("stdin".into())
        .spawn(read)
        .map_err(anyhow::Error::from)?;
    Ok(lines)
}

/// What the terminal has shown so far.
struct Terminal {
    lines: mpsc::Receiver<Secret>,
    /// Whether lines may still come.
    is_open: bool,
    opens: bool,
    says_yes: bool,
    /// Whether the time that is left is shown, in a line that is written over.
    is_counting: bool,
    shown: Option<SignInStep>,
    has_counted: bool,
    is_signed_in: bool,
}

impl Terminal {
    async fn follow(&mut self, mut desk: Desk) -> Result<(), CliError> {
        let mut seen = 0;
        let mut warnings = VecDeque::new();
        loop {
            let snapshot = desk.snapshot();
            for happening in snapshot.happenings.iter().filter(|it| it.seq > seen) {
                match &happening.outcome {
                    Outcome::AddFailed { name, reason } => {
                        warn(&format!("{name} was not written: {reason}"));
                        if self.says_yes {
                            return Err(anyhow!("nothing was changed").into());
                        }
                    }
                    Outcome::SwitchFailed { to, reason } => {
                        warnings.push_back(format!("{to}: {reason}"));
                    }
                    _ => {}
                }
            }
            seen = snapshot.happenings.last().map_or(seen, |it| it.seq);
            if let Some(view) = &snapshot.sign_in {
                self.show(view, &desk)?;
                if let SignInStep::Done { name, is_new } = &view.step
                    && let Some(said) = done(&snapshot, name, *is_new)
                {
                    say(&said);
                    warnings.iter().for_each(|warning| warn(warning));
                    return Ok(());
                }
            } else if self.shown.is_some() {
                return Err(anyhow!("cancelled; nothing was changed").into());
            }
            let ends_at = snapshot.sign_in.as_ref().and_then(|view| view.ends_at);
            self.count_down(ends_at);
            tokio::select! {
                changed = desk.changed() => {
                    if changed.is_err() {
                        self.end_line();
                        return Err(self.cut_off());
                    }
                }
                line = self.lines.recv(), if self.is_open => match line {
                    Some(line) => self.hear(line, &snapshot, &desk)?,
                    None => self.is_open = false,
                },
                () = tokio::time::sleep(TICK), if self.is_counting && ends_at.is_some() => {}
            }
            self.refuse_silence(&desk)?;
        }
    }

    /// Says what is new.
    fn show(&mut self, view: &SignInView, desk: &Desk) -> Result<(), CliError> {
        if self.shown.as_ref() == Some(&view.step) {
            return Ok(());
        }
        self.end_line();
        let before = self.shown.replace(view.step.clone());
        match &view.step {
            SignInStep::Starting | SignInStep::Done { .. } => {}
            SignInStep::Browser {
                url,
                listener,
                paste_refused,
            } => {
                if !matches!(before, Some(SignInStep::Browser { .. })) {
                    self.show_browser(url, listener);
                }
                if let Some(reason) = paste_refused {
                    warn(&format!("That does not help: {reason}."));
                }
            }
            SignInStep::Code { code, url } => {
                say(&format!(
                    "Open this address on any device:\n\n  {url}\n\nand type this code:\n"
                ));
                let bar = "─".repeat(code.chars().count() + 6);
                let (bold, plain) = match self.is_counting {
                    true => ("\u{1b}[1m", "\u{1b}[0m"),
                    false => ("", ""),
                };
                say(&format!(
                    "  ┌{bar}┐\n  │   {bold}{}{plain}   │\n  └{bar}┘\n",
                    &**code
                ));
                say("Never type a code that someone else sent you.");
                if !self.is_counting {
                    let left = view.ends_at.map(left_until).unwrap_or_default();
                    say(&format!(
                        "Waiting; the code is good for {} minutes.",
                        left.as_secs().div_ceil(60)
                    ));
                }
            }
            SignInStep::Finishing => {
                if !std::mem::replace(&mut self.is_signed_in, true) {
                    say("Signed in; fetching the login.");
                }
            }
            SignInStep::Confirm(who) => {
                say(&format!("Signed in as {}.", in_words(who)));
                match &who.holder {
                    _ if who.is_unexpected => {
                        say("That is not the account that you wanted to sign in to again.");
                    }
                    Some(holder) if who.is_holder_unreadable => say(&format!(
                        "The login of {holder} cannot be read, so nobody can tell whose it was; the file is kept aside."
                    )),
                    Some(_) | None => {}
                }
                if self.says_yes {
                    let confirm = Command::ConfirmSignIn { name: None };
                    desk.ask(confirm).map_err(anyhow::Error::from)?;
                } else {
                    put(&question(who));
                }
            }
            SignInStep::Failed { reason } => return Err(anyhow!("{reason}").into()),
        }
        Ok(())
    }

    fn show_browser(&self, url: &str, listener: &CallbackListener) {
        say(&format!("Sign in here:\n\n  {url}\n"));
        match listener {
            CallbackListener::On {
                port,
                first_port_held_by,
            } => {
                if let Some(holder) = first_port_held_by {
                    warn(&format!(
                        "The usual port is held by {holder}; listening on {port} instead."
                    ));
                }
                say(
                    "Waiting for the browser. If it runs on another computer, paste the address that it ends on here.",
                );
            }
            CallbackListener::None { held_by } => {
                let by = held_by.as_ref().map(|holder| format!(" by {holder}"));
                warn(&format!(
                    "The ports for the browser are held{}.",
                    by.unwrap_or_default()
                ));
                say("Sign in there, then paste the address that the browser ends on here.");
            }
        }
        if self.opens && !open_link(url) {
            warn("No browser could be opened; open the address yourself.");
        }
    }

    /// A line is an answer where something was asked, else an address.
    fn hear(&mut self, line: Secret, snapshot: &Snapshot, desk: &Desk) -> Result<(), CliError> {
        let text = line.expose().trim();
        let asked = |command| desk.ask(command).map_err(anyhow::Error::from);
        match snapshot.sign_in.as_ref().map(|view| &view.step) {
            Some(SignInStep::Browser { .. }) if !text.is_empty() => {
                asked(Command::PasteCallback(line))?;
            }
            Some(SignInStep::Confirm(_)) => match text.to_ascii_lowercase().as_str() {
                "y" | "yes" => {
                    // The same question may have to be asked again.
                    self.shown = Some(SignInStep::Starting);
                    asked(Command::ConfirmSignIn { name: None })?;
                }
                _ => {
                    asked(Command::CancelSignIn)?;
                    return Err(anyhow!("nothing was changed").into());
                }
            },
            _ => {}
        }
        Ok(())
    }

    /// A question that nobody can answer any more.
    fn refuse_silence(&self, desk: &Desk) -> Result<(), CliError> {
        let is_asking = matches!(self.shown, Some(SignInStep::Confirm(_))) && !self.says_yes;
        if !is_asking || self.is_open {
            return Ok(());
        }
        desk.ask(Command::CancelSignIn)
            .map_err(anyhow::Error::from)?;
        Err(anyhow!("nothing was changed; --yes answers for scripts").into())
    }

    /// The worker has been told to stop.
    fn cut_off(&self) -> CliError {
        match &self.shown {
            // What is being written is written to its end.
            Some(SignInStep::Finishing | SignInStep::Done { .. }) => {
                anyhow!("stopped in the last moment; `codex-router list` shows whether the login is there")
            }
            _ => anyhow!("cancelled; nothing was changed"),
        }
        .into()
    }

    fn count_down(&mut self, ends_at: Option<SystemTime>) {
        // Where something may be pasted, nothing is written over.
        let waits = matches!(self.shown, Some(SignInStep::Code { .. }));
        let Some(ends_at) = ends_at.filter(|_| waits && self.is_counting) else {
            return;
        };
        let secs = left_until(ends_at).as_secs();
        self.has_counted = true;
        put(&format!("\r{}:{:02} left ", secs / 60, secs % 60));
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.has_counted) {
            put("\r            \r");
        }
    }
}

/// What became of it; `None` until the account can be seen with its new login.
fn done(snapshot: &Arc<Snapshot>, name: &ProfileName, is_new: bool) -> Option<String> {
    let profile = snapshot.profile(name)?;
    let who = [
        profile.email.clone(),
        profile.plan.as_deref().map(plan_label),
    ];
    let who: Vec<_> = who.into_iter().flatten().collect();
    Some(match is_new {
        true => format!("Added {name}: {}", who.join(", ")),
        false => format!(
            "Signed in to {name} again: {}. Name, tags and settings are as they were.",
            who.join(", ")
        ),
    })
}

fn in_words(who: &SignedIn) -> String {
    let named = [
        who.email.clone(),
        who.plan.as_deref().map(plan_label),
        who.workspace.clone(),
    ];
    let named: Vec<_> = named.into_iter().flatten().collect();
    match named.is_empty() {
        true => "somebody who has no e-mail".into(),
        false => named.join(", "),
    }
}

fn question(who: &SignedIn) -> String {
    match &who.holder {
        Some(holder) => format!("Replace the login of {holder} by this one? [y/N] "),
        None => format!("Add it as {}? [y/N] ", who.proposed),
    }
}

fn left_until(ends_at: SystemTime) -> Duration {
    ends_at
        .duration_since(SystemTime::now())
        .unwrap_or_default()
}

/// Without an end of the line.
fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away is no failure of ours.
    let _reader_gone = write!(out, "{text}").and_then(|()| out.flush());
}
