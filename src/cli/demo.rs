//! `demo`: everything with made-up accounts against the simulator, in a home of its own that is gone afterwards.

use std::time::Duration;

use anyhow::Context as _;

use super::{CliError, say, serve};
use crate::desk::Settings;
use crate::profile::{AuthFile, ProfileName};
use crate::simulator::{Account, Simulator, Window};
use crate::store::{self, Environment, Home};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn demo(environment: &Environment) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("simulator")
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)?;
    let simulator = runtime
        .block_on(Simulator::start())
        .context("the simulator could not start")?;
    let directory = tempfile::Builder::new()
        .prefix("codex-router-demo-")
        .tempdir()
        .map_err(anyhow::Error::from)?;
    let home = Home::at(directory.path()).map_err(anyhow::Error::from)?;
    store::prepare(&home, std::time::SystemTime::now()).map_err(anyhow::Error::from)?;
    furnish(&home, &simulator)?;
    let environment = &pointed_at(&simulator, environment);
    let settings = store::settings(&home, environment).settings;
    serve::check(&home, &settings)?;
    say(&format!(
        "Demo with made-up accounts in {}. Nothing leaves this computer; you can sign in as any of them, or as somebody new.",
        home.root().display()
    ));
    let ended = show(environment, home, settings);
    drop(simulator);
    runtime.shutdown_background();
    ended
}

/// Four accounts that differ in everything that matters.
fn furnish(home: &Home, simulator: &Simulator) -> Result<(), CliError> {
    let accounts = [
        (
            "work",
            Account::chatgpt("work")
                .email("ana@lindqvist.example")
                .plan("team")
                .windows([
                    Window::five_hour(34.0, 2 * HOUR + 54 * MINUTE),
                    Window::weekly(49.0, 3 * DAY + 20 * HOUR),
                ]),
        ),
        (
            "spare",
            Account::chatgpt("spare")
                .email("ana+codex@fastmail.example")
                .plan("pro")
                .windows([
                    Window::five_hour(0.0, 5 * HOUR),
                    Window::weekly(6.0, 6 * DAY),
                ]),
        ),
        (
            "personal",
            Account::chatgpt("personal")
                .email("ana.lindqvist@mail.example")
                .plan("plus")
                .windows([
                    Window::five_hour(88.0, HOUR + 20 * MINUTE),
                    Window::weekly(12.0, 5 * DAY + 2 * HOUR),
                ]),
        ),
        (
            "client-nord",
            Account::chatgpt("client-nord")
                .email("codex-seats@nordlys-consulting.example")
                .plan("business")
                .windows([
                    Window::five_hour(0.0, 5 * HOUR),
                    Window::weekly(100.0, DAY + 23 * HOUR),
                ]),
        ),
    ];
    simulator.set_pause(Duration::from_millis(40));
    for (name, account) in accounts {
        simulator.add(account);
        let login =
            AuthFile::parse(simulator.auth_json(name).as_bytes()).map_err(anyhow::Error::from)?;
        let name = ProfileName::parse(name).map_err(anyhow::Error::from)?;
        store::profiles::create(home, &name, &login).map_err(anyhow::Error::from)?;
    }
    let first = ProfileName::parse("work").map_err(anyhow::Error::from)?;
    store::switch::switch(home, &first, std::time::SystemTime::now())
        .map_err(anyhow::Error::from)?;
    Ok(())
}

/// The simulator in the place of the services. As variables, so that nothing in a file can lead out of the demo.
fn pointed_at(simulator: &Simulator, environment: &Environment) -> Environment {
    environment.with([
        (
            "CODEX_ROUTER_CHATGPT_BASE_URL",
            simulator.chatgpt_base_url(),
        ),
        ("CODEX_ROUTER_OPENAI_BASE_URL", simulator.openai_base_url()),
        ("CODEX_ROUTER_ISSUER", simulator.issuer()),
        ("CODEX_REFRESH_TOKEN_URL_OVERRIDE", String::new()),
        // Real sign-ins of other programs are left in peace.
        ("CODEX_ROUTER_LOGIN_PORTS", "0, 0".to_owned()),
    ])
}

#[cfg(feature = "gui")]
fn show(environment: &Environment, home: Home, settings: Settings) -> Result<(), CliError> {
    super::desktop::show(environment, home, settings, serve::IfTaken::Move, snippet)
}

#[cfg(not(feature = "gui"))]
fn show(environment: &Environment, home: Home, settings: Settings) -> Result<(), CliError> {
    serve::stay(environment, home, settings, serve::IfTaken::Move, snippet)
}

/// The three lines to try, once the address is known.
fn snippet(base_url: &str) {
    say(&format!(
        "Try it:\n  from openai import OpenAI\n  client = OpenAI(base_url=\"{base_url}\", api_key=\"unused\")\n  print(client.chat.completions.create(model=\"gpt-5.5\", messages=[{{\"role\": \"user\", \"content\": \"hello\"}}]).choices[0].message.content)"
    ));
}
