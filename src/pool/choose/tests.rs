use super::*;
use crate::pool::terms::{Allowance, Budget, Reserve};
use crate::pool::{Amount, Lease, Terms, Tier, Unusable};
use crate::profile::Secret;
use crate::usage::{Usage, Window};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn name(text: &str) -> ProfileName {
    ProfileName::parse(text).unwrap()
}

fn in_secs(secs: u64) -> SystemTime {
    NOW + Duration::from_secs(secs)
}

/// Until second 60.
fn paused(member: Member, model: Option<&str>, cause: RestCause) -> Member {
    member.paused(model, cause, NOW, in_secs(60))
}

fn member(text: &str, used_percent: Option<f64>) -> Member {
    let access = Access::ChatGpt {
        access_token: Secret::new("fake"),
        account_id: None,
        is_fedramp: false,
        expires_at: None,
    };
    Member {
        usage: used_percent.map(|used_percent| Arc::new(usage(vec![window(5, used_percent, 900)]))),
        ..Member::new(name(text), access)
    }
}

fn window(hours: u64, used_percent: f64, resets_in: u64) -> Window {
    Window {
        length: Duration::from_secs(hours * 3_600),
        used_percent,
        resets_at: Some(in_secs(resets_in)),
    }
}

fn usage(windows: Vec<Window>) -> Usage {
    Usage {
        plan: None,
        windows,
        extra: vec![],
        is_limit_reached: false,
        credits: None,
        reset_credits: None,
        fetched_at: NOW,
    }
}

fn with_terms(mut member: Member, change: impl FnOnce(&mut Terms)) -> Member {
    change(Arc::make_mut(&mut member.terms));
    member
}

fn pool(strategy: Strategy, members: Vec<Member>) -> Pool {
    Pool {
        members: members.into_iter().map(Arc::new).collect(),
        unusable: Vec::new(),
        active: Some(name("work")),
        strategy,
        ..Pool::default()
    }
}

fn order(pool: &Pool, now: SystemTime) -> Vec<String> {
    choose(pool, now)
        .candidates
        .iter()
        .map(|c| c.member.name.to_string())
        .collect()
}

#[test]
fn least_used_puts_the_most_left_first_and_keys_last() {
    let mut key = member("key", None);
    key.access = Access::ApiKey {
        key: Secret::new("sk-fake"),
    };
    let pool = pool(
        Strategy::LeastUsed,
        vec![
            key,
            member("work", Some(80.0)),
            member("new", None),
            member("spare", Some(6.0)),
        ],
    );
    assert_eq!(order(&pool, NOW), ["spare", "new", "work", "key"]);
}

#[test]
fn among_equals_the_less_busy_one_comes_first() {
    let pool = pool(
        Strategy::LeastUsed,
        vec![member("a", Some(5.0)), member("b", Some(5.2))],
    );
    let lease = Lease::take(pool.members[0].clone());
    assert_eq!(order(&pool, NOW), ["b", "a"]);
    drop(lease);
    assert_eq!(order(&pool, NOW), ["a", "b"]);
}

#[test]
fn active_uses_only_the_profile_in_use() {
    let pool = pool(
        Strategy::Active,
        vec![member("work", Some(80.0)), member("spare", Some(6.0))],
    );
    let choice = choose(&pool, NOW);
    assert_eq!(order(&pool, NOW), ["work"]);
    assert_eq!(
        choice.left_out,
        [LeftOut {
            name: name("spare"),
            why: WhyNot::NotInUse,
            until: None
        }]
    );
    assert_eq!(choice.earliest_return(), None);
}

