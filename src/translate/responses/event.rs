//! The events of a Responses stream, recognised without taking them apart.
//!
//! Names: the OpenAI API reference and openai-python `types/responses/response_stream_event.py`; the private frames of
//! the ChatGPT backend as `openai/codex: codex-rs/codex-api/src/sse/responses.rs` reads them. The set is open: a type
//! that we do not know is [`EventKind::Other`] and never a failure.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::Failure;
use crate::translate::raw;
use crate::translate::sse::Frame;

/// The `type` of an event, as far as anything of ours depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    Created,
    Queued,
    InProgress,
    /// `codex.rate_limits`, sent by the ChatGPT backend before or between real events.
    CodexRateLimits,
    /// Any other `codex.*` frame and `response.metadata`: news for the Codex CLI, unknown to SDKs.
    Vendor,
    OutputItemAdded,
    OutputItemDone,
    ContentPartDone,
    OutputTextDelta,
    OutputTextDone,
    AnnotationAdded,
    RefusalDelta,
    RefusalDone,
    FunctionArgumentsDelta,
    FunctionArgumentsDone,
    CustomInputDelta,
    CustomInputDone,
    ReasoningSummaryDelta,
    ReasoningSummaryDone,
    ReasoningTextDelta,
    ReasoningTextDone,
    PartialImage,
    Completed,
    /// `response.done`, which some gateways send for `response.completed`.
    Done,
    Incomplete,
    Failed,
    /// A top-level `error` event, or a bare `{"error":…}` without a type.
    Error,
    Other,
}

impl EventKind {
    /// The kind of an event by its data, or by its `event` line when the data has no type.
    pub fn of_frame(frame: &Frame) -> Self {
        match Self::of_data(&frame.data) {
            Self::Other => match &frame.event {
                Some(event) if type_in_front(&frame.data).is_none() => {
                    Self::of_untyped(event, &frame.data)
                }
                _ => Self::Other,
            },
            kind => kind,
        }
    }

    /// The kind of an event by the `type` in its data, which every known upstream puts first.
    pub fn of_data(data: &[u8]) -> Self {
        if let Some(name) = type_in_front(data) {
            return Self::of_type(name);
        }
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow, rename = "type")]
            kind: Option<&'a RawValue>,
            error: Option<IgnoredAny>,
        }
        match serde_json::from_slice::<Head<'_>>(data) {
            Ok(head) => match raw::filled_text(head.kind) {
                Some(name) => Self::of_type(name.as_bytes()),
                None if head.error.is_some() => Self::Error,
                None => Self::Other,
            },
            Err(_) => Self::Other,
        }
    }

    pub fn of_type(name: &[u8]) -> Self {
        match name {
            b"response.output_text.delta" => Self::OutputTextDelta,
            b"response.function_call_arguments.delta" => Self::FunctionArgumentsDelta,
            b"response.reasoning_summary_text.delta" => Self::ReasoningSummaryDelta,
            b"response.reasoning_text.delta" => Self::ReasoningTextDelta,
            b"response.custom_tool_call_input.delta" => Self::CustomInputDelta,
            b"response.refusal.delta" => Self::RefusalDelta,
            b"response.created" => Self::Created,
            b"response.queued" => Self::Queued,
            b"response.in_progress" => Self::InProgress,
            b"response.output_item.added" => Self::OutputItemAdded,
            b"response.output_item.done" => Self::OutputItemDone,
            b"response.content_part.done" => Self::ContentPartDone,
            b"response.output_text.done" => Self::OutputTextDone,
            b"response.output_text.annotation.added" => Self::AnnotationAdded,
            b"response.refusal.done" => Self::RefusalDone,
            b"response.function_call_arguments.done" => Self::FunctionArgumentsDone,
            b"response.custom_tool_call_input.done" => Self::CustomInputDone,
            b"response.reasoning_summary_text.done" => Self::ReasoningSummaryDone,
            b"response.reasoning_text.done" => Self::ReasoningTextDone,
            b"response.image_generation_call.partial_image" => Self::PartialImage,
            b"response.completed" => Self::Completed,
            b"response.done" => Self::Done,
            b"response.incomplete" => Self::Incomplete,
            b"response.failed" => Self::Failed,
            b"error" => Self::Error,
            b"codex.rate_limits" => Self::CodexRateLimits,
            b"response.metadata" => Self::Vendor,
            other if other.starts_with(b"codex.") => Self::Vendor,
            _ => Self::Other,
        }
    }

    /// Whether the event says nothing of the answer yet, so that a refusal after it can still go to another profile.
    pub fn is_handshake(self) -> bool {
        matches!(
            self,
            Self::Created | Self::Queued | Self::InProgress | Self::CodexRateLimits | Self::Vendor
        )
    }

    /// Whether the upstream has nothing more to say after this event.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Done | Self::Incomplete | Self::Failed | Self::Error
        )
    }

    /// Whether the event is private to the Codex CLI and must not reach the typed clients of the public API.
    pub fn is_vendor(self) -> bool {
        matches!(self, Self::CodexRateLimits | Self::Vendor)
    }

    /// The kind of data that has no type of its own, by the name on the `event` line.
    fn of_untyped(event: &[u8], data: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Typed {
            #[serde(rename = "type")]
            kind: Option<IgnoredAny>,
        }
        match serde_json::from_slice::<Typed>(data) {
            Ok(Typed { kind: Some(_) }) => Self::Other,
            _ => Self::of_type(event),
        }
    }
}

