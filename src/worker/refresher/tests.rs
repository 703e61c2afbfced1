//! The refresher against the simulator's issuer and a real home on disk.

use tempfile::TempDir;

use super::*;
use crate::desk::Settings;
use crate::simulator::{Account, Gate, Refresh, Simulator};
use crate::store::live::{Live, read_live};
#[cfg(unix)]
use crate::store::overlay::Overlay;
use crate::store::{prepare, switch};

/// A home with the profile `work`, whose access token has expired, and an issuer.
struct Rig {
    _dir: TempDir,
    home: Arc<Home>,
    simulator: Simulator,
    refresher: Refresher,
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

fn login(text: &str) -> AuthFile {
    AuthFile::parse(text.as_bytes()).unwrap()
}

impl Rig {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let home = Arc::new(Home::at(dir.path()).unwrap());
        prepare(&home, SystemTime::now()).unwrap();
        let simulator = Simulator::start().await.unwrap();
        simulator.add(Account::chatgpt("work"));
        profiles::create(
            &home,
            &name("work"),
            &login(&simulator.auth_json_expired("work")),
        )
        .unwrap();
        let settings = Settings {
            issuer: simulator.issuer().parse().unwrap(),
            ..Settings::default()
        };
        let upstream = Arc::new(Upstream::new(crate::worker::endpoints(&settings)));
        let refresher = Refresher {
            home: home.clone(),
            upstream,
            patience: Patience::none(),
            is_stopping: Arc::default(),
        };
        Self {
            _dir: dir,
            home,
            simulator,
            refresher,
        }
    }

    async fn refresh(&self) -> Result<Refreshed, RefreshFailure> {
        self.refresher.refresh(name("work")).await
    }

    fn profile(&self, text: &str) -> Profile {
        profiles::load(&self.home, &name(text)).unwrap()
    }

    fn on_disk(&self) -> AuthFile {
        self.profile("work").login.unwrap()
    }

    fn use_work(&self) {
        switch::switch(&self.home, &name("work"), SystemTime::now()).unwrap();
    }

