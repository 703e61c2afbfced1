//! What became of one request: who was asked and why, who was left out until when, what each attempt brought, what it used.
//!
//! The ledger keeps it, the snapshot carries the last few, the command line explains it. Never in it: bodies (but for a preview
//! that the user asked for), keys, tokens, e-mails.

use std::time::{Duration, SystemTime};

use crate::price::{MicroDollars, Tokens};
use crate::profile::ProfileName;

mod programs;
mod told;

pub use programs::{CSV_HEAD, csv_row, json_of, millis, tokens_json};
pub use told::{decision, ended, explain, outcome, why_not};

#[derive(Clone, Debug, PartialEq)]
pub struct RequestRecord {
    /// As the client finds it in `x-request-id`.
    pub id: String,
    pub at: SystemTime,
    /// The id of the client's key.
    pub key: Option<String>,
    pub dialect: String,
    /// As the client wrote it; empty when the request was refused before it was read.
    pub model: String,
    /// What an upstream was asked for; empty when nobody was asked.
    pub asked_model: String,
    /// Who served it, or was asked last.
    pub profile: Option<ProfileName>,
    /// Whether that profile is paid by the request, not by a plan.
    pub is_paid: bool,
    pub strategy: String,
    /// Why that profile was chosen.
    pub reason: Option<String>,
    /// In the order in which they would have been asked at the last choice.
    pub candidates: Vec<Considered>,
    pub left_out: Vec<LeftOut>,
    /// Profiles that were considered and do not stand here: the lists are bounded.
    pub unlisted: u32,
    pub attempts: Vec<AttemptRecord>,
    /// As the client saw it; 499 when it went away before the end.
    pub status: u16,
    /// Whether the answer ended as it should; a cut stream has status 200 and is not complete.
    pub is_complete: bool,
    /// The code of the error that the client was told.
    pub error: Option<String>,
    pub tokens: Option<Tokens>,
    /// Whether these are an estimate by its length: the answer was cut, or did not tell.
    pub is_estimate: bool,
    /// An estimate by list prices; `None` when tokens or price are unknown.
    pub cost: Option<MicroDollars>,
    pub took: Duration,
    pub first_token: Option<Duration>,
    /// Attempts beyond the first.
    pub retries: u32,
    /// Fields of the request that had no place upstream.
    pub dropped: Vec<String>,
    /// A hash of the client's session.
    pub session: Option<String>,
    /// The beginning of the body, redacted, when the user wants that kept.
    pub preview: Option<String>,
}

/// A profile that could have served.
#[derive(Clone, Debug, PartialEq)]
pub struct Considered {
    pub profile: ProfileName,
    pub reason: String,
    /// What the strategy counted, if there was something to count.
    pub score: Option<f64>,
    /// The same in words: `80 percent left`.
    pub standing: String,
}

/// A profile that could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    pub profile: ProfileName,
    pub why: String,
    /// When that may end by itself.
    pub until: Option<SystemTime>,
}

/// One profile's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRecord {
    pub profile: ProfileName,
    pub at: SystemTime,
    pub took: Duration,
    pub result: AttemptClass,
    /// More about it: `status 500`, a model's name.
    pub what: Option<String>,
    /// When the profile can be used again, if the upstream said so.
    pub until: Option<SystemTime>,
    /// What was mended on the way, so that the same profile was asked once more.
    pub mended: Vec<String>,
}

/// How the keeping of records is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerState {
    /// Rows that were not kept since the start.
    pub lost: u64,
    /// Nothing is written at the moment.
    pub trouble: Option<LedgerTrouble>,
    /// The name under which a damaged file was set aside since the start.
    pub set_aside: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerTrouble {
    pub since: SystemTime,
    /// A sentence without a full stop.
    pub reason: String,
}

/// What requests may have in common that somebody looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Failed,
    /// However it ended, it took more than one attempt.
    Retried,
}

/// Whether a request went wrong, as its client sees it. A client that left is no failure of ours.
pub fn is_failure(status: u16, is_complete: bool) -> bool {
    status != 499 && (status >= 400 || !is_complete)
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptClass {
    Served,
    UsageLimit,
    Throttled,
    /// The service has too much to do, for everybody.
    Overloaded,
    /// Something in front of the service asks for proof that we are people.
    Challenged,
    /// The account itself, whatever the token.
    AccountRefused,
    Unauthorized,
    Failing,
    Unreachable,
    ModelNotSupported,
    ClientFault,
    Cut,
    Abandoned,
    /// Nothing went out: there was no token, or this kind of upstream cannot answer such a request.
    NotSent,
}

impl AttemptClass {
    pub const ALL: [Self; 14] = [
        Self::Served,
        Self::UsageLimit,
        Self::Throttled,
        Self::Overloaded,
        Self::Challenged,
        Self::AccountRefused,
        Self::Unauthorized,
        Self::Failing,
        Self::Unreachable,
        Self::ModelNotSupported,
        Self::ClientFault,
        Self::Cut,
        Self::Abandoned,
        Self::NotSent,
    ];

    /// As it is kept and told to programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Served => "served",
            Self::UsageLimit => "usage_limit",
            Self::Throttled => "throttled",
            Self::Overloaded => "overloaded",
            Self::Challenged => "challenged",
            Self::AccountRefused => "account_refused",
            Self::Unauthorized => "unauthorized",
            Self::Failing => "failing",
            Self::Unreachable => "unreachable",
            Self::ModelNotSupported => "model_not_supported",
            Self::ClientFault => "client_fault",
            Self::Cut => "cut",
            Self::Abandoned => "abandoned",
            Self::NotSent => "not_sent",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == text)
    }
}

impl RequestRecord {
    /// An account is called something else by now.
    pub fn rename(&mut self, from: &ProfileName, to: &ProfileName) {
        self.call(|name| (name == from).then(|| to.clone()));
    }

    /// Calls every account of which it tells as this says, if it says anything.
    pub fn call(&mut self, called: impl Fn(&ProfileName) -> Option<ProfileName>) {
        let considered = self.candidates.iter_mut().map(|it| &mut it.profile);
        let left_out = self.left_out.iter_mut().map(|it| &mut it.profile);
        let attempts = self.attempts.iter_mut().map(|it| &mut it.profile);
        let all = considered.chain(left_out).chain(attempts);
        for name in all.chain(&mut self.profile) {
            if let Some(other) = called(name) {
                *name = other;
            }
        }
    }

    /// Whether it tells of this account.
    pub fn tells_of(&self, name: &ProfileName) -> bool {
        let considered = self.candidates.iter().map(|it| &it.profile);
        let left_out = self.left_out.iter().map(|it| &it.profile);
        let attempts = self.attempts.iter().map(|it| &it.profile);
        let mut all = considered
            .chain(left_out)
            .chain(attempts)
            .chain(&self.profile);
        all.any(|it| it == name)
    }

    pub fn is(&self, ended: Ended) -> bool {
        match ended {
            Ended::Failed => is_failure(self.status, self.is_complete),
            Ended::Retried => self.retries > 0,
        }
    }
}