/// The value of `type` when it is the first key and has no escapes: a glance instead of a parse.
fn type_in_front(data: &[u8]) -> Option<&[u8]> {
    let rest = data
        .trim_ascii_start()
        .strip_prefix(b"{")?
        .trim_ascii_start();
    let rest = rest.strip_prefix(b"\"type\"")?.trim_ascii_start();
    let rest = rest
        .strip_prefix(b":")?
        .trim_ascii_start()
        .strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', rest)?;
    let (name, rest) = rest.split_at_checked(end)?;
    rest.starts_with(b"\"").then_some(name)
}

/// `output_item.added`, `output_item.done`, `content_part.done`, `annotation.added` and partial images.
#[derive(Debug, Deserialize)]
pub(crate) struct ItemEvent<'a> {
    #[serde(borrow)]
    pub item: Option<&'a RawValue>,
    #[serde(borrow)]
    pub part: Option<&'a RawValue>,
    #[serde(borrow)]
    pub annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub partial_image_b64: Option<&'a RawValue>,
    #[serde(borrow)]
    pub output_format: Option<&'a RawValue>,
    #[serde(borrow)]
    pub item_id: Option<&'a RawValue>,
    pub output_index: Option<u64>,
    pub content_index: Option<u64>,
}

/// One item of `output`, or one part of its content: a union of the fields that we read of any of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Item<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    pub id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub call_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    pub input: Option<&'a RawValue>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    summary: Option<&'a RawValue>,
    /// The reasoning itself, for nobody but the upstream that made it.
    #[serde(borrow)]
    pub encrypted_content: Option<&'a RawValue>,
    /// The base64 of a generated image.
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
    #[serde(borrow)]
    pub output_format: Option<&'a RawValue>,
    #[serde(borrow)]
    pub text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub logprobs: Option<&'a RawValue>,
}

impl<'a> Item<'a> {
    /// Reads an item leniently: anything that is no object has no fields that could be read.
    pub fn read(json: &'a RawValue) -> Option<Self> {
        serde_json::from_str(json.get()).ok() // no object: nothing of ours is in it
    }

    pub fn kind(&self) -> Cow<'a, str> {
        raw::text(self.kind).unwrap_or_default()
    }

    pub fn content(&self) -> Vec<&'a RawValue> {
        elements(self.content)
    }

    /// What the model thought, as far as it is told: the summary, or else the reasoning itself.
    pub fn thoughts(&self) -> Vec<&'a RawValue> {
        let summary = elements(self.summary);
        if summary.is_empty() {
            self.content()
        } else {
            summary
        }
    }

    /// The id of a call, or else of its item.
    pub fn any_call_id(&self) -> Option<Cow<'a, str>> {
        raw::filled_text(self.call_id).or_else(|| raw::filled_text(self.id))
    }

    pub fn annotations(&self) -> Vec<&'a RawValue> {
        elements(self.annotations)
    }
}

