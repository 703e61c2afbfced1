//! What a stream has said so far: enough to fill in a terminal event that leaves its answer out.
//!
//! The ChatGPT backend regularly ends with an empty `output` (`router-for-me/CLIProxyAPI:
//! internal/runtime/executor/codex_executor_terminal.go`), while the SDKs read the final answer from there. Items come
//! from `output_item.done`; one that was never closed is put together from its deltas.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{DeltaEvent, EventKind, Failure, Item, ItemEvent, Terminal, TerminalEvent, read_event};
use crate::translate::MAX_ANSWER_BYTES;
use crate::translate::pieces::sent::id_hash;
use crate::translate::raw::{self, RawObject, inner, push_string};

/// Collects the items of one answer.
#[derive(Debug)]
pub struct OutputRecord {
    /// The client's model, for an upstream that names none.
    model: String,
    /// Seconds since 1970, for an upstream that tells no time.
    created: u64,
    /// The `response` object of `response.created`: what the terminal event lacks may stand here.
    opening: Option<String>,
    slots: BTreeMap<u64, Slot>,
    stored_bytes: usize,
    max_bytes: usize,
}

/// One place in `output`.
#[derive(Debug, Default)]
struct Slot {
    /// The item of `output_item.done`, as it came.
    done: Option<String>,
    /// The item of `output_item.added`.
    added: Option<String>,
    /// The id of the item as a hash; 0 for none.
    id: u64,
    /// Its texts in the order of their places, still escaped.
    parts: Vec<(PartPlace, String)>,
}

