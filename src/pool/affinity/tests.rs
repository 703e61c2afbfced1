use std::sync::Arc;

use super::*;
use crate::pattern::Pattern;
use crate::pool::{
    Access, Draw, Member, Need, Pool, RestCause, Strategy, Terms, Trouble, Unusable, choose_for,
};
use crate::profile::Secret;
use crate::usage::{Usage, Window};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn in_secs(secs: u64) -> SystemTime {
    NOW + Duration::from_secs(secs)
}

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

fn session(text: &str) -> SessionKey {
    SessionKey::named(text)
}

fn home_of(bindings: &Bindings, text: &str) -> Option<String> {
    Some(bindings.find(session(text))?.home.to_string())
}

#[test]
fn a_session_key_tells_nothing_and_two_client_keys_never_share_one() {
    let key = SessionKey::named("secret-session");
    assert_eq!(key, SessionKey::named("secret-session"));
    assert!(!format!("{key:?} {key}").contains("secret"));
    let others = [
        SessionKey::named("secret-session").of_owner("k1"),
        SessionKey::named("secret-session").of_owner("k2"),
        SessionKey::opened("secret-session"),
        // The same letters, cut elsewhere.
        SessionKey::named("1secret-session").of_owner("k"),
        SessionKey::named("-session").of_owner("k1secret"),
    ];
    for (place, one) in others.iter().enumerate() {
        assert_ne!(*one, key);
        assert!(!others[..place].contains(one));
    }
}

