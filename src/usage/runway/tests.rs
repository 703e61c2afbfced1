//! Small pools whose end can be found by hand.

use super::*;

const FIVE_HOURS: Duration = Duration::from_secs(5 * 3_600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn in_hours(hours: f64) -> SystemTime {
    now() + Duration::from_secs_f64(hours * 3_600.0)
}

fn window(length: Duration, left: f64, resets_in: f64) -> Window {
    Window {
        length,
        used_percent: 100.0 - left,
        resets_at: Some(in_hours(resets_in)),
    }
}

fn five(left: f64, resets_in: f64) -> Window {
    window(FIVE_HOURS, left, resets_in)
}

fn week(left: f64, resets_in: f64) -> Window {
    window(WEEK, left, resets_in)
}

fn usage(windows: &[Window]) -> Usage {
    Usage {
        plan: None,
        windows: windows.to_vec(),
        extra: Vec::new(),
        is_limit_reached: false,
        credits: None,
        reset_credits: None,
        fetched_at: now(),
    }
}

/// Watched for ten hours, in which so many percent points an hour of each window were used.
fn recent(rates: &[(Duration, f64)]) -> RecentUse {
    let mut recent = RecentUse::default();
    for (length, hourly) in rates {
        for hour in 0..=10_u32 {
            let window = Window {
                length: *length,
                used_percent: hourly * f64::from(hour),
                resets_at: None,
            };
            let ago = Duration::from_secs(u64::from(10 - hour) * 3_600);
            recent.note_window(&window, now() - ago);
        }
    }
    recent
}

struct Pool {
    accounts: Vec<(Usage, Option<RecentUse>)>,
}

impl Pool {
    /// The first of them was used: by so many percent an hour of each of its windows. The others were watched.
    fn of(rates: &[f64], accounts: &[&[Window]]) -> Self {
        let accounts = accounts.iter().enumerate().map(|(index, windows)| {
            let used = |(at, window): (usize, &Window)| {
                let rate = rates.get(at).copied().filter(|_| index == 0);
                (window.length, rate.unwrap_or_default())
            };
            let rates: Vec<_> = windows.iter().enumerate().map(used).collect();
            (usage(windows), Some(recent(&rates)))
        });
        Self {
            accounts: accounts.collect(),
        }
    }

    fn drawn(&self) -> Vec<Drawn<'_>> {
        let drawn = self.accounts.iter().map(|(usage, recent)| Drawn {
            usage,
            recent: recent.as_ref(),
            reserve: vec![0; usage.windows.len()],
            blocked_until: None,
            group: 0,
            weight: 1,
        });
        drawn.collect()
    }

    fn runway(&self, rule: Rule) -> Runway {
        Runway::of(&self.drawn(), rule, now())
    }
}

fn outlook(rates: &[f64], accounts: &[&[Window]]) -> Outlook {
    Pool::of(rates, accounts).runway(Rule::InOrder).outlook
}

/// Each span as its end in hours and the first letter of its state.
fn spans(lane: &Lane) -> Vec<(f64, char)> {
    let spans = lane.spans.iter().map(|span| {
        let secs = span.until.duration_since(now()).unwrap().as_secs_f64();
        let letter = match span.state {
            State::Usable => 'u',
            State::Low => 'l',
            State::Waiting => 'w',
        };
        ((secs / 360.0).round() / 10.0, letter)
    });
    spans.collect()
}

#[test]
fn accounts_are_drawn_one_after_the_other_and_then_nothing_is_left() {
    // 10 percent an hour: 50 and 30 percent last 8 hours.
    let pool = Pool::of(&[10.0], &[&[week(50.0, 90.0)], &[week(30.0, 100.0)]]);
    let runway = pool.runway(Rule::InOrder);
    assert_eq!(runway.outlook, Outlook::Until(in_hours(8.0)));
    assert_eq!(runway.hourly_percent, Some(5.0));
    let [first, second] = runway.lanes.as_slice() else {
        panic!("two lanes")
    };
    assert_eq!(
        spans(first),
        [
            (3.0, 'u'),
            (5.0, 'l'),
            (90.0, 'w'),
            (98.0, 'u'),
            (100.0, 'l'),
            (168.0, 'w')
        ]
    );
    assert_eq!(spans(second)[..3], [(6.0, 'u'), (8.0, 'l'), (100.0, 'w')]);
    assert_eq!(
        first.resets,
        [Reset {
            at: in_hours(90.0),
            brings_back: true
        }]
    );
    assert_eq!(
        runway.level.first(),
        Some(&(now(), 40.0)),
        "half of the pool and a bit less"
    );
}

