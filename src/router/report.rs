//! What the router tells the worker: the outcome of every attempt, and every request that is done.
//!
//! Told through a bounded channel without waiting: a request never waits for its own record. What does not fit is dropped
//! and counted.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tracing::warn;

use super::attempt::Attempt;
use super::keys::Caller;
use super::metrics::Metrics;
use super::refused::RefusedParameter;
use super::reply::Refusal;
use super::trace::{AttemptNote, Considered, Preview, Trace};
use crate::client_key::{KeyId, Permit, Used};
use crate::pool::affinity::{Binding, SessionKey};
use crate::pool::{Reason, Told};
use crate::price::{Prices, Tokens};
use crate::profile::ProfileName;
use crate::translate::models::Model;
use crate::translate::responses::TokenUsage;
use crate::usage::Usage;

#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    Attempt(AttemptOutcome),
    Request(Box<RequestDone>),
    /// A profile offers other models than were known of it.
    Models {
        profile: ProfileName,
        models: Arc<[Model]>,
    },
    /// Where a session lives, to be kept for the next run.
    Bound(Binding),
    /// An upstream refused a parameter: all that are left out by now.
    Refused(Vec<RefusedParameter>),
}

/// What one profile answered to one attempt. Boils down to: use it again, rest it, or ask the user to sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptOutcome {
    pub profile: ProfileName,
    /// What was asked for; empty when no model was named.
    pub model: String,
    pub began: SystemTime,
    pub at: SystemTime,
    pub result: AttemptResult,
    /// Whether it says something about the profile. What the same request met elsewhere in the same words does not.
    pub counts: bool,
    /// What the reply told about the account's allowance.
    pub usage: Option<Usage>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// It answered to the end.
    Served,
    /// Its allowance is used up.
    UsageLimit {
        told: Option<Told>,
    },
    /// The allowance for this model is used up.
    ModelLimit {
        told: Option<Told>,
    },
    /// Too much at once; not the allowance.
    Throttled {
        retry_after: Option<Duration>,
    },
    /// The service has too much to do, for everybody.
    Overloaded {
        retry_after: Option<Duration>,
    },
    /// Something in front of the service asks for proof that we are people.
    Challenged,
    /// The account itself is refused, whatever the token.
    AccountRefused {
        what: String,
    },
    /// The access token was refused, even a fresh one if one could be had.
    Unauthorized,
    /// The service failed in a way that may be the account's or the service's fault.
    Failing {
        what: String,
    },
    /// It was asked and said nothing for so long.
    Silent {
        after: Duration,
    },
    /// The network or whatever stands in front of the service; says nothing about the account.
    Unreachable,
    ModelNotSupported {
        model: String,
    },
    /// The request itself was refused; says nothing about the account.
    ClientFault {
        status: u16,
    },
    /// The reply broke off.
    Cut,
    /// The client went away first.
    Abandoned,
}

/// One request of a client, when it is over.
#[derive(Clone, Debug, PartialEq)]
pub struct RequestDone {
    pub id: String,
    /// The client's key, if it has one.
    pub key: Option<KeyId>,
    pub dialect: Dialect,
    /// As the client wrote it; empty when the request was refused before it was read.
    pub model: String,
    /// What an upstream was asked for, which a map of names may have chosen; empty when nobody was asked.
    pub asked_model: String,
    /// Who served it, or was asked last.
    pub profile: Option<ProfileName>,
    /// Why that profile was chosen.
    pub reason: Option<Reason>,
    /// A hash of what the client calls its session, or of how the conversation begins.
    pub session: Option<SessionKey>,
    /// Among whom.
    pub considered: Considered,
    pub attempts: Vec<AttemptNote>,
    /// As the client saw it; 499 when it went away before the end.
    pub status: u16,
    /// Whether the answer ended as it should.
    pub is_complete: bool,
    /// The code of the error that the client was told.
    pub error: Option<String>,
    pub took: Duration,
    /// Until the first byte of the answer's body was ready.
    pub first_token: Option<Duration>,
    /// As the upstream told.
    pub tokens: Option<TokenUsage>,
    /// What it took by its length, where an answer in words did not tell.
    pub estimate: Option<TokenUsage>,
    /// Attempts beyond the first.
    pub retries: u32,
    /// Fields of the request that had no place upstream.
    pub dropped: Vec<String>,
    /// Only when the user wants bodies kept.
    pub preview: Option<Preview>,
    pub at: SystemTime,
}

