//! How long the pool lasts, in words, and as places on a sheet of 1 by 100: the runway card and the lanes of the Pool page.

use std::time::{Duration, SystemTime};

use jiff::ToSpan as _;

pub use super::chart::AxisMark;
use super::forecast;
use super::telling::Teller;
use super::{Wish, called};
use crate::desk::{PoolRunway, Snapshot, words};
use crate::profile::ProfileName;
use crate::usage::runway::{Lane, Outlook, State};

/// How far a forecast is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ahead {
    #[default]
    Day,
    Week,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Runway {
    /// `Enough until about Wed 07:40`.
    pub sentence: String,
    /// `4 accounts`, those that are counted.
    pub count: String,
    /// On what that stands: sentences.
    pub second: String,
    /// None where there is nothing to draw.
    pub course: Option<Course>,
    pub spoken: String,
}

/// What is left of the pool over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// From 0 at the left to 1 at the right, and percent left. A reset goes straight up.
    pub points: Vec<(f32, f32)>,
    /// Where nothing is usable any more.
    pub end: Option<f32>,
    /// Where accounts get a window back.
    pub resets: Vec<f32>,
    pub marks: Vec<AxisMark>,
}

/// The accounts beside each other, below the same sentence.
#[derive(Clone, Debug, PartialEq)]
pub struct Lanes {
    pub ahead: Ahead,
    pub lanes: Vec<LaneRow>,
    /// Accounts that have no lane because there are too many.
    pub more: Option<String>,
    /// Where nothing is usable any more, and when that is.
    pub end: Option<AxisMark>,
    pub marks: Vec<AxisMark>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LaneRow {
    pub title: String,
    /// From 0 to 1.
    pub spans: Vec<(f32, f32, State)>,
    pub resets: Vec<f32>,
    pub spoken: String,
}

/// More lanes than that are a wall.
const MOST_LANES: usize = 12;

impl Ahead {
    pub const ALL: [Self; 2] = [Self::Day, Self::Week];

    pub fn label(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
        }
    }

    fn length(self) -> Duration {
        const DAY: Duration = Duration::from_secs(24 * 3_600);
        match self {
            Self::Day => DAY,
            Self::Week => DAY * 7,
        }
    }

    /// Where a moment stands; beyond 1 it is not drawn.
    fn place(self, at: SystemTime, now: SystemTime) -> f32 {
        let ahead = at.duration_since(now).unwrap_or_default();
        ahead.as_secs_f32() / self.length().as_secs_f32()
    }
}