#[test]
fn whoever_is_left_out_carries_its_reason_and_the_earliest_return_is_known() {
    let resting = paused(member("resting", Some(1.0)), None, RestCause::Throttled);
    let off = with_terms(member("off", Some(1.0)), |terms| terms.is_enabled = false);
    let mut pool = pool(
        Strategy::LeastUsed,
        vec![resting, off, member("empty", Some(100.0))],
    );
    pool.unusable = vec![Unusable {
        name: name("dead"),
        trouble: Trouble::SignInAgain,
    }];
    let choice = choose(&pool, NOW);
    let reasons: Vec<_> = choice
        .left_out
        .iter()
        .map(|out| (out.why, out.until))
        .collect();
    assert_eq!(
        reasons,
        [
            (WhyNot::Throttled, Some(in_secs(60))),
            (WhyNot::Disabled, None),
            (WhyNot::Empty, Some(in_secs(900))),
            (WhyNot::SignInAgain, None),
        ]
    );
    assert_eq!(choice.earliest_return(), Some(in_secs(60)));
}

#[test]
fn a_member_is_back_the_moment_its_window_resets_or_its_rest_ends() {
    let resting = paused(member("resting", Some(1.0)), None, RestCause::Failing);
    let pool = pool(
        Strategy::LeastUsed,
        vec![resting, member("empty", Some(100.0))],
    );
    assert_eq!(order(&pool, in_secs(60)), ["resting"]);
    assert_eq!(order(&pool, in_secs(900)), ["empty", "resting"]);
}

fn with_key(mut member: Member) -> Member {
    member.access = Access::ApiKey {
        key: Secret::new("sk-fake"),
    };
    member
}

#[test]
fn what_only_the_api_offers_goes_to_keys_alone() {
    let pool = pool(
        Strategy::LeastUsed,
        vec![member("work", None), with_key(member("key", None))],
    );
    let need = Need {
        is_api_only: true,
        ..Need::default()
    };
    let choice = choose_for(&pool, need, NOW);
    let names: Vec<_> = choice
        .candidates
        .iter()
        .map(|c| c.member.name.as_str())
        .collect();
    assert_eq!(names, ["key"]);
    assert_eq!(choice.left_out[0].why, WhyNot::NoKey);
}

#[test]
fn a_member_that_was_refused_a_model_is_passed_over_for_it_until_that_is_old() {
    let work = member("work", Some(1.0));
    let work = paused(work, Some("gpt-x"), RestCause::LacksModel);
    let pool = pool(Strategy::LeastUsed, vec![work, member("home", Some(90.0))]);
    let first = |model: &str, now| {
        let need = Need {
            model,
            ..Need::default()
        };
        let choice = choose_for(&pool, need, now);
        choice.candidates[0].member.name.to_string()
    };
    assert_eq!(first("gpt-x", NOW), "home");
    assert_eq!(first("gpt-y", NOW), "work");
    assert_eq!(first("gpt-x", in_secs(60)), "work");
}

#[test]
fn when_nobody_else_can_have_the_model_the_memory_counts_for_nothing() {
    let lacking = |text: &str| paused(member(text, None), Some("gpt-x"), RestCause::LacksModel);
    let need = Need {
        model: "gpt-x",
        ..Need::default()
    };
    let off = with_terms(member("off", None), |terms| terms.is_enabled = false);
    let alone = pool(Strategy::LeastUsed, vec![lacking("work"), off]);
    assert_eq!(choose_for(&alone, need, NOW).candidates.len(), 1);
    let one_waits = pool(
        Strategy::LeastUsed,
        vec![lacking("work"), member("empty", Some(100.0))],
    );
    let choice = choose_for(&one_waits, need, NOW);
    assert!(choice.candidates.is_empty());
    assert_eq!(choice.earliest_return(), Some(in_secs(900)));
}

