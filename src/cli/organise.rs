//! `rename`, `delete`, `trash` and `order`: what is done to accounts as such. By the worker, by the same rules as from the window.

use std::io::{IsTerminal as _, Write as _};
use std::time::SystemTime;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;

use super::oneshot::{loaded, outcomes_of, start};
use super::{CliError, created, parse, say};
use crate::desk::sort::{Move, moved, own_order};
use crate::desk::{Command, Outcome, Snapshot, TrashView, words};
use crate::profile::ProfileName;
use crate::store::Environment;

#[derive(Debug, Subcommand)]
pub(super) enum TrashVerb {
    /// Show what is in it
    List,
    /// Put accounts back, by their ids or names
    Restore {
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Remove accounts for good, or all that are in it
    Purge {
        ids: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Where accounts go in the user's own order.
#[derive(Debug, Args)]
pub(super) struct Order {
    /// In this order, before all others; or the one that is to move
    names: Vec<String>,
    /// To the beginning
    #[arg(long, group = "place")]
    first: bool,
    /// To the end
    #[arg(long, group = "place")]
    last: bool,
    /// In front of this one
    #[arg(long, group = "place", value_name = "NAME")]
    before: Option<String>,
}

/// Gives an account another name.
pub(super) fn rename(environment: &Environment, from: &str, to: &str) -> Result<(), CliError> {
    let (from, to) = (parse(from)?, created(to)?);
    ask(environment, |_snapshot| Ok(Command::Rename { from, to }))
}

/// Moves accounts into the trash.
pub(super) fn delete(
    environment: &Environment,
    names: &[String],
    is_sure: bool,
) -> Result<(), CliError> {
    let names: Vec<_> = names
        .iter()
        .map(|name| parse(name))
        .collect::<Result<_, _>>()?;
    let whom = match names.as_slice() {
        [name] => name.to_string(),
        names => words::accounts(names.len()),
    };
    let question = format!(
        "Delete {whom}? The login is removed from this computer and can be put back for 30 days. The account itself is not touched."
    );
    if !is_sure && !agreed(&question)? {
        return Ok(());
    }
    ask(environment, |_snapshot| Ok(Command::Delete(names)))
}

pub(super) fn trash(environment: &Environment, verb: Option<TrashVerb>) -> Result<(), CliError> {
    match verb.unwrap_or(TrashVerb::List) {
        TrashVerb::List => {
            let worker = start(environment)?;
            let snapshot = loaded(&worker.desk());
            worker.stop();
            list(&snapshot?.trash);
            Ok(())
        }
        TrashVerb::Restore { ids } => ask(environment, |snapshot| {
            Ok(Command::Undelete(found(&snapshot.trash, &ids)?))
        }),
        TrashVerb::Purge { ids, yes } => {
            let whom = match ids.as_slice() {
                [] => "everything in the trash".to_owned(),
                [id] => id.clone(),
                ids => words::accounts(ids.len()),
            };
            let question = format!("Remove {whom} for good? This cannot be undone.");
            if !yes && !agreed(&question)? {
                return Ok(());
            }
            ask(environment, |snapshot| {
                Ok(Command::Purge(found(&snapshot.trash, &ids)?))
            })
        }
    }
}

/// Without a name shows the order as it is.
pub(super) fn order(environment: &Environment, wish: &Order) -> Result<(), CliError> {
    let names: Vec<_> = wish
        .names
        .iter()
        .map(|name| parse(name))
        .collect::<Result<_, _>>()?;
    let place = wish.place()?;
    if names.is_empty() && place.is_none() {
        let worker = start(environment)?;
        let snapshot = loaded(&worker.desk());
        worker.stop();
        for (place, name) in (1_usize..).zip(own_order(&snapshot?.profiles)) {
            say(&format!("{place}. {name}"));
        }
        return Ok(());
    }
    ask(environment, |snapshot| wanted_order(snapshot, names, place))
}

fn wanted_order(
    snapshot: &Snapshot,
    names: Vec<ProfileName>,
    place: Option<Move>,
) -> Result<Command, CliError> {
    let before = match &place {
        Some(Move::Before(name)) => Some(name),
        Some(Move::First | Move::Last) | None => None,
    };
    if let Some(name) = names
        .iter()
        .chain(before)
        .find(|name| snapshot.profile(name).is_none())
    {
        return Err(anyhow!("there is no account {:?}", name.as_str()).into());
    }
    let Some(place) = place else {
        return Ok(Command::Order(names));
    };
    let [name] = names.as_slice() else {
        return Err(CliError::Usage(
            "name the one account that is to move".into(),
        ));
    };
    let order = moved(own_order(&snapshot.profiles), name, &place);
    Ok(Command::Order(order.unwrap_or_default()))
}

impl Order {
    fn place(&self) -> Result<Option<Move>, CliError> {
        Ok(match &self.before {
            Some(name) => Some(Move::Before(parse(name)?)),
            None if self.first => Some(Move::First),
            None if self.last => Some(Move::Last),
            None => None,
        })
    }
}

/// Asks the worker, and tells what came of it. What did not work, or not for all, is the error at the end.
fn ask(
    environment: &Environment,
    command: impl FnOnce(&Snapshot) -> Result<Command, CliError>,
) -> Result<(), CliError> {
    let worker = start(environment)?;
    let desk = worker.desk();
    let outcomes = loaded(&desk)
        .and_then(|snapshot| command(&snapshot))
        .and_then(|command| outcomes_of(&desk, command));
    drop(desk);
    worker.stop();
    let mut failed = Ok(());
    for outcome in outcomes? {
        if let Outcome::EditFailed { reason } = outcome {
            failed = Err(anyhow!(reason).into());
        } else {
            told(&outcome).iter().for_each(|line| say(line));
        }
    }
    failed
}

/// What came of it, a line each.
fn told(outcome: &Outcome) -> Vec<String> {
    let sentences = |notes: &[String]| notes.iter().map(|note| sentence(note)).collect::<Vec<_>>();
    match outcome {
        Outcome::Renamed { from, to, notes } => {
            let called = format!("{from} is now called {to}");
            [vec![called], sentences(notes)].concat()
        }
        Outcome::Deleted { names, ids, notes } => {
            let deleted = |(name, id): (&ProfileName, &String)| {
                let id = quoted(id);
                format!("Deleted {name}. To put it back: codex-router trash restore {id}")
            };
            let deleted: Vec<_> = names.iter().zip(ids).map(deleted).collect();
            let count = match names.len() {
                0 | 1 => vec![],
                many => vec![format!("{} deleted", words::accounts(many))],
            };
            [deleted, sentences(notes), count].concat()
        }
        Outcome::Undeleted { names, notes } => {
            let back = names.iter().map(|name| format!("{name} is back"));
            [back.collect(), sentences(notes)].concat()
        }
        Outcome::Purged { count } => vec![format!("{} removed for good", words::accounts(*count))],
        Outcome::Ordered => vec!["The order is kept".to_owned()],
        // Nothing else is asked for here.
        _ => Vec::new(),
    }
}

fn list(trash: &[TrashView]) {
    if trash.is_empty() {
        say("The trash is empty.");
    }
    let (now, zone) = (SystemTime::now(), TimeZone::system());
    for it in trash {
        let whose = it.label.as_deref().or(it.email.as_deref()).unwrap_or("-");
        let gone = words::clock(it.purged_at, now, &zone);
        let when = match now.duration_since(it.deleted_at) {
            Ok(_) if it.deleted_at == SystemTime::UNIX_EPOCH => "nobody knows when".to_owned(),
            since => format!(
                "deleted {}, gone for good {gone}",
                words::age(since.unwrap_or_default())
            ),
        };
        let trouble = it
            .trouble
            .as_ref()
            .map(|why| format!(" (unreadable: {why})"));
        say(&format!(
            "{}  {}  {whose}  {when}{}",
            it.id,
            it.name,
            trouble.unwrap_or_default()
        ));
    }
}

/// The ids that are meant: each as it is, or the newest of that name.
fn found(trash: &[TrashView], wanted: &[String]) -> Result<Vec<String>, CliError> {
    let find = |text: &String| {
        let by_id = trash.iter().find(|it| it.id == *text);
        let by_name = || trash.iter().find(|it| it.name.as_str() == text);
        let it = by_id.or_else(by_name);
        it.map(|it| it.id.clone()).ok_or_else(|| {
            let missing = format!(
                "there is nothing called {text:?} in the trash; `codex-router trash` shows what is"
            );
            CliError::Failed(anyhow!(missing))
        })
    };
    wanted.iter().map(find).collect()
}

/// Whether the person at the terminal says yes.
fn agreed(question: &str) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        let unasked = "nobody is there to be asked; say --yes if you are sure";
        return Err(CliError::Usage(unasked.into()));
    }
    let mut err = std::io::stderr().lock();
    let asked = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    asked.map_err(anyhow::Error::from)?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(anyhow::Error::from)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// As a shell takes it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// A note as a line of its own.
fn sentence(note: &str) -> String {
    let mut letters = note.chars();
    let first = letters.next().map(char::to_uppercase);
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_trash_is_meant_by_its_id_or_by_the_newest_of_a_name() {
        let it = |id: &str, name: &str| TrashView {
            id: id.into(),
            name: ProfileName::existing(name).unwrap(),
            label: None,
            email: None,
            deleted_at: SystemTime::UNIX_EPOCH,
            purged_at: SystemTime::UNIX_EPOCH,
            trouble: None,
        };
        let trash = [
            it("work-3", "work"),
            it("work-1", "work"),
            it("work", "other"),
        ];
        let ids = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
            found(&trash, &texts).map_err(|err| err.to_string())
        };
        assert_eq!(
            ids(&["work-1", "other"]),
            Ok(vec!["work-1".into(), "work".into()])
        );
        assert_eq!(ids(&["work"]), Ok(vec!["work".into()]));
        assert_eq!(found(&trash[..2], &["work".into()]).unwrap(), ["work-3"]);
        assert!(ids(&["gone"]).unwrap_err().contains("\"gone\""));
    }

    #[test]
    fn an_id_can_be_copied_into_a_shell_and_a_note_is_a_sentence() {
        assert_eq!(
            quoted("work-20261120T120000.000Z"),
            "work-20261120T120000.000Z"
        );
        assert_eq!(quoted("zwei Worte's-1"), r"'zwei Worte'\''s-1'");
        assert_eq!(sentence("the key stays"), "The key stays.");
        assert_eq!(sentence(""), ".");
    }
}
