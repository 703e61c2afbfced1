use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;

use super::successor::recover;
use super::*;
use crate::profile::Health;
use crate::store::overlay::Overlay;
use crate::store::testing::{TestHome, login, login_with, name, noon};

/// Profile `work` of ana, issued at second 10.
fn one_profile() -> TestHome {
    let home = TestHome::new();
    home.profile("work", &login("ana", 10));
    home
}

fn fingerprint(iat: u64) -> Fingerprint {
    login("ana", iat).refresh_fingerprint().unwrap()
}

fn redeemed(iat: u64) -> Replaced {
    Replaced::redeemed(&fingerprint(iat), &[])
}

fn begin(home: &Home) -> Rotation {
    let lock = AccountLock::take(home, &login("ana", 10)).unwrap();
    Rotation::begin(home, lock, &name("work"), &fingerprint(10), noon()).unwrap()
}

fn intent(home: &TestHome) -> Option<Intent> {
    home.read_profile("work").side.intent()
}

#[test]
fn before_the_token_is_sent_there_is_room_on_the_disk_and_a_note() {
    let home = one_profile();
    let rotation = begin(&home);
    let noted = Intent {
        token: fingerprint(10),
        at: noon(),
    };
    assert_eq!(intent(&home), Some(noted));
    let [temporary] = &home.leftovers()[..] else {
        panic!("one temporary file");
    };
    assert_eq!(std::fs::metadata(temporary).unwrap().len(), 64 * 1024);
    rotation.give_up();
    assert_eq!(intent(&home), None);
    assert_eq!(home.leftovers(), [""; 0]);
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_10");
}

#[test]
fn without_a_place_to_save_there_is_no_beginning() {
    let home = one_profile();
    std::fs::create_dir(home.profiles_dir().join("work/router.json")).unwrap();
    let lock = AccountLock::take(&home, &login("ana", 10)).unwrap();
    assert!(Rotation::begin(&home, lock, &name("work"), &fingerprint(10), noon()).is_err());
    assert_eq!(home.leftovers(), [""; 0]);
    let lock = AccountLock::take(&home, &login("ana", 10)).unwrap();
    assert!(Rotation::begin(&home, lock, &name("nobody"), &fingerprint(10), noon()).is_err());
}

#[test]
fn the_new_login_goes_to_the_profile_its_twins_and_the_live_file() {
    let home = TestHome::new();
    home.profile("work", &login_with("ana", 10, json!({"zz_future": 1})));
    home.profile("twin", &login("ana", 10));
    home.profile("fresh", &login("ana", 15));
    home.profile("home", &login("bob", 10));
    home.live(&login("ana", 10));
    let mut rotation = begin(&home);
    let finished = rotation.finish(&login("ana", 20), noon()).unwrap();
    assert_eq!(finished.displaced, None);
    assert_eq!(finished.also_saved, [name("twin")]);
    assert!(matches!(finished.live, Publication::Written));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(home.token_of("twin"), "rt_FAKE_ana_20");
    assert_eq!(
        home.token_of("fresh"),
        "rt_FAKE_ana_15",
        "a family of its own"
    );
    assert_eq!(home.token_of("home"), "rt_FAKE_bob_10");
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    assert_eq!(intent(&home), None);
    let text = std::fs::read_to_string(home.profiles_dir().join("work/auth.json")).unwrap();
    assert!(text.contains("zz_future"), "{text}");
    assert_eq!(home.leftovers(), [""; 0]);

    let again = rotation.finish(&login("ana", 20), noon()).unwrap();
    assert!(
        matches!(again.live, Publication::NotThisLogin),
        "done already"
    );
}

#[test]
fn a_live_file_with_another_token_is_left_alone() {
    for live in [login("bob", 1), login("ana", 11)] {
        let home = one_profile();
        home.live(&live);
        let finished = begin(&home).finish(&login("ana", 20), noon()).unwrap();
        assert!(matches!(finished.live, Publication::NotThisLogin));
        assert_eq!(
            std::fs::read(home.live_auth()).unwrap(),
            live.to_bytes().as_slice()
        );
    }
}