#[test]
fn the_one_that_answered_before_comes_first_unless_it_alone_costs_money() {
    let mut key = member("key", None);
    key.access = Access::ApiKey {
        key: Secret::new("fake"),
    };
    let members = vec![member("work", Some(5.0)), member("home", Some(50.0)), key];
    let pool = pool(Strategy::LeastUsed, members);
    let keeping_to = |kept: &str| {
        let mut choice = choose(&pool, NOW);
        choice.keep_to(&name(kept));
        let first = &choice.candidates[0];
        assert_eq!(choice.candidates.len(), 3);
        (first.member.name.to_string(), first.reason)
    };
    let most_left = ("work".to_owned(), Reason::MostLeft);
    assert_eq!(keeping_to("home"), ("home".to_owned(), Reason::Kept));
    assert_eq!(keeping_to("work"), most_left);
    assert_eq!(keeping_to("key"), most_left);
    assert_eq!(keeping_to("gone"), most_left);
}

fn key(text: &str) -> Member {
    with_key(member(text, None))
}

fn weekly(text: &str, used_percent: f64, resets_in_days: u64) -> Member {
    let windows = vec![
        window(5, 50.0, 60),
        window(168, used_percent, resets_in_days * 86_400),
    ];
    Member {
        usage: Some(Arc::new(usage(windows))),
        ..member(text, None)
    }
}

fn names(choice: &Choice) -> Vec<&str> {
    let candidates = choice.candidates.iter();
    candidates.map(|it| it.member.name.as_str()).collect()
}

fn at_turn(pool: &Pool, turn: u64) -> Choice {
    let draw = Draw { turn, seed: 0 };
    let need = Need {
        draw,
        ..Need::default()
    };
    choose_for(pool, need, NOW)
}

/// How often each is first in so many turns.
fn firsts(pool: &Pool, turns: u64) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = Vec::new();
    for turn in 0..turns {
        let choice = at_turn(pool, turn);
        let first = names(&choice)[0].to_owned();
        match counts.iter_mut().find(|(name, _)| *name == first) {
            Some((_, count)) => *count += 1,
            None => counts.push((first, 1)),
        }
    }
    counts.sort();
    counts
}

#[test]
fn each_strategy_has_its_own_first_and_says_why() {
    let fast = |text: &str, took_ms| {
        let member = member(text, Some(50.0));
        member.speed.note(Duration::from_millis(took_ms), NOW);
        member
    };
    for (strategy, members, expected, why, score) in [
        (
            Strategy::Active,
            vec![member("home", None), member("work", Some(99.0))],
            &["work"][..],
            "in use",
            "in use",
        ),
        (
            Strategy::Ordered,
            vec![
                member("a", Some(1.0)),
                with_terms(member("b", Some(90.0)), |terms| terms.order = Some(2)),
                with_terms(key("c"), |terms| terms.order = Some(1)),
                key("d"),
            ],
            &["c", "b", "a", "d"],
            "in order",
            "1 in the order",
        ),
        (
            Strategy::RoundRobin,
            vec![member("a", Some(90.0)), member("b", None), key("c")],
            &["a", "b", "c"],
            "round robin",
            "0 turns to wait",
        ),
        (
            Strategy::LeastUsed,
            vec![member("a", Some(90.0)), member("b", Some(20.0)), key("c")],
            &["b", "a", "c"],
            "most left",
            "80 percent left",
        ),
        (
            Strategy::Priority,
            vec![
                member("a", Some(0.0)),
                with_terms(member("b", Some(90.0)), |it| it.tier = Some(Tier::First)),
                with_terms(key("c"), |it| it.tier = Some(Tier::Normal)),
                with_terms(member("d", None), |it| it.tier = Some(Tier::Last)),
                key("e"),
            ],
            &["b", "a", "c", "d", "e"],
            "priority",
            "0 turns to wait",
        ),
        (
            Strategy::Sticky,
            vec![member("a", Some(90.0)), member("b", Some(20.0)), key("c")],
            &["b", "a", "c"],
            "most left",
            "80 percent left",
        ),
        (
            Strategy::SoonestReset,
            vec![
                weekly("a", 10.0, 6),
                weekly("b", 90.0, 1),
                member("c", None),
                key("d"),
            ],
            &["b", "a", "c", "d"],
            "resets soonest",
            "1440 minutes to its reset",
        ),
        (
            Strategy::Fastest,
            vec![fast("a", 900), fast("b", 300), key("c")],
            &["b", "a", "c"],
            "fastest",
            "300 ms to the first token",
        ),
    ] {
        let pool = pool(strategy, members);
        let choice = choose(&pool, NOW);
        assert_eq!(names(&choice), expected, "{strategy}");
        let first = &choice.candidates[0];
        assert_eq!(first.reason.to_string(), why, "{strategy}");
        assert_eq!(first.score.to_string(), score, "{strategy}");
        assert_eq!(choice.strategy, strategy);
    }
}