/// How the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Chat,
    /// The old text completions.
    Completions,
    /// A conversation becomes one item.
    Compaction,
    Embeddings,
    ImageEdits,
    /// Only the API has them.
    ImageVariations,
    Images,
    Moderations,
    /// What a Messages client asks about its own request; nobody but the router answers.
    CountTokens,
    Messages,
    Responses,
    /// Text to sound.
    Speech,
    /// Sound to text.
    Transcriptions,
    /// Sound to English text.
    Translations,
}

impl Dialect {
    /// Whether a text model answers in words.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Chat | Self::Compaction | Self::Completions | Self::Messages | Self::Responses
        )
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Compaction => "compaction",
            Self::Embeddings => "embeddings",
            Self::ImageEdits => "image edits",
            Self::ImageVariations => "image variations",
            Self::Images => "images",
            Self::Moderations => "moderations",
            Self::CountTokens => "count_tokens",
            Self::Messages => "messages",
            Self::Responses => "responses",
            Self::Speech => "speech",
            Self::Transcriptions => "transcriptions",
            Self::Translations => "translations",
        }
    }
}

/// nginx's number for a client that went away; never sent to anybody.
pub(super) const CLIENT_GONE: u16 = 499;

/// The router's end of the channel.
#[derive(Debug)]
pub(super) struct Reports {
    sender: mpsc::Sender<Report>,
    metrics: Option<Arc<Metrics>>,
    dropped: AtomicU64,
}

impl Reports {
    pub(super) fn new(sender: mpsc::Sender<Report>, metrics: Option<Arc<Metrics>>) -> Self {
        Self {
            sender,
            metrics,
            dropped: AtomicU64::new(0),
        }
    }

    pub(super) fn metrics(&self) -> Option<&Arc<Metrics>> {
        self.metrics.as_ref()
    }

