//! What is said of how long the pool lasts.

use super::*;
use crate::usage::RecentUse;
use crate::usage::runway::State;

/// So many percent points an hour of each window of an account, watched for ten hours.
fn recent(rates: &[(Duration, f64)]) -> Arc<RecentUse> {
    let mut recent = RecentUse::default();
    for (length, hourly) in rates {
        for hour in 0..=10_u8 {
            let window = Window {
                length: *length,
                used_percent: hourly * f64::from(hour),
                resets_at: None,
            };
            recent.note_window(&window, now() - hours(u64::from(10 - hour)));
        }
    }
    Arc::new(recent)
}

/// Of the first account so much of a week was used in an hour.
pub(super) fn used(hourly: f64, profiles: Vec<ProfileView>) -> Snapshot {
    let mut snapshot = snapshot(profiles);
    let first = snapshot.profiles.first().map(|first| first.name.clone());
    snapshot.recent_use = first
        .into_iter()
        .map(|name| (name, recent(&[(hours(7 * 24), hourly)])))
        .collect();
    snapshot.router.strategy = Strategy::Ordered;
    snapshot
}

fn runway(snapshot: &Snapshot) -> Runway {
    page(snapshot).runway.unwrap()
}

/// Sentence and second line.
fn told(hourly: f64, profiles: Vec<ProfileView>) -> (String, String) {
    let runway = runway(&used(hourly, profiles));
    (runway.sentence, runway.second)
}

fn both(left: f64) -> Vec<ProfileView> {
    vec![
        profile("work", vec![week(left, hours(90))]),
        profile("spare", vec![week(12.0, hours(4))]),
    ]
}

fn words(sentence: &str, second: &str) -> (String, String) {
    (sentence.to_owned(), second.to_owned())
}

#[test]
fn enough_is_told_with_its_end_its_pace_and_the_next_reset() {
    // It is Friday, 13:11. Spare's 12 percent, its whole window after that, and work's 60 last 43 hours.
    assert_eq!(
        told(4.0, both(60.0)),
        words(
            "Enough until about Sun 08:10",
            "At today\u{2019}s pace of 2% of the pool an hour. Next back: spare, 17:11."
        )
    );
    let one = vec![profile("work", vec![week(40.0, hours(90))])];
    assert_eq!(told(20.0, one).0, "Enough until about 15:10");
    let one = vec![profile("work", vec![week(10.0, hours(90))])];
    assert_eq!(told(20.0, one).0, "Enough until about 13:41");
}

#[test]
fn a_pool_that_lasts_and_one_that_is_not_used_say_so() {
    let one = vec![profile("work", vec![week(90.0, hours(90))])];
    assert_eq!(
        told(0.2, one.clone()),
        words(
            "Enough for the next 7 days",
            "At today\u{2019}s pace of less than 1% of the pool an hour."
        )
    );
    assert_eq!(told(0.0, one).1, "Nothing was used in the last day.");
}

#[test]
fn too_little_history_draws_nothing() {
    let runway = runway(&snapshot(both(60.0)));
    assert_eq!(runway.sentence, "Too little history to say");
    assert_eq!(
        runway.second,
        "An hour of use has to be seen first. Next back: spare, 17:11."
    );
    assert_eq!(runway.course, None);
}

#[test]
fn nothing_usable_is_told_until_the_first_reset_whatever_is_known() {
    let empty = || {
        vec![
            profile("work", vec![week(0.0, hours(30))]),
            profile("spare", vec![five(0.0, hours(3))]),
        ]
    };
    let sentence = "Nothing usable until 16:11";
    assert_eq!(told(5.0, empty()).0, sentence);
    assert_eq!(runway(&snapshot(empty())).sentence, sentence);
    let mut with_key = empty();
    with_key.push(ProfileView {
        kind: LoginKind::ApiKey,
        ..unknown("key")
    });
    assert_eq!(
        told(5.0, with_key).0,
        "Only what is paid by the request is left"
    );
}