#[test]
fn a_request_may_ask_for_another_strategy_than_the_pools() {
    let members = vec![member("home", Some(5.0)), member("work", Some(50.0))];
    let pool = pool(Strategy::LeastUsed, members);
    let need = Need {
        strategy: Some(Strategy::Active),
        ..Need::default()
    };
    let choice = choose_for(&pool, need, NOW);
    assert_eq!(names(&choice), ["work"]);
    assert_eq!(choice.left_out[0].why, WhyNot::NotInUse);
    assert_eq!(choice.strategy, Strategy::Active);
}

#[test]
fn a_key_may_use_the_profiles_and_groups_that_it_names() {
    let in_group = |text: &str, group: &str| {
        with_terms(member(text, None), |terms| terms.group = Some(group.into()))
    };
    let members = vec![
        in_group("a", "team"),
        in_group("b", "mine"),
        member("client-x", None),
        member("d", None),
    ];
    let pool = pool(Strategy::LeastUsed, members);
    let allowed = Pattern::list("team,client-*");
    let need = Need {
        allowed: Some(&allowed),
        ..Need::default()
    };
    let choice = choose_for(&pool, need, NOW);
    assert_eq!(names(&choice), ["a", "client-x"]);
    let left_out: Vec<_> = choice.left_out.iter().map(|it| it.why).collect();
    assert_eq!(left_out, [WhyNot::NotAllowed, WhyNot::NotAllowed]);
    assert_eq!(WhyNot::NotAllowed.to_string(), "not allowed for this key");
}

#[test]
fn a_member_is_for_the_models_that_the_user_means_it_for() {
    let scoped = with_terms(member("a", Some(1.0)), |terms| {
        terms.models = Pattern::list("gpt-5*");
    });
    let pool = pool(Strategy::LeastUsed, vec![scoped, member("b", Some(90.0))]);
    for (model, expected) in [
        ("gpt-5.5", &["a", "b"][..]),
        ("o9", &["b"]),
        ("", &["a", "b"]),
    ] {
        let need = Need {
            model,
            ..Need::default()
        };
        assert_eq!(names(&choose_for(&pool, need, NOW)), expected, "{model}");
    }
}

#[test]
fn a_reserve_is_left_alone_until_its_window_is_reset() {
    let reserving = |used_percent, reserve: Reserve| {
        let member = Member {
            usage: Some(Arc::new(usage(vec![
                window(5, used_percent, 900),
                window(168, 50.0, 9_000),
            ]))),
            ..member("a", None)
        };
        with_terms(member, |terms| terms.reserve = reserve)
    };
    let five_hour = Reserve {
        five_hour: 20,
        ..Reserve::default()
    };
    for (used_percent, reserve, left_out) in [
        (79.0, five_hour, None),
        (80.0, five_hour, Some(("reserve 20% on 5-hour", 900))),
        (100.0, five_hour, Some(("empty", 900))),
        (
            10.0,
            Reserve::of_all(50),
            Some(("reserve 50% on weekly", 9_000)),
        ),
        (
            60.0,
            Reserve::of_all(50),
            Some(("reserve 50% on weekly", 9_000)),
        ),
        (10.0, Reserve::of_all(0), None),
    ] {
        for strategy in Strategy::ALL
            .into_iter()
            .filter(|it| *it != Strategy::Active)
        {
            let choice = choose(&pool(strategy, vec![reserving(used_percent, reserve)]), NOW);
            let out = choice.left_out.first();
            assert_eq!(
                out.map(|out| (out.why.to_string(), out.until)),
                left_out.map(|(why, secs)| (why.to_owned(), Some(in_secs(secs)))),
                "{used_percent} {reserve:?}"
            );
            assert_eq!(choice.candidates.is_empty(), left_out.is_some());
        }
    }
    let pool = pool(Strategy::LeastUsed, vec![reserving(80.0, five_hour)]);
    assert_eq!(order(&pool, in_secs(900)), ["a"]);
    let all_of_it = vec![reserving(10.0, Reserve::of_all(100))];
    let choice = choose(&tests::pool(Strategy::LeastUsed, all_of_it), in_secs(9_000));
    assert_eq!(choice.left_out[0].until, None, "a past reset is no end");
}