    pub(super) fn tell(&self, report: Report) {
        // Before it may be dropped: what happened is counted all the same.
        if let Some(metrics) = &self.metrics {
            metrics.note(&report);
        }
        match self.sender.try_send(report) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
                // Once at the first and then rarely: a full channel is full for many.
                if dropped.is_power_of_two() {
                    warn!(dropped, "the worker does not keep up; records are lost");
                }
            }
            // The worker is stopping, and with it whoever would read this.
            Err(TrySendError::Closed(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

/// A request under way. Tells its end exactly once: when it is closed, or as abandoned when it is dropped before.
#[derive(Debug)]
pub(super) struct Record {
    house: Arc<super::House>,
    pub(super) started: Instant,
    caller: Caller,
    /// The place that the request takes; given back when it is told.
    permit: Option<Permit>,
    /// Taken when it is told.
    done: Option<RequestDone>,
    trace: Trace,
    /// What came and went, for an answer that does not tell what it cost.
    length: Length,
}

/// How long a request and its answer are.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    request_bytes: usize,
    /// Events with a piece of the answer; nearly always it is one token.
    pieces: u64,
}

impl Length {
    /// No model reads more; pictures in a request are longer than what they cost.
    const MOST_INPUT: usize = 400_000;

    /// About four letters are a token.
    fn tokens(self) -> Option<TokenUsage> {
        let input = (self.request_bytes / 4).min(Self::MOST_INPUT) as u64;
        (self.pieces > 0).then(|| TokenUsage {
            input,
            output: self.pieces,
            total: input.saturating_add(self.pieces),
            ..TokenUsage::default()
        })
    }
}

impl Record {
    pub(super) fn open(
        house: Arc<super::House>,
        id: String,
        dialect: Dialect,
        caller: Caller,
    ) -> Self {
        let done = RequestDone {
            id,
            key: caller.id().cloned(),
            dialect,
            model: String::new(),
            asked_model: String::new(),
            profile: None,
            reason: None,
            session: None,
            considered: Considered::default(),
            attempts: Vec::new(),
            status: CLIENT_GONE,
            is_complete: false,
            error: None,
            took: Duration::ZERO,
            first_token: None,
            tokens: None,
            estimate: None,
            retries: 0,
            dropped: Vec::new(),
            preview: None,
            at: SystemTime::now(),
        };
        Self {
            house,
            started: Instant::now(),
            caller,
            permit: None,
            done: Some(done),
            trace: Trace::default(),
            length: Length::default(),
        }
    }

    /// Takes the place of this request among those of its key, perhaps after a while.
    ///
    /// # Errors
    /// When there is none for it.
    pub(super) async fn take_place(&mut self) -> Result<(), Refusal> {
        if let Some(done) = &self.done {
            self.permit = Some(self.house.keys.begin(&self.caller, done.dialect).await?);
        }
        Ok(())
    }

    /// Who asks.
    pub(super) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The effort that the caller's key puts in the place of the client's.
    pub(super) fn own_effort(&self) -> Option<&str> {
        self.caller.effort(self.done.as_ref()?.dialect)
    }

    /// Adds to what will be told. Does nothing once it is told.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut RequestDone)) {
        if let Some(done) = &mut self.done {
            change(done);
        }
    }

    pub(super) fn id(&self) -> &str {
        self.done.as_ref().map_or("", |done| &done.id)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.done.is_none()
    }

    pub(super) fn close(&mut self, status: u16, is_complete: bool) {
        if let Some(mut done) = self.done.take() {
            done.status = status;
            done.is_complete = is_complete;
            done.took = self.started.elapsed();
            let is_told = done.tokens.is_some() || !done.dialect.is_text();
            done.estimate = self.length.tokens().filter(|_| !is_told);
            if let Some(permit) = self.permit.take() {
                let tokens = done.tokens.or(done.estimate).unwrap_or_default();
                let used = used(&done.asked_model, tokens, &self.house.prices);
                self.house.keys.end(permit, used);
            }
            done.attempts = std::mem::take(&mut self.trace).into_notes();
            self.house.reports.tell(Report::Request(Box::new(done)));
        }
    }

    /// The next profile is being asked.
    pub(super) fn begin(&mut self, attempt: &Attempt, at: SystemTime) {
        let name = attempt.member().name.clone();
        self.trace.begin(name, at, attempt.end());
    }

    /// The same profile is asked once more, after what these words tell was done.
    pub(super) fn mend(&mut self, words: impl Into<Cow<'static, str>>) {
        self.note(|done| done.retries += 1);
        self.trace.mend(words.into());
    }

    /// What the client is told instead of an answer, or of its end.
    pub(super) fn note_error(&mut self, code: Option<String>) {
        self.note(|done| done.error = code);
    }

    /// The body of the request is here.
    pub(super) fn note_request(&mut self, bytes: usize) {
        self.length.request_bytes = bytes;
    }

    /// One more piece of the answer is here.
    pub(super) fn note_piece(&mut self) {
        self.length.pieces += 1;
    }

    pub(super) fn note_first_token(&mut self) {
        let elapsed = self.started.elapsed();
        self.note(|done| {
            done.first_token.get_or_insert(elapsed);
        });
    }
}

/// What an upstream counted, as prices know it.
pub fn priced(tokens: TokenUsage) -> Tokens {
    Tokens {
        input: tokens.input,
        cached: tokens.cached,
        output: tokens.output,
        reasoning: tokens.reasoning,
    }
}

/// What a request took of the budgets of its key.
fn used(asked_model: &str, tokens: TokenUsage, prices: &Prices) -> Used {
    let priced = priced(tokens);
    Used {
        input: tokens.input,
        cached: tokens.cached,
        output: tokens.output,
        micro_usd: prices.cost(asked_model, priced).map(|cost| cost.0),
    }
}

impl Drop for Record {
    /// Nobody closed it: either the client is gone, or we have made a mistake.
    fn drop(&mut self) {
        let status = if std::thread::panicking() {
            500
        } else {
            CLIENT_GONE
        };
        self.close(status, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let (sender, mut receiver) = mpsc::channel(1);
        let reports = Reports::new(sender, None);
        let outcome = |result| {
            Report::Attempt(AttemptOutcome {
                profile: ProfileName::parse("work").unwrap(),
                model: String::new(),
                began: SystemTime::UNIX_EPOCH,
                at: SystemTime::UNIX_EPOCH,
                result,
                counts: true,
                usage: None,
            })
        };
        reports.tell(outcome(AttemptResult::Served));
        reports.tell(outcome(AttemptResult::Cut));
        assert_eq!(reports.dropped(), 1);
        assert_eq!(receiver.try_recv().unwrap(), outcome(AttemptResult::Served));
    }
}
