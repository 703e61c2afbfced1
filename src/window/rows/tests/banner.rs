//! Banners, the first run, and what a page does without anything to say.

use super::*;

fn banner(change: impl FnOnce(&mut Snapshot)) -> Option<Banner> {
    let mut snapshot = snapshot(vec![in_use(profile("work", vec![week(50.0, hours(9))]))]);
    change(&mut snapshot);
    page(&snapshot).banner
}

fn happening(seq: u64, outcome: Outcome) -> Happening {
    Happening {
        seq,
        at: now(),
        outcome,
    }
}

fn switch_failed() -> Outcome {
    Outcome::SwitchFailed {
        to: name("spare"),
        reason: "the disk is full".into(),
    }
}

#[test]
fn a_failed_switch_stays_until_it_is_put_away_or_made_up_for() {
    let failed = banner(|s| s.happenings = vec![happening(3, switch_failed())]).unwrap();
    assert_eq!(failed.title, "Codex could not switch to spare");
    assert_eq!(failed.text, "The disk is full.");
    assert_eq!(failed.act, Some(BannerAct::Dismiss(3)));
    let mut snapshot = snapshot(vec![in_use(profile("work", vec![week(50.0, hours(9))]))]);
    snapshot.happenings = vec![happening(3, switch_failed())];
    let dismissed = Wish {
        dismissed: 3,
        ..Wish::default()
    };
    assert_eq!(page_with(&snapshot, &dismissed).banner, None);
    snapshot.happenings.push(happening(
        4,
        Outcome::Switched {
            from: None,
            to: name("spare"),
        },
    ));
    assert_eq!(page(&snapshot).banner, None);
}

#[test]
fn a_success_of_another_account_makes_up_for_nothing() {
    let failed = |name: &ProfileName| Outcome::UsageFailed {
        name: name.clone(),
        reason: "no answer".into(),
    };
    let (a, b) = (name("a"), name("b"));
    let shown = banner(|s| {
        s.happenings = vec![
            happening(1, failed(&a)),
            happening(2, Outcome::UsageRefreshed { name: b.clone() }),
        ];
    });
    assert_eq!(shown.unwrap().title, "The usage of a could not be read");
    let shown = banner(|s| {
        s.happenings = vec![
            happening(1, failed(&a)),
            happening(2, Outcome::UsageRefreshed { name: a.clone() }),
        ];
    });
    assert_eq!(shown, None);
}

#[test]
fn an_unsaved_login_can_be_saved_from_its_banner() {
    let unsaved = banner(|s| {
        s.live = Live::Unsaved {
            email: Some("new@example.dev".into()),
            plan: None,
        };
    })
    .unwrap();
    assert_eq!(unsaved.title, "Codex uses an unsaved login");
    assert_eq!(unsaved.text, "new@example.dev is not saved here.");
    assert_eq!(unsaved.act, Some(BannerAct::SaveLogin));
}

#[test]
fn a_missing_and_an_unreadable_login_of_codex_are_said() {
    let missing = banner(|s| s.live = Live::Missing).unwrap();
    assert_eq!(missing.title, "Codex is signed out");
    let unreadable = banner(|s| s.live = Live::Unreadable("it is cut off".into())).unwrap();
    assert_eq!(unreadable.text, "It is cut off.");
}

#[test]
fn of_all_banners_the_most_urgent_is_shown() {
    let offline = Notice::Offline {
        since: now() - mins(66),
    };
    let lost = Notice::UnsavedToken {
        profile: name("work"),
        reason: "the disk is full".into(),
    };
    let notices = |s: &mut Snapshot| s.notices = vec![offline.clone(), lost.clone()];
    let shown = |change: &dyn Fn(&mut Snapshot)| {
        banner(|s| {
            s.notices = vec![offline.clone()];
            change(s);
        })
        .unwrap()
        .title
    };
    assert_eq!(shown(&|_| {}), "Offline");
    assert_eq!(shown(&|s| s.live = Live::Missing), "Codex is signed out");
    assert_eq!(shown(&notices), "The login of work is not on disk yet");
    assert_eq!(
        shown(&|s| {
            notices(s);
            s.happenings = vec![happening(1, switch_failed())];
        }),
        "Codex could not switch to spare"
    );
}

#[test]
fn every_notice_has_words() {
    let told = |notice: Notice| {
        let banner = banner(|s| s.notices = vec![notice]).unwrap();
        format!("{} | {}", banner.title, banner.text)
    };
    let since = now() - mins(66);
    assert_eq!(
        told(Notice::Offline { since }),
        "Offline | These numbers are from 12:05."
    );
    assert_eq!(
        told(Notice::CredentialStore {
            mode: "keyring".into()
        }),
        "Codex reads the system keyring | Switching files will not work: its login is in \"keyring\"."
    );
    let reason = || "no space left".to_owned();
    assert_eq!(
        told(Notice::HomeNotWritable { reason: reason() }),
        "The Codex folder cannot be written | No space left."
    );
    assert_eq!(
        told(Notice::WatchingFailed { reason: reason() }),
        "Changes of other programs are noticed late | No space left."
    );
    assert_eq!(
        told(Notice::LedgerResting {
            since,
            reason: reason()
        }),
        "Requests are not recorded since 12:05 | They are served all the same. No space left."
    );
    assert_eq!(
        told(Notice::SkippedDirectory {
            name: "a b".into(),
            reason: reason()
        }),
        "The folder \"a b\" was left out | No space left."
    );
}

#[test]
fn without_accounts_the_login_that_codex_uses_is_offered() {
    let mut snapshot = snapshot(Vec::new());
    snapshot.live = Live::Unsaved {
        email: Some("ana@lindqvist.dev".into()),
        plan: Some("team".into()),
    };
    let first_run = page(&snapshot).first_run.unwrap();
    assert_eq!(
        first_run.found,
        Some(Found {
            title: "ana@lindqvist.dev".into(),
            plan: Some("Team".into()),
            source: "signed in with Codex, ~/.codex/auth.json".into(),
        })
    );
    assert_eq!(first_run.older, None);
    assert_eq!(page(&snapshot).banner, None);
    snapshot.live = Live::Missing;
    assert_eq!(page(&snapshot).first_run.unwrap().found, None);
    assert_eq!(page(&snapshot).banner, None);
}

#[test]
fn before_the_disk_is_read_nothing_is_claimed() {
    let page = page(&Snapshot {
        is_loaded: false,
        ..snapshot(Vec::new())
    });
    assert!(!page.is_loaded);
    assert_eq!((page.first_run, page.banner), (None, None));
}

#[test]
fn a_page_without_times_never_wakes_by_itself() {
    assert_eq!(page(&snapshot(vec![unknown("fresh")])).next_change_in, None);
}

#[test]
fn hostile_texts_and_numbers_are_worded_without_a_panic() {
    let mut wild = profile(
        "wild",
        vec![
            window(Duration::ZERO, f64::NAN, hours(1)),
            week(-1e300, hours(1)),
        ],
    );
    wild.plan = Some("\u{202e}".repeat(500));
    wild.email = Some("@@@".into());
    wild = with_usage(wild, |usage| {
        usage.fetched_at = SystemTime::UNIX_EPOCH;
        usage.is_limit_reached = true;
        usage.credits = Some(Credits {
            is_unlimited: false,
            balance: Some(f64::INFINITY),
        });
    });
    let page = page(&snapshot(vec![
        in_use(wild.clone()),
        ProfileView {
            name: name("other"),
            ..wild
        },
    ]));
    assert!(page.active.is_some());
}
