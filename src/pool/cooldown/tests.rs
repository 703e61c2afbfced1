//! What a refusal means for those that come after.

use super::*;

const NOON: SystemTime = SystemTime::UNIX_EPOCH;
const HOUR: Duration = Duration::from_secs(3_600);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn at(after: Duration) -> SystemTime {
    NOON + after
}

/// Of an attempt that began and was refused at this moment.
fn refused(now: SystemTime) -> Refused<'static> {
    Refused {
        began: now,
        now,
        salt: "work",
        is_polled: true,
    }
}

fn told(until: SystemTime) -> Option<Told> {
    Some(Told {
        until,
        source: RestSource::ResetsAt,
    })
}

fn standing(cooldowns: &Cooldowns, model: &str, now: SystemTime) -> Standing {
    cooldowns.standing(model, now, |_, _| false)
}

fn after(cause: RestCause, told: Option<Told>) -> Cooldowns {
    let mut cooldowns = Cooldowns::default();
    cooldowns.note(None, cause, told, refused(NOON));
    cooldowns
}

#[test]
fn evidence_lasts_as_told_between_a_second_and_eight_days() {
    for (until, expected) in [
        (NOON - HOUR, MIN_REST),
        (at(2 * HOUR), 2 * HOUR),
        (at(400 * HOUR), MAX_REST),
    ] {
        let cooldown = Cooldown::new(RestCause::UsageLimit, told(until), refused(NOON), None);
        assert_eq!(cooldown.until, at(expected));
        assert_eq!(cooldown.source, RestSource::ResetsAt);
    }
}

#[test]
fn no_guess_outlasts_five_minutes_however_often_it_proves_right() {
    for cause in RestCause::ALL {
        if cause == RestCause::LacksModel {
            continue;
        }
        let mut cooldown = Cooldown::new(cause, None, refused(NOON), None);
        let first = cooldown.until.duration_since(NOON).unwrap();
        for _ in 0..40 {
            let again = refused(cooldown.probe_at);
            let next = Cooldown::new(cause, None, again, Some(&cooldown));
            let length = next.until.duration_since(again.now).unwrap();
            assert!((first..=secs(300)).contains(&length), "{cause:?}");
            cooldown = next;
        }
        assert!(cooldown.repeats == 40);
    }
}

#[test]
fn a_guess_doubles_when_the_probe_fails_and_not_by_those_that_were_on_their_way() {
    let first = Cooldown::new(RestCause::Throttled, None, refused(NOON), None);
    assert_eq!(first.until, at(secs(5)));
    let late = Refused {
        began: NOON,
        now: at(secs(2)),
        ..refused(NOON)
    };
    let sibling = Cooldown::new(RestCause::Throttled, None, late, Some(&first));
    assert_eq!(sibling.repeats, 0);
    let probe = refused(first.probe_at);
    let second = Cooldown::new(RestCause::Throttled, None, probe, Some(&first));
    assert_eq!(second.until, first.probe_at + secs(10));
}

#[test]
fn after_the_end_one_goes_first_within_a_tenth_and_half_a_minute() {
    for (length, most) in [
        (secs(10), secs(1)),
        (HOUR, MAX_JITTER),
        (50 * HOUR, MAX_JITTER),
    ] {
        let cooldowns = after(RestCause::UsageLimit, told(at(length)));
        let probe_at = cooldowns.all.as_ref().unwrap().probe_at;
        assert!((at(length)..=at(length + most)).contains(&probe_at));
        assert!(matches!(
            standing(&cooldowns, "m", probe_at - secs(1) / 1_000),
            Standing::Resting { .. }
        ));
        assert_eq!(standing(&cooldowns, "m", probe_at), Standing::Due);
    }
    let ends = ["a", "b", "c", "d"].map(|salt| {
        let refused = Refused {
            salt,
            ..refused(NOON)
        };
        Cooldown::new(RestCause::UsageLimit, told(at(HOUR)), refused, None).probe_at
    });
    assert!(ends.iter().any(|end| *end != ends[0]), "not all at once");
}

#[test]
fn an_account_that_no_poll_asks_about_is_tried_every_half_hour() {
    let refused = Refused {
        is_polled: false,
        ..refused(NOON)
    };
    let day = at(24 * HOUR);
    let cooldown = Cooldown::new(RestCause::UsageLimit, told(day), refused, None);
    assert_eq!((cooldown.until, cooldown.probe_at), (day, at(HOUR / 2)));
}

#[test]
fn a_success_lifts_only_what_was_known_before_it_began() {
    let mut cooldowns = after(RestCause::UsageLimit, told(at(HOUR)));
    cooldowns.note_served("m", NOON - secs(1), NOON - secs(1));
    assert!(
        cooldowns.all.is_some(),
        "an older answer says nothing about it"
    );
    cooldowns.note_served("m", at(secs(1)), at(secs(1)));
    assert!(cooldowns.is_empty());
}

#[test]
fn a_poll_lifts_a_usage_limit_and_nothing_else() {
    let mut limited = after(RestCause::UsageLimit, told(at(HOUR)));
    limited.note_room(NOON - secs(1));
    assert!(limited.all.is_some(), "older numbers than the refusal");
    limited.note_room(at(secs(1)));
    assert!(limited.is_empty());
    let mut failing = after(RestCause::Failing, None);
    failing.note_room(at(secs(1)));
    assert!(failing.all.is_some());
}