#[test]
fn a_live_file_that_cannot_be_replaced_does_not_cost_the_new_login() {
    let home = one_profile();
    home.live(&login("ana", 10));
    std::fs::hard_link(home.live_auth(), home.root().join("second-name")).unwrap();
    let finished = begin(&home).finish(&login("ana", 20), noon()).unwrap();
    assert!(matches!(
        finished.live,
        Publication::Failed(StoreError::HardLinked { .. })
    ));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(home.leftovers(), [""; 0]);
    std::fs::remove_file(home.root().join("second-name")).unwrap();
    assert!(publish(&home, &redeemed(10), &login("ana", 20), noon()).unwrap());
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
}

#[test]
fn a_switch_that_comes_between_reading_and_locking_is_not_undone() {
    let home = one_profile();
    home.live(&login("ana", 10));
    let theirs = std::fs::File::create(home.root().join("auth.lock")).unwrap();
    theirs.lock().unwrap();
    let (theirs, live) = (Mutex::new(Some(theirs)), home.live_auth());
    let waiting = home.with_pause(move |_| {
        if theirs.lock().unwrap().take().is_some() {
            std::fs::write(&live, login("bob", 1).to_bytes()).unwrap();
        }
    });
    assert!(!publish(&waiting, &redeemed(10), &login("ana", 20), noon()).unwrap());
    assert_eq!(home.live_token(), "rt_FAKE_bob_1");
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_live_file_in_the_middle_of_being_written_is_waited_for_without_the_locks() {
    let home = one_profile();
    home.live(&login("ana", 10));
    let place = Place::find(&home).unwrap();
    let first = CliLocks::take(&home, &place).unwrap();
    let (held, live) = (Mutex::new(Some(first)), home.live_auth());
    let root = home.root().to_owned();
    let waiting = home.with_pause(move |time| {
        if time == REREAD_PAUSE {
            // An old CLI finishes writing what it had; a new one can take the lock meanwhile.
            std::fs::File::open(root.join("auth.lock"))
                .unwrap()
                .try_lock()
                .unwrap();
            std::fs::write(&live, login("ana", 10).to_bytes()).unwrap();
        } else if held.lock().unwrap().take().is_some() {
            std::fs::write(&live, "{\"tok").unwrap();
        }
    });
    assert!(publish(&waiting, &redeemed(10), &login("ana", 20), noon()).unwrap());
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
}

#[test]
fn a_profile_that_changed_meanwhile_is_not_overwritten_and_the_new_login_is_kept() {
    let replace = |home: &TestHome, text: &[u8]| home.profile_text("work", text);
    for present in [
        login("bob", 1).to_bytes().to_vec(),
        login("ana", 99).to_bytes().to_vec(),
        b"{".to_vec(),
    ] {
        let home = one_profile();
        let mut rotation = begin(&home);
        replace(&home, &present);
        let finished = rotation.finish(&login("ana", 20), noon()).unwrap();
        let kept = finished.displaced.unwrap();
        assert_eq!(
            std::fs::read(kept).unwrap(),
            login("ana", 20).to_bytes().as_slice()
        );
        let path = home.profiles_dir().join("work/auth.json");
        assert_eq!(std::fs::read(path).unwrap(), present);
        drop(rotation);
        assert_eq!(home.leftovers(), [""; 0]);
    }
    let home = one_profile();
    let mut rotation = begin(&home);
    std::fs::remove_dir_all(home.profiles_dir().join("work")).unwrap();
    assert!(
        rotation
            .finish(&login("ana", 20), noon())
            .unwrap()
            .displaced
            .is_some()
    );
}

#[test]
fn an_older_login_that_came_meanwhile_is_backed_up_and_replaced() {
    let home = one_profile();
    let mut rotation = begin(&home);
    home.profile("work", &login("ana", 15));
    assert_eq!(
        rotation
            .finish(&login("ana", 20), noon())
            .unwrap()
            .displaced,
        None
    );
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(
        std::fs::read_dir(home.backups_dir().join("work"))
            .unwrap()
            .count(),
        1
    );
}

#[test]
fn a_save_that_failed_can_be_tried_again() {
    let home = one_profile();
    let mut rotation = begin(&home);
    // Nothing can be renamed over a directory; so this is where the new login cannot go, nor can it be displaced.
    let path = home.profiles_dir().join("work/auth.json");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir_all(path.join("in the way")).unwrap();
    std::fs::write(home.displaced_dir(), "in the way").unwrap();
    rotation.finish(&login("ana", 20), noon()).unwrap_err();
    assert!(intent(&home).is_some());

    std::fs::remove_dir_all(&path).unwrap();
    home.profile("work", &login("ana", 10));
    rotation.finish(&login("ana", 20), noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(intent(&home), None);
}

#[test]
fn a_refused_token_is_marked_until_there_is_another() {
    let home = one_profile();
    begin(&home).reject();
    let profile = home.read_profile("work");
    assert_eq!(profile.health(), Health::SignInAgain);
    assert_eq!(profile.side.intent(), None);
    begin(&home).finish(&login("ana", 20), noon()).unwrap();
    let renewed = home.read_profile("work");
    assert_eq!(renewed.health(), Health::Fine);
    assert_eq!(renewed.side.rotated(), Some((Rotator::Us, noon())));
}

#[test]
fn an_unanswered_refresh_leaves_its_note_and_no_file() {
    let home = one_profile();
    drop(begin(&home));
    assert!(intent(&home).is_some());
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_newer_login_of_the_account_is_found_wherever_it_is() {
    let home = one_profile();
    let known = home.read_profile("work");
    let found =
        |home: &Home| find_newer(home, &known).map(|login| login.refresh_fingerprint().unwrap());
    assert_eq!(found(&home), None);
    home.profile("home", &login("bob", 99));
    home.profile("twin", &login("ana", 5));
    home.live(&login("ana", 9));
    assert_eq!(
        found(&home),
        None,
        "older ones and other accounts do not count"
    );
    home.live(&login("ana", 11));
    assert_eq!(found(&home), Some(fingerprint(11)));
    home.profile("twin", &login("ana", 12));
    assert_eq!(found(&home), Some(fingerprint(12)));
    home.profile("work", &login("ana", 13));
    assert_eq!(found(&home), Some(fingerprint(13)));
}

#[test]
fn another_token_in_the_profile_itself_counts_even_without_a_date() {
    let home = one_profile();
    let known = home.read_profile("work");
    let mut other: serde_json::Value =
        serde_json::from_slice(&login("ana", 10).to_bytes()).unwrap();
    other["tokens"]["refresh_token"] = "rt_FAKE_other".into();
    home.profile_text("work", other.to_string().as_bytes());
    let found = find_newer(&home, &known).unwrap();
    assert_eq!(
        found.refresh_fingerprint(),
        Some(Fingerprint::of(b"rt_FAKE_other"))
    );
}

#[test]
fn a_refused_token_is_marked_in_every_profile_that_holds_it() {
    let home = one_profile();
    home.profile("twin", &login("ana", 10));
    home.profile("newer", &login("ana", 20));
    begin(&home).reject();
    let health = |name| home.read_profile(name).health();
    assert_eq!(health("twin"), Health::SignInAgain);
    assert_eq!(health("newer"), Health::Fine);
}

#[test]
fn a_login_whose_profile_was_removed_is_kept_aside_and_the_live_file_gets_it() {
    let home = one_profile();
    home.live(&login("ana", 10));
    drop(begin(&home));
    std::fs::remove_dir_all(home.profiles_dir().join("work")).unwrap();
    let lock = AccountLock::take(&home, &login("ana", 20)).unwrap();
    let mut rotation = Rotation::resume(&home, lock, &name("work"), &fingerprint(10)).unwrap();
    let finished = rotation.finish(&login("ana", 20), noon()).unwrap();
    assert!(finished.displaced.is_some());
    assert_eq!(home.displaced(), [login("ana", 20).to_bytes().to_vec()]);
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
}

#[test]
fn a_login_that_was_written_and_not_in_its_place_yet_is_put_there() {
    let home = one_profile();
    let write = |digits: &str, text: &[u8]| {
        let name = format!("work/.auth.json.{digits}.tmp");
        std::fs::write(home.profiles_dir().join(name), text).unwrap();
    };
    let (new, other) = (login("ana", 20).to_bytes(), login("bob", 30).to_bytes());
    write("0000000000000001", &[0; 64]);
    write("0000000000000002", &new[..new.len() / 2]);
    write("0000000000000003", &other);
    write("0000000000000004", &login("ana", 5).to_bytes());
    assert!(
        recover(&home, &name("work"), &login("ana", 10))
            .unwrap()
            .is_none()
    );
    let mut with_reserved_room = new.to_vec();
    with_reserved_room.resize(64 * 1024, 0);
    write("0000000000000005", &with_reserved_room);
    let much_later = SystemTime::now() + Duration::from_secs(3_600);
    crate::store::prepare(&home, much_later).unwrap();
    assert_eq!(home.leftovers().len(), 1, "the only copy is no leftover");
    let recovered = recover(&home, &name("work"), &login("ana", 10)).unwrap();
    assert!(recovered.unwrap().same_login(&login("ana", 20)));
    let put_there = std::fs::read(home.profiles_dir().join("work/auth.json")).unwrap();
    assert_eq!(put_there, new.to_vec());
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn while_a_profile_that_cannot_be_read_may_hold_the_spent_token_the_note_stays() {
    let home = one_profile();
    home.profile_text("twin", b"{ half");
    let mut rotation = begin(&home);
    rotation.finish(&login("ana", 20), noon()).unwrap();
    assert!(intent(&home).is_some());
    home.profile("twin", &login("ana", 10));
    catch_up(&home, &home.read_profile("work"), noon());
    assert_eq!(home.token_of("twin"), "rt_FAKE_ana_20");
    rotation.finish(&login("ana", 20), noon()).unwrap();
    assert_eq!(intent(&home), None);
}

#[test]
fn while_the_live_file_is_behind_the_note_stays() {
    let home = one_profile();
    home.live(&login("ana", 10));
    let second_name = home.root().join("second-name");
    std::fs::hard_link(home.live_auth(), &second_name).unwrap();
    let mut rotation = begin(&home);
    let finished = rotation.finish(&login("ana", 20), noon()).unwrap();
    assert!(matches!(finished.live, Publication::Failed(_)));
    assert!(intent(&home).is_some());
    std::fs::remove_file(second_name).unwrap();
    rotation.finish(&login("ana", 20), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    assert_eq!(intent(&home), None);
}

#[test]
fn a_login_that_somebody_else_got_reaches_everybody_who_holds_the_one_before() {
    let home = one_profile();
    home.profile("twin", &login("ana", 10));
    home.live(&login("ana", 10));
    let terminal = Overlay::open(&home, &name("twin"), None, noon()).unwrap();
    home.profile("fresh", &login("ana", 15));
    let is_live = adopt(&home, &home.read_profile("work"), &login("ana", 20), noon());
    assert!(is_live.unwrap());
    for holder in ["work", "twin"] {
        assert_eq!(home.token_of(holder), "rt_FAKE_ana_20", "{holder}");
    }
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    let in_terminal = std::fs::read(terminal.root().join("auth.json")).unwrap();
    let in_terminal = AuthFile::parse(&in_terminal).unwrap();
    assert!(in_terminal.same_login(&login("ana", 20)));
    assert_eq!(
        home.token_of("fresh"),
        "rt_FAKE_ana_15",
        "a family of its own"
    );
    assert_eq!(intent(&home), None);
    assert_eq!(home.leftovers(), [""; 0]);
    // Somebody else's by now.
    home.live(&login("bob", 1));
    let is_live = adopt(&home, &home.read_profile("work"), &login("ana", 30), noon());
    assert!(!is_live.unwrap());
}

#[test]
fn who_is_still_behind_an_adopted_login_is_noted_before_it_is_written_and_until_it_is_mended() {
    let home = one_profile();
    home.live(&login("ana", 10));
    std::fs::create_dir_all(home.router_dir()).unwrap();
    std::fs::write(home.backups_dir(), "in the way").unwrap();
    let newer = login("ana", 20);
    adopt(&home, &home.read_profile("work"), &newer, noon()).unwrap_err();
    let noted = Intent {
        token: fingerprint(10),
        at: noon(),
    };
    assert_eq!(intent(&home), Some(noted.clone()));
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");

    std::fs::remove_file(home.backups_dir()).unwrap();
    let second_name = home.root().join("second-name");
    std::fs::hard_link(home.live_auth(), &second_name).unwrap();
    let later = noon() + Duration::from_secs(5);
    adopt(&home, &home.read_profile("work"), &newer, later).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(intent(&home), Some(noted));

    // What comes next brings those up to date whom this one did not reach.
    std::fs::remove_file(second_name).unwrap();
    adopt(&home, &home.read_profile("work"), &login("ana", 30), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_30");
    assert_eq!(intent(&home), None);
}

#[test]
fn a_live_file_behind_by_several_refreshes_gets_the_newest_once_it_can_be_written() {
    for is_cut_off in [false, true] {
        let home = one_profile();
        home.live(&login("ana", 10));
        let second_name = home.root().join("second-name");
        std::fs::hard_link(home.live_auth(), &second_name).unwrap();
        // Each by a program of its own.
        for (held, new) in [(10, 20), (20, 30), (30, 40)] {
            let profile = home.read_profile("work");
            catch_up(&home, &profile, noon());
            let lock = AccountLock::take(&home, &login("ana", held)).unwrap();
            let token = fingerprint(held);
            let mut rotation = Rotation::begin(&home, lock, &name("work"), &token, noon()).unwrap();
            let finished = rotation.finish(&login("ana", new), noon()).unwrap();
            assert!(matches!(finished.live, Publication::Failed(_)));
        }
        std::fs::remove_file(second_name).unwrap();
        if is_cut_off {
            catch_up(&home, &home.read_profile("work"), noon());
            assert_eq!(home.live_token(), "rt_FAKE_ana_40");
        } else {
            let lock = AccountLock::take(&home, &login("ana", 40)).unwrap();
            let token = fingerprint(40);
            let mut rotation = Rotation::begin(&home, lock, &name("work"), &token, noon()).unwrap();
            rotation.finish(&login("ana", 50), noon()).unwrap();
            assert_eq!(home.live_token(), "rt_FAKE_ana_50");
            assert_eq!(intent(&home), None);
        }
    }
}

#[test]
fn a_refresh_that_ends_unsent_forgets_nobody_who_is_behind() {
    let home = one_profile();
    home.live(&login("ana", 10));
    let second_name = home.root().join("second-name");
    std::fs::hard_link(home.live_auth(), &second_name).unwrap();
    begin(&home).finish(&login("ana", 20), noon()).unwrap();
    let lock = AccountLock::take(&home, &login("ana", 20)).unwrap();
    let token = fingerprint(20);
    Rotation::begin(&home, lock, &name("work"), &token, noon())
        .unwrap()
        .give_up();
    std::fs::remove_file(second_name).unwrap();
    assert!(catch_up(&home, &home.read_profile("work"), noon()));
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
}

#[test]
fn a_profile_that_holds_another_account_by_now_gives_it_to_nobody_who_was_behind() {
    let home = one_profile();
    home.profile("twin", &login("ana", 10));
    home.live(&login("ana", 10));
    drop(begin(&home));
    home.profile("work", &login("bob", 30));
    catch_up(&home, &home.read_profile("work"), noon());
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
    assert_eq!(home.token_of("twin"), "rt_FAKE_ana_10");
}

#[test]
fn an_earlier_login_never_gives_way_to_an_older_one() {
    let home = one_profile();
    begin(&home).finish(&login("ana", 20), noon()).unwrap();
    home.live(&login("ana", 10));
    home.profile("work", &login("ana", 5));
    catch_up(&home, &home.read_profile("work"), noon());
    assert_eq!(home.live_token(), "rt_FAKE_ana_10");
}

#[test]
fn who_is_behind_gets_the_present_login_and_a_refresh_of_that_one_stays_noted() {
    let home = one_profile();
    begin(&home).finish(&login("ana", 20), noon()).unwrap();
    let lock = AccountLock::take(&home, &login("ana", 20)).unwrap();
    let token = fingerprint(20);
    drop(Rotation::begin(&home, lock, &name("work"), &token, noon()).unwrap());
    let left = intent(&home);
    assert!(left.is_some());
    home.live(&login("ana", 10));
    let lock = AccountLock::take(&home, &login("ana", 20)).unwrap();
    let mut mending = Rotation::resume(&home, lock, &name("work"), &fingerprint(10)).unwrap();
    mending.finish(&login("ana", 20), noon()).unwrap();
    assert_eq!(home.live_token(), "rt_FAKE_ana_20");
    assert_eq!(intent(&home), left);
}

#[test]
fn a_refresh_token_that_stays_good_is_not_noted_as_replaced() {
    let home = one_profile();
    let text = login("ana", 20).to_bytes();
    let text = String::from_utf8_lossy(&text).replace("rt_FAKE_ana_20", "rt_FAKE_ana_10");
    let renewed = AuthFile::parse(text.as_bytes()).unwrap();
    begin(&home).finish(&renewed, noon()).unwrap();
    assert_eq!(home.read_profile("work").side.replaced(), []);
}

#[test]
fn a_room_that_somebody_tidied_away_is_taken_anew_before_the_login_hangs_on_it() {
    let home = one_profile();
    let mut rotation = begin(&home);
    for leftover in home.leftovers() {
        std::fs::remove_file(leftover).unwrap();
    }
    let folder = rotation.folder.clone().unwrap();
    rotation.write_down(&folder, &login("ana", 20)).unwrap();
    let [written] = &home.leftovers()[..] else {
        panic!("one temporary file");
    };
    let written = std::fs::read(written).unwrap();
    assert_eq!(written, login("ana", 20).to_bytes().to_vec());
    rotation.finish(&login("ana", 20), noon()).unwrap();
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_20");
    assert_eq!(home.leftovers(), [""; 0]);
}

#[test]
fn a_login_that_was_not_in_its_place_yet_is_found_without_the_note_and_the_newest_of_several() {
    let home = one_profile();
    for iat in [20, 30, 25] {
        let file = format!("work/.auth.json.00000000000000{iat}.tmp");
        let file = home.profiles_dir().join(file);
        std::fs::write(file, login("ana", iat).to_bytes()).unwrap();
    }
    let found = find_successor(&home, &home.read_profile("work")).unwrap();
    assert!(found.is_some_and(|found| found.same_login(&login("ana", 30))));
    assert_eq!(home.token_of("work"), "rt_FAKE_ana_30");
}

#[test]
fn what_was_written_beside_a_login_that_cannot_be_read_is_no_leftover() {
    let home = one_profile();
    let file = |name: &str| home.profiles_dir().join("work").join(name);
    let temporary = file(".auth.json.0000000000000001.tmp");
    std::fs::write(&temporary, login("ana", 20).to_bytes()).unwrap();
    let much_later = SystemTime::now() + Duration::from_secs(3_600);
    std::fs::write(file("auth.json"), "{ half").unwrap();
    crate::store::prepare(&home, much_later).unwrap();
    assert!(temporary.exists());
    std::fs::remove_file(file("auth.json")).unwrap();
    std::fs::create_dir(file("auth.json")).unwrap();
    crate::store::prepare(&home, much_later).unwrap();
    assert!(temporary.exists());
}

#[test]
fn a_login_whose_profile_is_removed_while_the_answer_is_on_its_way_is_kept_aside_at_once() {
    let home = one_profile();
    let mut rotation = begin(&home);
    std::fs::remove_dir_all(home.profiles_dir().join("work")).unwrap();
    let finished = rotation.finish(&login("ana", 20), noon()).unwrap();
    assert!(finished.displaced.is_some());
    assert_eq!(home.displaced(), [login("ana", 20).to_bytes().to_vec()]);
}

#[test]
fn a_login_that_had_to_go_aside_is_found_when_the_profile_is_back_with_the_spent_token() {
    let home = one_profile();
    let mut rotation = begin(&home);
    home.profile_text("work", b"{ half");
    let finished = rotation.finish(&login("ana", 20), noon()).unwrap();
    assert!(finished.displaced.is_some());
    drop(rotation);
    home.profile("work", &login("ana", 10));
    let found = find_successor(&home, &home.read_profile("work")).unwrap();
    assert!(found.is_some_and(|found| found.same_login(&login("ana", 20))));
}

#[test]
fn a_login_that_is_refused_takes_the_place_of_no_other() {
    let home = one_profile();
    let earlier = fingerprint(5);
    profiles::edit_side(&home, &name("work"), |side| {
        side.note_replaced(&earlier);
        side.set_rejected(Some(&fingerprint(10)));
    })
    .unwrap();
    home.live(&login("ana", 5));
    let profile = home.read_profile("work");
    assert!(catch_up(&home, &profile, noon()));
    assert_eq!(home.live_token(), "rt_FAKE_ana_5");

    home.profile("twin", &login("ana", 4));
    let twin = home.read_profile("twin");
    assert_eq!(
        find_newer(&home, &twin).and_then(|login| login.refresh_fingerprint()),
        Some(earlier),
        "the live one, not the refused one"
    );

    // Given to others all the same, it stays refused.
    let lock = AccountLock::take(&home, &login("ana", 10)).unwrap();
    let mut rotation = Rotation::resume(&home, lock, &name("work"), &fingerprint(5)).unwrap();
    rotation.finish(&login("ana", 10), noon()).unwrap();
    let profile = home.read_profile("work");
    assert_eq!(profile.health(), Health::SignInAgain);
}
