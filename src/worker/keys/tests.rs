//! Keys as the worker changes them: on a real disk, with a router that clients ask.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use super::*;
use crate::client_key::{ClientKey, KeyId, LastUse, Policy};
use crate::desk::{Command, Desk, KeyView, Outcome, RouterState, Snapshot};
use crate::profile::{AuthFile, ProfileName, Secret};
use crate::simulator::{Account, Simulator};
use crate::store::{Environment, profiles};
use crate::worker::{self, Options, Patience, Polls, Worker};

/// Of a test that would otherwise wait for ever.
const LONGEST: Duration = Duration::from_secs(60);

/// A worker with its router on, and one account.
struct Rig {
    _sim: Simulator,
    home: Home,
    worker: Option<Worker>,
    desk: Desk,
    url: String,
    _dir: tempfile::TempDir,
}

impl Rig {
    async fn start() -> Self {
        let sim = Simulator::start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        crate::store::prepare(&home, SystemTime::now()).unwrap();
        sim.add(Account::chatgpt("work"));
        let login = AuthFile::parse(sim.auth_json("work").as_bytes()).unwrap();
        profiles::create(&home, &ProfileName::parse("work").unwrap(), &login).unwrap();
        let variables = [
            ("CODEX_ROUTER_ADDR", "localhost:0".to_owned()),
            ("CODEX_ROUTER_ISSUER", sim.issuer()),
            ("CODEX_ROUTER_OPENAI_BASE_URL", sim.openai_base_url()),
            ("CODEX_ROUTER_CHATGPT_BASE_URL", sim.chatgpt_base_url()),
        ];
        let worker = worker::start(Options {
            home: home.clone(),
            user_home: None,
            places: crate::connect::Places::default(),
            terminals: crate::system::Terminals::default(),
            environment: Environment::of(variables, None),
            router: true,
            // Nobody watches the files: what holds does so by the command alone.
            polls: Polls::WhenAsked,
            patience: Patience::default(),
        })
        .unwrap();
        let mut rig = Self {
            _sim: sim,
            home,
            desk: worker.desk(),
            worker: Some(worker),
            url: String::new(),
            _dir: dir,
        };
        let is_on = |snapshot: &Snapshot| {
            (snapshot.is_loaded && snapshot.router.state == RouterState::On)
                .then(|| snapshot.router.base_url())?
        };
        rig.url = rig.until(is_on).await;
        rig
    }

    async fn until<T>(&self, look: impl Fn(&Snapshot) -> Option<T>) -> T {
        let mut desk = self.desk.clone();
        let waiting = async {
            loop {
                if let Some(found) = look(&desk.snapshot()) {
                    return found;
                }
                desk.changed().await.unwrap();
            }
        };
        let looked = tokio::time::timeout(LONGEST, waiting).await;
        looked.unwrap_or_else(|_elapsed| panic!("{:?}", self.desk.snapshot().happenings))
    }

    /// Asks for a change, and waits for its end.
    async fn change(&self, change: KeyChange) -> Outcome {
        let last = self.desk.snapshot().happenings.last().map(|it| it.seq);
        self.desk.ask(Command::ChangeKeys(change)).unwrap();
        self.until(|snapshot| {
            let newest = snapshot.happenings.last()?;
            (Some(newest.seq) > last).then(|| newest.outcome.clone())
        })
        .await
    }