#[test]
fn a_limit_holds_until_the_day_or_the_month_ends() {
    let limited = |text: &str, budget: Budget| with_terms(key(text), |terms| terms.budget = budget);
    let daily = Budget {
        daily: Allowance {
            tokens: Some(100),
            micro_dollars: None,
        },
        ..Budget::default()
    };
    let monthly = Budget {
        monthly: Allowance {
            tokens: None,
            micro_dollars: Some(5_000_000),
        },
        ..daily
    };
    let pool = pool(
        Strategy::LeastUsed,
        vec![limited("a", daily), limited("b", monthly)],
    );
    let spend = |at: usize, tokens, micro_dollars| {
        let amount = Amount {
            tokens,
            micro_dollars,
        };
        pool.members[at].spend.add(amount, NOW);
    };
    spend(0, 99, 99_000_000);
    spend(1, 99, 4_999_999);
    assert_eq!(order(&pool, NOW), ["a", "b"]);
    spend(0, 1, 0);
    spend(1, 1, 1);
    let told = |out: &LeftOut| (out.why.to_string(), out.until);
    let left_out: Vec<_> = choose(&pool, NOW).left_out.iter().map(told).collect();
    let (day, month) = (in_secs(86_400), in_secs(31 * 86_400));
    assert_eq!(
        left_out,
        [
            ("limit of tokens for today".to_owned(), Some(day)),
            ("limit of cost for this month".to_owned(), Some(month)),
        ]
    );
    assert_eq!(order(&pool, day), ["a"]);
    assert_eq!(order(&pool, month), ["a", "b"]);
}

fn offering(member: Member, models: &[&str]) -> Member {
    Member {
        offers: Some(models.iter().map(|model| (*model).to_owned()).collect()),
        ..member
    }
}

fn empty(text: &str) -> Member {
    member(text, Some(100.0))
}

fn refused(member: Member, model: &str) -> Member {
    paused(member, Some(model), RestCause::LacksModel)
}

#[test]
fn waiting_helps_only_where_somebody_who_comes_back_may_have_the_model() {
    let has = ["gpt-5.5"];
    for (about, members, candidates, hope) in [
        (
            "all come back, none has it",
            vec![offering(empty("a"), &has), offering(empty("b"), &has)],
            0,
            ModelHope::Nobody,
        ),
        (
            "one of them never said what it has",
            vec![offering(empty("a"), &has), empty("b")],
            0,
            ModelHope::Open,
        ),
        (
            "one of them has it",
            vec![offering(empty("a"), &["gpt-x"]), offering(empty("b"), &has)],
            0,
            ModelHope::Waiting,
        ),
        (
            "one was refused it and is asked again",
            vec![
                refused(member("a", None), "gpt-x"),
                offering(empty("b"), &has),
            ],
            1,
            ModelHope::Nobody,
        ),
        (
            "one was refused it, another may have it later",
            vec![refused(member("a", None), "gpt-x"), empty("b")],
            0,
            ModelHope::Open,
        ),
        (
            "a list that lacks it is old perhaps",
            vec![
                offering(member("a", None), &has),
                offering(empty("b"), &has),
            ],
            1,
            ModelHope::Open,
        ),
        ("nobody is there", vec![], 0, ModelHope::Open),
        (
            "whom the user has taken out does not count",
            vec![with_terms(empty("a"), |it| it.is_enabled = false)],
            0,
            ModelHope::Open,
        ),
    ] {
        let pool = pool(Strategy::LeastUsed, members);
        let need = Need {
            model: "gpt-x",
            ..Need::default()
        };
        let choice = choose_for(&pool, need, NOW);
        assert_eq!(choice.candidates.len(), candidates, "{about}");
        if candidates == 0 {
            assert_eq!(choice.model, hope, "{about}");
        }
    }
}