#[test]
fn an_end_that_was_read_off_older_numbers_becomes_a_guess_and_a_told_one_stays() {
    let read = |model| {
        let end = Told {
            until: at(2 * HOUR),
            source: RestSource::UsageWindow,
        };
        let mut cooldowns = Cooldowns::default();
        cooldowns.note(model, RestCause::UsageLimit, Some(end), refused(NOON));
        cooldowns.doubt_windows();
        standing(&cooldowns, "m", at(secs(299)))
    };
    let guess = Standing::Resting {
        cause: RestCause::UsageLimit,
        until: at(MAX_GUESS),
    };
    assert_eq!(read(None), guess);
    assert_eq!(read(Some("m")), guess);
    let mut limited = after(RestCause::UsageLimit, told(at(HOUR)));
    let before = limited.clone();
    limited.doubt_windows();
    assert_eq!(limited, before);
}

#[test]
fn a_pause_of_a_clock_that_was_ahead_is_tried_at_once_and_lifted_by_an_answer() {
    let mut ahead = Cooldowns::default();
    let day = at(24 * HOUR);
    ahead.note(None, RestCause::Failing, None, refused(day));
    assert_eq!(standing(&ahead, "m", at(HOUR)), Standing::Due);
    ahead.note_served("m", at(HOUR), at(HOUR));
    assert!(ahead.is_empty());
    ahead.note(None, RestCause::UsageLimit, None, refused(day));
    ahead.note_room(at(HOUR));
    assert!(ahead.is_empty());
    ahead.try_now(day);
    assert!(ahead.believes_usage_of(at(HOUR), at(HOUR)));
}

#[test]
fn an_account_whose_polls_fail_is_tried_every_half_hour() {
    let mut limited = after(RestCause::UsageLimit, told(at(24 * HOUR)));
    limited.note_unpolled(at(HOUR));
    assert_eq!(limited.all.unwrap().probe_at, at(HOUR + HOUR / 2));
}

#[test]
fn a_throttled_model_leaves_the_other_models_alone() {
    let mut cooldowns = Cooldowns::default();
    cooldowns.note(Some("a"), RestCause::Throttled, None, refused(NOON));
    assert!(matches!(
        standing(&cooldowns, "a", NOON),
        Standing::Resting {
            cause: RestCause::Throttled,
            ..
        }
    ));
    assert_eq!(standing(&cooldowns, "b", NOON), Standing::Free);
    cooldowns.note_served("b", at(secs(9)), at(secs(9)));
    assert!(!cooldowns.is_empty());
    cooldowns.note_served("a", at(secs(9)), at(secs(9)));
    assert!(cooldowns.is_empty());
}

#[test]
fn a_burst_of_other_refusals_shortens_no_evidence() {
    let mut cooldowns = after(RestCause::UsageLimit, told(at(HOUR)));
    let late = Refused {
        began: NOON,
        now: at(secs(1)),
        ..refused(NOON)
    };
    cooldowns.note(None, RestCause::Failing, None, late);
    cooldowns.note(None, RestCause::UsageLimit, None, late);
    let all = cooldowns.all.as_ref().unwrap();
    assert_eq!(
        (all.cause, all.until),
        (RestCause::UsageLimit, at(HOUR)),
        "the told end stays"
    );
    cooldowns.note(None, RestCause::UsageLimit, told(at(HOUR / 2)), late);
    assert_eq!(
        cooldowns.all.unwrap().until,
        at(HOUR / 2),
        "a newer word counts"
    );
}

#[test]
fn a_model_that_is_lacked_is_simply_asked_for_again_after_hours() {
    let mut cooldowns = Cooldowns::default();
    cooldowns.note(Some("m"), RestCause::LacksModel, None, refused(NOON));
    assert_eq!(cooldowns.lacks_since("m", at(5 * HOUR)), Some(NOON));
    assert_eq!(cooldowns.lacks_since("m", at(6 * HOUR)), None);
    assert_eq!(standing(&cooldowns, "m", at(6 * HOUR)), Standing::Free);
}

#[test]
fn clients_may_make_up_any_number_of_models() {
    let mut cooldowns = Cooldowns::default();
    for number in 0..100 {
        let model = format!("made-up-{number}");
        cooldowns.note(Some(&model), RestCause::LacksModel, None, refused(NOON));
    }
    cooldowns.note(
        Some(&"x".repeat(129)),
        RestCause::LacksModel,
        None,
        refused(NOON),
    );
    assert_eq!(cooldowns.iter().count(), MAX_MODELS);
    assert!(cooldowns.lacks_since("made-up-99", NOON).is_some());
}

#[test]
fn try_now_ends_everything_and_doubts_older_numbers() {
    let mut cooldowns = after(RestCause::UsageLimit, told(at(HOUR)));
    cooldowns.note(Some("m"), RestCause::LacksModel, None, refused(NOON));
    cooldowns.try_now(at(secs(5)));
    assert_eq!(standing(&cooldowns, "m", at(secs(5))), Standing::Free);
    assert!(!cooldowns.believes_usage_of(at(secs(5)), at(secs(5))));
    assert!(cooldowns.believes_usage_of(at(secs(6)), at(secs(6))));
}

#[test]
fn the_words_in_files_are_read_back() {
    for cause in RestCause::ALL {
        assert_eq!(RestCause::parse(cause.as_str()), Some(cause));
    }
    for source in RestSource::ALL {
        assert_eq!(RestSource::parse(source.as_str()), Some(source));
    }
    assert_eq!(RestCause::parse("else"), None);
}
