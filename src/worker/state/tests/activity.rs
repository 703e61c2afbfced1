//! One reading of the ledger at a time, and no old name in what was read.

use super::*;
use crate::desk::{Activity, ActivityQuery, Place};

fn query(text: &str) -> ActivityQuery {
    ActivityQuery {
        since: noon() - DAY,
        text: text.to_owned(),
        ended: None,
        key: None,
    }
}

fn show(text: &str) -> Command {
    Command::ShowActivity {
        query: query(text),
        place: Place::default(),
    }
}

/// What is to be read.
fn texts(effects: &[Effect]) -> Vec<String> {
    let text = |effect: &Effect| match effect {
        Effect::ReadActivity(wanted) => Some(wanted.query.text.clone()),
        _ => None,
    };
    effects.iter().filter_map(text).collect()
}

fn read(text: &str) -> Event {
    Event::ActivityRead(Box::new(Activity::in_trouble(query(text), noon(), None)))
}

#[test]
fn while_one_reading_is_under_way_only_the_last_of_the_other_wishes_waits() {
    let mut state = state();
    assert_eq!(texts(&state.obey(show("g"), noon())), ["g"]);
    for text in ["gp", "gpt"] {
        assert_eq!(texts(&state.obey(show(text), noon())), [""; 0]);
    }
    assert_eq!(texts(&state.note(read("g"), noon())), ["gpt"]);
    assert_eq!(texts(&state.note(read("gpt"), noon())), [""; 0]);
    let snapshot = publisher::snapshot(&state, "~/.codex", noon());
    assert_eq!(
        snapshot.activity.map(|it| it.query.clone()),
        Some(query("gpt"))
    );
    assert_eq!(texts(&state.obey(show(""), noon())), [""]);
}

#[test]
fn what_was_read_goes_by_the_present_names() {
    let mut state = state();
    state.note(
        Event::Reported(Report::Request(Box::new(failed_request()))),
        noon(),
    );
    let mut activity = Activity::in_trouble(query(""), noon(), None);
    activity.records = state.router.last_requests.iter().cloned().collect();
    state.note(Event::ActivityRead(Box::new(activity)), noon());
    state.note(organising::done_renamed("work", "team"), noon());
    let seen = state.looking.seen.unwrap();
    assert_eq!(seen.records[0].profile, Some(name("team")));
}
