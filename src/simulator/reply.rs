//! What an account answers to a request for a response, when a test wants something particular.

use std::time::Duration;

use super::{events::Event, gate::Gate, http_reply::HttpReply};

/// One scripted reply. The request is still checked first: a script never hides a bad request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) answer: Answer,
    pub(super) ending: Ending,
    pub(super) held: Option<Gate>,
}

/// What is said.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Canned,
    Text {
        reasoning: Option<String>,
        text: String,
    },
    /// Names and arguments, told in turns.
    ToolCalls(Vec<(String, String)>),
    /// A picture by the hosted tool, with so many looks at it before.
    Image(u64),
    /// The item that stands for a conversation.
    Compaction,
    Refusal(String),
    Incomplete(String),
    /// `response.failed` with this code, right after the handshake events.
    Failed(String),
    /// A top-level `error` event with this code, right after the handshake events.
    ErrorEvent(String),
    Events(Vec<Event>),
    UsageLimit(Duration),
    Throttled(Duration),
    Unauthorized,
    Http(HttpReply),
}

/// How the stream stops. A count larger than the stream has events means: after its last event.
#[derive(Clone, Debug)]
pub enum Ending {
    Whole,
    /// The connection breaks after so many events: the client sees an incomplete body.
    CutAfter(usize),
    /// The body ends properly after so many events, without a terminal event.
    EofAfter(usize),
    /// Silence after so many events until the test opens the gate or the client goes; then the rest.
    StallAfter(usize, Gate),
}

impl Reply {
    /// What the simulator says by itself; good as a link in a queue.
    pub fn canned() -> Self {
        Self::new(Answer::Canned)
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::new(Answer::Text {
            reasoning: None,
            text: text.into(),
        })
    }

    /// A reasoning summary before the text, whether asked for or not.
    pub fn text_with_reasoning(summary: impl Into<String>, text: impl Into<String>) -> Self {
        Self::new(Answer::Text {
            reasoning: Some(summary.into()),
            text: text.into(),
        })
    }

    /// `arguments` is sent as it is, be it JSON or not.
    pub fn tool_call(name: &str, arguments: &str) -> Self {
        Self::tool_calls([(name, arguments)])
    }

    /// Several calls at once, their argument deltas interleaved.
    pub fn tool_calls<'a>(calls: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let calls = calls
            .into_iter()
            .map(|(name, arguments)| (name.to_owned(), arguments.to_owned()))
            .collect();
        Self::new(Answer::ToolCalls(calls))
    }

    /// The model says no, in a refusal part.
    pub fn refusal(text: &str) -> Self {
        Self::new(Answer::Refusal(text.to_owned()))
    }

    /// Some text, then `response.incomplete` with this reason.
    pub fn incomplete(reason: &str) -> Self {
        Self::new(Answer::Incomplete(reason.to_owned()))
    }

    /// HTTP 429: `usage_limit_reached` with limit headers from ChatGPT, `insufficient_quota` from the platform.
    pub fn usage_limit(resets_in: Duration) -> Self {
        Self::new(Answer::UsageLimit(resets_in))
    }

    /// HTTP 429 `rate_limit_exceeded` with `retry-after` in seconds: too fast, not used up.
    pub fn throttled(retry_after: Duration) -> Self {
        Self::new(Answer::Throttled(retry_after))
    }

    /// HTTP 401, as for a token that was invalidated.
    pub fn unauthorized() -> Self {
        Self::new(Answer::Unauthorized)
    }

    pub fn status(status: u16, body: impl Into<String>) -> Self {
        Self::http(HttpReply::text(status, body))
    }

    /// An edge's page, see [`HttpReply::html`].
    pub fn html(status: u16) -> Self {
        Self::http(HttpReply::html(status))
    }

    pub fn http(reply: HttpReply) -> Self {
        Self::new(Answer::Http(reply))
    }

    /// HTTP 200, created, in progress, then `response.failed` with this code.
    pub fn refusal_inside_200(code: &str) -> Self {
        Self::new(Answer::Failed(code.to_owned()))
    }

    /// HTTP 200, created, in progress, then an `error` event with this code.
    pub fn error_event(code: &str) -> Self {
        Self::new(Answer::ErrorEvent(code.to_owned()))
    }

    /// Exactly these events; sequence numbers are filled in. With `stream: false` the last one must be terminal.
    pub fn events(events: impl IntoIterator<Item = Event>) -> Self {
        Self::new(Answer::Events(events.into_iter().collect()))
    }

    /// The canned answer with [`Ending::CutAfter`].
    pub fn cut_after(events: usize) -> Self {
        Self::canned().ending(Ending::CutAfter(events))
    }

    /// The canned answer with [`Ending::EofAfter`].
    pub fn clean_eof_after(events: usize) -> Self {
        Self::canned().ending(Ending::EofAfter(events))
    }

    /// The canned answer with [`Ending::StallAfter`].
    pub fn stall_after(events: usize, gate: &Gate) -> Self {
        Self::canned().ending(Ending::StallAfter(events, gate.clone()))
    }

    /// The canned answer, not even its head sent before the gate opens.
    pub fn slow_start(gate: &Gate) -> Self {
        Self::canned().held(gate)
    }

    /// Stops this reply's stream in another way. Has no effect on a reply that is not a stream.
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Keeps the whole reply back until the test opens the gate.
    pub fn held(mut self, gate: &Gate) -> Self {
        self.held = Some(gate.clone());
        self
    }

    fn new(answer: Answer) -> Self {
        Self {
            answer,
            ending: Ending::Whole,
            held: None,
        }
    }
}
