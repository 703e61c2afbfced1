//! The command line: one verb, one file. The only face that may print.
//!
//! Verbs that change or ask something start the worker without router and watcher and talk to it through the desk, so that a
//! switch from here follows the same rules as a click. A running instance notices by its watcher.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::profile::ProfileName;
use crate::store::{Environment, Home};

mod add;
mod config;
mod connect;
mod demo;
#[cfg(feature = "gui")]
mod desktop;
mod doctor;
mod encrypt;
mod explain;
mod export;
mod import;
mod keys;
mod list;
mod logging;
mod logs;
mod oneshot;
mod organise;
mod passphrase;
mod requests;
mod retry;
mod route;
mod run;
mod serve;
mod set;
mod show;
mod sign_in;
mod stats;

/// Switch, pool and route several Codex/ChatGPT accounts.
///
/// Without a command: the window and the tray, or, where there is no display, the same as `serve`.
#[derive(Debug, Parser)]
#[command(name = "codex-router", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the router without a window, until interrupted
    Serve,
    /// Show the accounts: who is in use, plans, what is left
    List(Box<list::Wish>),
    /// Show everything about one account
    Show {
        name: String,
        /// An object for programs; never a secret
        #[arg(long)]
        json: bool,
    },
    /// Make the Codex CLI use this account from now on
    Use {
        name: String,
        #[command(flatten)]
        way: oneshot::Way,
    },
    /// Say from which account the router draws first, whatever its strategy; `default`: by its strategy again
    Route {
        /// An account, or `default`; nothing: say how it is
        name: Option<String>,
    },
    /// Say how `use` and the window switch: ask, everywhere, router
    SwitchWay { way: Option<String> },
    /// Run a command with this account: in there Codex uses it, and nothing else changes
    ///
    /// `codex-router run work -- codex`. Sessions, settings and skills are shared with every other Codex.
    Run {
        name: String,
        /// The command and its arguments, behind `--`
        #[arg(last = true, required = true, num_args = 1.., value_name = "COMMAND")]
        command: Vec<std::ffi::OsString>,
    },
    /// Point a program at the router: codex, claude-code, opencode, aider, qwen-code, continue, crush, aichat
    ///
    /// Shows what would change in its settings, and asks. Without a name: how all of them stand.
    Connect {
        tool: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give a program its own settings back
    Disconnect {
        tool: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Mend what `doctor` found: credential-store
    Fix {
        #[arg(value_parser = ["credential-store"])]
        what: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Keep the login that Codex uses now as an account of this name
    Save { name: String },
    /// Add an account: sign in with a browser or by a code, or give an API key, Azure OpenAI or any server like it
    ///
    /// Without an option a browser is opened; the address that it ends on may also be pasted here. Codex's own login stays as it
    /// is. Keys are read from standard input, never from the command line.
    Add(Box<add::Wish>),
    /// Sign in to an account again; its name, tags and settings stay
    #[command(name = "sign-in", visible_alias = "login")]
    SignIn {
        name: String,
        #[command(flatten)]
        how: sign_in::How,
    },
    /// Bring logins in: from files, folders, a backup, standard input or other programs
    ///
    /// Shows what was found before anything is written. Of one account the newest login is taken; an older one never replaces yours.
    Import(Box<import::ImportWish>),
    /// Take accounts out as folders that Codex reads; not encrypted
    Export(Box<export::ExportWish>),
    /// Put accounts into one encrypted file
    Backup(Box<export::BackupWish>),
    /// Bring accounts back from an encrypted file
    ///
    /// Tokens change when they are renewed: a restored login works only if nothing has renewed it since.
    Restore(Box<import::RestoreWish>),
    /// Say what accounts are called and for, and how the router may use them; `default` takes a word back
    Set(Box<set::Wish>),
    /// Call an account something else on screen, in any script; `default`: by its name again
    Label { name: String, text: String },
    /// Give an account another name
    Rename { name: String, new_name: String },
    /// Put accounts into your own order, or show it
    Order(Box<organise::Order>),
    /// Delete accounts: their logins can be put back for 30 days, the accounts themselves are not touched
    Delete {
        #[arg(required = true)]
        names: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Deleted accounts: show them, put them back, remove them for good
    Trash {
        #[command(subcommand)]
        verb: Option<organise::TrashVerb>,
    },
    /// Get new tokens: of one account, or of all
    Refresh { name: Option<String> },
    /// Try an account again at once, or all of them, whatever the router was refused by then
    Retry { name: Option<String> },
    /// Ask how much is left of each account
    Usage {
        /// An array of objects for programs; never a secret
        #[arg(long)]
        json: bool,
    },
    /// Encrypt the logins on this disk with a passphrase: on, off, status, passphrase
    #[command(subcommand)]
    Encrypt(encrypt::EncryptVerb),
    /// The keys that clients of the router show, and what each may do
    #[command(subcommand)]
    Keys(keys::KeysVerb),
    /// Show what happened to a request and why: its id from the header x-request-id, or its beginning, or `last`
    Explain {
        id: String,
        /// An object for programs
        #[arg(long)]
        json: bool,
    },
    /// Show the last requests, the newest first
    Logs(Box<logs::Wish>),
    /// Count requests, errors, tokens, estimated cost and waiting
    Stats(Box<stats::Wish>),
    /// Show every setting and where its value came from, or change one: get, set, unset
    Config(Box<config::Wish>),
    /// Try everything with made-up accounts against a simulator; no account needed
    Demo,
    /// Check this computer: what is fine, what needs attention, and what to do
    Doctor,
}

/// How a verb failed. Where it becomes an exit code: [`run`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// It was tried and did not work.
    #[error("{0:#}")]
    Failed(#[from] anyhow::Error),
    /// It was asked wrongly: a bad name, a bad setting.
    #[error("{0}")]
    Usage(String),
}

/// Runs the program: reads arguments and environment, chooses a face, and says how it went. 0: done. 1: failed. 2: asked wrongly.
pub fn run() -> ExitCode {
    // A wrong command line ends here with status 2 and a hint.
    let arguments = Arguments::parse();
    let environment = Environment::read();
    logging::start(&environment);
    crate::system::keep_memory_private();
    // Ours is strict from the first file on; the programs that we start have the user's.
    crate::system::remember_umask();
    if let Some(Verb::Run { name, command }) = &arguments.verb {
        return run::run(&environment, name, command).unwrap_or_else(ended_badly);
    }
    match obey(arguments.verb, &environment) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => ended_badly(err),
    }
}

fn ended_badly(err: CliError) -> ExitCode {
    complain(&err);
    match err {
        CliError::Failed(_) => ExitCode::from(1),
        CliError::Usage(_) => ExitCode::from(2),
    }
}

fn obey(verb: Option<Verb>, environment: &Environment) -> Result<(), CliError> {
    match verb {
        None => front(environment),
        // It has an exit code of its own and never comes here.
        Some(Verb::Run { .. }) => Ok(()),
        Some(Verb::Serve) => serve::serve(environment),
        Some(Verb::List(wish)) => list::list(environment, &wish),
        Some(Verb::Show { name, json }) => show::show(environment, &parse(&name)?, json),
        Some(Verb::Use { name, way }) => oneshot::use_profile(environment, parse(&name)?, way),
        Some(Verb::Route { name }) => route::route(environment, name.as_deref()),
        Some(Verb::SwitchWay { way }) => route::switch_way(environment, way.as_deref()),
        Some(Verb::Connect { tool, yes }) => connect::connect(environment, tool.as_deref(), yes),
        Some(Verb::Disconnect { tool, yes }) => connect::disconnect(environment, &tool, yes),
        Some(Verb::Fix { what: _, yes }) => connect::fix_credential_store(environment, yes),
        Some(Verb::Save { name }) => oneshot::save(environment, created(&name)?),
        Some(Verb::Add(wish)) => add::add(environment, &wish),
        Some(Verb::SignIn { name, how }) => sign_in::again(environment, &name, &how),
        Some(Verb::Import(wish)) => import::import(environment, &wish),
        Some(Verb::Export(wish)) => export::export(environment, &wish),
        Some(Verb::Backup(wish)) => export::back_up(environment, &wish),
        Some(Verb::Restore(wish)) => import::restore(environment, &wish),
        Some(Verb::Set(wish)) => set::set(environment, &wish),
        Some(Verb::Label { name, text }) => set::label(environment, &name, &text),
        Some(Verb::Rename { name, new_name }) => organise::rename(environment, &name, &new_name),
        Some(Verb::Order(wish)) => organise::order(environment, &wish),
        Some(Verb::Delete { names, yes }) => organise::delete(environment, &names, yes),
        Some(Verb::Trash { verb }) => organise::trash(environment, verb),
        Some(Verb::Refresh { name }) => {
            oneshot::refresh(environment, name.as_deref().map(parse).transpose()?)
        }
        Some(Verb::Retry { name }) => {
            retry::retry(environment, name.as_deref().map(parse).transpose()?)
        }
        Some(Verb::Usage { json }) => list::usage(environment, json),
        Some(Verb::Encrypt(verb)) => encrypt::encrypt(environment, verb),
        Some(Verb::Keys(verb)) => keys::keys(environment, verb),
        Some(Verb::Explain { id, json }) => explain::explain_request(environment, &id, json),
        Some(Verb::Logs(wish)) => logs::logs(environment, &wish),
        Some(Verb::Stats(wish)) => stats::stats(environment, &wish),
        Some(Verb::Config(wish)) => config::config(environment, &wish),
        Some(Verb::Demo) => demo::demo(environment),
        Some(Verb::Doctor) => doctor::doctor(environment),
    }
}

#[cfg(feature = "gui")]
fn front(environment: &Environment) -> Result<(), CliError> {
    desktop::desktop(environment)
}

#[cfg(not(feature = "gui"))]
fn front(environment: &Environment) -> Result<(), CliError> {
    say("This is the headless edition; serving without a window.");
    serve::serve(environment)
}

/// A name that is already there, whatever characters it has.
fn parse(name: &str) -> Result<ProfileName, CliError> {
    ProfileName::existing(name).map_err(|err| CliError::Usage(err.to_string()))
}

/// A name for something new.
fn created(name: &str) -> Result<ProfileName, CliError> {
    ProfileName::parse(name).map_err(|err| CliError::Usage(err.to_string()))
}

/// The home and the settings; bad settings are told and their defaults taken. Where logins are encrypted, their passphrase is
/// given first.
fn prepare(environment: &Environment) -> Result<(Home, crate::desk::Settings), CliError> {
    let home = Home::find(environment).map_err(anyhow::Error::from)?;
    encrypt::unlock(environment, &home)?;
    let prepared = prepare_closed(environment)?;
    // A verb that names an account, or shows them, means the name that it has got.
    crate::worker::settle_renames(&home);
    Ok(prepared)
}

/// The same for what needs no login.
fn prepare_closed(environment: &Environment) -> Result<(Home, crate::desk::Settings), CliError> {
    let home = Home::find(environment).map_err(anyhow::Error::from)?;
    crate::store::prepare(&home, std::time::SystemTime::now()).map_err(anyhow::Error::from)?;
    let read = crate::store::settings(&home, environment);
    for bad in read.bad {
        warn(&format!("{bad}; {}", read.settings.instead(&bad)));
    }
    Ok((home, read.settings))
}

/// Which terminals the environment names.
fn terminals(environment: &Environment) -> crate::system::Terminals {
    let value = |name: &str| environment.path(name).map(std::path::Path::as_os_str);
    crate::system::Terminals::new(value("TERMINAL"), value("SHELL"), value("PATH"))
}

/// One line on standard output. A reader that went away is no failure of ours.
fn say(line: &str) {
    let _reader_gone = try_to_say(line);
}

/// The same, for whoever would go on for ever.
fn try_to_say(line: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush())
}

fn warn(line: &str) {
    use std::io::Write as _;
    let _reader_gone = writeln!(std::io::stderr(), "{line}");
}

/// The one sentence of a failure.
fn complain(err: &CliError) {
    warn(&format!("codex-router: {err}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn names_that_lead_elsewhere_are_asked_wrongly() {
        assert!(matches!(parse("../x"), Err(CliError::Usage(_))));
        assert!(matches!(created("a b"), Err(CliError::Usage(_))));
    }
}