#[test]
fn a_reset_on_the_way_is_counted() {
    // 20 percent an hour of the short window, 1 of the long one; the short one is full again after two hours.
    let account: &[Window] = &[five(60.0, 2.0), week(90.0, 80.0)];
    assert_eq!(outlook(&[20.0, 1.0], &[account]), Outlook::Lasts);
    // Thirty an hour are more than five hours bring.
    assert_eq!(
        outlook(&[30.0, 1.0], &[account]),
        Outlook::Until(in_hours(2.0 + 100.0 / 30.0))
    );
}

#[test]
fn the_next_window_begins_when_it_is_drawn_from_again() {
    let pool = Pool::of(&[25.0], &[&[five(25.0, 4.0)]]);
    let runway = pool.runway(Rule::InOrder);
    assert_eq!(runway.outlook, Outlook::Until(in_hours(1.0)));
    assert_eq!(
        spans(&runway.lanes[0])[..4],
        [(0.2, 'u'), (1.0, 'l'), (4.0, 'w'), (7.2, 'u')]
    );
    let resets: Vec<_> = runway.lanes[0].resets.iter().map(|it| it.at).collect();
    assert_eq!(resets[..2], [in_hours(4.0), in_hours(9.0)]);
}

#[test]
fn a_pool_that_nobody_used_lasts() {
    let pool = Pool::of(&[], &[&[five(40.0, 2.0), week(50.0, 90.0)]]);
    let runway = pool.runway(Rule::MostLeft);
    assert_eq!(runway.outlook, Outlook::Lasts);
    assert_eq!(runway.hourly_percent, Some(0.0));
}

#[test]
fn without_an_hour_of_history_nothing_is_said() {
    let mut pool = Pool::of(&[10.0], &[&[week(50.0, 90.0)]]);
    pool.accounts[0].1 = None;
    let runway = pool.runway(Rule::InOrder);
    assert_eq!(
        (runway.outlook, runway.hourly_percent),
        (Outlook::TooLittleHistory, None)
    );
    assert_eq!((runway.lanes.len(), runway.level.len()), (0, 0));
    assert_eq!(
        Runway::of(&[], Rule::InOrder, now()).outlook,
        Outlook::Nobody
    );
}

#[test]
fn what_is_empty_now_is_told_until_its_reset_with_and_without_history() {
    let mut pool = Pool::of(
        &[10.0],
        &[
            &[five(50.0, 1.0), week(0.0, 30.0)],
            &[five(0.0, 2.0), week(9.0, 90.0)],
        ],
    );
    let expected = Outlook::NothingUntil(Some(in_hours(2.0)));
    assert_eq!(pool.runway(Rule::InOrder).outlook, expected);
    for (_, recent) in &mut pool.accounts {
        *recent = None;
    }
    assert_eq!(pool.runway(Rule::InOrder).outlook, expected);
    let mut unknown = usage(&[Window {
        resets_at: None,
        ..week(0.0, 0.0)
    }]);
    unknown.is_limit_reached = true;
    let pool = Pool {
        accounts: vec![(unknown, None)],
    };
    assert_eq!(
        pool.runway(Rule::InOrder).outlook,
        Outlook::NothingUntil(None)
    );
}

#[test]
fn a_reserve_ends_an_account_early() {
    let pool = Pool::of(&[10.0], &[&[week(50.0, 90.0)]]);
    let mut drawn = pool.drawn();
    drawn[0].reserve = vec![30];
    let runway = Runway::of(&drawn, Rule::InOrder, now());
    assert_eq!(runway.outlook, Outlook::Until(in_hours(2.0)));
    assert_eq!(runway.level.first(), Some(&(now(), 20.0)));
    drawn[0].reserve = vec![100];
    let runway = Runway::of(&drawn, Rule::InOrder, now());
    assert_eq!(runway.outlook, Outlook::NothingUntil(None));
}

#[test]
fn one_that_rests_waits_until_then() {
    let pool = Pool::of(&[10.0], &[&[week(50.0, 90.0)]]);
    let mut drawn = pool.drawn();
    drawn[0].blocked_until = Some(Some(in_hours(3.0)));
    let runway = Runway::of(&drawn, Rule::InOrder, now());
    assert_eq!(runway.outlook, Outlook::NothingUntil(Some(in_hours(3.0))));
    assert_eq!(
        spans(&runway.lanes[0])[..3],
        [(3.0, 'w'), (6.0, 'u'), (8.0, 'l')]
    );
}

#[test]
fn a_plan_without_a_short_window_is_drawn_by_its_long_one() {
    let both: &[Window] = &[five(100.0, 5.0), week(10.0, 90.0)];
    // The whole need is one percent of a week an hour, and that is what the second account serves too.
    assert_eq!(
        outlook(&[5.0, 1.0], &[both, &[week(20.0, 100.0)]]),
        Outlook::Until(in_hours(30.0))
    );
}

