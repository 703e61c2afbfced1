use super::*;
use crate::store::profiles;
use crate::store::safe_file;
use crate::store::testing::{TestHome, login, name, noon};

/// Long enough for a busy machine; a test that works does not wait for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Quick, and without the net: what is told was noticed by watching.
const BY_WATCHING: Timing = Timing {
    settle: Duration::from_millis(30),
    longest: Duration::from_millis(300),
    net: Duration::from_secs(3600),
    alone: Duration::from_secs(3600),
};

/// Quick, and nothing but the net.
const BY_COMPARING: Timing = Timing {
    net: Duration::from_secs(3600),
    alone: Duration::from_millis(20),
    ..BY_WATCHING
};

struct Watched {
    home: TestHome,
    changes: mpsc::Receiver<Changed>,
    _watcher: Watcher,
}

impl Watched {
    fn new(home: TestHome, timing: Timing) -> Self {
        let (sender, changes) = mpsc::channel(1);
        let (watcher, refusal) = if timing.alone < timing.net {
            Watcher::start_with(&home, sender, timing, |_handler| {
                Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch))
            })
        } else {
            Watcher::start_with(&home, sender, timing, |handler| {
                notify::recommended_watcher(handler)
            })
        };
        assert_eq!(refusal.is_some(), timing.alone < timing.net, "{refusal:?}");
        Self {
            home,
            changes,
            _watcher: watcher,
        }
    }

    async fn next(&mut self) -> Changed {
        tokio::time::timeout(PATIENCE, self.changes.recv())
            .await
            .expect("a change is noticed")
            .expect("the watcher lives")
    }

    /// Everything told so far is about things of the past.
    async fn until(&mut self, is_true: impl Fn(&Home) -> bool) {
        while !is_true(&self.home) {
            assert_eq!(self.next().await, Changed::Files);
        }
    }
}

fn with_profile() -> TestHome {
    let home = TestHome::new();
    home.profile("work", &login("ana", 1));
    home.live(&login("ana", 1));
    home
}

#[tokio::test]
async fn files_that_are_replaced_or_rewritten_in_place_are_noticed_again_and_again() {
    for timing in [BY_WATCHING, BY_COMPARING] {
        let mut watched = Watched::new(with_profile(), timing);
        for iat in 2..5 {
            watched.home.live(&login("ana", iat));
            assert_eq!(watched.next().await, Changed::Files);
            let bytes = login("bob", iat).to_bytes();
            safe_file::replace(&watched.home.live_auth(), &bytes).unwrap();
            assert_eq!(watched.next().await, Changed::Files);
            profiles::write_login(&watched.home, &name("work"), &login("ana", iat), noon())
                .unwrap();
            assert_eq!(watched.next().await, Changed::Files);
        }
    }
}

#[tokio::test]
async fn a_burst_of_changes_is_told_once() {
    let mut watched = Watched::new(
        with_profile(),
        Timing {
            settle: Duration::from_millis(400),
            longest: PATIENCE,
            ..BY_WATCHING
        },
    );
    for iat in 2..30 {
        watched.home.live(&login("ana", iat));
    }
    assert_eq!(watched.next().await, Changed::Files);
    assert_eq!(watched.changes.try_recv().ok(), None);
}

#[tokio::test]
async fn a_directory_that_appears_late_or_anew_is_watched_as_well() {
    for timing in [BY_WATCHING, BY_COMPARING] {
        let mut watched = Watched::new(TestHome::new(), timing);
        // Made and filled at once, faster than anybody can arm a watch.
        watched.home.profile("work", &login("ana", 1));
        assert_eq!(watched.next().await, Changed::Files);
        watched.home.profile("work", &login("ana", 2));
        assert_eq!(watched.next().await, Changed::Files);

        std::fs::remove_dir_all(watched.home.profiles_dir()).unwrap();
        assert_eq!(watched.next().await, Changed::Files);
        watched.until(|home| !home.profiles_dir().exists()).await;
        watched.home.profile("work", &login("ana", 3));
        assert_eq!(watched.next().await, Changed::Files);
        watched.home.profile("work", &login("ana", 4));
        assert_eq!(watched.next().await, Changed::Files);
    }
}

