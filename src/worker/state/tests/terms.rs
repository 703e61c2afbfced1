//! The user's terms: from the side file to the pool and the snapshot.

use super::*;
use crate::ledger::{Spend, Spender, day_of};
use crate::pool::{Amount, Member, Tier};
use crate::price::{MicroDollars, Prices, Tokens};
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
fn what_a_request_used_counts_for_the_limits_of_who_served_it() {
    let mut state = AppState::new(Arc::default(), Polls::ByThemselves);
    let prices = "[models]\ngpt-priced = { input = 1.0, output = 4.0 }";
    state.prices = Arc::new(Prices::parse(prices).unwrap());
    let before = read(&mut state, "{}");
    let done = RequestDone {
        tokens: Some(TokenUsage {
            input: 60,
            output: 10,
            total: 70,
            ..TokenUsage::default()
        }),
        asked_model: "gpt-priced".into(),
        ..failed_request()
    };
    for _ in 0..2 {
        state.note(
            Event::Reported(Report::Request(Box::new(done.clone()))),
            noon(),
        );
    }
    let after = read(&mut state, r#"{"weight": 2}"#);
    for member in [before, after] {
        let spent = member.spend.today(noon());
        assert_eq!(
            spent,
            Amount {
                tokens: 140,
                micro_dollars: 200
            }
        );
    }
}

#[test]
fn what_was_spent_before_this_start_counts_as_well() {
    let mut state = AppState::new(Arc::default(), Polls::ByThemselves);
    let member = read(&mut state, "{}");
    let before = Spend {
        who: Spender::Profile(name("work")),
        day: day_of(noon()),
        requests: 1,
        tokens: Tokens {
            input: 60,
            output: 10,
            ..Tokens::default()
        },
        cost: MicroDollars(5),
        unpriced: 0,
    };
    let yesterday = Spend {
        day: before.day - 1,
        ..before.clone()
    };
    let memory = Memory {
        days: vec![yesterday, before],
        ..Memory::default()
    };
    state.remember(memory, noon());
    let amount = |tokens, micro_dollars| Amount {
        tokens,
        micro_dollars,
    };
    assert_eq!(member.spend.today(noon()), amount(70, 5));
    assert_eq!(member.spend.this_month(noon()), amount(140, 10));
}

#[test]
fn the_member_knows_which_models_its_account_listed() {
    let mut state = AppState::new(Arc::default(), Polls::ByThemselves);
    assert_eq!(read(&mut state, "{}").offers, None);
    let model = crate::translate::models::Model {
        slug: "gpt-x".into(),
        is_listable: false,
        is_supported_in_api: true,
        efforts: vec![],
    };
    let report = Report::Models {
        profile: name("work"),
        models: Arc::from([model]),
    };
    state.note(Event::Reported(report), noon());
    assert_eq!(
        read(&mut state, "{}").offers.as_deref(),
        Some(&["gpt-x".to_owned()][..])
    );
    let other = Profile {
        login: Ok(fresh("u-2")),
        ..said("{}")
    };
    state.note(reading(vec![other], Live::Missing), noon());
    assert_eq!(
        publisher::pool(&state).members[0].offers,
        None,
        "another account"
    );
}
