//! `set` and `label`: the user's words for accounts, one or many. Written into each `router.json`; a running instance notices.

use anyhow::anyhow;
use clap::Args;

use super::{CliError, parse, prepare, say};
use crate::desk::{About, BadEdit, Edit, NetworkView, Term, Terms, words};
use crate::profile::about::is_same;
use crate::profile::{Profile, ProfileName, Secret, SideFile};
use crate::store::{Environment, Home, StoreError, profiles};

/// What stands on the command line. Every value may be `default`.
#[derive(Debug, Args)]
pub(super) struct Wish {
    #[command(flatten)]
    whom: Whom,
    #[command(flatten)]
    words: Words,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Whom {
    /// The accounts
    names: Vec<String>,
    /// All accounts
    #[arg(long)]
    all: bool,
    /// The accounts of this group
    #[arg(long, value_name = "GROUP")]
    in_group: Option<String>,
    /// The accounts with this tag
    #[arg(long, value_name = "TAG")]
    tagged: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
struct Words {
    /// What it is called on screen, in any script
    #[arg(long, value_name = "TEXT")]
    label: Option<String>,
    /// A note for yourself
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Give it a tag; may be said several times
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Take a tag away
    #[arg(long, value_name = "TAG")]
    untag: Vec<String>,
    /// Whether it stands before all others in a list
    #[arg(long, value_name = "yes|no")]
    pin: Option<String>,
    /// Whether the router may use it
    #[arg(long, value_name = "yes|no")]
    enabled: Option<String>,
    /// Its share where accounts take turns (round_robin, priority): 1 to 100
    #[arg(long, value_name = "N")]
    weight: Option<String>,
    /// Its tier under the strategy priority
    #[arg(long, value_name = "first|normal|last")]
    priority: Option<String>,
    /// Its place under the strategy ordered: the lowest first
    #[arg(long, value_name = "N")]
    order: Option<String>,
    /// Percent that the router leaves alone: 20 of every window, or 5-hour=20,weekly=10,other=5
    #[arg(long, value_name = "PERCENT")]
    reserve: Option<String>,
    /// The models it is for: 'gpt-5*,o*'
    #[arg(long, value_name = "PATTERNS")]
    models: Option<String>,
    /// By which a client key can mean several accounts
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Its own way out: system, none, or an address such as socks5h://user:password@host:1080; - asks for it unseen
    #[arg(long, value_name = "WAY|-")]
    proxy: Option<String>,
    /// A header that goes with its requests; may be said several times; NAME=- asks for the value unseen
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,
    /// Take a header away
    #[arg(long, value_name = "NAME")]
    no_header: Vec<String>,
    /// Tokens a day (UTC): 500000, 500k or 2M
    #[arg(long, value_name = "N")]
    daily_tokens: Option<String>,
    /// Tokens a month (UTC)
    #[arg(long, value_name = "N")]
    monthly_tokens: Option<String>,
    /// Estimated US dollars a day (UTC)
    #[arg(long, value_name = "DOLLARS")]
    daily_cost: Option<String>,
    /// Estimated US dollars a month (UTC)
    #[arg(long, value_name = "DOLLARS")]
    monthly_cost: Option<String>,
}

/// Takes a word back.
const DEFAULT: &str = "default";

pub(super) fn set(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    let edits = wish.words.edits()?;
    let (home, _) = prepare(environment)?;
    let names = wish.whom.names(&home)?;
    change(&home, &names, &edits)
}

/// Calls one account something else on screen.
pub(super) fn label(environment: &Environment, name: &str, text: &str) -> Result<(), CliError> {
    let name = parse(name)?;
    let edit = Edit::Label(unless_default(text));
    checked(&edit, "TEXT")?;
    let (home, _) = prepare(environment)?;
    change(&home, &[name], &[edit])
}

/// Everything is tried; who was not changed is named.
fn change(home: &Home, names: &[ProfileName], edits: &[Edit]) -> Result<(), CliError> {
    let mut failed = Vec::new();
    for name in names {
        // Everything else stays as it stands, be it right or wrong.
        let changed = profiles::try_edit_side(home, name, |side| {
            edits.iter().try_for_each(|edit| edit.apply(side))?;
            Ok::<_, NotSaid>(())
        });
        match changed.and_then(|()| Ok(profiles::load(home, name)?)) {
            Ok(profile) => tell(&profile),
            Err(why) => failed.push(format!("nothing was changed for {name}: {why}")),
        }
    }
    if names.len() > 1 {
        let changed = words::accounts(names.len() - failed.len());
        say(&format!("{changed} of {} changed", names.len()));
    }
    match failed.is_empty() {
        true => Ok(()),
        false => Err(anyhow!("{}", failed.join("\n")).into()),
    }
}

#[derive(Debug, thiserror::Error)]
enum NotSaid {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Edit(#[from] BadEdit),
}

fn tell(profile: &Profile) {
    let (terms, bad) = Terms::read(&profile.side);
    for bad in bad {
        super::warn(&format!("router.json of {}: {bad}", profile.name));
    }
    let about = About::read(&profile.side);
    let network = profile.side.network();
    if let Some(reason) = network.trouble() {
        super::warn(&format!("router.json of {}: {reason}", profile.name));
    }
    let said = [
        words::about(&about),
        words::terms(&terms),
        NetworkView::of(&network).words(),
    ];
    let said: Vec<_> = said.into_iter().flatten().collect();
    say(&match said.is_empty() {
        true => format!("{}: nothing special", profile.name),
        false => format!("{}: {}", profile.name, said.join(", ")),
    });
}

impl Whom {
    /// The accounts that are meant, each once.
    fn names(&self, home: &Home) -> Result<Vec<ProfileName>, CliError> {
        let mut names = Vec::new();
        for name in &self.names {
            let name = parse(name)?;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let is_bulk = self.all || self.in_group.is_some() || self.tagged.is_some();
        if !is_bulk {
            return Ok(names);
        }
        let all = profiles::load_all(home).map_err(anyhow::Error::from)?;
        for profile in all.profiles {
            if self.means(&profile) && !names.contains(&profile.name) {
                names.push(profile.name);
            }
        }
        if names.is_empty() {
            return Err(anyhow!("there is no such account; `codex-router list` shows all").into());
        }
        Ok(names)
    }

    fn means(&self, profile: &Profile) -> bool {
        let is_in = |group: &String| Terms::read(&profile.side).0.group.as_ref() == Some(group);
        let has = |tag: &String| {
            let tags = About::read(&profile.side).tags;
            tags.iter().any(|kept| is_same(kept, tag.trim()))
        };
        self.all
            || self.in_group.as_ref().is_some_and(is_in)
            || self.tagged.as_ref().is_some_and(has)
    }
}

impl Words {
    fn terms(&self) -> impl Iterator<Item = (Term, &str)> {
        Term::ALL.into_iter().filter_map(|term| {
            let text = match term {
                Term::Enabled => &self.enabled,
                Term::Weight => &self.weight,
                Term::Priority => &self.priority,
                Term::Order => &self.order,
                Term::Reserve => &self.reserve,
                Term::Models => &self.models,
                Term::Group => &self.group,
                Term::DailyTokens => &self.daily_tokens,
                Term::MonthlyTokens => &self.monthly_tokens,
                Term::DailyCost => &self.daily_cost,
                Term::MonthlyCost => &self.monthly_cost,
            };
            Some((term, text.as_deref()?))
        })
    }

    /// What was said, each of it possible by itself.
    fn edits(&self) -> Result<Vec<Edit>, CliError> {
        let mut edits = Vec::new();
        let mut add = |option: &str, edit: Edit| -> Result<(), CliError> {
            checked(&edit, option)?;
            edits.push(edit);
            Ok(())
        };
        if let Some(label) = &self.label {
            add("--label", Edit::Label(unless_default(label)))?;
        }
        if let Some(note) = &self.note {
            add("--note", Edit::Note(unless_default(note)))?;
        }
        for tag in &self.untag {
            add("--untag", Edit::RemoveTag(tag.clone()))?;
        }
        for tag in &self.tag {
            add("--tag", Edit::AddTag(tag.clone()))?;
        }
        if let Some(pin) = &self.pin {
            let is_pinned = match pin.as_str() {
                "yes" | "true" | "on" => true,
                "no" | "false" | "off" | DEFAULT => false,
                _ => {
                    let refused = format!("--pin {pin:?} cannot be used: write yes or no");
                    return Err(CliError::Usage(refused));
                }
            };
            add("--pin", Edit::Pin(is_pinned))?;
        }
        if let Some(proxy) = &self.proxy {
            let proxy = (proxy != DEFAULT)
                .then(|| unseen(proxy, "Proxy (not shown): "))
                .transpose()?;
            add("--proxy", Edit::Proxy(proxy))?;
        }
        for name in &self.no_header {
            add("--no-header", Edit::Header(name.clone(), None))?;
        }
        for header in &self.header {
            let Some((name, value)) = header.split_once('=') else {
                let form = "--header needs a name and a value: --header OpenAI-Project=proj_1";
                return Err(CliError::Usage(form.into()));
            };
            let value = unseen(value, &format!("Value of {name} (not shown): "))?;
            add("--header", Edit::Header(name.to_owned(), Some(value)))?;
        }
        for (term, text) in self.terms() {
            let option = format!("--{}", term.key().replace('_', "-"));
            add(&option, Edit::Term(term, Some(text.to_owned())))?;
        }
        Ok(edits)
    }
}

/// What may hold a password: as it was said, or for `-` typed unseen, or the next line of what is piped.
fn unseen(text: &str, prompt: &str) -> Result<Secret, CliError> {
    match text {
        "-" => Ok(Secret::new(
            super::add::key_line(prompt)?.trim_end_matches(['\r', '\n']),
        )),
        text => Ok(Secret::new(text)),
    }
}

fn unless_default(text: &str) -> Option<String> {
    (text != DEFAULT).then(|| text.to_owned())
}

/// Refuses what could be said of no account.
fn checked(edit: &Edit, option: &str) -> Result<(), CliError> {
    let refused =
        |text: &str, why: &str| CliError::Usage(format!("{option} {text:?} cannot be used: {why}"));
    let text = match edit {
        Edit::Label(text) | Edit::Note(text) | Edit::Term(_, text) => text.as_deref(),
        Edit::AddTag(tag) | Edit::RemoveTag(tag) => Some(tag.as_str()),
        Edit::Pin(_) | Edit::Proxy(_) | Edit::Header(..) => None,
    };
    match edit.apply(&mut SideFile::default()) {
        Ok(()) => Ok(()),
        Err(BadEdit::Word(why)) => Err(refused(text.unwrap_or_default(), &why.to_string())),
        Err(BadEdit::Term(why)) => Err(refused(text.unwrap_or_default(), why.reason)),
        // There may be a password in it.
        Err(BadEdit::Network(why)) => {
            Err(CliError::Usage(format!("{option} cannot be used: {why}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        wish: Wish,
    }

    fn changed(line: &str, side: &str) -> Result<String, String> {
        let words = std::iter::once("set").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|err| err.to_string())?;
        let mut side = SideFile::parse(side.as_bytes());
        let edits = line.wish.words.edits().map_err(|err| err.to_string())?;
        for edit in edits {
            edit.apply(&mut side).map_err(|err| err.to_string())?;
        }
        let text = String::from_utf8(side.to_bytes()).unwrap();
        Ok(text.split_whitespace().collect())
    }

    #[test]
    fn what_was_said_is_written_and_the_rest_stays() {
        let side = r#"{"weight": "odd", "label": "mine", "reserve": 5}"#;
        for (line, expected) in [
            (
                "a --priority first --order 3",
                r#"{"weight":"odd","label":"mine","reserve":5,"priority":"first","order":3}"#,
            ),
            (
                "a --reserve 5-hour=20,weekly=10",
                r#"{"weight":"odd","label":"mine","reserve":{"5-hour":20,"weekly":10}}"#,
            ),
            (
                "a --reserve default --weight 2",
                r#"{"weight":2,"label":"mine"}"#,
            ),
            (
                "a b --enabled no --models gpt-5*,o* --monthly-cost 20",
                r#"{"weight":"odd","label":"mine","reserve":5,"enabled":false,"models":["gpt-5*","o*"],"monthly_cost":20}"#,
            ),
            (
                "--all --label default --tag Client --tag x --untag x --pin yes",
                r#"{"weight":"odd","reserve":5,"tags":["Client","x"],"pinned":true}"#,
            ),
            (
                "a --proxy none --header X-Team=b --no-header x-old",
                r#"{"weight":"odd","label":"mine","reserve":5,"proxy":"none","headers":{"x-team":"b"}}"#,
            ),
            (
                "--tagged old --label 開発 --note hm",
                r#"{"weight":"odd","label":"開発","reserve":5,"note":"hm"}"#,
            ),
        ] {
            assert_eq!(changed(line, side).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said_with_the_form_that_can() {
        for (line, said) in [
            ("a", "required"),
            ("--label x", "required"),
            (
                "a --weight 0",
                "--weight \"0\" cannot be used: write a whole number from 1 to 100",
            ),
            ("a --priority high", "first, normal or last"),
            ("a --reserve 120", "5-hour=20"),
            ("a --daily-tokens lots", "--daily-tokens"),
            (
                "a --label \u{202e}evil",
                "cannot be used: a label has up to 80 letters",
            ),
            ("a --tag a,b", "without commas"),
            ("a --pin maybe", "write yes or no"),
            (
                "a --proxy ftp://canary@x",
                "--proxy cannot be used: write system, none",
            ),
            ("a --header x-team", "--header needs a name and a value"),
            ("a --header Host=canary", "--header cannot be used"),
        ] {
            let refused = changed(line, "{}").unwrap_err();
            assert!(refused.contains(said), "{line}: {refused}");
            assert!(!refused.contains("canary"), "{refused}");
        }
    }
}