/// What a text is, and its index among the others.
type PartPlace = (PartKind, u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartKind {
    Text,
    Refusal,
    Reasoning,
    Summary,
    /// Arguments or input of a call.
    Call,
}

const SAID: [PartKind; 2] = [PartKind::Text, PartKind::Refusal];
const THOUGHT: [PartKind; 2] = [PartKind::Reasoning, PartKind::Summary];

/// What an event adds to a text.
#[derive(Debug, Clone, Copy)]
enum Adds {
    Piece,
    /// All of it, in the place of what was there.
    Whole,
}

impl OutputRecord {
    pub fn new(model: impl Into<String>, created: u64) -> Self {
        Self {
            model: model.into(),
            created,
            opening: None,
            slots: BTreeMap::new(),
            stored_bytes: 0,
            max_bytes: MAX_ANSWER_BYTES,
        }
    }

    /// Remembers what an event adds to the answer. Events of no interest cost nothing.
    ///
    /// # Errors
    /// When an event cannot be read, or the answer grows beyond [`MAX_ANSWER_BYTES`].
    pub fn note(&mut self, kind: EventKind, data: &[u8]) -> Result<(), Box<Failure>> {
        match kind {
            EventKind::Created => self.note_opening(data)?,
            EventKind::OutputItemAdded | EventKind::OutputItemDone => {
                if let Some(event) = read_event::<ItemEvent<'_>>(data)? {
                    self.note_item(kind, &event);
                }
            }
            EventKind::OutputTextDelta
            | EventKind::RefusalDelta
            | EventKind::ReasoningSummaryDelta
            | EventKind::ReasoningTextDelta
            | EventKind::FunctionArgumentsDelta
            | EventKind::CustomInputDelta => {
                if let Some(event) = DeltaEvent::read(data)? {
                    self.note_text(kind, &event, event.piece(), Adds::Piece);
                }
            }
            EventKind::OutputTextDone
            | EventKind::RefusalDone
            | EventKind::ReasoningSummaryDone
            | EventKind::ReasoningTextDone
            | EventKind::FunctionArgumentsDone
            | EventKind::CustomInputDone => {
                if let Some(event) = DeltaEvent::read(data)? {
                    let whole = event.text.or(event.refusal).or(event.arguments);
                    let whole = whole.or(event.input).and_then(inner);
                    self.note_text(kind, &event, whole, Adds::Whole);
                }
            }
            _ => {}
        }
        if self.stored_bytes > self.max_bytes {
            return Err(Box::new(Failure::too_large(self.max_bytes)));
        }
        Ok(())
    }

    /// The terminal event with a full `output` and the fields that strict SDKs require; the same bytes when nothing
    /// was missing.
    pub fn with_full_output(&self, kind: EventKind, terminal_event: &Bytes) -> Bytes {
        let terminal = TerminalEvent::read(kind, terminal_event);
        let full = terminal.and_then(|terminal| self.full_response(&terminal));
        let (Some(full), Ok(mut event)) = (full, RawObject::parse(terminal_event)) else {
            return terminal_event.clone();
        };
        event.set("response", full);
        Bytes::from(event.to_json())
    }

    /// The `response` object with everything filled in, or `None` when it is whole as it stands (or a failure).
    pub(crate) fn full_response(&self, event: &TerminalEvent<'_>) -> Option<String> {
        let status = match event.terminal {
            Terminal::Completed => "\"completed\"",
            Terminal::Incomplete(_) => "\"incomplete\"",
            Terminal::Failed(_) => return None,
        };
        let empty = RawObject { fields: Vec::new() };
        let response = event
            .response
            .map(|response| RawObject::parse(response.get().as_bytes()));
        let mut response = response.and_then(Result::ok).unwrap_or(empty); // null: everything is missing
        let opening = self
            .opening
            .as_ref()
            .map(|opening| RawObject::parse(opening.as_bytes()));
        let opening = opening.and_then(Result::ok);
        let mut is_changed = event.response.is_none();

        let is_output_empty = super::event::elements(event.output).is_empty();
        if is_output_empty && !self.slots.is_empty() {
            response.set("output", self.output(response.get_some("id")));
            is_changed = true;
        }
        let model = json!(self.model).to_string();
        let created = self.created.to_string();
        // What openai-python's `types/responses/response.py` declares as required.
        let required: [(&'static str, Option<&str>); 9] = [
            ("id", None),
            ("object", Some("\"response\"")),
            ("created_at", Some(&created)),
            ("status", Some(status)),
            ("model", Some(&model)),
            ("output", Some("[]")),
            ("parallel_tool_calls", Some("true")),
            ("tool_choice", Some("\"auto\"")),
            ("tools", Some("[]")),
        ];
        for (name, default) in required {
            if response.get_some(name).is_some() {
                continue;
            }
            let said_before = opening.as_ref().and_then(|opening| opening.get_some(name));
            let said_before = said_before.filter(|_| name != "status" && name != "output");
            if let Some(json) = said_before.or(default) {
                let json = json.to_owned();
                response.set(name, json);
                is_changed = true;
            }
        }
        if let Some(usage) = response.get_some("usage").and_then(full_usage) {
            response.set("usage", usage);
            is_changed = true;
        }
        is_changed.then(|| response.to_json())
    }

    fn note_opening(&mut self, data: &[u8]) -> Result<(), Box<Failure>> {
        #[derive(serde::Deserialize)]
        struct Opening<'a> {
            #[serde(borrow)]
            response: Option<&'a serde_json::value::RawValue>,
        }
        if let Some(Opening {
            response: Some(response),
        }) = read_event(data)?
        {
            self.stored_bytes += response.get().len();
            self.opening = Some(response.get().to_owned());
        }
        Ok(())
    }

    fn note_item(&mut self, kind: EventKind, event: &ItemEvent<'_>) {
        let Some(json) = event.item else {
            return;
        };
        let id = Item::read(json).map_or(0, |item| id_hash(raw::text(item.id)));
        let item = json.get();
        let next = self.next_index();
        let index = event.output_index.or_else(|| self.index_of(id));
        let index = index.unwrap_or(next);
        self.stored_bytes += item.len();
        if kind == EventKind::OutputItemAdded {
            let slot = self.slots.entry(index).or_default();
            slot.id = id;
            slot.added = Some(item.to_owned());
            return;
        }
        match self.slots.entry(index) {
            // Gateways that number every item 0 must not lose all but the last one.
            Entry::Occupied(slot)
                if slot.get().done.as_deref().is_some_and(|done| done != item) =>
            {
                self.slots.entry(next).or_default().close(id, item);
            }
            entry => {
                let slot = entry.or_default();
                self.stored_bytes = self.stored_bytes.saturating_sub(slot.bytes());
                slot.close(id, item);
            }
        }
    }

    fn note_text(
        &mut self,
        kind: EventKind,
        event: &DeltaEvent<'_>,
        escaped: Option<&str>,
        adds: Adds,
    ) {
        let Some(escaped) = escaped else {
            return;
        };
        let index = event.output_index;
        let index = index.or_else(|| self.index_of(id_hash(raw::text(event.item_id))));
        let index = index.unwrap_or(self.next_index().saturating_sub(1));
        let slot = self.slots.entry(index).or_default();
        if slot.done.is_some() {
            return;
        }
        let content = event.content_index.unwrap_or(0);
        let place = match kind {
            EventKind::OutputTextDelta | EventKind::OutputTextDone => (PartKind::Text, content),
            EventKind::RefusalDelta | EventKind::RefusalDone => (PartKind::Refusal, content),
            EventKind::ReasoningTextDelta | EventKind::ReasoningTextDone => {
                (PartKind::Reasoning, content)
            }
            EventKind::ReasoningSummaryDelta | EventKind::ReasoningSummaryDone => {
                (PartKind::Summary, event.summary_index.unwrap_or(0))
            }
            _ => (PartKind::Call, 0),
        };
        let text = slot.part(place);
        let before = text.len();
        match adds {
            Adds::Piece => text.push_str(escaped),
            Adds::Whole if escaped.is_empty() => {}
            Adds::Whole => escaped.clone_into(text),
        }
        let after = text.len();
        self.stored_bytes = (self.stored_bytes + after).saturating_sub(before);
    }

    /// Where the item with this id is collected; an item without one is nowhere.
    fn index_of(&self, id: u64) -> Option<u64> {
        let mut slots = self.slots.iter().rev();
        let (index, _) = slots.find(|(_, slot)| id != 0 && slot.id == id)?;
        Some(*index)
    }

    fn next_index(&self) -> u64 {
        let last = self.slots.last_key_value();
        last.map_or(0, |(last, _)| last.saturating_add(1))
    }

    fn output(&self, response_id: Option<&str>) -> String {
        let response_id = response_id
            .map(|id| id.trim_matches('"').trim_start_matches("resp_"))
            .unwrap_or_default();
        let items: Vec<String> = self
            .slots
            .iter()
            .filter_map(|(index, slot)| slot.item(&format!("{response_id}_{index}")))
            .collect();
        format!("[{}]", items.join(","))
    }
}