#[test]
fn a_session_key_is_read_as_it_was_written() {
    let key = session("s");
    assert_eq!(SessionKey::parse(&key.to_string()), Some(key));
    for wrong in [
        "",
        "12",
        &"g".repeat(32),
        &"+".repeat(32),
        &"é".repeat(16),
        &"0".repeat(33),
    ] {
        assert_eq!(SessionKey::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_stand_in_does_not_move_a_session_and_a_moved_one_stays_moved() {
    let mut bindings = Bindings::default();
    let told = bindings.served(session("s"), &name("work"), Tie::Loose, NOW);
    assert_eq!(told.unwrap().profile, name("work"));
    assert_eq!(
        bindings.served(session("s"), &name("home"), Tie::Holds, in_secs(1)),
        None
    );
    let at = bindings.find(session("s")).unwrap().clone();
    assert_eq!(
        (at.home, at.stand_in, at.last),
        (name("work"), Some(name("home")), name("home"))
    );
    bindings.served(session("s"), &name("work"), Tie::Holds, in_secs(2));
    assert_eq!(
        *bindings.find(session("s")).unwrap(),
        Whereabouts::new(name("work"))
    );

    let told = bindings.served(session("s"), &name("home"), Tie::Loose, in_secs(3));
    assert_eq!(told.unwrap().profile, name("home"));
    bindings.served(session("s"), &name("work"), Tie::Holds, in_secs(4));
    assert_eq!(home_of(&bindings, "s").unwrap(), "home");
}

#[test]
fn the_session_that_was_used_longest_ago_makes_room() {
    let mut bindings = Bindings::new(2);
    for (secs, text) in [(0, "a"), (1, "b"), (2, "a"), (3, "c")] {
        bindings.served(session(text), &name("work"), Tie::Holds, in_secs(secs));
    }
    assert_eq!(bindings.len(), 2);
    assert_eq!(home_of(&bindings, "b"), None);
    assert!(home_of(&bindings, "a").is_some() && home_of(&bindings, "c").is_some());
    for round in 0..1_000 {
        bindings.served(session("c"), &name("work"), Tie::Holds, in_secs(round));
    }
    assert_eq!((bindings.len(), bindings.by_use.len()), (2, 2));
}

#[test]
fn what_an_earlier_run_knew_is_known_again_and_the_newest_wins() {
    let mut before = Bindings::new(3);
    for (secs, text, profile) in [(9, "b", "home"), (1, "a", "work"), (5, "c", "work")] {
        before.served(session(text), &name(profile), Tie::Loose, in_secs(secs));
    }
    let kept = before.all();
    let mut after = Bindings::new(2);
    after.served(session("c"), &name("new"), Tie::Loose, in_secs(20));
    after.restore(kept);
    assert_eq!(home_of(&after, "c").unwrap(), "new");
    assert_eq!(home_of(&after, "b").unwrap(), "home");
    assert_eq!(home_of(&after, "a"), None, "there is room for two");
}

#[test]
fn a_use_is_told_again_once_the_kept_time_is_old() {
    let mut bindings = Bindings::default();
    let mut serve = |secs| bindings.served(session("s"), &name("work"), Tie::Holds, in_secs(secs));
    let told = [0, 1, 599, 600, 601, 1_300].map(|secs| serve(secs).is_some());
    assert_eq!(told, [true, false, false, true, false, true]);
}

fn member(text: &str) -> Member {
    let access = Access::ChatGpt {
        access_token: Secret::new("fake"),
        account_id: None,
        is_fedramp: false,
        expires_at: None,
    };
    Member::new(name(text), access)
}

fn key(text: &str) -> Member {
    Member {
        access: Access::ApiKey {
            key: Secret::new("sk-fake"),
        },
        ..member(text)
    }
}

fn resting(cause: RestCause, secs: u64) -> Member {
    member("work").paused(None, cause, NOW, in_secs(secs))
}

/// The order in which a session of "work" is tried, and whether it still belongs there.
fn kept(
    members: Vec<Member>,
    unusable: Vec<Unusable>,
    stand_in: Option<&str>,
) -> (Vec<String>, Tie) {
    let pool = Pool {
        members: members.into_iter().map(Arc::new).collect(),
        unusable,
        strategy: Strategy::LeastUsed,
        ..Pool::default()
    };
    let need = Need {
        model: "m",
        ..Need::default()
    };
    let mut choice = choose_for(&pool, need, NOW);
    let at = Whereabouts {
        home: name("work"),
        stand_in: stand_in.map(name),
        last: name("work"),
    };
    let tie = choice.keep_home(&at, NOW);
    let names = choice
        .candidates
        .iter()
        .map(|it| it.member.name.to_string());
    (names.collect(), tie)
}

#[test]
fn a_session_comes_first_to_its_home_and_then_to_who_stood_in() {
    let (order, tie) = kept(
        vec![member("a"), member("b"), member("work")],
        vec![],
        Some("b"),
    );
    assert_eq!(order, ["work", "b", "a"]);
    assert_eq!(tie, Tie::Holds);
}

#[test]
fn a_home_that_is_back_soon_is_waited_for_and_any_other_is_left() {
    let mut off = member("work");
    off.terms = Arc::new(Terms {
        is_enabled: false,
        ..Terms::default()
    });
    // These are about this request's model.
    let mut others = member("work");
    others.terms = Arc::new(Terms {
        models: Pattern::list("x"),
        ..Terms::default()
    });
    let lacking = member("work").paused(Some("m"), RestCause::LacksModel, NOW, in_secs(9));
    for (home, tie) in [
        (resting(RestCause::Throttled, 60), Tie::Holds),
        (resting(RestCause::Throttled, 7_200), Tie::Holds),
        (resting(RestCause::Failing, 300), Tie::Holds),
        (resting(RestCause::UsageLimit, 600), Tie::Holds),
        (resting(RestCause::UsageLimit, 601), Tie::Loose),
        (off, Tie::Loose),
        (others, Tie::Holds),
        (lacking, Tie::Holds),
    ] {
        let what = format!("{:?}", home.cooldowns);
        let (order, is) = kept(vec![member("a"), home], vec![], None);
        assert_eq!((order, is), (vec!["a".to_owned()], tie), "{what}");
    }
    let dead = Unusable {
        name: name("work"),
        trouble: Trouble::SignInAgain,
    };
    assert_eq!(kept(vec![member("a")], vec![dead], None).1, Tie::Loose);
    assert_eq!(
        kept(vec![member("a")], vec![], None).1,
        Tie::Loose,
        "it is gone"
    );
}

#[test]
fn a_session_leaves_a_key_for_an_account_and_never_the_other_way() {
    let (order, tie) = kept(vec![member("a"), key("work")], vec![], None);
    assert_eq!((order, tie), (vec!["a".into(), "work".into()], Tie::Loose));
    let (order, tie) = kept(
        vec![member("a"), key("b"), member("work")],
        vec![],
        Some("b"),
    );
    assert_eq!(order, ["work", "a", "b"]);
    assert_eq!(tie, Tie::Holds);
}

#[test]
fn a_session_of_a_key_goes_to_no_other_key_when_the_account_before_them_fails() {
    let (order, _) = kept(vec![member("a"), key("b"), key("work")], vec![], None);
    assert_eq!(order, ["a", "work", "b"]);
}

/// 200 conversations of ten turns in turn, over a model of each account's prompt cache: the percent of all input that was cached.
fn cached_share(accounts: usize, strategy: Strategy, keeps: bool) -> f64 {
    let mut bindings = Bindings::default();
    let mut caches: HashMap<(SessionKey, ProfileName), u64> = HashMap::new();
    let mut served = vec![0_u64; accounts];
    let (mut input, mut cached) = (0, 0);
    for turn in 0..10 {
        for number in 0..200 {
            let at = in_secs(turn * 200 + number);
            let used = |place: usize| Usage {
                plan: None,
                windows: vec![Window {
                    length: Duration::from_secs(18_000),
                    used_percent: served[place] as f64 / 25.0,
                    resets_at: Some(in_secs(18_000 + place as u64)),
                }],
                extra: vec![],
                is_limit_reached: false,
                credits: None,
                reset_credits: None,
                fetched_at: NOW,
            };
            let members = (0..accounts).map(|place| Member {
                usage: Some(Arc::new(used(place))),
                ..member(&format!("account-{place}"))
            });
            let pool = Pool {
                members: members.map(Arc::new).collect(),
                active: Some(name("account-0")),
                strategy,
                ..Pool::default()
            };
            let need = Need {
                draw: Draw {
                    turn: turn * 200 + number,
                    seed: (turn * 200 + number).wrapping_mul(0x9e37_79b9_7f4a_7c15),
                },
                ..Need::default()
            };
            // Not always in the same order, or taking turns would meet the same account each time.
            let session = session(&((number + turn) % 200).to_string());
            let mut choice = choose_for(&pool, need, at);
            let tie = match bindings.find(session).cloned() {
                Some(lives_at) if keeps => choice.keep_home(&lives_at, at),
                _ => Tie::Loose,
            };
            let by = choice.candidates[0].member.name.clone();
            bindings.served(session, &by, tie, at);
            let place: usize = by.as_str().rsplit('-').next().unwrap().parse().unwrap();
            served[place] += 1;
            let tokens = 2_000 + turn * 600;
            let before = caches.insert((session, by), tokens).unwrap_or_default();
            input += tokens;
            // In blocks of 128 tokens.
            cached += before / 128 * 128;
        }
    }
    100.0 * cached as f64 / input as f64
}

#[test]
fn four_accounts_keep_prompt_caches_as_warm_as_one_under_every_strategy() {
    let alone = cached_share(1, Strategy::LeastUsed, true);
    assert!(alone > 80.0, "{alone}");
    for strategy in Strategy::ALL {
        let share = cached_share(4, strategy, true);
        assert!(
            (alone - share).abs() < 2.0,
            "{strategy:?}: {share} of {alone}"
        );
    }
    let loose = cached_share(4, Strategy::RoundRobin, false);
    assert!(
        loose < alone - 20.0,
        "the model tells a cold cache from a warm one: {loose}"
    );
}
