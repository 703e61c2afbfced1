//! Sign-ins as the worker runs them: on a real disk, against the simulator, with a browser that follows one address.

use std::time::Duration;

use super::*;
use crate::desk::{
    CallbackListener, Command, Desk, Outcome, SignInStep, SignInView, SignInWish, Snapshot,
};
use crate::profile::{Endpoint, EndpointKind};
use crate::simulator::{Account, DeviceReply, Simulator, Visit};
use crate::store::{Environment, switch};
use crate::worker::{self, Options, Patience, Polls, Worker};

/// A worker without a router, whose issuer is the simulator.
struct Rig {
    sim: Simulator,
    home: Home,
    worker: Option<Worker>,
    desk: Desk,
    _dir: tempfile::TempDir,
}

/// Of a test that would otherwise wait for ever.
const LONGEST: Duration = Duration::from_secs(60);

impl Rig {
    /// With these accounts signed in, of which the first is the one that Codex uses.
    async fn with(accounts: &[&str]) -> Self {
        let sim = Simulator::start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        crate::store::prepare(&home, SystemTime::now()).unwrap();
        for text in accounts {
            sim.add(Account::chatgpt(text));
            let login = AuthFile::parse(sim.auth_json(text).as_bytes()).unwrap();
            profiles::create(&home, &name(text), &login).unwrap();
        }
        if let Some(first) = accounts.first() {
            switch::switch(&home, &name(first), SystemTime::now()).unwrap();
        }
        let variables = [
            ("CODEX_ROUTER_ISSUER", sim.issuer()),
            ("CODEX_ROUTER_OPENAI_BASE_URL", sim.openai_base_url()),
            ("CODEX_ROUTER_CHATGPT_BASE_URL", sim.chatgpt_base_url()),
            ("CODEX_ROUTER_LOGIN_PORTS", "0, 0".to_owned()),
        ];
        let options = Options {
            home: home.clone(),
            user_home: None,
            places: crate::connect::Places::default(),
            terminals: crate::system::Terminals::default(),
            environment: Environment::of(variables, None),
            router: false,
            polls: Polls::WhenAsked,
            patience: Patience::default(),
        };
        let worker = worker::start(options).unwrap();
        let desk = worker.desk();
        let rig = Self {
            sim,
            home,
            worker: Some(worker),
            desk,
            _dir: dir,
        };
        rig.until(|snapshot| snapshot.is_loaded.then_some(())).await;
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
        match tokio::time::timeout(LONGEST, waiting).await {
            Ok(found) => found,
            Err(_elapsed) => panic!("{:?}", self.desk.snapshot().sign_in),
        }
    }

    /// Begins, and gives the address to open.
    async fn begin(&self, way: SignInWay, again: Option<&str>) -> String {
        let wish = SignInWish {
            way,
            again: again.map(name),
            name: None,
        };
        let before = self
            .desk
            .snapshot()
            .sign_in
            .as_ref()
            .map(|view| view.number);
        self.desk.ask(Command::SignIn(wish)).unwrap();
        self.until(|snapshot| {
            let view = snapshot.sign_in.as_ref()?;
            if Some(view.number) == before {
                return None;
            }
            match &view.step {
                SignInStep::Browser { url, .. } => Some(url.to_string()),
                SignInStep::Code { url, .. } => Some(url.clone()),
                SignInStep::Failed { reason } => panic!("{reason}"),
                _ => None,
            }
        })
        .await
    }

    async fn step(&self, is_it: impl Fn(&SignInStep) -> bool) -> SignInView {
        self.until(|snapshot| {
            let view = snapshot.sign_in.as_ref()?;
            is_it(&view.step).then(|| view.clone())
        })
        .await
    }

    async fn done(&self) -> (ProfileName, bool) {
        match self
            .step(|step| matches!(step, SignInStep::Done { .. }))
            .await
            .step
        {
            SignInStep::Done { name, is_new } => (name, is_new),
            step => panic!("{step:?}"),
        }
    }

    fn live(&self) -> Vec<u8> {
        std::fs::read(self.home.live_auth()).unwrap()
    }

    fn login_of(&self, text: &str) -> AuthFile {
        profiles::load(&self.home, &name(text))
            .unwrap()
            .login
            .unwrap()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop();
        }
    }
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