impl Slot {
    fn close(&mut self, id: u64, item: &str) {
        *self = Self {
            done: Some(item.to_owned()),
            id,
            ..Self::default()
        };
    }

    /// The text at a place, begun if there is none. Parts of one content are numbered across their kinds.
    fn part(&mut self, place: PartPlace) -> &mut String {
        let at = match self.parts.iter().position(|(at, _)| *at == place) {
            Some(at) => at,
            None => {
                let at = self
                    .parts
                    .partition_point(|((_, index), _)| *index <= place.1);
                self.parts.insert(at, (place, String::new()));
                at
            }
        };
        &mut self.parts[at].1 // `position` and `insert` give a place inside
    }

    fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(|(_, text)| text.len()).sum();
        self.added.as_ref().map_or(0, String::len) + parts
    }

    /// The item of this place. `fallback_id` names one whose id was left blank.
    fn item(&self, fallback_id: &str) -> Option<String> {
        match (&self.done, &self.added) {
            (Some(done), _) => Some(with_id(done, fallback_id)),
            (None, Some(added)) => self
                .unclosed_item(added)
                .map(|item| with_id(&item, fallback_id)),
            (None, None) => {
                // Nobody said what it is; its texts do. A call cannot be told without a name.
                let has = |kinds: &[PartKind]| {
                    self.parts.iter().any(|((kind, _), _)| kinds.contains(kind))
                };
                let begun = if has(&SAID) {
                    r#"{"type":"message","id":"","role":"assistant"}"#
                } else if has(&THOUGHT) {
                    r#"{"type":"reasoning","id":"","summary":[]}"#
                } else {
                    return None;
                };
                self.unclosed_item(begun)
                    .map(|item| with_id(&item, fallback_id))
            }
        }
    }

    /// An item that was opened and never closed, with what its deltas brought.
    fn unclosed_item(&self, added: &str) -> Option<String> {
        let mut item = RawObject::parse(added.as_bytes()).ok()?; // no object: nothing to show
        match item.get("type") {
            Some("\"message\"") => {
                item.set("status", "\"incomplete\"".to_owned());
                item.set("content", self.list_of(&SAID));
            }
            Some("\"reasoning\"") => {
                item.set("summary", self.list_of(&[PartKind::Summary]));
                let content = self.list_of(&[PartKind::Reasoning]);
                if content != "[]" {
                    item.set("content", content);
                }
            }
            Some("\"function_call\"") => item.set("arguments", self.call_text()),
            Some("\"custom_tool_call\"") => item.set("input", self.call_text()),
            _ => {}
        }
        Some(item.to_json())
    }

    fn list_of(&self, kinds: &[PartKind]) -> String {
        let parts = self.parts.iter();
        let parts = parts.filter(|((kind, _), _)| kinds.contains(kind));
        let parts: Vec<String> = parts
            .map(|((kind, _), text)| part_json(*kind, text))
            .collect();
        format!("[{}]", parts.join(","))
    }

    fn call_text(&self) -> String {
        let mut parts = self.parts.iter();
        let call = parts.find(|((kind, _), _)| *kind == PartKind::Call);
        part_json(PartKind::Call, call.map_or("", |(_, text)| text))
    }
}