#[test]
fn what_is_not_counted_is_told() {
    let mut all = both(60.0);
    all.push(unknown("fresh"));
    let (_, second) = told(4.0, all);
    assert!(
        second.ends_with("1 account is not counted: its numbers are not known."),
        "{second}"
    );
}

#[test]
fn old_numbers_are_called_old_and_promise_nothing() {
    let old = |profile| with_usage(profile, |usage| usage.fetched_at = now() - mins(30));
    let mut all = both(60.0);
    all.push(old(profile("spare-2", vec![week(90.0, hours(60))])));
    let (_, second) = told(4.0, all);
    let words = "1 account is not counted: its numbers are too old.";
    assert!(second.ends_with(words), "{second}");
    let (sentence, second) = told(4.0, both(60.0).into_iter().map(old).collect());
    assert_eq!(sentence, "The numbers are too old to say");
    assert_eq!(
        second,
        "2 accounts are not counted: their numbers are too old."
    );
}

#[test]
fn the_line_falls_to_the_end_and_is_spoken_account_by_account() {
    let one = vec![profile("work", vec![week(40.0, hours(90))])];
    let runway = runway(&used(4.0, one));
    let course = runway.course.unwrap();
    assert_eq!(course.points.first(), Some(&(0.0, 40.0)));
    assert!((course.end.unwrap() - 10.0 / 24.0).abs() < 1e-3);
    assert!(course.points.is_sorted_by_key(|(x, _)| *x));
    assert!(course.points.iter().all(|(x, _)| *x <= 1.0));
    let marks: Vec<_> = course.marks.iter().map(|it| it.label.as_str()).collect();
    assert_eq!(marks, ["18:00", "Sat", "06:00", "12:00"]);
    assert_eq!(runway.count, "1 account");
    assert_eq!(
        runway.spoken,
        "Enough until about 23:10. work: usable, low from 18:11, waiting from 23:11, usable from Tue 07:11, low from Wed 03:11"
    );
}

#[test]
fn the_lanes_tell_when_each_account_is_used_up() {
    let pool = |ahead| {
        let snapshot = used(4.0, both(60.0));
        let wish = Wish {
            tab: Tab::Pool,
            pool: PoolWish { ahead },
            ..Wish::default()
        };
        let OpenPage::Pool(page) = page_with(&snapshot, &wish).open else {
            panic!("another page")
        };
        page.lanes.unwrap()
    };
    let day = pool(Ahead::Day);
    let titles: Vec<_> = day.lanes.iter().map(|lane| lane.title.as_str()).collect();
    assert_eq!(titles, ["spare", "work"]);
    let states: Vec<_> = day.lanes[0].spans.iter().map(|it| it.2).collect();
    assert_eq!(states, [State::Low, State::Waiting, State::Usable]);
    assert!((day.lanes[0].resets[0] - 4.0 / 24.0).abs() < 1e-3);
    assert_eq!(day.end, None, "it ends on the second day");
    let week = pool(Ahead::Week);
    assert_eq!(week.end.unwrap().label, "Sun 08:11");
    assert_eq!(week.marks.len(), 7);
}

#[test]
fn many_accounts_have_no_runway_on_their_page() {
    let all = (0..8).map(|index| profile(&format!("n{index}"), vec![week(50.0, hours(9))]));
    assert_eq!(page(&used(1.0, all.collect())).runway, None);
    let off = ProfileView {
        is_in_pool: false,
        ..profile("off", vec![week(50.0, hours(9))])
    };
    assert_eq!(page(&used(1.0, vec![off])).runway, None);
}

#[test]
fn hidden_names_are_hidden_in_the_forecast() {
    let snapshot = used(4.0, both(60.0));
    let wish = Wish {
        hides_emails: true,
        ..Wish::default()
    };
    let runway = page_with(&snapshot, &wish).runway.unwrap();
    let all = format!("{} {}", runway.second, runway.spoken);
    assert!(!all.contains("spare") && !all.contains("work"), "{all}");
}