#[test]
fn a_dated_name_is_known_where_the_plain_one_is_listed() {
    let pool = pool(
        Strategy::LeastUsed,
        vec![offering(empty("a"), &["gpt-5.5"])],
    );
    for (model, hope) in [
        ("gpt-5.5-2026-04-23", ModelHope::Waiting),
        ("gpt-5.5", ModelHope::Waiting),
        ("gpt-5.5-mini", ModelHope::Nobody),
        ("gpt-5.5-20260423", ModelHope::Nobody),
        ("é-2026-04-2", ModelHope::Nobody),
        ("", ModelHope::Open),
    ] {
        let need = Need {
            model,
            ..Need::default()
        };
        assert_eq!(choose_for(&pool, need, NOW).model, hope, "{model}");
    }
}

#[test]
fn turns_go_round_and_a_weight_is_a_share() {
    let weighing = |text: &str, weight| with_terms(member(text, None), |it| it.weight = weight);
    let even = pool(
        Strategy::RoundRobin,
        vec![member("a", None), member("b", None), member("c", None)],
    );
    let first = |turn| names(&at_turn(&even, turn))[0].to_owned();
    assert_eq!((0..6).map(first).collect::<String>(), "abcabc");
    assert_eq!(names(&at_turn(&even, 1)), ["b", "c", "a"]);
    for strategy in [Strategy::RoundRobin, Strategy::Priority] {
        let pool = pool(strategy, vec![weighing("a", 3), weighing("b", 1), key("c")]);
        assert_eq!(
            firsts(&pool, 400),
            [("a".to_owned(), 300), ("b".to_owned(), 100)]
        );
        let order: String = (0..8)
            .map(|turn| names(&at_turn(&pool, turn))[0].to_owned())
            .collect();
        assert!(!order.contains("bb") && !order.contains("aaaa"), "{order}");
    }
}

