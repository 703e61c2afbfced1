//! A home of its own, a pretend upstream, and a client.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use codex_router::simulator::{Account, Simulator};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::{Ended, Program, binary};

/// A temporary directory with a home, the simulator, and the means to start the program on both.
pub struct Rig {
    pub sim: Simulator,
    client: reqwest::Client,
    runtime: Runtime,
    directory: TempDir,
}

/// What the router answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Rig {
    /// Starts the simulator. The home exists and is empty.
    pub fn start() -> Self {
        // A second installation is refused, and the first is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let directory = TempDir::new().unwrap();
        for name in ["codex", "user", "run", "logs"] {
            make_private_dir(&directory.path().join(name));
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let sim = runtime.block_on(Simulator::start()).unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            sim,
            client,
            runtime,
            directory,
        }
    }

    /// `CODEX_HOME` of everything started here.
    pub fn home(&self) -> PathBuf {
        self.directory.path().join("codex")
    }

    /// A place for files that are none of the program's business.
    pub fn scratch(&self) -> &Path {
        self.directory.path()
    }

    pub fn live_path(&self) -> PathBuf {
        self.home().join("auth.json")
    }

    pub fn profile_path(&self, name: &str) -> PathBuf {
        self.home().join("profiles").join(name).join("auth.json")
    }

    /// Adds the account to the simulator and its login to the profiles.
    pub fn add(&self, name: &str, account: Account) {
        self.sim.add(account);
        self.save(name, &self.sim.auth_json(name));
    }

    /// Writes a profile's `auth.json` as another program would.
    pub fn save(&self, name: &str, auth_json: &str) {
        write_private(&self.profile_path(name), auth_json);
    }

    /// Writes the login that Codex uses, as Codex writes it: in place.
    pub fn sign_in(&self, auth_json: &str) {
        write_private(&self.live_path(), auth_json);
    }

    pub fn live(&self) -> Value {
        read_json(&self.live_path())
    }

    pub fn profile(&self, name: &str) -> Value {
        read_json(&self.profile_path(name))
    }

    /// The program with an environment that knows this rig and nothing else: no display, no session bus, no user.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.scratch().join("user"))
            .env("XDG_RUNTIME_DIR", self.scratch().join("run"))
            .env("TZ", "UTC")
            .env("CODEX_HOME", self.home())
            .env("CODEX_ROUTER_ADDR", "localhost:0")
            .env("CODEX_ROUTER_CHATGPT_BASE_URL", self.sim.chatgpt_base_url())
            .env("CODEX_ROUTER_OPENAI_BASE_URL", self.sim.openai_base_url())
            .env("CODEX_ROUTER_ISSUER", self.sim.issuer())
            .current_dir(self.scratch());
        command
    }

    /// Starts a command of [`Rig::command`].
    pub fn spawn(&self, command: &mut Command) -> Program {
        Program::start(command, &self.scratch().join("logs"))
    }

    /// Starts `serve`.
    pub fn serve(&self) -> Program {
        self.spawn(&mut self.command(&["serve"]))
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.spawn(&mut self.command(arguments)).ended()
    }

    /// The same with a text on standard input.
    pub fn run_reading(&self, arguments: &[&str], input: &str) -> Ended {
        let path = self.scratch().join("stdin");
        write_private(&path, input);
        let stdin = fs::File::open(&path).unwrap();
        let logs = self.scratch().join("logs");
        Program::start_reading(&mut self.command(arguments), stdin, &logs).ended()
    }

    pub fn get(&self, url: &str) -> Answer {
        self.runtime
            .block_on(self.ask(Method::GET, url, Vec::new()))
    }

    pub fn post(&self, url: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.runtime
            .block_on(self.ask(Method::POST, url, body.into()))
    }

    /// The same with headers of its own.
    pub fn post_with(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Answer {
        let body = body.into();
        self.runtime
            .block_on(send(&self.client, Method::POST, url, headers, body))
    }

    /// One chat completion, not streamed.
    pub fn chat(&self, base_url: &str, text: &str) -> Answer {
        self.post(&format!("{base_url}/chat/completions"), chat_body(text))
    }

    /// As many chat completions at the same time.
    pub fn chats(&self, base_url: &str, count: usize) -> Vec<Answer> {
        let url = format!("{base_url}/chat/completions");
        self.runtime.block_on(async {
            let asks: Vec<_> = (0..count)
                .map(|number| {
                    let body = chat_body(&format!("number {number}")).into_bytes();
                    let (client, url) = (self.client.clone(), url.clone());
                    tokio::spawn(async move { send(&client, Method::POST, &url, &[], body).await })
                })
                .collect();
            let mut answers = Vec::new();
            for ask in asks {
                answers.push(ask.await.unwrap());
            }
            answers
        })
    }

    /// Runs something of the simulator or of the client that has to be awaited.
    pub fn wait_for<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    async fn ask(&self, method: Method, url: &str, body: Vec<u8>) -> Answer {
        send(&self.client, method, url, &[], body).await
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text)
            .unwrap_or_else(|err| panic!("{err} in {}: {}", self.status, self.text))
    }

    /// The text of a chat completion; `None` when this is none.
    pub fn said(&self) -> Option<String> {
        if self.status != StatusCode::OK {
            return None;
        }
        let json = self.json();
        let text = json.pointer("/choices/0/message/content")?.as_str()?;
        Some(text.to_owned())
    }
}

/// Replaces the file in place, readable by its owner only, with every directory above it.
pub fn write_private(path: &Path, text: &str) {
    make_private_dir(path.parent().unwrap());
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn make_private_dir(path: &Path) {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).unwrap();
}

fn read_json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn chat_body(text: &str) -> String {
    json!({ "model": "gpt-5.4", "messages": [{ "role": "user", "content": text }] }).to_string()
}

async fn send(
    client: &reqwest::Client,
    method: Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let mut request = client
        .request(method, url)
        .header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.body(body).send().await.unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}