fn part_json(kind: PartKind, escaped: &str) -> String {
    match kind {
        PartKind::Text => {
            format!(r#"{{"type":"output_text","text":"{escaped}","annotations":[]}}"#)
        }
        PartKind::Refusal => format!(r#"{{"type":"refusal","refusal":"{escaped}"}}"#),
        PartKind::Reasoning => format!(r#"{{"type":"reasoning_text","text":"{escaped}"}}"#),
        PartKind::Summary => format!(r#"{{"type":"summary_text","text":"{escaped}"}}"#),
        PartKind::Call => format!("\"{escaped}\""),
    }
}

/// The item with an id: SDKs require one, and the ChatGPT backend sometimes sends it blank.
fn with_id(item: &str, fallback_id: &str) -> String {
    let parsed = serde_json::from_str::<Item<'_>>(item);
    let (Ok(fields), Ok(mut object)) = (parsed, RawObject::parse(item.as_bytes())) else {
        return item.to_owned();
    };
    if raw::filled_text(fields.id).is_some() {
        return item.to_owned();
    }
    let prefix = match &*fields.kind() {
        "message" => "msg",
        "function_call" => "fc",
        "custom_tool_call" => "ctc",
        "reasoning" => "rs",
        _ => "item",
    };
    let mut id = String::new();
    push_string(
        &mut id,
        &format!(
            "{prefix}_{}",
            raw::decode(fallback_id).trim_start_matches('_')
        ),
    );
    object.set("id", id);
    object.to_json()
}

/// The usage with the details that strict SDKs require, or `None` when they are there.
fn full_usage(usage: &str) -> Option<String> {
    let Ok(Value::Object(mut usage)) = serde_json::from_str(usage) else {
        return None;
    };
    let before = usage.clone();
    let count = |usage: &Map<String, Value>, name: &str| {
        usage.get(name).and_then(Value::as_u64).unwrap_or(0)
    };
    let total = count(&usage, "input_tokens").saturating_add(count(&usage, "output_tokens"));
    for (name, default) in [
        ("input_tokens", 0),
        ("output_tokens", 0),
        ("total_tokens", total),
    ] {
        usage.entry(name).or_insert_with(|| json!(default));
    }
    for (details, name) in [
        ("input_tokens_details", "cached_tokens"),
        ("input_tokens_details", "cache_write_tokens"),
        ("output_tokens_details", "reasoning_tokens"),
    ] {
        let details = usage.entry(details).or_insert(Value::Null);
        if details.is_null() {
            *details = json!({});
        }
        if let Value::Object(details) = details {
            details.entry(name).or_insert_with(|| json!(0));
        }
    }
    (usage != before).then(|| Value::Object(usage).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(events: &[&str]) -> OutputRecord {
        let mut record = OutputRecord::new("gpt-test", 1_700_000_000);
        for event in events {
            record
                .note(EventKind::of_data(event.as_bytes()), event.as_bytes())
                .unwrap();
        }
        record
    }

    fn filled(record: &OutputRecord, terminal: &str) -> Value {
        let bytes = Bytes::copy_from_slice(terminal.as_bytes());
        let event = record.with_full_output(EventKind::of_data(&bytes), &bytes);
        serde_json::from_slice(&event).unwrap()
    }

    const WHOLE: &str = r#"{"type":"response.completed","sequence_number":9,"response":{"id":"resp_1","object":"response","created_at":5,"status":"completed","model":"m","output":[{"id":"msg_1","type":"message"}],"parallel_tool_calls":true,"tool_choice":"auto","tools":[],"usage":{"input_tokens":1,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":0},"output_tokens":1,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":2}}}"#;

    #[test]
    fn a_whole_terminal_event_keeps_its_bytes() {
        let record = record(&[
            r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"msg_1","type":"message"}}"#,
        ]);
        let bytes = Bytes::from_static(WHOLE.as_bytes());
        let event = record.with_full_output(EventKind::Completed, &bytes);
        assert_eq!(event.as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn an_empty_output_is_filled_in_the_order_of_the_output_index() {
        let record = record(&[
            r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"","call_id":"c1","name":"f","arguments":"{}"}}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs_1","encrypted_content":"x"}}"#,
            r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"compaction","encrypted_content":"y"}}"#,
        ]);
        let event = filled(
            &record,
            r#"{"type":"response.completed","response":{"id":"resp_9","output":[]},"later":1}"#,
        );
        assert_eq!(
            event["response"]["output"],
            json!([
                {"type": "reasoning", "id": "rs_1", "encrypted_content": "x"},
                {"type": "function_call", "id": "fc_9_1", "call_id": "c1", "name": "f", "arguments": "{}"},
                {"type": "compaction", "encrypted_content": "y", "id": "item_9_2"},
            ])
        );
        assert_eq!(event["later"], 1);
    }

    #[test]
    fn fields_that_sdks_require_come_from_the_first_event_or_a_default() {
        let record = record(&[
            r#"{"type":"response.created","response":{"id":"resp_1","model":"real","created_at":7,"status":"in_progress","tools":[{"type":"web_search"}]}}"#,
        ]);
        let event = filled(
            &record,
            r#"{"type":"response.completed","response":{"id":"resp_1","usage":{"input_tokens":3,"output_tokens":4,"total_tokens":7}}}"#,
        );
        assert_eq!(
            event["response"],
            json!({
                "id": "resp_1",
                "usage": {
                    "input_tokens": 3, "output_tokens": 4, "total_tokens": 7,
                    "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                    "output_tokens_details": {"reasoning_tokens": 0},
                },
                "object": "response", "created_at": 7, "status": "completed", "model": "real",
                "output": [], "parallel_tool_calls": true, "tool_choice": "auto", "tools": [{"type": "web_search"}],
            })
        );
    }

    #[test]
    fn an_item_that_was_never_closed_is_built_from_its_deltas() {
        let record = record(&[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","content":[]}}"#,
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a\n"}"#,
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"b"}"#,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":""}}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{\"x\""}"#,
            r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":":1}"}"#,
        ]);
        let event = filled(
            &record,
            r#"{"type":"response.incomplete","response":{"id":"resp_1"}}"#,
        );
        assert_eq!(event["response"]["output"][0]["content"][0]["text"], "a\nb");
        assert_eq!(event["response"]["output"][1]["arguments"], r#"{"x":1}"#);
        assert_eq!(event["response"]["status"], "incomplete");
    }

    #[test]
    fn a_text_that_only_its_own_last_event_tells_is_kept() {
        let record = record(&[
            r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","role":"assistant","content":[]}}"#,
            r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}"#,
            r#"{"type":"response.output_text.done","output_index":0,"content_index":0,"text":"ab"}"#,
            r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#,
            r#"{"type":"response.reasoning_summary_text.done","output_index":1,"summary_index":0,"text":"hm"}"#,
            r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":""}}"#,
            r#"{"type":"response.function_call_arguments.done","output_index":2,"arguments":"{}"}"#,
        ]);
        let event = filled(&record, r#"{"type":"response.incomplete","response":{}}"#);
        let output = &event["response"]["output"];
        assert_eq!(output[0]["content"][0]["text"], "ab");
        assert_eq!(output[1]["summary"][0]["text"], "hm");
        assert_eq!(output[2]["arguments"], "{}");
    }

    #[test]
    fn events_without_an_index_are_told_apart_by_the_id_of_the_item() {
        let record = record(&[
            r#"{"type":"response.output_item.added","item":{"type":"message","id":"a"}}"#,
            r#"{"type":"response.output_item.added","item":{"type":"message","id":"b"}}"#,
            r#"{"type":"response.output_text.delta","item_id":"a","delta":"one"}"#,
            r#"{"type":"response.output_item.done","item":{"type":"message","id":"b","content":[]}}"#,
        ]);
        let event = filled(&record, r#"{"type":"response.completed","response":{}}"#);
        let output = event["response"]["output"].as_array().unwrap();
        assert_eq!(output.len(), 2);
        assert_eq!(output[0]["content"][0]["text"], "one");
        assert_eq!(output[1]["id"], "b");
    }

    #[test]
    fn items_that_share_one_index_are_all_kept() {
        let record = record(&[
            r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"a","type":"message"}}"#,
            r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"b","type":"message"}}"#,
            r#"{"type":"response.output_item.done","item":{"id":"c","type":"message"}}"#,
        ]);
        let event = filled(&record, r#"{"type":"response.completed","response":{}}"#);
        let ids: Vec<&Value> = event["response"]["output"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| &item["id"])
            .collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }

    #[test]
    fn a_failed_event_is_left_alone() {
        let record =
            record(&[r#"{"type":"response.output_item.done","output_index":0,"item":{"id":"a"}}"#]);
        let bytes = Bytes::from_static(
            br#"{"type":"response.failed","response":{"error":{"message":"no"}}}"#,
        );
        assert_eq!(record.with_full_output(EventKind::Failed, &bytes), bytes);
    }

    #[test]
    fn an_answer_beyond_the_limit_is_a_clear_failure() {
        let mut record = OutputRecord::new("m", 0);
        record.max_bytes = 10;
        let failure = record
            .note(
                EventKind::OutputTextDelta,
                br#"{"type":"response.output_text.delta","delta":"01234567890"}"#,
            )
            .unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("upstream_answer_too_large"));
    }
}
