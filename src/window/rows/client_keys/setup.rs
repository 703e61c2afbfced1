//! How an app is pointed at the router: what to write where, for the address and the key that there are.
//!
//! The key itself is not known here: what is to be copied names it by a variable of the environment.

use std::net::{Ipv4Addr, SocketAddr};

use super::super::telling::Teller;
use super::super::{Wish, masked};
use crate::client_key::{KeyId, Policy, Speech};
use crate::desk::{KeyView, RouterState, Snapshot};

/// What an app of each kind is called on screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SetupApp {
    #[default]
    Codex,
    Python,
    Node,
    ClaudeCode,
    Curl,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    pub app: SetupApp,
    /// What there is to choose from: keys that open the router, and none where none is needed.
    pub keys: Vec<(Option<KeyId>, String)>,
    pub chosen: usize,
    /// Nothing while the router's port is not known.
    pub snippet: Option<Snippet>,
    /// What else is to be done, or why it would not work.
    pub notes: Vec<String>,
    /// We could write it ourselves.
    pub can_connect: bool,
}

/// A text to copy, and how its parts are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    pub text: String,
    pub lines: Vec<Vec<(Code, String)>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    Plain,
    Comment,
    /// What is set, and heads.
    Name,
    Text,
}

/// What a client is given as a key where none is needed.
const NO_KEY: &str = "unused";
const VARIABLE: &str = "CODEX_ROUTER_KEY";
/// The model of the examples.
const MODEL: &str = "gpt-5.5";

impl SetupApp {
    pub const ALL: [Self; 5] = [
        Self::Codex,
        Self::Python,
        Self::Node,
        Self::ClaudeCode,
        Self::Curl,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Codex => "Codex",
            Self::Python => "Python",
            Self::Node => "Node",
            Self::ClaudeCode => "Claude Code",
            Self::Curl => "curl",
        }
    }

    fn speaks(self) -> Speech {
        match self {
            Self::Codex => Speech::Responses,
            Self::ClaudeCode => Speech::Messages,
            Self::Python | Self::Node | Self::Curl => Speech::Chat,
        }
    }
}

/// Whether another computer can reach the router, so that every request needs a key.
pub(in crate::window::rows) fn is_open_to_others(snapshot: &Snapshot) -> bool {
    let address = snapshot.router.address;
    address.is_some_and(|address| !address.ip().is_loopback())
}

pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> Setup {
    let is_needed = snapshot.keys.is_required || is_open_to_others(snapshot);
    let is_open =
        |key: &&KeyView| key.is_enabled && key.expires_at.is_none_or(|at| at > teller.now);
    let open: Vec<_> = snapshot.keys.keys.iter().filter(is_open).collect();
    let mut keys: Vec<_> = open
        .iter()
        .map(|key| (Some(key.id.clone()), masked(&key.label, wish)))
        .collect();
    if !is_needed {
        keys.push((None, "no key".to_owned()));
    }
    let wished = |(id, _): &(Option<KeyId>, String)| match id {
        Some(id) => Some(id) == wish.keys.key,
        None => wish.keys.uses_no_key,
    };
    let chosen = keys.iter().position(wished).unwrap_or_default();
    let key = keys
        .get(chosen)
        .and_then(|(id, _)| open.iter().find(|key| Some(&key.id) == id.as_ref()))
        .copied();
    let app = wish.keys.app;
    let has_key = key.is_some() || is_needed;
    let root = root(snapshot);
    let snippet = root.as_deref().map(|root| {
        let model = key.map_or(MODEL.to_owned(), |key| model_for(&key.policy));
        Snippet::of(&written(app, snapshot, root, has_key, &model, key))
    });
    let mut notes = Vec::new();
    if snippet.is_none() {
        notes.push(
            "The router chooses its port when it starts. Turn it on to see what to write."
                .to_owned(),
        );
    }
    notes.extend(why_refused(app, key, is_needed, wish));
    if snippet.is_some() {
        notes.extend(key.map(|key| {
            format!(
                "Put the key {} (it ends in {}) into {VARIABLE} first. It was shown once, when it was made.",
                masked(&key.label, wish),
                key.last4
            )
        }));
        if is_unspecified(snapshot) {
            notes.push(
                "On another computer write this one's name or number in place of 127.0.0.1."
                    .to_owned(),
            );
        }
    }
    Setup {
        app,
        keys,
        chosen,
        snippet,
        notes,
        // Codex cannot show a key beside its own login.
        can_connect: match app {
            SetupApp::Codex => !is_needed,
            SetupApp::ClaudeCode => true,
            SetupApp::Python | SetupApp::Node | SetupApp::Curl => false,
        },
    }
}

fn is_unspecified(snapshot: &Snapshot) -> bool {
    let address = snapshot.router.address;
    address.is_some_and(|address| address.ip().is_unspecified())
}

/// `http://127.0.0.1:9876`, as programs on this computer call it.
fn root(snapshot: &Snapshot) -> Option<String> {
    let address = snapshot.router.address?;
    let is_known = address.port() != 0 || snapshot.router.state == RouterState::On;
    let address = if address.ip().is_unspecified() {
        SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())
    } else {
        address
    };
    is_known.then(|| format!("http://{address}"))
}

/// Why the router would refuse it all the same.
fn why_refused(
    app: SetupApp,
    key: Option<&KeyView>,
    is_needed: bool,
    wish: &Wish<'_>,
) -> Option<String> {
    match key {
        None if is_needed => {
            Some("Every request needs a key, and none opens the router. Make one first.".to_owned())
        }
        Some(key) if !key.policy.allows_dialect(app.speaks()) => Some(format!(
            "{} may not speak {}, so {} is refused with it. Change its limits, or use another key.",
            masked(&key.label, wish),
            app.speaks(),
            app.label()
        )),
        Some(_) | None => None,
    }
}

