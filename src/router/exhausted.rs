//! The answer when no profile is left: when the earliest comes back, or what keeps each of them away.
//!
//! A used-up pool is told as Codex understands it: 429 with the type `usage_limit_reached` ends its turn with a clear message,
//! while 503 would make it try five times (`openai/codex: codex-rs/core/src/api_bridge.rs`,
//! `codex-client/src/retry.rs`).

use std::fmt;
use std::time::{Duration, SystemTime};

use http::StatusCode;

use super::reply::ceil_secs;
use super::setback::Setback;
use crate::pool::{Choice, GUESSED_THROTTLE_REST, Pool, WhyNot};
use crate::profile::ProfileName;
use crate::translate::ErrorBody;

#[derive(Debug)]
pub(super) struct Exhausted {
    causes: Vec<Cause>,
    /// Whether we have tried more than once ourselves.
    has_retried: bool,
    /// Whether somebody who was asked has too much to do.
    is_overloaded: bool,
    is_locked: bool,
    now: SystemTime,
}

#[derive(Debug)]
struct Cause {
    profile: ProfileName,
    kind: Kind,
    words: String,
    until: Option<SystemTime>,
    plan: Option<String>,
}

/// What would make a profile usable again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The end of its window.
    Quota,
    /// A moment of quiet.
    Throttle,
    /// Another try.
    Trouble,
    /// The user.
    User,
}

