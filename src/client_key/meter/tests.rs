use std::num::NonZeroU32;

use super::*;
use crate::client_key::Budget;

fn at(text: &str) -> SystemTime {
    text.parse::<Timestamp>().unwrap().into()
}

fn key(number: u8, policy: Policy) -> ClientKey {
    ClientKey::make(
        format!("key {number}"),
        policy,
        [number; 32],
        SystemTime::UNIX_EPOCH,
    )
    .0
}

fn tokens(input: u64, output: u64) -> Used {
    Used {
        input,
        output,
        ..Used::default()
    }
}

fn noon() -> SystemTime {
    at("2026-11-26T12:00:00Z")
}

#[test]
fn the_request_beyond_the_limit_by_the_minute_waits_for_the_first_to_grow_old() {
    let key = key(
        1,
        Policy {
            requests_per_minute: NonZeroU32::new(2),
            ..Policy::default()
        },
    );
    let (meters, start) = (Meters::new(noon()), Instant::now());
    let begin = |secs| {
        meters
            .begin(Some(&key), 64, start + Duration::from_secs(secs), noon())
            .map(drop)
    };
    assert_eq!((begin(0), begin(10)), (Ok(()), Ok(())));
    let refused = |secs| {
        Err(Limit::Requests {
            per_minute: 2,
            after: Duration::from_secs(secs),
        })
    };
    assert_eq!(begin(20), refused(40));
    assert_eq!(begin(59), refused(1), "what was refused does not count");
    assert_eq!(begin(60), Ok(()));
    assert_eq!(begin(69), refused(1));
    assert_eq!(begin(70), Ok(()));
}

#[test]
fn a_limit_that_was_lowered_holds_for_what_has_begun_already() {
    let mut key = key(
        1,
        Policy {
            requests_per_minute: NonZeroU32::new(3),
            ..Policy::default()
        },
    );
    let (meters, start) = (Meters::new(noon()), Instant::now());
    let later = |secs| start + Duration::from_secs(secs);
    for secs in [0, 10, 20] {
        meters.begin(Some(&key), 64, later(secs), noon()).unwrap();
    }
    key.policy.requests_per_minute = NonZeroU32::new(1);
    let refused = meters.begin(Some(&key), 64, later(30), noon()).unwrap_err();
    assert_eq!(
        refused.after(noon()),
        Duration::from_secs(50),
        "the last of the three is 50 s away"
    );
}

#[test]
fn places_are_given_back_when_requests_end_however_they_end() {
    let key = key(
        1,
        Policy {
            concurrency: NonZeroU32::new(2),
            ..Policy::default()
        },
    );
    let meters = Meters::new(noon());
    let begin = || meters.begin(Some(&key), 64, Instant::now(), noon());
    let (one, two) = (begin().unwrap(), begin().unwrap());
    assert_eq!(begin().unwrap_err(), Limit::Concurrency { most: 2 });
    drop(one);
    let three = begin().unwrap();
    two.settle(tokens(1, 1), noon());
    assert_eq!(
        meters
            .shown(Some(&key.id), Instant::now(), noon())
            .in_flight,
        1
    );
    drop(three);
    assert_eq!(meters.shown(None, Instant::now(), noon()).in_flight, 0);
}

#[test]
fn no_more_get_in_at_the_same_time_than_there_are_places() {
    const MOST: usize = 8;
    let policy = Policy {
        concurrency: NonZeroU32::new(MOST as u32),
        requests_per_minute: NonZeroU32::new(100),
        ..Policy::default()
    };
    let (key, meters, now) = (
        Arc::new(key(1, policy)),
        Meters::new(noon()),
        Instant::now(),
    );
    let threads: Vec<_> = (0..16)
        .map(|_| {
            let (key, meters) = (key.clone(), meters.clone());
            std::thread::spawn(move || {
                let mut begun = 0;
                for _ in 0..50 {
                    if let Ok(permit) = meters.begin(Some(&key), 64, now, noon()) {
                        begun += 1;
                        let shown = meters.shown(Some(&key.id), now, noon());
                        assert!(shown.in_flight as usize <= MOST);
                        drop(permit);
                    }
                }
                begun
            })
        })
        .collect();
    let begun: usize = threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .sum();
    assert_eq!(begun, 100, "the minute's requests and not one more");
}