/// One that the key may ask for, as far as its patterns tell.
fn model_for(policy: &Policy) -> String {
    if policy.model.is_some() || policy.allows_model(MODEL, MODEL) {
        return MODEL.to_owned();
    }
    let is_plain = |name: &&str| {
        let is_of_a_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '/');
        !name.is_empty() && name.chars().all(is_of_a_name)
    };
    let mut whole = policy.models.iter().map(|model| model.as_str());
    let known = whole.find(is_plain);
    // What a pattern begins with is often a name itself.
    let stems = policy.models.iter();
    let stem = stems
        .filter_map(|model| model.as_str().split('*').next())
        .map(|stem| stem.trim_end_matches(['-', '.']))
        .find(is_plain);
    known.or(stem).unwrap_or(MODEL).to_owned()
}

fn written(
    app: SetupApp,
    snapshot: &Snapshot,
    root: &str,
    has_key: bool,
    model: &str,
    key: Option<&KeyView>,
) -> String {
    match app {
        SetupApp::Codex => {
            let is_bound = key.is_some_and(|key| key.policy.model.is_some());
            let is_limited = key.is_some_and(|key| !key.policy.models.is_empty());
            let own = if is_limited && !is_bound {
                format!("model = \"{model}\"\n")
            } else {
                String::new()
            };
            let shell = if has_key {
                format!("# In the shell that starts it: export {VARIABLE}=<the key>\n")
            } else {
                format!("# In the shell that starts it: export {VARIABLE}={NO_KEY}\n")
            };
            format!(
                "# {}/config.toml\nmodel_provider = \"codex-router\"\n{own}\n[model_providers.codex-router]\n\
                 name = \"Codex Router\"\nbase_url = \"{root}/v1\"\nenv_key = \"{VARIABLE}\"\n\
                 wire_api = \"responses\"\n{shell}",
                snapshot.home
            )
        }
        SetupApp::Python => {
            let (import, shown) = if has_key {
                ("import os\n\n", format!("os.environ[\"{VARIABLE}\"]"))
            } else {
                ("", format!("\"{NO_KEY}\""))
            };
            format!(
                "{import}from openai import OpenAI\n\nclient = OpenAI(base_url=\"{root}/v1\", api_key={shown})\n\
                 answer = client.chat.completions.create(\n    model=\"{model}\",\n    \
                 messages=[{{\"role\": \"user\", \"content\": \"Say hello.\"}}],\n)\n\
                 print(answer.choices[0].message.content)\n"
            )
        }
        SetupApp::Node => {
            let shown = if has_key {
                format!("process.env.{VARIABLE}")
            } else {
                format!("\"{NO_KEY}\"")
            };
            format!(
                "import OpenAI from \"openai\";\n\n\
                 const client = new OpenAI({{ baseURL: \"{root}/v1\", apiKey: {shown} }});\n\
                 const answer = await client.chat.completions.create({{\n  model: \"{model}\",\n  \
                 messages: [{{ role: \"user\", content: \"Say hello.\" }}],\n}});\n\
                 console.log(answer.choices[0].message.content);\n"
            )
        }
        SetupApp::ClaudeCode => {
            let shown = if has_key {
                format!("\"${VARIABLE}\"")
            } else {
                NO_KEY.to_owned()
            };
            format!(
                "export ANTHROPIC_BASE_URL={root}\nexport ANTHROPIC_AUTH_TOKEN={shown}\nclaude\n"
            )
        }
        SetupApp::Curl => {
            let shown = if has_key {
                format!("${VARIABLE}")
            } else {
                NO_KEY.to_owned()
            };
            format!(
                "curl {root}/v1/chat/completions \\\n  -H \"Content-Type: application/json\" \\\n  \
                 -H \"Authorization: Bearer {shown}\" \\\n  \
                 -d '{{\"model\": \"{model}\", \"messages\": [{{\"role\": \"user\", \"content\": \"Say hello.\"}}]}}'\n"
            )
        }
    }
}

impl Snippet {
    fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            lines: text.lines().map(parts).collect(),
        }
    }
}

/// A line by what its parts are: enough to read it by, for the few languages here.
fn parts(line: &str) -> Vec<(Code, String)> {
    if line.starts_with('#') {
        return vec![(Code::Comment, line.to_owned())];
    }
    if line.starts_with('[') {
        return vec![(Code::Name, line.to_owned())];
    }
    let mut parts = Vec::new();
    let mut rest = line;
    if let Some((name, after)) = line.split_once(" = ")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        parts.push((Code::Name, name.to_owned()));
        rest = line.get(line.len() - after.len() - 3..).unwrap_or_default();
    }
    while let Some(open) = rest.find(['"', '\'']) {
        let (before, text) = rest.split_at(open);
        let quote = if text.starts_with('"') { '"' } else { '\'' };
        let end = text.char_indices().skip(1).find(|(_, c)| *c == quote);
        let length = end.map_or(text.len(), |(at, c)| at + c.len_utf8());
        let (text, after) = text.split_at(length);
        parts.push((Code::Plain, before.to_owned()));
        parts.push((Code::Text, text.to_owned()));
        rest = after;
    }
    parts.push((Code::Plain, rest.to_owned()));
    parts.retain(|(_, text)| !text.is_empty());
    parts
}