pub(super) fn of(
    pool: &PoolRunway,
    snapshot: &Snapshot,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> Runway {
    let sentence = sentence(pool, teller);
    let ahead = match pool.runway.outlook {
        Outlook::Until(at) if Ahead::Day.place(at, teller.now) > 0.95 => Ahead::Week,
        Outlook::Lasts => Ahead::Week,
        _ => Ahead::Day,
    };
    Runway {
        count: words::accounts(pool.names.len()),
        second: second(pool, snapshot, wish, teller),
        course: course(pool, ahead, teller),
        spoken: with_lanes(&sentence, pool, snapshot, wish, teller),
        sentence,
    }
}

/// The sentence, then one line for each account.
fn with_lanes(
    sentence: &str,
    pool: &PoolRunway,
    snapshot: &Snapshot,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> String {
    let lanes = pool.names.iter().zip(&pool.runway.lanes).take(MOST_LANES);
    let lines = lanes.map(|(name, lane)| {
        let title = called(snapshot, name, wish.hides_emails);
        spoken(&title, lane, teller)
    });
    let all: Vec<_> = [sentence.to_owned()].into_iter().chain(lines).collect();
    all.join(". ")
}

/// For the Accounts page, where nothing is said when there is no pool to speak of.
pub(super) fn of_accounts(
    snapshot: &Snapshot,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> Option<Runway> {
    let pool = forecast::of(snapshot, wish, teller);
    (pool.runway.outlook != Outlook::Nobody).then(|| of(&pool, snapshot, wish, teller))
}

/// The lanes of the first accounts; nothing where too little is known.
pub(super) fn lanes(
    pool: &PoolRunway,
    ahead: Ahead,
    snapshot: &Snapshot,
    wish: &Wish<'_>,
    teller: &Teller<'_>,
) -> Option<Lanes> {
    if pool.runway.lanes.is_empty() {
        return None;
    }
    let lane = |(name, lane): (&ProfileName, &Lane)| {
        let title = called(snapshot, name, wish.hides_emails);
        LaneRow {
            spans: spans(lane, ahead, teller.now),
            resets: resets(lane, ahead, teller.now),
            spoken: spoken(&title, lane, teller),
            title,
        }
    };
    let all = pool.names.iter().zip(&pool.runway.lanes);
    let hidden = pool.names.len().saturating_sub(MOST_LANES);
    Some(Lanes {
        ahead,
        lanes: all.take(MOST_LANES).map(lane).collect(),
        more: (hidden > 0).then(|| format!("and {} more", words::accounts(hidden))),
        end: end_at(pool)
            .map(|at| AxisMark {
                at: ahead.place(at, teller.now),
                label: match ahead {
                    Ahead::Day => teller.moment_words(at, "%H:%M"),
                    Ahead::Week => teller.moment_words(at, "%a %H:%M"),
                },
            })
            .filter(|mark| mark.at < 1.0),
        marks: marks(ahead, "%H:%M", teller),
    })
}

fn sentence(pool: &PoolRunway, teller: &Teller<'_>) -> String {
    match pool.runway.outlook {
        Outlook::Nobody if pool.has_paid => "Paid by the request: nothing runs out".into(),
        Outlook::Nobody => "No account is in the pool".into(),
        Outlook::TooLittleHistory if pool.old > 0 && pool.names.is_empty() => {
            "The numbers are too old to say".into()
        }
        Outlook::TooLittleHistory => "Too little history to say".into(),
        Outlook::NothingUntil(_) if pool.has_paid => {
            "Only what is paid by the request is left".into()
        }
        Outlook::NothingUntil(Some(at)) => {
            teller.watch(at);
            format!("Nothing usable until {}", day_clock(at, teller))
        }
        Outlook::NothingUntil(None) => "Nothing usable, and no reset is known".into(),
        Outlook::Until(at) => format!(
            "Enough until about {}",
            day_clock(about(at, teller), teller)
        ),
        Outlook::Lasts => "Enough for the next 7 days".into(),
    }
}

/// Ten minutes are as exact as a forecast can be. Rounded down: nobody is promised more.
fn about(at: SystemTime, teller: &Teller<'_>) -> SystemTime {
    const STEP: u64 = 600;
    let ahead = at.duration_since(teller.now).unwrap_or_default();
    if ahead < Duration::from_secs(3_600) {
        return at;
    }
    let secs = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs - secs % STEP)
}

/// `16:05` today, else with the day of the week: half of all forecasts end tomorrow.
fn day_clock(at: SystemTime, teller: &Teller<'_>) -> String {
    let day = |at| teller.zoned(at).map(|at| at.date());
    if day(at) == day(teller.now) {
        teller.moment_words(at, "%H:%M")
    } else {
        teller.moment_words(at, "%a %H:%M")
    }
}

fn second(pool: &PoolRunway, snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> String {
    let mut told = Vec::new();
    match (pool.runway.outlook, pool.runway.hourly_percent) {
        (Outlook::Nobody, _) => {}
        (_, Some(hourly)) if hourly <= 0.0 => {
            told.push("Nothing was used in the last day.".to_owned());
        }
        (_, Some(hourly)) => {
            let hourly = match hourly {
                hourly if hourly < 1.0 => "less than 1%".to_owned(),
                hourly => format!("{hourly:.0}%"),
            };
            told.push(format!(
                "At today\u{2019}s pace of {hourly} of the pool an hour."
            ));
        }
        (Outlook::NothingUntil(_), None) => {}
        (_, None) if pool.names.is_empty() => {}
        (_, None) => told.push("An hour of use has to be seen first.".to_owned()),
    }
    if let Some((name, at)) = &pool.next_back {
        teller.watch(*at);
        let title = called(snapshot, name, wish.hides_emails);
        told.push(format!("Next back: {title}, {}.", teller.clock(*at)));
    }
    if pool.has_paid && matches!(pool.runway.outlook, Outlook::Until(_)) {
        told.push("Then what is paid by the request serves.".to_owned());
    }
    told.extend(not_counted(pool.unknown, "not known"));
    told.extend(not_counted(pool.old, "too old"));
    told.join(" ")
}

fn not_counted(accounts: usize, why: &str) -> Option<String> {
    match accounts {
        0 => None,
        1 => Some(format!("1 account is not counted: its numbers are {why}.")),
        more => Some(format!(
            "{more} accounts are not counted: their numbers are {why}."
        )),
    }
}

fn end_at(pool: &PoolRunway) -> Option<SystemTime> {
    match pool.runway.outlook {
        Outlook::Until(at) => Some(at),
        _ => None,
    }
}

fn course(pool: &PoolRunway, ahead: Ahead, teller: &Teller<'_>) -> Option<Course> {
    if pool.runway.level.is_empty() {
        return None;
    }
    let end = match pool.runway.outlook {
        Outlook::NothingUntil(_) => Some(0.0),
        _ => end_at(pool).map(|at| ahead.place(at, teller.now)),
    };
    let mut points: Vec<(f32, f32)> = Vec::new();
    for (at, left) in &pool.runway.level {
        let (x, y) = (ahead.place(*at, teller.now), *left as f32);
        match points.last() {
            Some((before, height)) if x > 1.0 => {
                let share = (1.0 - before) / (x - before).max(f32::EPSILON);
                points.push((1.0, height + (y - height) * share));
                break;
            }
            _ => points.push((x, y)),
        }
    }
    let mut resets: Vec<f32> = pool
        .runway
        .lanes
        .iter()
        .flat_map(|lane| resets(lane, ahead, teller.now))
        .collect();
    resets.sort_by(f32::total_cmp);
    Some(Course {
        points,
        end: end.filter(|end| *end < 1.0),
        resets: apart(resets, 0.02),
        marks: marks(ahead, "%a", teller),
    })
}

/// Those that do not lie on the one before.
fn apart(places: Vec<f32>, gap: f32) -> Vec<f32> {
    let mut kept: Vec<f32> = Vec::new();
    for place in places {
        if kept.last().is_none_or(|last| place - last >= gap) {
            kept.push(place);
        }
    }
    kept
}

fn spans(lane: &Lane, ahead: Ahead, now: SystemTime) -> Vec<(f32, f32, State)> {
    lane.spans
        .iter()
        .map(|span| {
            let until = ahead.place(span.until, now).min(1.0);
            (ahead.place(span.from, now), until, span.state)
        })
        .filter(|(from, until, _)| from < until)
        .collect()
}

/// Over a week only those resets that bring something back: the others are many, and change nothing.
fn resets(lane: &Lane, ahead: Ahead, now: SystemTime) -> Vec<f32> {
    let shown = lane
        .resets
        .iter()
        .filter(|reset| ahead == Ahead::Day || reset.brings_back);
    let places: Vec<f32> = shown
        .map(|reset| ahead.place(reset.at, now))
        .filter(|place| *place <= 1.0)
        .collect();
    apart(places, 0.012)
}

/// Every midnight by `midnight`; the quarters of a day between them where a day is drawn.
fn marks(ahead: Ahead, midnight: &str, teller: &Teller<'_>) -> Vec<AxisMark> {
    let Some(today) = teller.zoned(teller.now).map(|now| now.date()) else {
        return Vec::new(); // beyond the calendar
    };
    let hours: &[i8] = match ahead {
        Ahead::Day => &[0, 6, 12, 18],
        Ahead::Week => &[0],
    };
    let days = (0..=7_i64).filter_map(|days| today.checked_add(days.days()).ok());
    let moments = days.flat_map(|day| hours.iter().map(move |hour| (day, *hour)));
    moments
        .filter_map(|(day, hour)| {
            let at = teller.moment(day, hour)?;
            let place = ahead.place(at, teller.now);
            let form = match (ahead, hour) {
                (Ahead::Week, _) => "%a",
                (Ahead::Day, 0) => midnight,
                (Ahead::Day, _) => "%H:%M",
            };
            let is_ahead = at > teller.now && place <= 1.0;
            is_ahead.then(|| AxisMark {
                at: place,
                label: teller.moment_words(at, form),
            })
        })
        .collect()
}

/// `work: usable until 21:10, then low, waiting from 23:40, back Thu 09:20`, for the ear.
fn spoken(title: &str, lane: &Lane, teller: &Teller<'_>) -> String {
    const MOST: usize = 4;
    let words = |state| match state {
        State::Usable => "usable",
        State::Low => "low",
        State::Waiting => "waiting",
    };
    let mut spans = lane.spans.iter();
    let Some(first) = spans.next() else {
        return title.to_owned();
    };
    let later = spans.take(MOST).map(|span| {
        let at = day_clock(span.from, teller);
        format!("{} from {at}", words(span.state))
    });
    let parts: Vec<_> = [format!("{title}: {}", words(first.state))]
        .into_iter()
        .chain(later)
        .collect();
    parts.join(", ")
}