#[test]
fn work_that_was_done_without_a_short_window_counts_for_one() {
    // Half of the need was served by the account that has no short window: the short one of the other would drain twice as fast.
    let both = [five(100.0, 5.0), week(100.0, 168.0)];
    let pool = Pool {
        accounts: vec![
            (
                usage(&both),
                Some(recent(&[(FIVE_HOURS, 15.0), (WEEK, 2.0)])),
            ),
            (usage(&[week(1.0, 100.0)]), Some(recent(&[(WEEK, 2.0)]))),
        ],
    };
    let runway = pool.runway(Rule::InOrder);
    assert_eq!(
        spans(&runway.lanes[0])[..2],
        [(2.7, 'u'), (3.3, 'l')],
        "30 percent an hour"
    );
}

#[test]
fn a_short_window_of_which_nobody_saw_the_pace_is_too_little_history() {
    let idle = [five(100.0, 5.0), week(100.0, 168.0)];
    let pool = Pool {
        accounts: vec![
            (
                usage(&idle),
                Some(recent(&[(FIVE_HOURS, 0.0), (WEEK, 0.0)])),
            ),
            (usage(&[week(50.0, 100.0)]), Some(recent(&[(WEEK, 2.0)]))),
        ],
    };
    assert_eq!(
        pool.runway(Rule::InOrder).outlook,
        Outlook::TooLittleHistory
    );
}

#[test]
fn the_rule_says_who_is_drawn_first() {
    let pool = Pool::of(
        &[10.0],
        &[
            &[week(40.0, 90.0)],
            &[week(60.0, 50.0)],
            &[week(50.0, 100.0)],
        ],
    );
    // When the first span of each ends tells who was used up first.
    let first_ends = |rule| {
        let runway = pool.runway(rule);
        let ends = runway.lanes.iter().map(|lane| spans(lane)[0].0);
        let ends: Vec<_> = ends.collect();
        assert_eq!(runway.outlook, Outlook::Until(in_hours(15.0)), "{rule:?}");
        ends
    };
    assert_eq!(first_ends(Rule::InOrder), [2.0, 8.0, 13.0]);
    assert_eq!(first_ends(Rule::SoonestReset), [8.0, 4.0, 13.0]);
    let in_turn = first_ends(Rule::InTurn);
    assert!(
        in_turn[0] < in_turn[2] && in_turn[2] < in_turn[1],
        "{in_turn:?}"
    );
    let most_left = first_ends(Rule::MostLeft);
    assert!(
        most_left.iter().all(|end| (8.0..9.1).contains(end)),
        "{most_left:?}"
    );
}

#[test]
fn a_lower_group_comes_first_and_a_heavier_account_more_often() {
    let pool = Pool::of(&[10.0], &[&[week(50.0, 90.0)], &[week(50.0, 90.0)]]);
    let mut drawn = pool.drawn();
    drawn[0].group = 1;
    let runway = Runway::of(&drawn, Rule::InOrder, now());
    assert_eq!(spans(&runway.lanes[1])[0], (3.0, 'u'));
    drawn[0].group = 0;
    drawn[0].weight = 3;
    let runway = Runway::of(&drawn, Rule::InTurn, now());
    assert_eq!(spans(&runway.lanes[0])[0], (4.0, 'u'));
}

#[test]
fn lanes_have_no_gaps_and_end_together() {
    let accounts: Vec<Vec<Window>> = (0..40_u32)
        .map(|index| {
            let index = f64::from(index);
            vec![
                five(100.0 - index, 0.1 + index / 10.0),
                week(100.0 - 2.0 * index, 1.0 + index * 3.0),
            ]
        })
        .collect();
    let accounts: Vec<&[Window]> = accounts.iter().map(Vec::as_slice).collect();
    for rule in [
        Rule::InOrder,
        Rule::InTurn,
        Rule::MostLeft,
        Rule::SoonestReset,
    ] {
        let runway = Pool::of(&[60.0, 9.0], &accounts).runway(rule);
        for lane in &runway.lanes {
            assert_eq!(lane.spans.first().unwrap().from, now());
            assert_eq!(lane.spans.last().unwrap().until, now() + HORIZON);
            for (one, next) in lane.spans.iter().zip(lane.spans.iter().skip(1)) {
                assert_eq!(one.until, next.from);
                assert_ne!(one.state, next.state);
            }
        }
        assert!(runway.level.is_sorted_by_key(|(at, _)| *at));
        let levels = runway.level.iter().map(|(_, left)| *left);
        assert!(levels.into_iter().all(|left| (0.0..=100.0).contains(&left)));
    }
}