#[test]
fn fastest_takes_the_better_of_two_and_measures_whom_nobody_knows() {
    let took = |text: &str, ms: u64| {
        let member = member(text, None);
        member.speed.note(Duration::from_millis(ms), NOW);
        member
    };
    let first_of = |pool: &Pool, seed| {
        let need = Need {
            draw: Draw { turn: 0, seed },
            ..Need::default()
        };
        names(&choose_for(pool, need, NOW))[0].to_owned()
    };
    let members = vec![took("slow", 2_000), took("fast", 200), took("middle", 500)];
    let three = pool(Strategy::Fastest, members);
    let seeds = || (0..900_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let count =
        |pool: &Pool, name: &str| seeds().filter(|seed| first_of(pool, *seed) == name).count();
    assert_eq!(count(&three, "slow"), 0, "one of two is always better");
    assert!(
        (450..750).contains(&count(&three, "fast")),
        "it is in two of three draws"
    );
    let two = pool(
        Strategy::Fastest,
        vec![took("known", 200), member("unknown", None)],
    );
    assert!(count(&two, "unknown") > 300);
    let leases: Vec<_> = (0..3)
        .map(|_| Lease::take(two.members[0].clone()))
        .collect();
    assert_eq!(count(&two, "known"), 0, "it has much to do");
    drop(leases);
}

#[test]
fn under_sticky_a_kept_member_is_called_so() {
    let members = vec![member("a", Some(5.0)), member("b", Some(50.0))];
    for (strategy, words) in [
        (Strategy::Sticky, "sticky"),
        (Strategy::LeastUsed, "same session"),
    ] {
        let mut choice = choose(&pool(strategy, members.clone()), NOW);
        choice.keep_to(&name("b"));
        assert_eq!(choice.candidates[0].reason.to_string(), words);
    }
}

mod properties {
    use proptest::prelude::*;
    use proptest::strategy::Strategy as Generated;

    use super::*;
    use crate::pool::Strategy;

    fn any_strategy() -> impl Generated<Value = Strategy> {
        prop::sample::select(Strategy::ALL.to_vec())
    }

    /// Everything that has a say in the choice, in small numbers, so that equals are common.
    fn any_member() -> impl Generated<Value = Member> {
        let tier = prop::sample::select(vec![
            None,
            Some(Tier::First),
            Some(Tier::Normal),
            Some(Tier::Last),
        ]);
        let terms = (
            any::<bool>(),
            1..4_u32,
            tier,
            prop::option::of(0..3_u32),
            0..3_u8,
        );
        let state = (
            prop::option::of(0..5_u8),
            0..3_u64,
            0..4_u8,
            0..3_u64,
            any::<bool>(),
        );
        (terms, state).prop_map(|(terms, (used, resets, rest, speed, is_key))| {
            let (is_enabled, weight, tier, order, reserve) = terms;
            let used = used.map(|used| f64::from(used) * 25.0);
            let mut member = member("x", None);
            member.usage = used.map(|used| Arc::new(usage(vec![window(5, used, resets * 100)])));
            if is_key {
                member = with_key(member);
            }
            if rest == 0 {
                member = paused(member, None, RestCause::Throttled);
            }
            if speed > 0 {
                member.speed.note(Duration::from_millis(speed * 100), NOW);
            }
            with_terms(member, |it| {
                *it = Terms {
                    is_enabled,
                    weight,
                    tier,
                    order,
                    reserve: Reserve::of_all(reserve * 25),
                    ..Terms::default()
                };
            })
        })
    }

    fn any_members() -> impl Generated<Value = Vec<Member>> {
        prop::collection::vec(any_member(), 0..8).prop_map(|members| {
            let named = |(at, member): (usize, Member)| Member {
                name: name(&format!("m{at}")),
                ..member
            };
            members.into_iter().enumerate().map(named).collect()
        })
    }

    proptest! {
        #[test]
        fn everybody_is_a_candidate_or_carries_a_reason(
            members in any_members(), strategy in any_strategy(), turn: u64, seed: u64,
        ) {
            let mut all: Vec<_> = members.iter().map(|it| it.name.clone()).collect();
            let pool = pool(strategy, members);
            let need = Need { draw: Draw { turn, seed }, ..Need::default() };
            let choice = choose_for(&pool, need, NOW);
            let candidates = choice.candidates.iter().map(|it| it.member.name.clone());
            let mut told: Vec<_> = candidates.chain(choice.left_out.iter().map(|it| it.name.clone())).collect();
            told.sort();
            all.sort();
            prop_assert_eq!(told, all);
            for out in &choice.left_out {
                prop_assert!(!out.why.to_string().is_empty());
            }
        }

        #[test]
        fn the_order_does_not_depend_on_how_the_pool_is_sorted(
            members in any_members(), strategy in any_strategy(), turn: u64, seed: u64,
        ) {
            let need = Need { draw: Draw { turn, seed }, ..Need::default() };
            let mut turned = members.clone();
            turned.reverse();
            let (one, other) = (pool(strategy, members), pool(strategy, turned));
            let (one, other) = (choose_for(&one, need, NOW), choose_for(&other, need, NOW));
            prop_assert_eq!(names(&one), names(&other));
        }

        #[test]
        fn what_costs_money_comes_last_where_the_user_has_not_said_otherwise(
            members in any_members(), strategy in any_strategy(), turn: u64, seed: u64,
        ) {
            let members = members.into_iter().map(|it| with_terms(it, |terms| {
                terms.order = None;
                terms.tier = None;
            }));
            let pool = pool(strategy, members.collect());
            let need = Need { draw: Draw { turn, seed }, ..Need::default() };
            let choice = choose_for(&pool, need, NOW);
            let paid: Vec<_> = choice.candidates.iter().map(|it| costs_money(&it.member)).collect();
            prop_assert!(paid.is_sorted(), "{:?}", names(&choice));
        }

        #[test]
        fn over_a_round_everybody_has_the_share_of_its_weight(
            weights in prop::collection::vec(1..30_u32, 1..7), from in 0..10_000_u64, rounds in 1..4_u64,
        ) {
            let members = weights.iter().enumerate().map(|(at, weight)| {
                with_terms(member(&format!("m{at}"), None), |terms| terms.weight = *weight)
            });
            let pool = pool(Strategy::RoundRobin, members.collect());
            let round: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
            let mut counts = vec![0_u64; weights.len()];
            // Wherever it begins: a round of turns is a round.
            for turn in from..from + round * rounds {
                let choice = at_turn(&pool, turn);
                let first = &choice.candidates[0].member.name;
                let at = pool.members.iter().position(|it| it.name == *first).unwrap();
                counts[at] += 1;
            }
            for (count, weight) in counts.into_iter().zip(weights) {
                prop_assert_eq!(count, u64::from(weight) * rounds);
            }
        }
    }
}

/// A pool in which the user has chosen this one.
fn routed(strategy: Strategy, members: Vec<Member>, to: &str) -> Pool {
    Pool {
        routed_to: Some(name(to)),
        active: Some(name("work")),
        ..pool(strategy, members)
    }
}

#[test]
fn the_one_that_the_user_chose_comes_first_whatever_the_strategy_and_its_price() {
    for strategy in Strategy::ALL {
        let members = vec![member("work", Some(5.0)), key("paid"), member("home", None)];
        let pool = routed(strategy, members, "paid");
        let choice = choose(&pool, NOW);
        let first = &choice.candidates[0];
        assert_eq!(first.member.name, name("paid"), "{strategy}");
        assert_eq!(first.reason.to_string(), "chosen by you");
    }
}

#[test]
fn a_chosen_one_that_cannot_be_used_is_named_with_its_reason_and_the_strategy_decides() {
    let members = vec![member("work", Some(5.0)), member("home", Some(100.0))];
    let choice = choose(&routed(Strategy::Active, members, "home"), NOW);
    assert_eq!(choice.candidates[0].member.name, name("work"));
    assert_eq!(choice.candidates[0].reason, Reason::InUse);
    assert_eq!(
        (&choice.left_out[0].name, choice.left_out[0].why),
        (&name("home"), WhyNot::Empty)
    );
    let nobody = choose(
        &routed(Strategy::LeastUsed, vec![member("work", None)], "gone"),
        NOW,
    );
    assert_eq!(nobody.candidates[0].reason, Reason::MostLeft);
}

#[test]
fn a_session_moves_to_the_one_that_the_user_chose() {
    let members = vec![
        member("work", Some(5.0)),
        member("home", Some(50.0)),
        member("third", Some(20.0)),
    ];
    let mut choice = choose(&routed(Strategy::Sticky, members, "home"), NOW);
    choice.keep_to(&name("work"));
    let names: Vec<_> = choice
        .candidates
        .iter()
        .map(|it| it.member.name.as_str())
        .collect();
    assert_eq!(names, ["home", "work", "third"]);
    choice.keep_to(&name("home"));
    assert_eq!(choice.candidates[0].reason, Reason::Chosen);
}
