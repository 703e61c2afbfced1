//! `import` and `restore`: logins from elsewhere become accounts, after a look at what they are.

use std::io::{IsTerminal as _, Read as _, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::oneshot::{loaded, start, wait_for};
use super::passphrase::{self, Passphrase};
use super::{CliError, created, say, warn};
use crate::desk::{
    Command, Desk, FoundLogin, ImportSource, ImportState, ImportView, LoginKind, Verdict, words,
};
use crate::profile::{ProfileName, Secret};
use crate::store::Environment;

/// What stands on the command line of `import`.
#[derive(Debug, Args)]
pub(super) struct ImportWish {
    #[command(flatten)]
    from: Where,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Where {
    /// Files, and folders with all that is below them: auth.json, lists of logins, a backup
    paths: Vec<PathBuf>,
    /// Read logins or API keys from standard input
    #[arg(long)]
    paste: bool,
    /// Look into the stores of other programs on this computer, and at the login that Codex uses
    #[arg(long)]
    other_programs: bool,
}

/// What stands on the command line of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreWish {
    /// The backup
    file: PathBuf,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    /// Only show what was found
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before writing
    #[arg(long)]
    yes: bool,
    /// An object for programs; never a secret
    #[arg(long)]
    json: bool,
    /// Take this one: its name in the table, or its e-mail; repeat it for more
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// What the one that is taken is called here
    #[arg(long = "as", value_name = "NAME")]
    name: Option<String>,
    /// Where the passphrase of a backup stands, in its first line; otherwise it is asked for
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// A thousand files are looked at in a second; a folder of a network may be slow.
const LONGEST_LOOK: Duration = Duration::from_secs(300);
/// An account may be waited for for 45 s where somebody renews it.
const LONGEST_WRITE: Duration = Duration::from_secs(1_800);
/// No paste comes near it.
const MAX_PASTE_BYTES: u64 = 16 * 1024 * 1024;
/// Somebody who does not know it by then does not know it.
const TRIES: u32 = 3;

pub(super) fn import(environment: &Environment, wish: &ImportWish) -> Result<(), CliError> {
    let source = if wish.from.paste {
        if !wish.how.yes && !wish.how.dry_run {
            let problem = "--paste needs --yes or --dry-run, as nothing can be asked";
            return Err(CliError::Usage(problem.into()));
        }
        ImportSource::Text(pasted()?)
    } else if wish.from.other_programs {
        ImportSource::OtherPrograms
    } else {
        ImportSource::Paths(wish.from.paths.clone())
    };
    run(environment, source, &wish.how)
}

pub(super) fn restore(environment: &Environment, wish: &RestoreWish) -> Result<(), CliError> {
    if !crate::store::import::is_backup(&wish.file) {
        return Err(anyhow!("{:?} is no backup of Codex Router", wish.file).into());
    }
    let source = ImportSource::Paths(vec![wish.file.clone()]);
    run(environment, source, &wish.how)
}

fn run(environment: &Environment, source: ImportSource, how: &How) -> Result<(), CliError> {
    let name = how.name.as_deref().map(created).transpose()?;
    let worker = start(environment)?;
    let desk = worker.desk();
    let result = loaded(&desk).and_then(|_| {
        let view = look(&desk, environment, source, how)?;
        let chosen = chosen(&view, &how.only, name)?;
        if !how.json {
            table(&view);
        }
        if how.dry_run || chosen.is_empty() {
            return nothing_written(&view, how);
        }
        confirm(how, chosen.len())?;
        desk.ask(Command::Import(chosen))
            .map_err(anyhow::Error::from)?;
        written(&desk, how)
    });
    drop(desk);
    worker.stop();
    result
}

/// What was found; a backup's passphrase is asked for.
fn look(
    desk: &Desk,
    environment: &Environment,
    source: ImportSource,
    how: &How,
) -> Result<ImportView, CliError> {
    let mut source = source;
    for tried in 0..=TRIES {
        let before = desk
            .snapshot()
            .import
            .as_ref()
            .map_or(0, |view| view.number);
        desk.ask(Command::LookForImport(source))
            .map_err(anyhow::Error::from)?;
        let view = wait_for(desk, LONGEST_LOOK, |snapshot| {
            let view = snapshot
                .import
                .as_ref()
                .filter(|view| view.number > before)?;
            let is_over = !matches!(view.state, ImportState::Looking { .. });
            is_over.then(|| (**view).clone())
        })?;
        match view.state {
            ImportState::WantsPassphrase { file, refusal } => {
                let from = Passphrase::find(environment, how.passphrase_file.as_deref());
                match refusal {
                    // Asking the same file again brings the same answer.
                    Some(refusal) if tried == TRIES || from.is_fixed() => {
                        return Err(anyhow!("{refusal}").into());
                    }
                    Some(refusal) => warn(&format!("{refusal}.")),
                    None => {}
                }
                let passphrase = from.read(passphrase::For::Opening)?;
                source = ImportSource::Backup { file, passphrase };
            }
            ImportState::Failed(reason) => return Err(anyhow!("{reason}").into()),
            ImportState::Looking { .. }
            | ImportState::Ready
            | ImportState::Writing { .. }
            | ImportState::Done { .. } => return Ok(view),
        }
    }
    Err(anyhow!("the passphrase was wrong {TRIES} times").into())
}

/// Which of them are taken, and under which names.
fn chosen(
    view: &ImportView,
    only: &[String],
    name: Option<ProfileName>,
) -> Result<Vec<(u32, ProfileName)>, CliError> {
    let mut chosen: Vec<&FoundLogin> = Vec::new();
    if only.is_empty() {
        chosen.extend(
            view.found
                .iter()
                .filter(|row| row.verdict.is_worth_taking()),
        );
    }
    for wanted in only {
        let is_it = |row: &&FoundLogin| {
            row.verdict.can_be_taken()
                && (row.name.as_str() == wanted || row.email.as_ref() == Some(wanted))
        };
        let row = view.found.iter().find(is_it).ok_or_else(|| {
            CliError::Usage(format!(
                "nothing that could be imported is called {wanted:?}"
            ))
        })?;
        if chosen.iter().all(|other| other.id != row.id) {
            chosen.push(row);
        }
    }
    if let Some(name) = name {
        return match chosen.as_slice() {
            [one] => match &one.holder {
                Some(holder) if *holder != name => Err(CliError::Usage(format!(
                    "this account is here already, as {holder}; leave --as away"
                ))),
                Some(_) | None => Ok(vec![(one.id, name)]),
            },
            [] => Ok(Vec::new()),
            more => Err(CliError::Usage(format!(
                "--as names one account, and {} would be imported; choose it with --only",
                more.len()
            ))),
        };
    }
    let named = |row: &FoundLogin| (row.id, row.name.clone());
    Ok(chosen.into_iter().map(named).collect())
}

/// Asks where somebody can answer.
fn confirm(how: &How, count: usize) -> Result<(), CliError> {
    if how.yes {
        return Ok(());
    }
    if how.json || !std::io::stdin().is_terminal() {
        let problem = "say --yes to import, or --dry-run to look only";
        return Err(CliError::Usage(problem.into()));
    }
    let accounts = accounts(count);
    let mut out = std::io::stderr();
    let asked = write!(out, "Import {accounts}? [y/N] ").and_then(|()| out.flush());
    asked.map_err(anyhow::Error::from)?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(anyhow::Error::from)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(anyhow!("nothing was imported").into()),
    }
}

/// Waits for the end and tells it.
fn written(desk: &Desk, how: &How) -> Result<(), CliError> {
    let shows_progress = std::io::stderr().is_terminal() && !how.json;
    let mut shown = 0;
    let view = wait_for(desk, LONGEST_WRITE, |snapshot| {
        let view = snapshot.import.as_ref()?;
        match view.state {
            ImportState::Writing { done, of } => {
                if shows_progress && done != shown {
                    shown = done;
                    let _reader_gone = write!(std::io::stderr(), "\r{done} of {of}");
                }
                None
            }
            ImportState::Done { .. } => Some((**view).clone()),
            _ => None,
        }
    })?;
    if shown > 0 {
        let _reader_gone = write!(std::io::stderr(), "\r            \r");
    }
    let ImportState::Done {
        added,
        updated,
        failed,
        is_cancelled,
    } = view.state
    else {
        return Ok(()); // not waited for
    };
    if how.json {
        print_json(&view);
    } else {
        say(&format!("Added {}, updated {updated}.", accounts(added)));
        for row in &view.found {
            if let Some(failure) = &row.failure {
                warn(&format!("{}: {failure}", row.name));
            }
        }
    }
    match (failed, is_cancelled) {
        (0, false) => Ok(()),
        (0, true) => Err(anyhow!("stopped; what was imported is whole").into()),
        (n, _) => Err(anyhow!("{} could not be imported", accounts(n)).into()),
    }
}

fn nothing_written(view: &ImportView, how: &How) -> Result<(), CliError> {
    if how.json {
        print_json(view);
    }
    let is_unreadable = |row: &FoundLogin| matches!(row.verdict, Verdict::Unreadable(_));
    if view.found.iter().all(is_unreadable) {
        return Err(anyhow!("there is no login that could be imported").into());
    }
    if !how.dry_run && !how.json {
        say("There is nothing to import.");
    }
    Ok(())
}

fn table(view: &ImportView) {
    let rows: Vec<[String; 4]> = view.found.iter().map(cells).collect();
    let width = |i: usize| {
        let widths = rows
            .iter()
            .filter_map(|row| Some(row.get(i)?.chars().count()));
        widths.max().unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    for [name, verdict, who, source] in &rows {
        let mut line = String::new();
        for (text, width) in [name, verdict, who].into_iter().zip(widths) {
            let padding = width.saturating_sub(text.chars().count());
            line.push_str(text);
            line.extend(std::iter::repeat_n(' ', padding + 2));
        }
        say(&format!("{line}{source}"));
    }
    for note in &view.notes {
        warn(note);
    }
}

fn cells(row: &FoundLogin) -> [String; 4] {
    let name = match row.verdict.can_be_taken() || row.holder.is_some() {
        true => row.name.to_string(),
        false => "-".into(),
    };
    let plan = match (&row.kind, &row.plan) {
        (LoginKind::ApiKey, _) => Some("API key".to_owned()),
        (LoginKind::Endpoint { kind, .. }, _) => Some(words::endpoint_label(*kind).to_owned()),
        (_, Some(plan)) => Some(words::plan_label(plan)),
        (_, None) => None,
    };
    let host = match &row.kind {
        LoginKind::Endpoint { host, .. } => Some(host.clone()),
        _ => None,
    };
    let who: Vec<_> = [row.email.clone().or(host), plan]
        .into_iter()
        .flatten()
        .collect();
    [name, verdict_words(row), who.join(", "), row.source.clone()]
}

fn verdict_words(row: &FoundLogin) -> String {
    match &row.verdict {
        Verdict::New => "new".into(),
        Verdict::Newer => "newer than yours".into(),
        Verdict::Same => "same as yours".into(),
        Verdict::Older => "older, yours stays".into(),
        Verdict::Expired => "login expired".into(),
        Verdict::Unreadable(reason) => format!("unreadable: {reason}"),
    }
}

fn print_json(view: &ImportView) {
    let rows: Vec<_> = view.found.iter().map(json_row).collect();
    let mut whole = json!({"found": rows, "notes": view.notes});
    if let (
        ImportState::Done {
            added,
            updated,
            failed,
            is_cancelled,
        },
        Some(object),
    ) = (&view.state, whole.as_object_mut())
    {
        object.insert("added".into(), json!(added));
        object.insert("updated".into(), json!(updated));
        object.insert("failed".into(), json!(failed));
        object.insert("cancelled".into(), json!(is_cancelled));
    }
    say(&format!("{whole:#}"));
}

fn json_row(row: &FoundLogin) -> Value {
    let (verdict, reason) = match &row.verdict {
        Verdict::New => ("new", None),
        Verdict::Newer => ("newer", None),
        Verdict::Same => ("same", None),
        Verdict::Older => ("older", None),
        Verdict::Expired => ("expired", None),
        Verdict::Unreadable(reason) => ("unreadable", Some(reason)),
    };
    let name = row.verdict.can_be_taken().then(|| row.name.as_str());
    json!({
        "name": name,
        "account": row.holder.as_ref().map(ProfileName::as_str),
        "email": row.email,
        "plan": row.plan,
        "workspace": row.workspace,
        "source": row.source,
        "verdict": verdict,
        "reason": row.failure.as_ref().or(reason),
    })
}

fn accounts(count: usize) -> String {
    match count {
        1 => "1 account".into(),
        n => format!("{n} accounts"),
    }
}

fn pasted() -> Result<Secret, CliError> {
    let mut text = Zeroizing::new(Vec::with_capacity(64 * 1024));
    std::io::stdin()
        .lock()
        .take(MAX_PASTE_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(|err| anyhow!("standard input could not be read: {err}"))?;
    if text.len() as u64 > MAX_PASTE_BYTES {
        return Err(anyhow!("that is more than 16 MiB; import it as a file").into());
    }
    match std::str::from_utf8(&text) {
        Ok(text) => Ok(Secret::new(text)),
        Err(_binary) => Err(anyhow!("standard input is not UTF-8 text").into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        wish: ImportWish,
    }

    fn row(id: u32, verdict: Verdict, name: &str, holder: Option<&str>) -> FoundLogin {
        FoundLogin {
            id,
            kind: LoginKind::ChatGpt,
            email: Some(format!("{name}@example.test")),
            plan: Some("plus".into()),
            workspace: None,
            source: "~/x".into(),
            last_refresh_at: None,
            verdict,
            holder: holder.map(|name| ProfileName::parse(name).unwrap()),
            name: ProfileName::parse(name).unwrap(),
            failure: None,
        }
    }

    fn view() -> ImportView {
        ImportView {
            number: 1,
            state: ImportState::Ready,
            found: vec![
                row(0, Verdict::New, "ana", None),
                row(1, Verdict::Newer, "bob", Some("bob")),
                row(2, Verdict::Older, "cara", Some("cara")),
                row(3, Verdict::Expired, "dan", None),
            ],
            notes: Vec::new(),
        }
    }

    fn taken(only: &[&str], name: Option<&str>) -> Result<Vec<(u32, String)>, String> {
        let only: Vec<_> = only.iter().map(|text| (*text).to_owned()).collect();
        let name = name.map(|name| ProfileName::parse(name).unwrap());
        let chosen = chosen(&view(), &only, name).map_err(|err| err.to_string())?;
        Ok(chosen
            .into_iter()
            .map(|(id, name)| (id, name.to_string()))
            .collect())
    }

    #[test]
    fn what_is_new_or_newer_is_taken_unless_somebody_chooses() {
        let pair = |id, name: &str| (id, name.to_owned());
        assert_eq!(taken(&[], None).unwrap(), [pair(0, "ana"), pair(1, "bob")]);
        assert_eq!(
            taken(&["dan", "dan@example.test"], None).unwrap(),
            [pair(3, "dan")]
        );
        assert_eq!(taken(&["ana"], Some("work")).unwrap(), [pair(0, "work")]);
        for (only, name, said) in [
            (&["cara"][..], None, "called \"cara\""),
            (&[], Some("x"), "choose it with --only"),
            (&["bob"], Some("x"), "here already, as bob"),
        ] {
            let refused = taken(only, name).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn one_source_is_named() {
        let parse = |line: &str| Line::try_parse_from(line.split(' '));
        parse("import a b --yes").unwrap();
        parse("import --paste --yes").unwrap();
        for line in [
            "import",
            "import a --paste",
            "import --paste --other-programs",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_row_says_who_it_is_and_what_would_happen() {
        let told: Vec<_> = view().found.iter().map(cells).collect();
        let cell = |text: &str| text.to_owned();
        assert_eq!(
            told[1],
            [
                cell("bob"),
                cell("newer than yours"),
                cell("bob@example.test, Plus"),
                cell("~/x")
            ]
        );
        let broken = row(4, Verdict::Unreadable("it breaks off".into()), "x", None);
        assert_eq!(
            cells(&broken)[..2],
            [cell("-"), cell("unreadable: it breaks off")]
        );
    }
}
