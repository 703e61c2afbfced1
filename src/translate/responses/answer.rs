//! One `response` object out of a stream, for a client that did not ask for a stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    EventKind, Failure, Item, OutputRecord, Terminal, TerminalEvent, TokenUsage, elements,
};
use crate::translate::{AnswerCollector, MAX_ANSWER_BYTES, Progress};

/// Collects events until the answer is complete.
#[derive(Debug)]
pub struct ResponsesAnswer {
    record: OutputRecord,
    response: Option<String>,
    usage: Option<TokenUsage>,
    terminal: Option<Terminal>,
}

impl ResponsesAnswer {
    /// `model` and `created` (seconds since 1970) are for an upstream that leaves them out.
    pub fn new(model: impl Into<String>, created: u64) -> Self {
        Self {
            record: OutputRecord::new(model, created),
            response: None,
            usage: None,
            terminal: None,
        }
    }

    /// The `response` object.
    ///
    /// # Errors
    /// When the stream ended before the answer was complete.
    pub fn finish(self) -> Result<Vec<u8>, Box<Failure>> {
        self.complete().map(|(_, response)| response.into_bytes())
    }

    /// How the answer ended, and the `response` object. [`output_items`] are what the model made.
    pub(crate) fn complete(self) -> Result<(Terminal, String), Box<Failure>> {
        self.terminal
            .zip(self.response)
            .ok_or_else(|| Box::new(Failure::truncated()))
    }
}

impl AnswerCollector for ResponsesAnswer {
    fn push_kind(&mut self, kind: EventKind, event_data: &[u8]) -> Result<Progress, Box<Failure>> {
        if self.terminal.is_some() {
            return Ok(Progress::Finished);
        }
        if event_data.len() > MAX_ANSWER_BYTES {
            return Err(Box::new(Failure::too_large(MAX_ANSWER_BYTES)));
        }
        let Some(event) = TerminalEvent::read(kind, event_data) else {
            self.record.note(kind, event_data)?;
            let is_output = !kind.is_handshake() && kind != EventKind::Other;
            return Ok(if is_output {
                Progress::Output
            } else {
                Progress::Nothing
            });
        };
        self.usage = event.usage;
        let as_it_came = || event.response.map(|response| response.get().to_owned());
        self.response = self.record.full_response(&event).or_else(as_it_came);
        if let Terminal::Failed(failure) = event.terminal {
            return Err(failure);
        }
        self.terminal = Some(event.terminal);
        Ok(Progress::Finished)
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }
}

/// The items of a `response` object.
///
/// # Errors
/// When it is no object.
pub(crate) fn output_items(response: &str) -> Result<Vec<Item<'_>>, Box<Failure>> {
    #[derive(Deserialize)]
    struct Output<'a> {
        #[serde(borrow)]
        output: Option<&'a RawValue>,
    }

    let output: Output<'_> = serde_json::from_str(response)
        .map_err(|_no_object| Box::new(Failure::unreadable_event()))?;
    let items = elements(output.output).into_iter();
    Ok(items.filter_map(Item::read).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_answer_is_the_response_object_with_its_output() {
        let mut answer = ResponsesAnswer::new("gpt-test", 1_700_000_000);
        let steps = [
            (
                r#"{"type":"response.created","response":{"id":"resp_1"}}"#,
                Progress::Nothing,
            ),
            (r#"{"type":"codex.rate_limits"}"#, Progress::Nothing),
            (
                r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"msg_1","type":"message","content":[]}}"#,
                Progress::Output,
            ),
            (
                r#"{"type":"response.completed","response":{"output":[],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}"#,
                Progress::Finished,
            ),
            (r#"{"type":"response.failed"}"#, Progress::Finished),
        ];
        for (event, progress) in steps {
            assert_eq!(answer.push(event.as_bytes()), Ok(progress), "{event}");
        }
        assert_eq!(answer.usage().map(|usage| usage.total), Some(3));
        let response: Value = serde_json::from_slice(&answer.finish().unwrap()).unwrap();
        assert_eq!(response["id"], "resp_1");
        assert_eq!(
            response["output"],
            json!([{"id": "msg_1", "type": "message", "content": []}])
        );
        assert_eq!(response["model"], "gpt-test");
    }

    #[test]
    fn a_failure_inside_the_stream_is_an_error() {
        let mut answer = ResponsesAnswer::new("m", 0);
        let failure = answer
            .push(br#"{"type":"response.failed","response":{"error":{"code":"server_is_overloaded","message":"busy"}}}"#)
            .unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("server_is_overloaded"));
    }

    #[test]
    fn a_stream_without_an_end_is_truncated() {
        let mut answer = ResponsesAnswer::new("m", 0);
        answer
            .push(br#"{"type":"response.output_text.delta","delta":"half"}"#)
            .unwrap();
        assert_eq!(answer.finish(), Err(Box::new(Failure::truncated())));
    }
}
