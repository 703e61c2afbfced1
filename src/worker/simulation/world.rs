//! The truth that nobody in the program sees: accounts with quotas and faults, the network, and what each request is answered.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::profile::ProfileName;
use crate::usage::{Usage, Window};

/// Milliseconds since the simulation began.
pub type Ms = u64;

pub const SECOND: Ms = 1_000;
pub const MINUTE: Ms = 60 * SECOND;
pub const HOUR: Ms = 60 * MINUTE;

pub const MODELS: [&str; 3] = ["m0", "m1", "m2"];

/// A whole second, so that what is told in seconds is told exactly.
pub fn moment(at: Ms) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_millis(at)
}

/// SplitMix64: the same luck for the same seed, on every computer.
pub struct Dice(pub u64);

impl Dice {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both possible.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.number() % (high - low + 1)
    }

    pub fn is_one_in(&mut self, many: u64) -> bool {
        self.number().is_multiple_of(many)
    }
}

pub struct World {
    pub end: Ms,
    pub accounts: Vec<Account>,
    /// When nobody reaches ChatGPT.
    offline: Vec<Span>,
    overloads: Vec<Overload>,
}

pub struct Account {
    pub name: ProfileName,
    /// The others are API keys: they have no usage to poll.
    pub is_chatgpt: bool,
    /// The five hours and the week of a ChatGPT account.
    quotas: Vec<Quota>,
    /// When a key's own quota is used up; not a window that anybody tells of.
    broke: Vec<Span>,
    tells_resets: bool,
    tells_usage: bool,
    troubles: Vec<(Span, Trouble)>,
    pub lacks: Option<usize>,
    first_token: Ms,
    /// Since when none of the quotas has been used up.
    pub room_since: Ms,
}

struct Quota {
    length: Ms,
    requests: u64,
    used: u64,
    resets_at: Ms,
    /// Nobody is told; the next reset stays where it was.
    early_at: Option<Ms>,
}

#[derive(Clone, Copy)]
struct Span {
    from: Ms,
    to: Ms,
}

impl Span {
    fn holds(self, at: Ms) -> bool {
        (self.from..self.to).contains(&at)
    }
}

#[derive(Clone, Copy)]
enum Trouble {
    FailsHalfTheTime,
    Throttles { retry_after_secs: Option<u64> },
}

struct Overload {
    span: Span,
    model: usize,
    retry_after_secs: Option<u64>,
}

pub enum Answer {
    /// The first token after this time, the last one after that.
    Serves {
        first: Ms,
        rest: Ms,
    },
    Refuses {
        after: Ms,
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
    },
    Unreachable {
        after: Ms,
    },
}

/// The slowest refusal.
pub const SLOWEST_REFUSAL: Ms = 2 * SECOND;

impl World {
    pub fn new(dice: &mut Dice) -> Self {
        let end = dice.between(2 * HOUR, 5 * HOUR);
        let count = dice.between(1, 6);
        let accounts = (0..count)
            // The first one is always one that Codex itself could use.
            .map(|place| Account::new(place, place == 0 || !dice.is_one_in(4), end, dice))
            .collect();
        let offline = spans(dice, 6, end, 20 * MINUTE);
        let overloads = spans(dice, 2, end, 15 * MINUTE)
            .into_iter()
            .map(|span| Overload {
                span,
                model: dice.between(0, 2) as usize,
                retry_after_secs: dice.is_one_in(2).then(|| dice.between(5, 60)),
            })
            .collect();
        Self {
            end,
            accounts,
            offline,
            overloads,
        }
    }

    /// Lets the windows that end by then begin again.
    pub fn reach(&mut self, now: Ms) {
        for account in &mut self.accounts {
            account.reach(now);
        }
    }

    pub fn is_offline(&self, now: Ms) -> bool {
        self.offline.iter().any(|span| span.holds(now))
    }

