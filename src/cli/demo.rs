//! `demo`: everything with made-up accounts against the simulator, in a home of its own that is gone afterwards.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use super::{CliError, say, serve};
use crate::desk::Settings;
use crate::ledger::{Keep, Ledger, Row, UsageRow};
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
    store::prepare(&home, SystemTime::now()).map_err(anyhow::Error::from)?;
    furnish(&home, &simulator)?;
    remember(&home, SystemTime::now())?;
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
    store::switch::switch(home, &first, SystemTime::now()).map_err(anyhow::Error::from)?;
    Ok(())
}

/// The simulator in the place of the services. As variables, so that nothing in a file can lead out of the demo.
/// A day that these accounts might have had, so that there is something to draw and to forecast from.
fn remember(home: &Home, now: SystemTime) -> Result<(), CliError> {
    const FIVE_HOURS: Duration = Duration::from_secs(5 * 3600);
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
    /// From so many minutes ago to so many, from and to which percent used.
    type Stretch = (u64, u64, f64, f64);
    let days: [(&str, Duration, &[Stretch]); 7] = [
        (
            "work",
            FIVE_HOURS,
            &[
                (1400, 1200, 0.0, 58.0),
                (500, 260, 0.0, 47.0),
                (126, 0, 0.0, 34.0),
            ],
        ),
        ("work", WEEK, &[(1400, 0, 29.0, 49.0)]),
        (
            "personal",
            FIVE_HOURS,
            &[(1100, 900, 0.0, 30.0), (220, 0, 0.0, 88.0)],
        ),
        ("personal", WEEK, &[(1400, 0, 0.0, 12.0)]),
        ("spare", FIVE_HOURS, &[(900, 620, 0.0, 36.0)]),
        ("spare", WEEK, &[(1400, 0, 0.0, 6.0)]),
        ("client-nord", WEEK, &[(1400, 500, 82.0, 100.0)]),
    ];
    let ago = |minutes: u64| now.checked_sub(MINUTE * u32::try_from(minutes).unwrap_or_default());
    let ledger = Ledger::open(home.ledger(), Keep::default(), now).map_err(anyhow::Error::from)?;
    for (name, window, stretches) in days {
        let profile = ProfileName::parse(name).map_err(anyhow::Error::from)?;
        for (from, to, first, last) in stretches {
            const STEPS: u64 = 8;
            for step in 0..=STEPS {
                let share = step as f64 / STEPS as f64;
                // The newest numbers are the poll's own.
                let minutes = (from - (from - to) * step / STEPS).max(2);
                ledger.note(Row::Usage(UsageRow {
                    at: ago(minutes).unwrap_or(now),
                    profile: profile.clone(),
                    window,
                    used_percent: (first + (last - first) * share).floor(),
                    resets_at: None,
                }));
            }
        }
    }
    ledger.close();
    Ok(())
}

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
