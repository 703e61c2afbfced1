//! `add`: an account of ChatGPT that somebody signs in to, or one that a key opens. A key comes from standard input, so that it
//! stands in no list of processes and in no history of a shell.

use std::io::{BufRead, IsTerminal};
use std::time::SystemTime;

use anyhow::anyhow;
use clap::Args;
use zeroize::Zeroizing;

use super::{CliError, created, prepare, say, sign_in};
use crate::profile::endpoint::{checked_key, checked_name, checked_version};
use crate::profile::{Api, AuthFile, Endpoint, EndpointKind, Origin, ProfileName, Secret};
use crate::store::{Environment, StoreError, profiles, signed_in};

/// What stands on the command line.
#[derive(Debug, Args)]
pub(super) struct Wish {
    /// What the account is called here. Who signs in may leave it out: then it is called as their e-mail begins
    name: Option<String>,
    #[command(flatten)]
    how: sign_in::How,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    server: Server,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Of a server")]
struct Server {
    /// Which dialect it speaks; auto: Responses, or Chat where there is no such path
    #[arg(long, value_name = "responses|chat|auto", requires = "Place")]
    api: Option<String>,
    /// A model that it has; repeat it for more. Without any it is asked, and may be asked for any model
    #[arg(long = "model", value_name = "NAME", requires = "Place")]
    models: Vec<String>,
    /// What it calls a model by another name; repeat it for more
    #[arg(
        long = "deployment",
        value_name = "MODEL=DEPLOYMENT",
        requires = "Place"
    )]
    deployments: Vec<String>,
    /// Azure's dated surface, 2024-10-21 for instance; without it /openai/v1 is used
    #[arg(long, value_name = "VERSION", requires = "Place")]
    api_version: Option<String>,
}

#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with = "How")]
struct Place {
    /// An API key of OpenAI, read from standard input: write `--api-key -`
    #[arg(long, value_name = "-")]
    api_key: Option<String>,
    /// The base URL of a server that speaks like the OpenAI API, http://localhost:11434/v1 for instance
    #[arg(long, value_name = "URL")]
    compatible: Option<String>,
    /// The endpoint of an Azure OpenAI resource, https://NAME.openai.azure.com
    #[arg(long, value_name = "ENDPOINT")]
    azure: Option<String>,
}

/// No key comes near it.
const MAX_LINE_BYTES: u64 = 32 * 1024;

pub(super) fn add(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    match &wish.place {
        Place {
            api_key: Some(given),
            ..
        } => {
            wish.server.refuse_for_keys()?;
            add_key(environment, &wish.named()?, given)
        }
        Place {
            compatible: None,
            azure: None,
            ..
        } => sign_in::add(environment, wish.name.as_deref(), &wish.how),
        _ => add_endpoint(environment, wish),
    }
}

fn add_key(environment: &Environment, name: &ProfileName, given: &str) -> Result<(), CliError> {
    if given != "-" {
        // It stands in the history of the shell by now, and did in the list of processes.
        let problem = "a key is never taken from the command line: write `--api-key -` and give it on standard input; one that you have written there should be replaced by a new one";
        return Err(CliError::Usage(problem.into()));
    }
    let (home, _) = prepare(environment)?;
    let line = key_line("Key (not shown): ")?;
    let wrong = || CliError::Usage("give the API key on standard input".into());
    let key = key_in(&line, EndpointKind::Compatible)?.ok_or_else(wrong)?;
    let login = AuthFile::of_api_key(&key).map_err(|err| CliError::Usage(err.to_string()))?;
    signed_in::keep(&home, name, &login, Origin::Key, SystemTime::now())
        .map_err(|err| not_added(name, &err))?;
    say(&format!("Added {name}: an API key of OpenAI"));
    Ok(())
}

fn add_endpoint(environment: &Environment, wish: &Wish) -> Result<(), CliError> {
    let name = wish.named()?;
    // Whatever is wrong with the rest is said before anybody types a key.
    let mut endpoint = wish.endpoint()?;
    let (home, _) = prepare(environment)?;
    let line = key_line("Key (not shown; empty for none): ")?;
    endpoint.key = key_in(&line, endpoint.kind)?;
    let shown = format!("{} at {}", label(endpoint.kind), endpoint.base);
    profiles::create(&home, &name, &AuthFile::of_endpoint(endpoint))
        .map_err(|err| not_added(&name, &err))?;
    signed_in::note_origin(&home, &name, Origin::Key, SystemTime::now());
    say(&format!("Added {name}: {shown}"));
    say("The router uses it; Codex itself cannot be switched to it.");
    Ok(())
}

fn not_added(name: &ProfileName, err: &StoreError) -> CliError {
    anyhow!("{name} was not added: {err}").into()
}

/// What is typed unseen at a terminal, or the next line of what is piped.
pub(super) fn key_line(prompt: &str) -> Result<Zeroizing<String>, CliError> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        let line = rpassword::prompt_password(prompt);
        return Ok(Zeroizing::new(line.map_err(anyhow::Error::from)?));
    }
    first_line(stdin.lock())
}

impl Server {
    fn refuse_for_keys(&self) -> Result<(), CliError> {
        let is_said = self.api.is_some()
            || self.api_version.is_some()
            || !self.models.is_empty()
            || !self.deployments.is_empty();
        match is_said {
            false => Ok(()),
            true => Err(CliError::Usage(
                "--api, --model, --deployment and --api-version are for --azure and --compatible"
                    .into(),
            )),
        }
    }
}