impl Exhausted {
    /// `pool` is what was chosen from: it knows the plans of those that were not asked.
    pub(super) fn new(
        choice: &Choice,
        pool: &Pool,
        tried: &[(ProfileName, Setback)],
        now: SystemTime,
    ) -> Self {
        let plan_of = |name: &ProfileName| {
            let member = pool.members.iter().find(|member| member.name == *name)?;
            member.usage.as_ref()?.plan.clone()
        };
        // Of one that was asked twice its last word counts.
        let is_last = |place: usize| {
            let (name, _) = &tried[place];
            tried.iter().skip(place + 1).all(|(later, _)| later != name)
        };
        let tried_now = tried
            .iter()
            .enumerate()
            .filter(|(place, _)| is_last(*place))
            .map(|(_, (profile, setback))| Cause::tried(profile, setback, now));
        let is_tried = |name: &ProfileName| tried.iter().any(|(profile, _)| profile == name);
        let left_out = choice
            .left_out
            .iter()
            .filter(|out| !is_tried(&out.name))
            .map(|out| Cause {
                profile: out.name.clone(),
                kind: match out.why {
                    WhyNot::Empty | WhyNot::Reserve(_) | WhyNot::Limit(_) => Kind::Quota,
                    WhyNot::Throttled | WhyNot::Busy => Kind::Throttle,
                    WhyNot::Failing | WhyNot::Overloaded | WhyNot::Challenged | WhyNot::Probing => {
                        Kind::Trouble
                    }
                    // Tried again after minutes, and hardly with success before the user has done something.
                    WhyNot::Refused => Kind::User,
                    WhyNot::Disabled
                    | WhyNot::SignInAgain
                    | WhyNot::Unreadable
                    | WhyNot::NotRoutable
                    | WhyNot::NoWayOut
                    | WhyNot::NotInUse
                    | WhyNot::NoKey
                    | WhyNot::LacksModel
                    | WhyNot::OtherModels
                    | WhyNot::NotAllowed => Kind::User,
                },
                words: out.why.to_string(),
                until: out.until,
                plan: plan_of(&out.name),
            });
        Self {
            causes: tried_now.chain(left_out).collect(),
            has_retried: tried.len() > 1,
            is_overloaded: tried
                .iter()
                .any(|(_, setback)| matches!(setback, Setback::Overloaded { .. }))
                || choice
                    .left_out
                    .iter()
                    .any(|out| out.why == WhyNot::Overloaded),
            is_locked: pool.is_locked,
            now,
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        match self.kind() {
            Kind::Quota | Kind::Throttle => StatusCode::TOO_MANY_REQUESTS,
            Kind::Trouble | Kind::User => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Whether it is the service that cannot answer, for everybody.
    pub(super) fn is_overload(&self) -> bool {
        self.is_overloaded && self.kind() == Kind::Trouble
    }

    pub(super) fn body(&self) -> ErrorBody {
        let (kind, code) = match self.kind() {
            Kind::Quota => ("usage_limit_reached", "usage_limit_reached"),
            Kind::Throttle => ("rate_limit_error", "rate_limit_exceeded"),
            Kind::Trouble | Kind::User => ("router_error", "no_account_available"),
        };
        let body = ErrorBody::new(kind, self.to_string()).with_code(code);
        if self.kind() != Kind::Quota {
            return body;
        }
        let unix_secs = |at: SystemTime| at.duration_since(SystemTime::UNIX_EPOCH).ok();
        ErrorBody {
            plan_type: self.plan(),
            resets_at: self.earliest().and_then(unix_secs).map(ceil_secs),
            resets_in_seconds: self.retry_after().map(ceil_secs),
            ..body
        }
    }

    /// Until the earliest return, if any is known.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let after = self.earliest()?.duration_since(self.now);
        // A moment that has passed since: try at once.
        Some(after.unwrap_or_default().max(Duration::from_secs(1)))
    }

    pub(super) fn should_retry(&self) -> Option<bool> {
        match self.kind() {
            // Without a moment to wait for, a client that tries again only multiplies our own tries.
            Kind::Quota | Kind::Throttle => self.retry_after().is_none().then_some(false),
            Kind::Trouble => self.has_retried.then_some(false),
            Kind::User => Some(false),
        }
    }

    /// What the answer is about: trouble that may pass now beats a quota that resets later, and both beat what only the user
    /// can change.
    fn kind(&self) -> Kind {
        let has = |kind| self.causes.iter().any(|cause| cause.kind == kind);
        [Kind::Trouble, Kind::Throttle, Kind::Quota]
            .into_iter()
            .find(|kind| has(*kind))
            .unwrap_or(Kind::User)
    }

    fn earliest(&self) -> Option<SystemTime> {
        // Trouble without an end that is known may be over at once, whenever the windows of others are reset.
        let is_open = |cause: &Cause| cause.kind == Kind::Trouble && cause.until.is_none();
        if self.causes.iter().any(is_open) {
            return None;
        }
        // What only the user can change is tried again all the time, and is no moment to wait for.
        let is_by_user = |cause: &&Cause| cause.kind == Kind::User;
        let is_only_by_user = self.causes.iter().all(|cause| is_by_user(&cause));
        self.causes
            .iter()
            .filter(|cause| is_only_by_user || !is_by_user(cause))
            .filter_map(|cause| cause.until)
            .min()
    }

    /// Of the account that comes back first, as far as plans are known.
    fn plan(&self) -> Option<String> {
        let used_up = self.causes.iter().filter(|cause| cause.kind == Kind::Quota);
        let known = used_up.filter(|cause| cause.plan.is_some());
        let first = known.min_by_key(|cause| (cause.until.is_none(), cause.until))?;
        first.plan.clone()
    }
}

impl Cause {
    fn tried(profile: &ProfileName, setback: &Setback, now: SystemTime) -> Self {
        let cause = |kind, words: &str, until| Self {
            profile: profile.clone(),
            kind,
            words: words.to_owned(),
            until,
            plan: None,
        };
        match setback {
            Setback::UsageLimit { told, plan, .. } => Self {
                plan: plan.clone(),
                ..cause(Kind::Quota, "empty", told.map(|told| told.until))
            },
            Setback::Throttled { retry_after } => {
                let after = retry_after.unwrap_or(GUESSED_THROTTLE_REST);
                let until = now.checked_add(after);
                cause(Kind::Throttle, "throttled", until)
            }
            Setback::Overloaded { retry_after } => {
                let until = retry_after.and_then(|after| now.checked_add(after));
                cause(Kind::Trouble, "its service is overloaded", until)
            }
            Setback::AccountRefused { what } => cause(
                Kind::User,
                &format!("its account is refused ({what})"),
                None,
            ),
            Setback::Challenged { what } => cause(Kind::Trouble, what, None),
            Setback::Unauthorized => cause(Kind::User, "its login was refused", None),
            Setback::NoToken(why) => cause(Kind::User, why, None),
            Setback::Failing { what } => cause(Kind::Trouble, &format!("failing ({what})"), None),
            Setback::Unreachable { what } => cause(Kind::Trouble, what, None),
            Setback::ModelNotSupported(_) => cause(Kind::User, "does not have this model", None),
            Setback::NoPath(_) => cause(Kind::User, "has no such path", None),
            Setback::Unfit(_) => cause(Kind::User, "cannot answer this kind of request", None),
            Setback::ClientFault(_) => cause(Kind::User, "refused the request", None),
            Setback::TimedOut(after) => {
                let words = format!("no answer within {} s", after.as_secs());
                cause(Kind::Trouble, &words, None)
            }
            Setback::Cut | Setback::Spoiled(_) => cause(Kind::Trouble, "broke off", None),
        }
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.causes.is_empty() && self.is_locked {
            return f.write_str(
                "no account can answer: the logins are encrypted and still locked; unlock them in the window of Codex Router",
            );
        }
        if self.causes.is_empty() {
            return f.write_str("no account can answer: there is none; sign in or add one");
        }
        f.write_str(match self.kind() {
            Kind::Quota => "no account has usage left: ",
            Kind::Throttle | Kind::Trouble | Kind::User => "no account can answer: ",
        })?;
        for (place, cause) in self.causes.iter().enumerate() {
            if place > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{}: {}", cause.profile, cause.words)?;
            if let Some(after) = cause.until.and_then(|at| at.duration_since(self.now).ok()) {
                write!(f, " for {}", Rough(after))?;
            }
        }
        Ok(())
    }
}

/// A duration as people say it: in its largest unit.
struct Rough(Duration);

impl fmt::Display for Rough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = ceil_secs(self.0);
        match secs {
            0..120 => write!(f, "{secs} s"),
            120..7_200 => write!(f, "{} min", secs.div_ceil(60)),
            7_200..172_800 => write!(f, "{} h", secs.div_ceil(3_600)),
            _ => write!(f, "{} days", secs.div_ceil(86_400)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::{LeftOut, RestSource, Told};

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    fn in_secs(secs: u64) -> SystemTime {
        NOW + Duration::from_secs(secs)
    }

    fn left_out(text: &str, why: WhyNot, until: Option<u64>) -> LeftOut {
        LeftOut {
            name: name(text),
            why,
            until: until.map(in_secs),
        }
    }

    fn exhausted(left_out: Vec<LeftOut>, tried: &[(ProfileName, Setback)]) -> Exhausted {
        let choice = Choice {
            candidates: vec![],
            left_out,
            ..Choice::default()
        };
        Exhausted::new(&choice, &Pool::default(), tried, NOW)
    }

    fn limit(secs: u64) -> Setback {
        Setback::UsageLimit {
            told: Some(Told {
                until: in_secs(secs),
                source: RestSource::ResetsAt,
            }),
            plan: Some("plus".into()),
            is_of_model: false,
        }
    }

    #[test]
    fn encrypted_logins_are_not_told_as_missing_accounts() {
        let pool = Pool {
            is_locked: true,
            ..Pool::default()
        };
        let told = Exhausted::new(&Choice::default(), &pool, &[], NOW);
        assert!(told.to_string().contains("encrypted"), "{told}");
        assert_eq!(told.status(), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn a_used_up_pool_tells_the_earliest_reset() {
        let exhausted = exhausted(
            vec![
                left_out("spare", WhyNot::Empty, Some(900)),
                left_out("old", WhyNot::SignInAgain, None),
            ],
            &[(name("work"), limit(7_200))],
        );
        assert_eq!(exhausted.status(), 429);
        let body = exhausted.body();
        assert_eq!(body.kind, "usage_limit_reached");
        assert_eq!(
            (
                body.resets_at,
                body.resets_in_seconds,
                body.plan_type.as_deref()
            ),
            (Some(900), Some(900), Some("plus"))
        );
        assert_eq!(exhausted.retry_after(), Some(Duration::from_secs(900)));
        assert_eq!(
            exhausted.to_string(),
            "no account has usage left: work: empty for 2 h, spare: empty for 15 min, old: login expired"
        );
    }

    #[test]
    fn what_only_the_user_can_change_is_no_moment_to_wait_for() {
        let refused = || left_out("old", WhyNot::Refused, Some(10));
        let with_quota = exhausted(vec![refused()], &[(name("work"), limit(200_000))]);
        assert_eq!(with_quota.body().resets_at, Some(200_000));
        let alone = exhausted(vec![refused()], &[]);
        assert_eq!(alone.retry_after(), Some(Duration::from_secs(10)));
    }

    #[test]
    fn other_causes_are_503_and_named() {
        let exhausted = exhausted(
            vec![left_out("old", WhyNot::SignInAgain, None)],
            &[
                (name("work"), limit(7_200)),
                (
                    name("home"),
                    Setback::Failing {
                        what: "status 500".into(),
                    },
                ),
            ],
        );
        assert_eq!(exhausted.status(), 503);
        assert_eq!(
            exhausted.should_retry(),
            Some(false),
            "we have tried twice already"
        );
        assert!(exhausted.to_string().contains("home: failing (status 500)"));
        assert!(exhausted.to_string().contains("old: login expired"));
    }

    #[test]
    fn trouble_that_may_be_over_at_once_names_no_reset_of_another() {
        let broke_off = [(name("home"), Setback::Cut)];
        let exhausted = exhausted(
            vec![left_out("work", WhyNot::Empty, Some(7_200))],
            &broke_off,
        );
        assert_eq!(
            (exhausted.retry_after(), exhausted.should_retry()),
            (None, None)
        );
    }

    #[test]
    fn a_throttled_pool_is_no_used_up_pool() {
        let exhausted = exhausted(vec![left_out("work", WhyNot::Throttled, Some(20))], &[]);
        assert_eq!(exhausted.status(), 429);
        assert_eq!(
            exhausted.body().code.as_deref(),
            Some("rate_limit_exceeded")
        );
        assert_eq!(exhausted.body().resets_at, None);
    }

    #[test]
    fn a_throttled_account_is_back_long_before_an_empty_one() {
        let throttled = Setback::Throttled { retry_after: None };
        let exhausted = exhausted(
            vec![left_out("spare", WhyNot::Empty, Some(200_000))],
            &[(name("work"), throttled)],
        );
        assert_eq!(
            exhausted.body().code.as_deref(),
            Some("rate_limit_exceeded")
        );
        assert_eq!(
            (exhausted.retry_after(), exhausted.should_retry()),
            (Some(GUESSED_THROTTLE_REST), None)
        );
    }

    #[test]
    fn an_empty_pool_says_what_to_do() {
        let exhausted = exhausted(vec![], &[]);
        assert_eq!(exhausted.status(), 503);
        assert!(exhausted.to_string().contains("sign in"));
    }
}