    /// What a client with this key is answered.
    async fn status(&self, key: &str) -> u16 {
        let url = format!("{}/chat/completions", self.url);
        let body = r#"{"model":"gpt-5.5","messages":[{"role":"user","content":"hello"}]}"#;
        let request = http().post(url).bearer_auth(key).body(body);
        let asked = request.header("content-type", "application/json").send();
        asked.await.unwrap().status().as_u16()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop();
        }
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// As a dialog makes one.
fn made(label: &str) -> (KeyChange, KeyId, Secret) {
    let policy = Policy::default();
    let (key, shown) = ClientKey::make(label.into(), policy, rand::random(), SystemTime::now());
    let id = key.id.clone();
    (KeyChange::Add(Box::new(key)), id, shown)
}

fn changed(deed: KeyDeed, label: Option<&str>) -> Outcome {
    let label = label.map(str::to_owned);
    Outcome::KeyChanged { deed, label }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_made_opens_the_router_and_one_that_is_revoked_is_refused_at_once() {
    let rig = Rig::start().await;
    assert_eq!(rig.status("unused").await, 200);
    let (add, id, shown) = made("laptop");
    let added = rig.change(add).await;
    assert_eq!(added, changed(KeyDeed::Add(id.clone()), Some("laptop")));
    assert_eq!(rig.status(shown.expose()).await, 200);
    assert_eq!(
        rig.status("unused").await,
        401,
        "the first makes one necessary"
    );

    let disable = KeyChange::Disable(id.clone());
    let disabled = rig.change(disable).await;
    assert_eq!(
        disabled,
        changed(KeyDeed::Disable(id.clone()), Some("laptop"))
    );
    assert_eq!(rig.status(shown.expose()).await, 401);
    rig.change(KeyChange::Enable(id.clone())).await;
    assert_eq!(rig.status(shown.expose()).await, 200);

    let revoked = rig.change(KeyChange::Remove(id.clone())).await;
    assert_eq!(revoked, changed(KeyDeed::Remove(id), Some("laptop")));
    assert_eq!(rig.status(shown.expose()).await, 401);
    assert_eq!(
        rig.status("unused").await,
        401,
        "the last leaves one necessary"
    );
    let off = rig.change(KeyChange::Require(false)).await;
    assert_eq!(off, changed(KeyDeed::Require(false), None));
    assert_eq!(rig.status("unused").await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_has_used_is_shown_with_it() {
    let rig = Rig::start().await;
    let (add, id, shown) = made("laptop");
    rig.change(add).await;
    let before = SystemTime::now();
    assert_eq!(rig.status(shown.expose()).await, 200);
    let is_counted = |key: &KeyView| {
        key.used
            .periods
            .iter()
            .all(|(_, _, spent)| spent.requests == 1)
    };
    let of_it = |snapshot: &Snapshot| {
        let key = snapshot.keys.keys.first()?;
        is_counted(key).then(|| key.clone())
    };
    let key = rig.until(of_it).await;
    assert_eq!((key.id, key.label.as_str()), (id, "laptop"));
    assert!(
        key.used
            .periods
            .iter()
            .all(|(_, _, spent)| spent.tokens() > 0)
    );
    assert!(matches!(key.used.last, Some(LastUse::At(at)) if at >= before));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_said_and_a_broken_file_is_never_written_over() {
    let rig = Rig::start().await;
    let (add, id, shown) = made("laptop");
    rig.change(add).await;
    let (again, twin, _) = made("LAPTOP");
    let reason = "there is a key \"LAPTOP\" already".into();
    let deed = KeyDeed::Add(twin);
    assert_eq!(
        rig.change(again).await,
        Outcome::KeyNotChanged { deed, reason }
    );

    std::fs::write(rig.home.keys(), "{ broken").unwrap();
    for change in [
        made("phone").0,
        KeyChange::Disable(id.clone()),
        KeyChange::Remove(id),
        KeyChange::Require(false),
    ] {
        let outcome = rig.change(change).await;
        let Outcome::KeyNotChanged { reason, .. } = &outcome else {
            panic!("{outcome:?}");
        };
        assert!(reason.contains("cannot be read"), "{reason}");
        assert_eq!(std::fs::read(rig.home.keys()).unwrap(), b"{ broken");
    }
    let keys = rig.desk.snapshot().keys.clone();
    assert!(keys.unreadable.is_some() && !keys.is_gone);
    assert_eq!(keys.keys.len(), 1, "who was known stays known");
    assert_eq!(rig.status(shown.expose()).await, 200);
    std::fs::remove_file(rig.home.keys()).unwrap();
    rig.desk.ask(Command::RefreshAll).unwrap();
    rig.until(|snapshot| snapshot.keys.is_gone.then_some(()))
        .await;
}

/// Lines of the log in which a key stands.
static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Sieve;

impl Write for Sieve {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if line.contains("crk_") {
            let mut leaks = LEAKS.lock().unwrap_or_else(PoisonError::into_inner);
            leaks.push(line.into_owned());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_no_snapshot_no_debug_no_file_and_no_log() {
    let ours = Targets::new().with_target("codex_router", LevelFilter::TRACE);
    let lines = tracing_subscriber::fmt::layer().with_writer(|| Sieve);
    tracing_subscriber::registry()
        .with(lines.with_filter(ours))
        .try_init()
        .unwrap();
    let rig = Rig::start().await;
    let (add, id, shown) = made("laptop");
    let hex = KeyDigestHex::of(&add);
    let mut told = vec![format!("{add:?}")];
    rig.change(add).await;
    told.push(format!("{:?}", rig.desk.snapshot()));
    assert_eq!(rig.status(shown.expose()).await, 200);
    rig.change(KeyChange::Remove(id)).await;
    assert_eq!(rig.status(shown.expose()).await, 401);
    told.push(format!("{:?}", rig.desk.snapshot()));
    told.push(format!("{shown:?}"));
    for text in &told {
        assert!(!text.contains("crk_") && !text.contains(&hex.0), "{text}");
    }
    let file = std::fs::read_to_string(rig.home.keys()).unwrap();
    assert!(!file.contains("crk_"), "{file}");
    drop(rig);
    let leaks = LEAKS.lock().unwrap_or_else(PoisonError::into_inner);
    assert!(leaks.is_empty(), "{leaks:?}");
}

/// What stands in the file in place of a key.
struct KeyDigestHex(String);

impl KeyDigestHex {
    fn of(change: &KeyChange) -> Self {
        match change {
            KeyChange::Add(key) => Self(key.digest.to_hex()),
            other => panic!("{other:?}"),
        }
    }
}