#[tokio::test]
async fn a_linked_live_file_is_watched_where_it_lies() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("codex.json");
    std::fs::write(&target, login("ana", 1).to_bytes()).unwrap();
    let mut watched = Watched::new(TestHome::new(), BY_WATCHING);
    std::os::unix::fs::symlink(&target, watched.home.live_auth()).unwrap();
    assert_eq!(watched.next().await, Changed::Files);
    safe_file::replace(&target, &login("ana", 2).to_bytes()).unwrap();
    assert_eq!(watched.next().await, Changed::Files);
}

#[tokio::test]
async fn reading_and_the_traffic_of_other_files_are_not_told() {
    let home = with_profile();
    // The first reading may close the files to others, which is a change.
    profiles::load_all(&home).unwrap();
    let mut watched = Watched::new(home, BY_WATCHING);
    for i in 0..20 {
        std::fs::write(watched.home.root().join("history.jsonl"), format!("{i}")).unwrap();
        std::fs::write(
            watched.home.router_dir().join("router.db-wal"),
            format!("{i}"),
        )
        .unwrap();
        profiles::load_all(&watched.home).unwrap();
    }
    // Only what comes now may be told: a request for the window, which comes before any settled change.
    ask_to_raise(&watched.home).unwrap();
    assert_eq!(watched.next().await, Changed::Raise);
}

#[tokio::test]
async fn a_second_instance_raises_the_window_each_time_it_asks() {
    for timing in [BY_WATCHING, BY_COMPARING] {
        let mut watched = Watched::new(TestHome::new(), timing);
        for _ in 0..3 {
            ask_to_raise(&watched.home).unwrap();
            while watched.next().await != Changed::Raise {}
        }
    }
}

#[tokio::test]
async fn removing_the_file_that_asks_for_the_window_asks_for_nothing() {
    let mut watched = Watched::new(with_profile(), BY_WATCHING);
    std::fs::remove_file(watched.home.raise()).unwrap();
    assert_eq!(watched.next().await, Changed::Files);
    watched.home.live(&login("ana", 2));
    assert_eq!(watched.next().await, Changed::Files);
    ask_to_raise(&watched.home).unwrap();
    assert_eq!(watched.next().await, Changed::Raise);
}

#[tokio::test]
async fn nothing_is_lost_while_nobody_takes_it() {
    let mut watched = Watched::new(with_profile(), BY_WATCHING);
    watched.home.live(&login("ana", 2));
    // The channel of one is filled by the change; the request has to wait for its turn.
    while watched.changes.is_empty() {
        tokio::task::yield_now().await;
    }
    ask_to_raise(&watched.home).unwrap();
    assert_eq!(watched.next().await, Changed::Files);
    while watched.next().await != Changed::Raise {}
}

#[test]
fn a_refusal_is_put_into_words() {
    let home = TestHome::new();
    let (sender, _changes) = mpsc::channel(1);
    let (_watcher, refusal) = Watcher::start_with(&home, sender, BY_COMPARING, |_handler| {
        Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch))
    });
    assert!(refusal.unwrap().contains("fs.inotify.max_user_watches"));
}

#[test]
fn a_watcher_whose_receiver_is_gone_ends_and_can_be_dropped() {
    let home = TestHome::new();
    let (sender, changes) = mpsc::channel(1);
    let (watcher, _) = Watcher::start(&home, sender);
    drop(changes);
    home.live(&login("ana", 1));
    drop(watcher);
}

#[tokio::test]
async fn client_keys_are_noticed_from_the_first_one_on() {
    let mut watched = Watched::new(TestHome::new(), BY_WATCHING);
    for text in ["{}", r#"{"keys":[]}"#, r#"{"keys":[],"require_key":false}"#] {
        safe_file::replace(&watched.home.keys(), text.as_bytes()).unwrap();
        tell_of_change(&watched.home).unwrap();
        assert_eq!(watched.next().await, Changed::Files, "{text}");
    }
    // By hand, without a word.
    std::fs::write(watched.home.keys(), "{}").unwrap();
    assert_eq!(watched.next().await, Changed::Files);
    safe_file::replace(&watched.home.keys(), br#"{"keys":[]}"#).unwrap();
    assert_eq!(watched.next().await, Changed::Files);
}