    /// A request for a model comes to an account.
    pub fn ask(&mut self, place: usize, model: usize, now: Ms, dice: &mut Dice) -> Answer {
        self.reach(now);
        let after = dice.between(50, SLOWEST_REFUSAL - 1);
        let account = &mut self.accounts[place];
        if account.is_chatgpt && self.offline.iter().any(|span| span.holds(now)) {
            return Answer::Unreachable { after };
        }
        let overload = |it: &&Overload| it.model == model && it.span.holds(now);
        if account.is_chatgpt
            && let Some(overload) = self.overloads.iter().find(overload)
        {
            let code = r#"{"error":{"code":"server_is_overloaded"}}"#;
            return refusal(after, 503, overload.retry_after_secs, code.into());
        }
        if account.lacks == Some(model) {
            let what = r#"{"error":{"code":"model_not_found","message":"no such model"}}"#;
            return refusal(after, 404, None, what.into());
        }
        if account.broke.iter().any(|span| span.holds(now)) {
            let wait = account.tells_resets.then_some(2 * 3_600);
            let code = r#"{"error":{"code":"insufficient_quota"}}"#;
            return refusal(after, 429, wait, code.into());
        }
        if let Some(until) = account.used_up_until() {
            let resets_at = if account.tells_resets {
                format!(r#","resets_at":{}"#, 1_800_000_000 + until.div_ceil(SECOND))
            } else {
                String::new()
            };
            let body = format!(r#"{{"error":{{"type":"usage_limit_reached"{resets_at}}}}}"#);
            return refusal(after, 429, None, body);
        }
        let trouble = account.troubles.iter().find(|(span, _)| span.holds(now));
        match trouble {
            Some((_, Trouble::Throttles { retry_after_secs })) => {
                return refusal(after, 429, *retry_after_secs, String::new());
            }
            Some((_, Trouble::FailsHalfTheTime)) if dice.is_one_in(2) => {
                return refusal(after, 500, None, String::new());
            }
            _ => {}
        }
        for quota in &mut account.quotas {
            quota.used += 1;
        }
        let first = account.first_token / 2 + dice.between(0, account.first_token);
        let rest = dice.between(100, 30 * SECOND);
        Answer::Serves { first, rest }
    }

    /// Since when this account would serve every request for the model; none when it would not now.
    pub fn well_since(&self, place: usize, model: usize, now: Ms) -> Option<Ms> {
        let account = self.accounts.get(place)?;
        let offline = self.offline.iter().filter(|_| account.is_chatgpt);
        let overloads = self
            .overloads
            .iter()
            .filter(|it| account.is_chatgpt && it.model == model)
            .map(|it| &it.span);
        let mut spans = offline
            .chain(overloads)
            .chain(&account.broke)
            .chain(account.troubles.iter().map(|(span, _)| span));
        let is_ill = spans.clone().any(|span| span.holds(now))
            || account.lacks == Some(model)
            || account.used_up_until().is_some();
        if is_ill {
            return None;
        }
        let ended = spans.by_ref().map(|span| span.to).filter(|to| *to <= now);
        Some(ended.max().unwrap_or(0).max(account.room_since))
    }
}

impl Account {
    fn new(place: u64, is_chatgpt: bool, end: Ms, dice: &mut Dice) -> Self {
        let letter = if is_chatgpt { 'a' } else { 'k' };
        let mut quota = |length: Ms, least: u64, most: u64| Quota {
            length,
            requests: dice.between(least, most),
            used: 0,
            resets_at: dice.between(MINUTE / SECOND, length.min(2 * end) / SECOND) * SECOND,
            early_at: dice.is_one_in(3).then(|| dice.between(HOUR, end)),
        };
        let quotas = match is_chatgpt {
            true => vec![quota(5 * HOUR, 3, 60), quota(7 * 24 * HOUR, 20, 300)],
            false => Vec::new(),
        };
        let broke = match is_chatgpt {
            true => Vec::new(),
            false => spans(dice, 3, end, 2 * HOUR),
        };
        let troubles = spans(dice, 2, end, 30 * MINUTE)
            .into_iter()
            .map(|span| {
                let trouble = match dice.is_one_in(2) {
                    true => Trouble::FailsHalfTheTime,
                    false => Trouble::Throttles {
                        retry_after_secs: dice.is_one_in(2).then(|| dice.between(2, 900)),
                    },
                };
                (span, trouble)
            })
            .collect();
        Self {
            name: ProfileName::parse(&format!("{letter}{place}")).unwrap(),
            is_chatgpt,
            quotas,
            broke,
            tells_resets: !dice.is_one_in(4),
            tells_usage: is_chatgpt && dice.is_one_in(2),
            troubles,
            lacks: dice.is_one_in(8).then(|| dice.between(0, 2) as usize),
            first_token: dice.between(200, 8 * SECOND),
            room_since: 0,
        }
    }

    fn reach(&mut self, now: Ms) {
        let was_used_up = self.used_up_until().is_some();
        let mut reset_at = 0;
        for quota in &mut self.quotas {
            if quota.early_at.is_some_and(|at| at <= now) {
                reset_at = reset_at.max(quota.early_at.take().unwrap_or_default());
                quota.used = 0;
            }
            while quota.resets_at <= now {
                reset_at = reset_at.max(quota.resets_at);
                quota.used = 0;
                quota.resets_at += quota.length;
            }
        }
        if was_used_up && self.used_up_until().is_none() {
            self.room_since = reset_at;
        }
    }

    fn used_up_until(&self) -> Option<Ms> {
        let is_empty = |quota: &&Quota| quota.used >= quota.requests;
        let empty = self.quotas.iter().filter(is_empty);
        empty.map(|quota| quota.resets_at).max()
    }

    /// What the headers of a reply say, or a usage poll.
    pub fn usage(&self, now: Ms) -> Usage {
        let window = |quota: &Quota| Window {
            length: Duration::from_millis(quota.length),
            used_percent: (quota.used as f64 / quota.requests as f64 * 100.0).min(100.0),
            resets_at: Some(moment(quota.resets_at)),
        };
        Usage {
            plan: None,
            windows: self.quotas.iter().map(window).collect(),
            extra: Vec::new(),
            is_limit_reached: self.used_up_until().is_some(),
            credits: None,
            reset_credits: None,
            fetched_at: moment(now),
        }
    }

    pub fn usage_in_headers(&self, now: Ms) -> Option<Usage> {
        self.tells_usage.then(|| self.usage(now))
    }
}

fn refusal(after: Ms, status: u16, retry_after_secs: Option<u64>, body: String) -> Answer {
    let mut headers = HeaderMap::new();
    if let Some(secs) = retry_after_secs {
        headers.insert(http::header::RETRY_AFTER, secs.into());
    }
    Answer::Refuses {
        after,
        status: StatusCode::from_u16(status).unwrap(),
        headers,
        body: body.into(),
    }
}

/// Up to two, one in `rarity` worlds none the less each; whole seconds.
fn spans(dice: &mut Dice, rarity: u64, end: Ms, longest: Ms) -> Vec<Span> {
    let mut spans = Vec::new();
    for _ in 0..2 {
        if dice.is_one_in(rarity) {
            let from = dice.between(0, end);
            let to = from + dice.between(5 * SECOND, longest);
            spans.push(Span { from, to });
        }
    }
    spans
}