#[test]
fn a_budget_is_spent_by_what_has_ended_and_comes_back_at_midnight() {
    let policy = Policy {
        tokens: Budget {
            day: Some(100),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let (key, meters, start) = (key(1, policy), Meters::new(noon()), Instant::now());
    let begin = |now| meters.begin(Some(&key), 64, start, now);
    let (one, two) = (begin(noon()).unwrap(), begin(noon()).unwrap());
    one.settle(tokens(60, 39), noon());
    let three = begin(noon()).unwrap();
    two.settle(tokens(1, 0), noon());
    let limit = begin(noon()).unwrap_err();
    assert_eq!(
        limit,
        Limit::Tokens {
            period: Period::Day,
            most: 100,
            resets_at: at("2026-11-27T00:00:00Z")
        }
    );
    assert_eq!(limit.after(noon()), Duration::from_secs(12 * 3_600));
    assert_eq!(
        limit.to_string(),
        "this key has used up its 100 tokens a day; they are reset at 2026-11-27 00:00 UTC"
    );
    // It began within the budget.
    three.settle(tokens(500, 0), noon());
    let last_moment = at("2026-11-26T23:59:59Z");
    assert_eq!(
        begin(last_moment).unwrap_err().after(last_moment),
        Duration::from_secs(1)
    );
    assert!(begin(at("2026-11-27T00:00:00Z")).is_ok());
}

#[test]
fn of_several_budgets_that_are_used_up_the_one_that_lasts_longest_is_told() {
    let policy = Policy {
        tokens: Budget {
            day: Some(1),
            ..Budget::default()
        },
        cost: Budget {
            day: Some(1),
            month: Some(2_500_000),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let (key, meters, start) = (key(1, policy), Meters::new(noon()), Instant::now());
    let used = Used {
        micro_usd: Some(2_500_000),
        ..tokens(1, 1)
    };
    meters
        .begin(Some(&key), 64, start, noon())
        .unwrap()
        .settle(used, noon());
    let limit = meters.begin(Some(&key), 64, start, noon()).unwrap_err();
    assert_eq!(
        limit.to_string(),
        "this key has used up its $2.50 a month; they are reset at 2026-12-01 00:00 UTC"
    );
    assert_eq!(limit.resets_at(), Some(at("2026-12-01T00:00:00Z")));
}

#[test]
fn what_one_key_spends_is_not_the_others_but_everybodys() {
    let (one, two) = (key(1, Policy::default()), key(2, Policy::default()));
    let (meters, start) = (Meters::new(noon()), Instant::now());
    let priced = Used {
        cached: 4,
        micro_usd: Some(7),
        ..tokens(10, 5)
    };
    for (key, used) in [
        (Some(&one), priced),
        (Some(&two), tokens(1, 0)),
        (None, Used::default()),
    ] {
        meters
            .begin(key, 64, start, noon())
            .unwrap()
            .settle(used, noon());
    }
    let spent = |key: Option<&KeyId>| meters.shown(key, start, noon()).total;
    let of_one = Spent {
        requests: 1,
        input: 10,
        cached: 4,
        output: 5,
        micro_usd: 7,
        unpriced: 0,
    };
    assert_eq!(spent(Some(&one.id)), of_one);
    assert_eq!(
        spent(Some(&two.id)),
        Spent {
            requests: 1,
            input: 1,
            unpriced: 1,
            ..Spent::default()
        }
    );
    assert_eq!(
        spent(None),
        Spent {
            requests: 3,
            input: 11,
            unpriced: 1,
            ..of_one
        }
    );
}

#[test]
fn what_was_spent_before_the_start_counts_until_its_period_ends() {
    let policy = Policy {
        tokens: Budget {
            week: Some(100),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let (key, meters, start) = (key(1, policy), Meters::new(noon()), Instant::now());
    let before = Spent {
        requests: 3,
        input: 90,
        output: 10,
        ..Spent::default()
    };
    meters.remember(&key.id, Period::Week, before, noon());
    assert!(meters.begin(Some(&key), 64, start, noon()).is_err());
    let shown = meters.shown(Some(&key.id), start, noon());
    assert_eq!(shown.periods[1], (Period::Week, before));
    assert_eq!(shown.total, Spent::default());
    assert!(
        meters
            .begin(Some(&key), 64, start, at("2026-11-30T00:00:00Z"))
            .is_ok()
    );
}

#[test]
fn a_clock_that_is_set_back_opens_no_new_budget() {
    let policy = Policy {
        tokens: Budget {
            day: Some(10),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let (key, meters, start) = (key(1, policy), Meters::new(noon()), Instant::now());
    meters
        .begin(Some(&key), 64, start, noon())
        .unwrap()
        .settle(tokens(10, 0), noon());
    let yesterday = at("2026-11-25T12:00:00Z");
    assert!(meters.begin(Some(&key), 64, start, yesterday).is_err());
    assert!(meters.begin(Some(&key), 64, start, noon()).is_err());
}

#[test]
fn a_clock_that_was_far_ahead_leaves_nothing_behind() {
    let policy = Policy {
        tokens: Budget {
            day: Some(10),
            ..Budget::default()
        },
        ..Policy::default()
    };
    let (key, meters, start) = (key(1, policy), Meters::new(noon()), Instant::now());
    let in_a_year = at("2027-11-26T12:00:00Z");
    let spend = |now| {
        let permit = meters.begin(Some(&key), 64, start, now);
        permit.map(|permit| permit.settle(tokens(10, 0), now))
    };
    assert_eq!(spend(in_a_year), Ok(()));
    assert_eq!(spend(noon()), Ok(()));
    assert!(spend(noon()).is_err());
    // And the next day is a new one again.
    assert_eq!(spend(at("2026-11-27T00:00:00Z")), Ok(()));
}

#[test]
fn dollars_are_written_as_people_do() {
    for (micro_usd, text) in [
        (12_500_000, "12.50"),
        (125, "0.000125"),
        (0, "0.00"),
        (1_000_000, "1.00"),
    ] {
        assert_eq!(Dollars(micro_usd).to_string(), text);
    }
}

#[test]
fn a_key_knows_when_it_was_used_last_and_before_this_start_on_which_day() {
    let (one, other) = (key(1, Policy::default()), key(2, Policy::default()));
    let meters = Meters::new(noon());
    let last = |key: &ClientKey| meters.shown(Some(&key.id), Instant::now(), noon()).last_use;
    assert_eq!(last(&one), None);
    let (old, new) = (at("2026-11-01T00:00:00Z"), at("2026-11-20T00:00:00Z"));
    for day in [old, new, old] {
        meters.remember_day(&one.id, day);
    }
    assert_eq!(last(&one), Some(LastUse::OnDay(new)));
    let _permit = meters
        .begin(Some(&one), 64, Instant::now(), noon())
        .unwrap();
    meters.remember_day(&one.id, new);
    assert_eq!(last(&one), Some(LastUse::At(noon())));
    assert_eq!(last(&other), None);
}
