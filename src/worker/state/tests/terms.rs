//! The user's terms: from the side file to the pool and the snapshot.

use super::*;
use crate::pool::{Amount, Member, Period, Tier};
use crate::translate::responses::TokenUsage;

fn said(text: &str) -> Profile {
    Profile {
        side: SideFile::parse(text.as_bytes()),
        ..profile("work", fresh("u-1"))
    }
}

fn read(state: &mut AppState, text: &str) -> Arc<Member> {
    state.note(reading(vec![said(text)], Live::Missing), noon());
    publisher::pool(state).members[0].clone()
}

#[test]
fn a_changed_side_file_changes_the_terms_of_the_member() {
    let mut state = AppState::new(Arc::default(), Polls::ByThemselves);
    let member = read(&mut state, r#"{"priority": "first", "weight": 3}"#);
    assert_eq!(
        (member.terms.tier, member.terms.weight),
        (Some(Tier::First), 3)
    );
    let member = read(&mut state, r#"{"enabled": false, "weight": "many"}"#);
    assert_eq!((member.terms.is_enabled, member.terms.weight), (false, 1));
    let snapshot = publisher::snapshot(&state, "", noon());
    let view = &snapshot.profiles[0];
    assert!(!view.is_in_pool);
    assert_eq!(
        view.bad_terms,
        [r#"weight = "many" cannot be used: write a whole number from 1 to 100"#]
    );
}

#[test]
fn the_tokens_of_a_request_count_for_the_limits_of_who_served_it() {
    let mut state = AppState::new(Arc::default(), Polls::ByThemselves);
    let before = read(&mut state, "{}");
    let done = RequestDone {
        tokens: Some(TokenUsage {
            total: 70,
            ..TokenUsage::default()
        }),
        ..failed_request()
    };
    for _ in 0..2 {
        state.note(Event::Reported(Report::Request(done.clone())), noon());
    }
    let after = read(&mut state, r#"{"weight": 2}"#);
    for member in [before, after] {
        let spent = member.spend.of(Period::Day, noon());
        assert_eq!(
            spent,
            Amount {
                tokens: 140,
                micro_dollars: 0
            }
        );
    }
}