/// Where the issuer sends the browser.
async fn sent_to(url: &str) -> String {
    let answer = http().get(url).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

async fn open(url: &str) -> u16 {
    let back = sent_to(url).await.replace("localhost", "127.0.0.1");
    http().get(back).send().await.unwrap().status().as_u16()
}

fn http() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    let redirects = reqwest::redirect::Policy::none();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(redirects)
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_account_is_there_at_once_and_codexs_own_file_is_not_touched() {
    let rig = Rig::with(&["work"]).await;
    let before = (
        rig.live(),
        std::fs::metadata(rig.home.live_auth())
            .unwrap()
            .modified()
            .unwrap(),
    );
    rig.sim.visit_always(Visit::by("guest"));
    let url = rig.begin(SignInWay::Browser, None).await;
    assert!(url.contains("prompt=login"), "{url}");
    assert_eq!(open(&url).await, 200);
    assert_eq!(rig.done().await, (name("guest"), true));
    let after = (
        rig.live(),
        std::fs::metadata(rig.home.live_auth())
            .unwrap()
            .modified()
            .unwrap(),
    );
    assert!(before == after);
    let side = profiles::load(&rig.home, &name("guest")).unwrap().side;
    assert_eq!(side.came_by().unwrap().0, Origin::Browser);
    rig.until(|snapshot| snapshot.profile(&name("guest")).map(|_| ()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_renewed_login_of_the_account_in_use_reaches_codex() {
    let rig = Rig::with(&["work", "spare"]).await;
    rig.sim.revoke_refresh("work");
    let old = rig.login_of("work");
    rig.sim.visit_always(Visit::by("work"));
    let url = rig.begin(SignInWay::Browser, Some("work")).await;
    assert_eq!(open(&url).await, 200);
    assert_eq!(rig.done().await, (name("work"), false));
    let new = rig.login_of("work");
    assert!(new.same_account(&old) && !new.same_login(&old));
    let live = AuthFile::parse(&rig.live()).unwrap();
    assert!(live.same_login(&new));
    assert!(
        rig.desk
            .snapshot()
            .active()
            .is_some_and(|active| active.name == name("work"))
    );
    // And it is good for a refresh, which then reaches both files.
    rig.desk.ask(Command::RefreshToken(name("work"))).unwrap();
    rig.until(|snapshot| {
        let last = snapshot.happenings.last()?;
        matches!(&last.outcome, Outcome::TokenRefreshed { .. }).then_some(())
    })
    .await;
    let live = AuthFile::parse(&rig.live()).unwrap();
    assert!(live.same_login(&rig.login_of("work")) && !live.same_login(&new));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_than_expected_is_written_only_when_the_user_says_so() {
    let rig = Rig::with(&["work", "spare"]).await;
    let before = (
        rig.login_of("work").to_bytes(),
        rig.login_of("spare").to_bytes(),
    );
    rig.sim.visit_always(Visit::by("spare"));
    let url = rig.begin(SignInWay::Browser, Some("work")).await;
    open(&url).await;
    let view = rig
        .step(|step| matches!(step, SignInStep::Confirm(_)))
        .await;
    let SignInStep::Confirm(who) = view.step else {
        panic!("{view:?}");
    };
    assert!(who.is_unexpected);
    assert_eq!(who.holder, Some(name("spare")));
    assert_eq!(who.email.as_deref(), Some("spare@example.com"));
    let after = (
        rig.login_of("work").to_bytes(),
        rig.login_of("spare").to_bytes(),
    );
    assert!(before == after);
    rig.desk.ask(Command::ConfirmSignIn { name: None }).unwrap();
    assert_eq!(rig.done().await, (name("spare"), false));
    assert!(rig.login_of("work").to_bytes() == before.0);
    assert!(rig.login_of("spare").to_bytes() != before.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_signs_in_without_a_browser_here() {
    let rig = Rig::with(&[]).await;
    rig.sim.device_next([DeviceReply::TypedBy("guest".into())]);
    let url = rig.begin(SignInWay::Code, None).await;
    assert_eq!(url, format!("{}/codex/device", rig.sim.issuer()));
    assert_eq!(rig.done().await, (name("guest"), true));
    let side = profiles::load(&rig.home, &name("guest")).unwrap().side;
    assert_eq!(side.came_by().unwrap().0, Origin::Code);
    assert!(!rig.home.live_auth().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sign_in_ends_the_first_and_a_pasted_address_ends_the_second() {
    let rig = Rig::with(&[]).await;
    rig.sim.visit_always(Visit::by("guest"));
    let first = rig.begin(SignInWay::Browser, None).await;
    let stale = sent_to(&first).await;
    let second = rig.begin(SignInWay::Browser, None).await;
    rig.desk
        .ask(Command::PasteCallback(Secret::new(stale)))
        .unwrap();
    let is_refused = |step: &SignInStep| matches!(step, SignInStep::Browser { paste_refused: Some(reason), .. } if reason.contains("another sign-in"));
    rig.step(is_refused).await;
    let back = sent_to(&second).await;
    rig.desk
        .ask(Command::PasteCallback(Secret::new(back)))
        .unwrap();
    assert_eq!(rig.done().await, (name("guest"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_sign_in_leaves_nothing_and_its_port_is_free() {
    let rig = Rig::with(&[]).await;
    rig.begin(SignInWay::Browser, None).await;
    let view = rig.desk.snapshot().sign_in.clone().unwrap();
    let SignInStep::Browser {
        listener: CallbackListener::On { port, .. },
        ..
    } = view.step
    else {
        panic!("{view:?}");
    };
    rig.desk.ask(Command::CancelSignIn).unwrap();
    rig.until(|snapshot| snapshot.sign_in.is_none().then_some(()))
        .await;
    let free = async {
        while tokio::net::TcpListener::bind(("127.0.0.1", port))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONGEST, free).await.unwrap();
    assert!(profiles::load_all(&rig.home).unwrap().profiles.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_workspace_that_codex_is_set_to_is_asked_for_and_checked() {
    let rig = Rig::with(&[]).await;
    let config = "forced_chatgpt_workspace_id = [\"ws-elsewhere\", \"ws-other\"]\n";
    std::fs::write(rig.home.cli_config(), config).unwrap();
    rig.sim.visit_always(Visit::by("guest"));
    let url = rig.begin(SignInWay::Browser, None).await;
    assert!(
        url.contains("allowed_workspace_id=ws-elsewhere%2Cws-other"),
        "{url}"
    );
    assert_eq!(open(&url).await, 400);
    let view = rig
        .step(|step| matches!(step, SignInStep::Failed { .. }))
        .await;
    let said = format!("{view:?}");
    assert!(said.contains("ws-elsewhere or ws-other"), "{said}");
    assert!(profiles::load_all(&rig.home).unwrap().profiles.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_tried_before_it_is_added() {
    let rig = Rig::with(&[]).await;
    rig.sim.add(Account::api_key("paid"));
    rig.sim.add(Account::azure("resource"));
    let check = async |login: NewLogin| {
        rig.desk.ask(Command::CheckLogin(login)).unwrap();
        let before = rig
            .desk
            .snapshot()
            .login_check
            .as_ref()
            .map_or(0, |it| it.number);
        rig.until(|snapshot| {
            let check = snapshot.login_check.as_ref()?;
            let is_answer = check.number >= before.max(1) && check.result != CheckResult::Asking;
            is_answer.then(|| check.result.clone())
        })
        .await
    };
    let works = check(NewLogin::ApiKey(Secret::new("sk-fake-paid"))).await;
    assert!(
        matches!(works, CheckResult::Works { models: Some(models) } if models > 0),
        "{works:?}"
    );
    assert_eq!(rig.sim.count("/v1/models"), 1);

    let (name, login) = (name("paid"), NewLogin::ApiKey(Secret::new("sk-fake-paid")));
    rig.desk
        .ask(Command::AddLogin {
            name: name.clone(),
            login,
        })
        .unwrap();
    rig.until(|snapshot| snapshot.profile(&name).map(|_| ()))
        .await;
    let side = profiles::load(&rig.home, &name).unwrap().side;
    assert_eq!(side.came_by().unwrap().0, Origin::Key);
    let file = String::from_utf8(rig.login_of("paid").to_bytes().to_vec()).unwrap();
    assert!(file.contains("\"auth_mode\": \"apikey\""), "{file}");
}

#[tokio::test]
async fn what_a_service_says_of_a_key_is_told_by_its_kind() {
    let rig = Rig::with(&[]).await;
    rig.sim.add(Account::azure("resource"));
    let upstream = worker::upstream(&Settings {
        openai_base_url: rig.sim.openai_base_url().parse().unwrap(),
        ..Settings::default()
    });
    let azure = |key: &str| {
        let url = rig.sim.azure_base_url();
        let key = Some(Secret::new(key));
        NewLogin::Endpoint(Box::new(
            Endpoint::new(EndpointKind::Azure, &url, key).unwrap(),
        ))
    };
    let nowhere = Endpoint::new(EndpointKind::Compatible, "http://127.0.0.1:1/v1", None).unwrap();
    let works = check(&upstream, &azure("key-fake-resource")).await;
    assert!(
        matches!(works, CheckResult::Works { models: Some(_) }),
        "{works:?}"
    );
    for wrong in [azure("wrong"), NewLogin::ApiKey(Secret::new("sk-wrong"))] {
        let refused = check(&upstream, &wrong).await;
        assert!(matches!(refused, CheckResult::Refused(_)), "{refused:?}");
    }
    let odd = check(&upstream, &NewLogin::ApiKey(Secret::new("two words"))).await;
    assert!(
        matches!(&odd, CheckResult::Refused(said) if !said.contains("words")),
        "{odd:?}"
    );
    let unknown = check(&upstream, &NewLogin::Endpoint(Box::new(nowhere))).await;
    assert!(
        matches!(&unknown, CheckResult::Unknown(said) if said.contains("127.0.0.1")),
        "{unknown:?}"
    );
}