/// The elements of an array; none for any other value.
pub(crate) fn elements(json: Option<&RawValue>) -> Vec<&RawValue> {
    let elements = json.map(|json| serde_json::from_str(json.get()));
    elements.and_then(Result::ok).unwrap_or_default() // no array: no elements
}

/// Reads an event of a kind that we know.
///
/// # Errors
/// When the data is no JSON: part of the answer would be missing. JSON of another shape is `None`, because upstreams
/// change their events and an answer is still an answer without a detail.
pub(crate) fn read_event<'a, T: Deserialize<'a>>(
    data: &'a [u8],
) -> Result<Option<T>, Box<Failure>> {
    match serde_json::from_slice(data) {
        Ok(event) => Ok(Some(event)),
        Err(error) if error.is_data() => Ok(None),
        Err(_) => Err(Box::new(Failure::unreadable_event())),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::translate::sse::Frames;

    fn of_stream(stream: &'static str) -> EventKind {
        let mut frames = Frames::default();
        frames.push(Bytes::from_static(stream.as_bytes()));
        EventKind::of_frame(&frames.next().unwrap().unwrap())
    }

    #[test]
    fn the_type_is_found_wherever_it_stands() {
        for data in [
            r#"{"type":"response.output_text.delta","delta":"x"}"#,
            r#" { "type" : "response.output_text.delta" }"#,
            r#"{"delta":"\"type\":\"error\"","type":"response.output_text.delta"}"#,
            r#"{"type":"response.output_te\u0078t.delta"}"#,
        ] {
            assert_eq!(
                EventKind::of_data(data.as_bytes()),
                EventKind::OutputTextDelta,
                "{data}"
            );
        }
    }

    #[test]
    fn unknown_and_broken_events_are_other_and_never_a_failure() {
        for data in [
            "",
            "[DONE]",
            "{",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"response.new_thing"}"#,
            r#"{"type":""#,
        ] {
            assert_eq!(
                EventKind::of_data(data.as_bytes()),
                EventKind::Other,
                "{data}"
            );
        }
    }

    #[test]
    fn the_event_line_speaks_when_the_data_has_no_type() {
        assert_eq!(
            of_stream("event: response.completed\ndata: {\"response\":{}}\n\n"),
            EventKind::Completed
        );
        assert_eq!(
            of_stream("event: response.completed\ndata: {\"type\":\"x\"}\n\n"),
            EventKind::Other
        );
        assert_eq!(
            of_stream("event: x\ndata: {\"a\":1,\"type\":\"error\"}\n\n"),
            EventKind::Error
        );
        assert_eq!(
            of_stream("data: {\"error\":{\"message\":\"no\"}}\n\n"),
            EventKind::Error
        );
    }

    #[test]
    fn a_type_in_front_is_seen_without_reading_the_rest() {
        let kind = EventKind::of_data(br#"{"type":"response.output_text.delta","delta":"cut"#);
        assert_eq!(kind, EventKind::OutputTextDelta);
    }

    #[test]
    fn handshake_frames_can_be_held_back_and_vendor_frames_hidden() {
        for name in [
            "response.created",
            "response.in_progress",
            "response.queued",
            "response.metadata",
            "codex.rate_limits",
            "codex.response.metadata",
            "codex.something_new",
        ] {
            let kind = EventKind::of_type(name.as_bytes());
            assert!(kind.is_handshake() && !kind.is_terminal(), "{name}");
            assert_eq!(
                kind.is_vendor(),
                !matches!(
                    name,
                    "response.created" | "response.in_progress" | "response.queued"
                )
            );
        }
        for name in [
            "response.output_item.added",
            "response.output_text.delta",
            "error",
            "response.failed",
        ] {
            assert!(
                !EventKind::of_type(name.as_bytes()).is_handshake(),
                "{name}"
            );
        }
    }

    #[test]
    fn five_types_end_a_stream() {
        for name in [
            "response.completed",
            "response.done",
            "response.incomplete",
            "response.failed",
            "error",
        ] {
            assert!(EventKind::of_type(name.as_bytes()).is_terminal(), "{name}");
        }
    }
}