    fn live(&self) -> AuthFile {
        match read_live(&self.home) {
            Live::Login(login) => login,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_new_login_is_on_disk_before_it_is_used_and_in_both_copies_of_the_active_one() {
    let rig = Rig::start().await;
    rig.use_work();
    let refreshed = rig.refresh().await.unwrap();
    assert!(refreshed.unsaved.is_none());
    assert!(rig.on_disk().same_login(&refreshed.auth));
    assert!(rig.live().same_login(&refreshed.auth));
    assert!(
        !refreshed
            .auth
            .chatgpt()
            .unwrap()
            .expires_within(Duration::from_secs(3600), SystemTime::now())
    );
    assert_eq!(rig.profile("work").side.intent(), None);
    assert_eq!(rig.simulator.redeems("work"), 1);
}

#[tokio::test]
async fn a_login_that_the_cli_rotated_is_adopted_without_a_word_to_the_issuer() {
    let rig = Rig::start().await;
    let rotated = rig.simulator.rotate_as_cli("work");
    std::fs::write(rig.home.live_auth(), &rotated).unwrap();
    let before = rig.simulator.redeems("work");
    let refreshed = rig.refresh().await.unwrap();
    assert!(refreshed.auth.same_login(&login(&rotated)));
    assert!(rig.on_disk().same_login(&login(&rotated)));
    assert_eq!(rig.simulator.redeems("work"), before);
}

#[tokio::test]
async fn eight_refreshers_of_one_home_redeem_once() {
    let rig = Rig::start().await;
    let flights: Vec<_> = (0..8)
        .map(|_| {
            let refresher = rig.refresher.clone();
            tokio::spawn(async move { refresher.refresh(name("work")).await })
        })
        .collect();
    for flight in flights {
        assert!(
            flight
                .await
                .unwrap()
                .unwrap()
                .auth
                .same_login(&rig.on_disk())
        );
    }
    assert_eq!(
        (
            rig.simulator.redeems("work"),
            rig.simulator.refused_redeems("work")
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn a_token_refused_for_good_is_marked_and_never_sent_again() {
    let rig = Rig::start().await;
    for refusal in [
        Refresh::reused(),
        Refresh::invalidated(),
        Refresh::expired(),
        Refresh::invalid_grant(),
    ] {
        profiles::edit_side(&rig.home, &name("work"), |side| side.set_rejected(None)).unwrap();
        rig.simulator.clear_record();
        rig.simulator.refresh_next("work", [refusal]);
        assert!(matches!(
            rig.refresh().await,
            Err(RefreshFailure::SignInAgain { .. })
        ));
        assert_eq!(
            rig.profile("work").health(),
            crate::profile::Health::SignInAgain
        );
        assert!(matches!(
            rig.refresh().await,
            Err(RefreshFailure::SignInAgain { .. })
        ));
        assert_eq!(rig.simulator.count("/oauth/token"), 1);
    }
}

#[tokio::test]
async fn a_refusal_because_another_program_was_first_adopts_its_login() {
    let rig = Rig::start().await;
    let gate = Gate::closed();
    rig.simulator
        .refresh_next("work", [Refresh::reused().held_before(&gate)]);
    let refresher = rig.refresher.clone();
    let flight = tokio::spawn(async move { refresher.refresh(name("work")).await });
    gate.reached(1).await;
    let rotated = rig.simulator.rotate_as_cli("work");
    std::fs::write(rig.home.live_auth(), &rotated).unwrap();
    gate.open();
    let refreshed = flight.await.unwrap().unwrap();
    assert!(
        refreshed.auth.same_login(&login(&rotated)) && rig.on_disk().same_login(&login(&rotated))
    );
}

#[tokio::test]
async fn beside_a_codex_whose_answer_is_on_the_way_a_refusal_is_not_the_last_word() {
    let mut rig = Rig::start().await;
    rig.refresher.patience.look_again_beside_codex = Duration::from_secs(60);
    let rotated = rig.simulator.rotate_as_cli("work");
    let refresher = rig.refresher.beside_codex();
    let flight = tokio::spawn(async move { refresher.refresh(name("work")).await });
    while rig.simulator.refused_redeems("work") == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!flight.is_finished());
    std::fs::write(rig.home.live_auth(), &rotated).unwrap();
    let refreshed = flight.await.unwrap().unwrap();
    assert!(refreshed.auth.same_login(&login(&rotated)));
    assert!(rig.on_disk().same_login(&refreshed.auth));
}

#[tokio::test]
async fn trouble_of_the_issuer_leaves_the_token_as_good_as_it_was() {
    let rig = Rig::start().await;
    let before = rig.on_disk();
    for trouble in [
        Refresh::throttled(Duration::from_secs(1)),
        Refresh::server_error(),
        Refresh::html(503),
    ] {
        rig.simulator.refresh_next("work", [trouble]);
        assert!(matches!(
            rig.refresh().await,
            Err(RefreshFailure::Later {
                is_ambiguous: false,
                ..
            })
        ));
        assert!(rig.on_disk().same_login(&before));
        assert_eq!(rig.profile("work").side.intent(), None);
    }
    assert!(rig.refresh().await.is_ok());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_once_more_and_not_oftener() {
    let rig = Rig::start().await;
    rig.simulator.refresh_always("work", Refresh::answer_lost());
    assert!(rig.refresh().await.is_err());
    assert!(rig.simulator.count("/oauth/token") <= 2);
}

#[tokio::test]
async fn a_token_of_somebody_else_is_never_stored() {
    let rig = Rig::start().await;
    rig.simulator.add(Account::chatgpt("eve"));
    let before = rig.on_disk();
    rig.simulator
        .refresh_next("work", [Refresh::for_account("eve")]);
    assert!(rig.refresh().await.is_err());
    assert!(rig.on_disk().same_login(&before));
}

#[tokio::test]
async fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let rig = Rig::start().await;
    let before = rig.on_disk();
    rig.simulator
        .refresh_next("work", [Refresh::without_refresh_token()]);
    let refreshed = rig.refresh().await.unwrap();
    assert_eq!(
        refreshed.auth.refresh_fingerprint(),
        before.refresh_fingerprint()
    );
    assert!(rig.on_disk().same_login(&refreshed.auth) && !before.same_login(&refreshed.auth));
}

#[tokio::test]
async fn nothing_is_redeemed_when_the_answer_could_not_be_saved() {
    let rig = Rig::start().await;
    // The side file is where the intent is noted; a directory in its place cannot be written, not even by root.
    std::fs::create_dir(rig.home.profiles_dir().join("work/router.json")).unwrap();
    assert!(matches!(
        rig.refresh().await,
        Err(RefreshFailure::NoWayOut(_))
    ));
    assert_eq!(rig.simulator.count("/oauth/token"), 0);
}

#[tokio::test]
async fn a_login_that_cannot_be_written_after_the_redeem_is_handed_back_and_saved_later() {
    let rig = Rig::start().await;
    let gate = Gate::closed();
    rig.simulator
        .refresh_next("work", [Refresh::rotate().held_before(&gate)]);
    let refresher = rig.refresher.clone();
    let flight = tokio::spawn(async move { refresher.refresh(name("work")).await });
    gate.reached(1).await;
    // A directory where the login should be, and where displaced logins would go: nothing can be saved.
    let auth = rig.home.profiles_dir().join("work/auth.json");
    let aside = rig.home.profiles_dir().join("work/aside");
    std::fs::rename(&auth, &aside).unwrap();
    std::fs::create_dir(&auth).unwrap();
    std::fs::remove_dir(rig.home.displaced_dir()).unwrap();
    std::fs::write(rig.home.displaced_dir(), "in the way").unwrap();
    gate.open();
    let refreshed = flight.await.unwrap().unwrap();
    let (redeemed, _reason) = refreshed.unsaved.unwrap();
    assert_eq!(rig.simulator.redeems("work"), 1);

    std::fs::remove_dir(&auth).unwrap();
    std::fs::rename(&aside, &auth).unwrap();
    rig.refresher
        .save_again(name("work"), redeemed, refreshed.auth.clone())
        .await
        .unwrap();
    assert!(rig.on_disk().same_login(&refreshed.auth));
    assert_eq!(rig.profile("work").side.intent(), None);
}

#[tokio::test]
async fn two_profiles_of_one_account_both_get_the_new_login() {
    let rig = Rig::start().await;
    profiles::create(&rig.home, &name("copy"), &rig.on_disk()).unwrap();
    let refreshed = rig.refresh().await.unwrap();
    assert!(
        rig.profile("copy")
            .login
            .unwrap()
            .same_login(&refreshed.auth)
    );
}

#[tokio::test]
async fn a_program_that_is_stopping_sends_no_token() {
    let rig = Rig::start().await;
    rig.refresher.is_stopping.store(true, Ordering::Relaxed);
    assert!(rig.refresh().await.is_err());
    assert_eq!(rig.simulator.count("/oauth/token"), 0);
    assert_eq!(rig.profile("work").side.intent(), None);
}

#[tokio::test]
async fn a_token_refused_in_one_profile_is_not_sent_from_its_twin() {
    let rig = Rig::start().await;
    profiles::create(&rig.home, &name("twin"), &rig.on_disk()).unwrap();
    rig.simulator.refresh_next("work", [Refresh::reused()]);
    assert!(rig.refresh().await.is_err());
    assert!(rig.refresher.refresh(name("twin")).await.is_err());
    assert_eq!(rig.simulator.count("/oauth/token"), 1);
}

#[tokio::test]
async fn a_refresh_cut_off_before_the_live_file_is_finished_by_the_next_one() {
    let rig = Rig::start().await;
    rig.use_work();
    let spent = rig.on_disk().refresh_fingerprint().unwrap();
    let intent = crate::profile::Intent {
        token: spent,
        at: SystemTime::now(),
    };
    let rotated = login(&rig.simulator.rotate_as_cli("work"));
    profiles::write_login(&rig.home, &name("work"), &rotated, SystemTime::now()).unwrap();
    profiles::edit_side(&rig.home, &name("work"), |side| {
        side.set_intent(Some(&intent));
    })
    .unwrap();
    let refreshed = rig.refresh().await.unwrap();
    assert!(rig.live().same_login(&refreshed.auth));
    assert_eq!(rig.simulator.refused_redeems("work"), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_login_that_was_written_when_the_program_was_killed_is_found_and_nothing_is_sent() {
    let rig = Rig::start().await;
    rig.use_work();
    let intent = crate::profile::Intent {
        token: rig.on_disk().refresh_fingerprint().unwrap(),
        at: SystemTime::now(),
    };
    profiles::edit_side(&rig.home, &name("work"), |side| {
        side.set_intent(Some(&intent));
    })
    .unwrap();
    let rotated = rig.simulator.rotate_as_cli("work");
    let temporary = "work/.auth.json.0123456789abcdef.tmp";
    std::fs::write(rig.home.profiles_dir().join(temporary), &rotated).unwrap();
    let refreshed = rig.refresh().await.unwrap();
    assert!(refreshed.auth.same_login(&login(&rotated)));
    assert!(rig.on_disk().same_login(&refreshed.auth) && rig.live().same_login(&refreshed.auth));
    assert_eq!(rig.simulator.count("/oauth/token"), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_twin_of_a_login_whose_refresh_was_cut_off_sends_no_spent_token() {
    let rig = Rig::start().await;
    profiles::create(&rig.home, &name("twin"), &rig.on_disk()).unwrap();
    let intent = crate::profile::Intent {
        token: rig.on_disk().refresh_fingerprint().unwrap(),
        at: SystemTime::now(),
    };
    profiles::edit_side(&rig.home, &name("work"), |side| {
        side.set_intent(Some(&intent));
    })
    .unwrap();
    let rotated = rig.simulator.rotate_as_cli("work");
    let temporary = "work/.auth.json.0123456789abcdef.tmp";
    std::fs::write(rig.home.profiles_dir().join(temporary), &rotated).unwrap();
    let refreshed = rig.refresher.refresh(name("twin")).await.unwrap();
    assert!(refreshed.auth.same_login(&login(&rotated)));
    let twin = rig.profile("twin").login.unwrap();
    assert!(twin.same_login(&refreshed.auth) && rig.on_disk().same_login(&refreshed.auth));
    assert_eq!(rig.simulator.count("/oauth/token"), 0);
}

#[tokio::test]
async fn a_twin_that_a_refresh_did_not_reach_is_reached_by_the_next_one() {
    let rig = Rig::start().await;
    profiles::create(&rig.home, &name("twin"), &rig.on_disk()).unwrap();
    let intent = crate::profile::Intent {
        token: rig.on_disk().refresh_fingerprint().unwrap(),
        at: SystemTime::now(),
    };
    let rotated = login(&rig.simulator.rotate_as_cli("work"));
    profiles::write_login(&rig.home, &name("work"), &rotated, SystemTime::now()).unwrap();
    profiles::edit_side(&rig.home, &name("work"), |side| {
        side.set_intent(Some(&intent));
    })
    .unwrap();
    let refreshed = rig.refresh().await.unwrap();
    let twin = rig.profile("twin").login.unwrap();
    assert!(twin.same_login(&refreshed.auth));
    assert_eq!(rig.simulator.refused_redeems("work"), 0);
}

#[tokio::test]
async fn a_login_in_memory_whose_profile_was_removed_is_kept_aside() {
    let rig = Rig::start().await;
    let redeemed = rig.on_disk().refresh_fingerprint().unwrap();
    let rotated = login(&rig.simulator.rotate_as_cli("work"));
    std::fs::remove_dir_all(rig.home.profiles_dir().join("work")).unwrap();
    rig.refresher
        .save_again(name("work"), redeemed, rotated)
        .await
        .unwrap();
    let kept = std::fs::read_dir(rig.home.displaced_dir()).unwrap().count();
    assert_eq!(kept, 1);
}

/// The side file is written as a user would.
fn write_side(rig: &Rig, text: &str) {
    let path = rig.home.profiles_dir().join("work").join("router.json");
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_profile_with_a_proxy_is_renewed_through_it_or_not_at_all() {
    let mut rig = Rig::start().await;
    // Not a loopback address by its number: without the proxy the token would get there.
    let issuer = rig.simulator.issuer().replace("127.0.0.1", "0.0.0.0");
    let settings = Settings {
        issuer: issuer.parse().unwrap(),
        proxy: crate::profile::Proxy::Direct,
        ..Settings::default()
    };
    rig.refresher.upstream = Arc::new(crate::worker::upstream(&settings));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = listener.local_addr().unwrap();
    drop(listener);
    write_side(&rig, &format!(r#"{{"proxy": "http://ana:canary@{dead}"}}"#));
    let Err(RefreshFailure::Later {
        reason,
        is_ambiguous: false,
        ..
    }) = rig.refresh().await
    else {
        panic!("it has no way out");
    };
    assert!(reason.contains(&dead.to_string()), "{reason}");
    assert!(!reason.contains("canary"), "{reason}");

    for broken in ["{", "", r#"{"proxy": 7}"#] {
        write_side(&rig, broken);
        let refused = rig.refresh().await;
        assert!(
            matches!(refused, Err(RefreshFailure::NoWayOut(_))),
            "{refused:?}"
        );
        let path = rig.home.profiles_dir().join("work").join("router.json");
        assert_eq!(std::fs::read_to_string(path).unwrap(), broken);
    }
    assert_eq!(rig.simulator.redeems("work"), 0);
    write_side(&rig, "{}");
    rig.refresh().await.unwrap();
    assert_eq!(rig.simulator.redeems("work"), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn a_login_that_a_terminal_rotated_is_adopted_and_codex_and_the_twin_get_it_too() {
    let rig = Rig::start().await;
    profiles::create(&rig.home, &name("twin"), &rig.on_disk()).unwrap();
    rig.use_work();
    let terminal = Overlay::open(&rig.home, &name("work"), None, SystemTime::now()).unwrap();
    let rotated = rig.simulator.rotate_as_cli("work");
    std::fs::write(terminal.root().join("auth.json"), &rotated).unwrap();
    let before = rig.simulator.redeems("work");
    rig.refresh().await.unwrap();
    let rotated = login(&rotated);
    for login in [
        rig.on_disk(),
        rig.live(),
        rig.profile("twin").login.unwrap(),
    ] {
        assert!(login.same_login(&rotated));
    }
    assert_eq!(rig.profile("work").side.intent(), None);
    assert_eq!(rig.simulator.redeems("work"), before);
}

#[cfg(unix)]
#[tokio::test]
async fn whom_an_adopted_login_did_not_reach_the_next_refresh_does() {
    let rig = Rig::start().await;
    rig.use_work();
    let second_name = rig.home.root().join("second-name");
    std::fs::hard_link(rig.home.live_auth(), &second_name).unwrap();
    let gate = Gate::closed();
    rig.simulator
        .refresh_next("work", [Refresh::reused().held_before(&gate)]);
    let refresher = rig.refresher.clone();
    let flight = tokio::spawn(async move { refresher.refresh(name("work")).await });
    gate.reached(1).await;
    // Somebody else was first, and wrote to the profile alone.
    let rotated = rig.simulator.rotate_as_cli("work");
    let profile = rig.home.profiles_dir().join("work/auth.json");
    std::fs::write(profile, &rotated).unwrap();
    gate.open();
    let refreshed = flight.await.unwrap().unwrap();
    assert!(refreshed.auth.same_login(&login(&rotated)));
    assert!(!rig.live().same_login(&refreshed.auth));
    assert!(rig.profile("work").side.intent().is_some());

    std::fs::remove_file(second_name).unwrap();
    let refreshed = rig.refresh().await.unwrap();
    assert!(rig.live().same_login(&refreshed.auth));
    assert_eq!(rig.profile("work").side.intent(), None);
}

#[tokio::test]
async fn a_profile_that_got_another_account_during_a_refresh_is_left_to_that_one() {
    let rig = Rig::start().await;
    rig.simulator.add(Account::chatgpt("eve"));
    let expired = rig.simulator.auth_json_expired("eve");
    let gate = Gate::closed();
    rig.simulator
        .refresh_next("work", [Refresh::reused().held_before(&gate)]);
    let refresher = rig.refresher.clone();
    let flight = tokio::spawn(async move { refresher.refresh(name("work")).await });
    gate.reached(1).await;
    let file = rig.home.profiles_dir().join("work").join("auth.json");
    std::fs::write(file, &expired).unwrap();
    let newer = rig.simulator.rotate_as_cli("eve");
    std::fs::write(rig.home.live_auth(), &newer).unwrap();
    gate.open();
    let ended = flight.await.unwrap();
    assert!(matches!(ended, Err(RefreshFailure::SignInAgain { .. })));
    // Its lock is not held: whoever holds it may be saving something newer than what is live.
    assert!(rig.on_disk().same_login(&login(&expired)));
}

#[cfg(unix)]
#[tokio::test]
async fn a_live_file_that_was_locked_through_several_refreshes_gets_the_newest_login() {
    let rig = Rig::start().await;
    rig.use_work();
    let second_name = rig.home.root().join("second-name");
    std::fs::hard_link(rig.home.live_auth(), &second_name).unwrap();
    for _ in 0..2 {
        assert!(rig.refresh().await.unwrap().unsaved.is_some());
    }
    std::fs::remove_file(second_name).unwrap();
    let refreshed = rig.refresh().await.unwrap();
    assert!(refreshed.unsaved.is_none());
    assert!(rig.live().same_login(&refreshed.auth));
}