impl Wish {
    fn named(&self) -> Result<ProfileName, CliError> {
        match &self.name {
            Some(name) => created(name),
            None => Err(CliError::Usage(
                "say what the account is to be called: codex-router add NAME …".into(),
            )),
        }
    }

    /// The endpoint, still without its key.
    fn endpoint(&self) -> Result<Endpoint, CliError> {
        let wrong = |err: crate::profile::EndpointError| CliError::Usage(err.to_string());
        let (kind, url) = match (&self.place.azure, &self.place.compatible) {
            (Some(url), _) => (EndpointKind::Azure, url),
            (None, Some(url)) => (EndpointKind::Compatible, url),
            (None, None) => return Err(CliError::Usage("name its address".into())),
        };
        if kind == EndpointKind::Compatible && self.server.api_version.is_some() {
            let problem = "--api-version is for --azure only";
            return Err(CliError::Usage(problem.into()));
        }
        let mut endpoint = Endpoint::new(kind, url, None).map_err(wrong)?;
        if let Some(api) = &self.server.api {
            endpoint.api = api.parse::<Api>().map_err(wrong)?;
        }
        endpoint.api_version = self
            .server
            .api_version
            .as_deref()
            .map(checked_version)
            .transpose()
            .map_err(wrong)?;
        for model in &self.server.models {
            endpoint
                .models
                .push(checked_name("--model", model).map_err(wrong)?);
        }
        for pair in &self.server.deployments {
            let Some((model, deployment)) = pair.split_once('=') else {
                let problem = "--deployment must look like MODEL=DEPLOYMENT";
                return Err(CliError::Usage(problem.into()));
            };
            endpoint.deployments.insert(
                checked_name("--deployment", model).map_err(wrong)?,
                checked_name("--deployment", deployment).map_err(wrong)?,
            );
        }
        Ok(endpoint)
    }
}

fn first_line(stdin: impl BufRead) -> Result<Zeroizing<String>, CliError> {
    let mut line = Zeroizing::new(String::with_capacity(1_024));
    stdin
        .take(MAX_LINE_BYTES)
        .read_line(&mut line)
        .map_err(|err| anyhow!("the key could not be read from standard input: {err}"))?;
    Ok(line)
}

/// The key in a line. Azure always wants one.
fn key_in(line: &str, kind: EndpointKind) -> Result<Option<Secret>, CliError> {
    let key = line.trim();
    if key.is_empty() {
        return match kind {
            EndpointKind::Compatible => Ok(None),
            EndpointKind::Azure => Err(CliError::Usage(
                "give the key of the Azure resource on standard input".into(),
            )),
        };
    }
    let key = checked_key(key).map_err(|err| CliError::Usage(err.to_string()))?;
    Ok(Some(key))
}

fn label(kind: EndpointKind) -> &'static str {
    crate::desk::words::endpoint_label(kind)
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

    fn endpoint(line: &str) -> Result<Endpoint, String> {
        let words = std::iter::once("add").chain(line.split(' '));
        let line = Line::try_parse_from(words).map_err(|err| err.to_string())?;
        line.wish.endpoint().map_err(|err| err.to_string())
    }

    #[test]
    fn both_kinds_are_described_on_one_line() {
        let local =
            endpoint("local --compatible http://localhost:11434/v1 --api chat --model a --model b")
                .unwrap();
        assert_eq!(
            (local.kind, local.api),
            (EndpointKind::Compatible, Api::Chat)
        );
        assert_eq!(local.models, ["a", "b"]);
        let azure = endpoint("work --azure https://x.openai.azure.test --api-version 2024-10-21 --deployment gpt-5.5=mine").unwrap();
        assert_eq!(
            (azure.kind, azure.name_for("gpt-5.5")),
            (EndpointKind::Azure, "mine")
        );
        assert_eq!(azure.api_version.as_deref(), Some("2024-10-21"));
    }

    #[test]
    fn what_is_asked_wrongly_is_said_before_a_key_is_asked_for() {
        for (line, said) in [
            ("x --device --azure https://a.test", "cannot be used with"),
            (
                "x --api-key - --azure https://a.test",
                "cannot be used with",
            ),
            ("x --model a", "required"),
            (
                "x --azure https://a.test --compatible https://b.test",
                "cannot be used with",
            ),
            ("x --compatible http://b.test", "use https"),
            ("x --compatible https://169.254.169.254", "metadata"),
            ("x --compatible https://b.test --api-version 1", "--azure"),
            ("x --compatible https://b.test --api smoke", "must be"),
            (
                "x --azure https://a.test --deployment mine",
                "MODEL=DEPLOYMENT",
            ),
        ] {
            let refused = endpoint(line).unwrap_err();
            assert!(refused.contains(said), "{line}: {refused}");
        }
    }

    #[test]
    fn the_key_is_one_line_and_may_be_missing_only_where_servers_want_none() {
        let read = |text: &str, kind| key_in(&first_line(text.as_bytes()).unwrap(), kind);
        let key = read("key-fake\nmore\n", EndpointKind::Azure)
            .unwrap()
            .unwrap();
        assert_eq!(key.expose(), "key-fake");
        assert!(read("\n", EndpointKind::Compatible).unwrap().is_none());
        assert!(matches!(
            read("", EndpointKind::Azure),
            Err(CliError::Usage(_))
        ));
        let odd = read("two words", EndpointKind::Compatible).unwrap_err();
        assert!(!odd.to_string().contains("words"), "{odd}");
    }
}
