//! However an answer is told, every dialect puts the same answer together.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::config;
use super::upstream::{Answer, Item, Part, answer, events, spelled, telling};
use crate::translate::chat::{ChatAnswer, ChatReplyHead, ChunkWriter, ReplyForm};
use crate::translate::completions::CompletionAnswer;
use crate::translate::messages::{MessageAnswer, MessageHead, MessageWriter, Thoughts};
use crate::translate::responses::{OutputRecord, ResponsesAnswer};
use crate::translate::sse::Frames;
use crate::translate::{AnswerCollector, EventKind, EventWriter, Progress};

/// Name and arguments by call id.
type Calls = BTreeMap<String, (String, String)>;

/// What a client has in the end.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    text: String,
    refusal: String,
    /// Of each item with something to say; empty parts say nothing.
    thoughts: String,
    calls: Calls,
}

impl Answer {
    fn parts(&self) -> impl Iterator<Item = &Part> {
        let messages = self.items.iter().filter_map(|item| match item {
            Item::Message(parts) => Some(parts),
            _ => None,
        });
        messages.flatten()
    }

    fn heard(&self) -> Heard {
        let part = |is_refusal: bool| {
            let parts = self.parts().filter(|part| part.is_refusal == is_refusal);
            parts.map(|part| part.text.concat()).collect()
        };
        let thoughts: Vec<String> = self.items.iter().flat_map(thoughts_of).collect();
        Heard {
            text: part(false),
            refusal: part(true),
            thoughts: thoughts.join("\n\n"),
            calls: self.calls(true),
        }
    }

    fn calls(&self, with_custom: bool) -> Calls {
        let items = self.items.iter().enumerate();
        let calls = items.filter_map(|(index, item)| match item {
            Item::Call { is_custom, text } if with_custom || !is_custom => {
                let arguments = some_arguments(text.concat());
                Some((Item::call_id(index), (Item::name(index), arguments)))
            }
            _ => None,
        });
        calls.collect()
    }
}

/// No arguments and an empty object are the same.
fn some_arguments(text: String) -> String {
    if text.is_empty() {
        "{}".to_owned()
    } else {
        text
    }
}

fn thoughts_of(item: &Item) -> Vec<String> {
    let Item::Reasoning(parts) = item else {
        return Vec::new();
    };
    let texts = parts.iter().map(|part| part.concat());
    texts.filter(|text| !text.is_empty()).collect()
}

fn chat_head() -> ChatReplyHead {
    ChatReplyHead {
        id: "chatcmpl-1".to_owned(),
        model: "m".to_owned(),
        include_usage: true,
        ..ChatReplyHead::default()
    }
}

fn message_head() -> MessageHead {
    MessageHead {
        id: "msg_1".to_owned(),
        model: "m".to_owned(),
        thoughts: Thoughts::Shown,
        ..MessageHead::default()
    }
}

/// All bytes that a writer makes of these events.
fn written(mut writer: impl EventWriter, events: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut last = Progress::Nothing;
    for event in events {
        last = writer.push(event.as_bytes(), &mut out).unwrap();
    }
    assert_eq!(last, Progress::Finished);
    let length = out.len();
    for event in events {
        assert_eq!(
            writer.push(event.as_bytes(), &mut out),
            Ok(Progress::Finished)
        );
    }
    assert_eq!(out.len(), length, "something was said after the end");
    out
}

fn collected<A: AnswerCollector>(mut answer: A, events: &[String]) -> A {
    for event in events {
        answer.push(event.as_bytes()).unwrap();
    }
    answer
}

fn frames(bytes: Vec<u8>) -> Vec<Bytes> {
    let mut frames = Frames::default();
    frames.push(Bytes::from(bytes));
    frames.map(|frame| frame.unwrap().data).collect()
}

/// Puts a chat stream together as a client does, and checks what every client relies on.
fn heard_in_chunks(bytes: Vec<u8>) -> (Heard, String) {
    let mut frames = frames(bytes);
    assert_eq!(frames.pop().unwrap(), "[DONE]");
    let mut chunks: Vec<Value> = frames
        .iter()
        .map(|frame| serde_json::from_slice(frame).unwrap())
        .collect();
    let usage = chunks.pop().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["total_tokens"], 8);
    let mut heard = Heard::default();
    let mut calls: Vec<(String, String, String)> = Vec::new();
    let mut reason = None;
    for (nth, chunk) in chunks.iter().enumerate() {
        assert_eq!(reason, None, "a chunk after the finish reason");
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        assert_eq!(delta["role"] == "assistant", nth == 0);
        let text = |name: &str| delta[name].as_str().unwrap_or_default();
        heard.text.push_str(text("content"));
        heard.refusal.push_str(text("refusal"));
        heard.thoughts.push_str(text("reasoning_content"));
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = usize::try_from(call["index"].as_u64().unwrap()).unwrap();
            let field = |name: &str| call["function"][name].as_str().map(str::to_owned);
            let arguments = field("arguments").unwrap();
            match calls.get_mut(index) {
                Some(known) => {
                    assert!(call.get("id").is_none() && field("name").is_none());
                    known.2.push_str(&arguments);
                }
                None => {
                    assert_eq!(index, calls.len(), "indices have a gap");
                    let id = call["id"].as_str().unwrap().to_owned();
                    calls.push((id, field("name").unwrap(), arguments));
                }
            }
        }
        reason = choice["finish_reason"].as_str().map(str::to_owned);
    }
    for (id, name, arguments) in calls {
        let before = heard.calls.insert(id, (name, some_arguments(arguments)));
        assert_eq!(before, None, "a call was told twice");
    }
    (heard, reason.unwrap())
}

/// A block of a message: text, thoughts with their signature, or a call.
#[derive(Debug, Default, PartialEq)]
struct Block {
    kind: String,
    text: String,
    signature: String,
    id: String,
    name: String,
}

/// Puts a Messages stream together as a client does, and checks what every client relies on.
fn heard_in_blocks(bytes: Vec<u8>) -> (Vec<Block>, String) {
    let events = frames(bytes);
    let events: Vec<Value> = events
        .iter()
        .map(|event| serde_json::from_slice(event).unwrap())
        .collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    let mut reason = None;
    for (nth, event) in events.iter().enumerate() {
        let kind = event["type"].as_str().unwrap();
        assert_eq!(kind == "message_start", nth == 0);
        assert_eq!(kind == "message_stop", nth + 1 == events.len());
        if kind.starts_with("content_block") {
            assert_eq!(reason, None);
            let index = usize::try_from(event["index"].as_u64().unwrap()).unwrap();
            let begins = kind == "content_block_start";
            assert_eq!(is_open, !begins, "blocks overlap");
            assert_eq!(index + 1, blocks.len() + usize::from(begins));
            is_open = kind != "content_block_stop";
        }
        match kind {
            "content_block_start" => {
                let field = |name: &str| {
                    let text = event["content_block"][name].as_str();
                    text.unwrap_or_default().to_owned()
                };
                blocks.push(Block {
                    kind: field("type"),
                    id: field("id"),
                    name: field("name"),
                    ..Block::default()
                });
            }
            "content_block_delta" => {
                let block = blocks.last_mut().unwrap();
                let delta = event["delta"].as_object().unwrap();
                let text = delta.values().nth(1).unwrap().as_str().unwrap();
                match delta["type"].as_str().unwrap() {
                    "signature_delta" => block.signature.push_str(text),
                    _ => block.text.push_str(text),
                }
            }
            "message_delta" => reason = event["delta"]["stop_reason"].as_str(),
            _ => {}
        }
    }
    assert!(!is_open);
    (blocks, reason.unwrap().to_owned())
}

/// What a message holds: its texts, its thoughts, and its calls, which may come between any two of them.
#[derive(Debug, PartialEq)]
struct Message {
    text: String,
    /// Of each item that has any.
    thoughts: Vec<String>,
    calls: Calls,
}

fn expected_message(answer: &Answer) -> Message {
    let items = answer.items.iter();
    let thoughts = items.map(|item| thoughts_of(item).join("\n\n"));
    Message {
        text: answer.parts().map(|part| part.text.concat()).collect(),
        thoughts: thoughts.filter(|text| !text.is_empty()).collect(),
        calls: answer.calls(false),
    }
}

fn calls_in(message: &Value) -> Calls {
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(|call| {
        let field = |name: &str| call["function"][name].as_str().unwrap().to_owned();
        let id = call["id"].as_str().unwrap().to_owned();
        (id, (field("name"), some_arguments(field("arguments"))))
    });
    calls.collect()
}

fn reason_of(answer: &Answer, has_calls: bool) -> &'static str {
    match (answer.is_cut, has_calls) {
        (true, _) => "length",
        (false, true) => "tool_calls",
        (false, false) => "stop",
    }
}

/// What a client of the Responses API reads from the last `response`.
fn heard_in_output(output: &Value) -> Heard {
    let mut heard = Heard::default();
    let mut thoughts = Vec::new();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for item in output.as_array().unwrap() {
        for part in item["content"].as_array().into_iter().flatten() {
            heard.text.push_str(&text(&part["text"]));
            heard.refusal.push_str(&text(&part["refusal"]));
        }
        for part in item["summary"].as_array().into_iter().flatten() {
            thoughts.extend(Some(text(&part["text"])).filter(|text| !text.is_empty()));
        }
        if let Some(id) = item["call_id"].as_str() {
            let is_custom = item["type"] == "custom_tool_call";
            let arguments = text(&item[if is_custom { "input" } else { "arguments" }]);
            let call = (text(&item["name"]), some_arguments(arguments));
            assert_eq!(heard.calls.insert(id.to_owned(), call), None);
        }
    }
    heard.thoughts = thoughts.join("\n\n");
    heard
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn a_chat_stream_tells_the_whole_answer_once(answer in answer(), telling in telling()) {
        let events = spelled(&events(&answer, &telling), &telling);
        let (heard, reason) = heard_in_chunks(written(ChunkWriter::new(chat_head()), &events));
        prop_assert_eq!(&heard, &answer.heard());
        prop_assert_eq!(reason, reason_of(&answer, !heard.calls.is_empty()));
    }

    #[test]
    fn a_whole_chat_answer_tells_the_same(answer in answer(), telling in telling()) {
        let events = spelled(&events(&answer, &telling), &telling);
        let bytes = collected(ChatAnswer::new(chat_head()), &events).finish().unwrap();
        let completion: Value = serde_json::from_slice(&bytes).unwrap();
        let choice = &completion["choices"][0];
        let message = &choice["message"];
        let text = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let heard = Heard {
            text: text("content"),
            refusal: text("refusal"),
            thoughts: text("reasoning_content"),
            calls: calls_in(message),
        };
        prop_assert_eq!(&heard, &answer.heard());
        prop_assert_eq!(&choice["finish_reason"], reason_of(&answer, !heard.calls.is_empty()));
    }

    #[test]
    fn a_messages_stream_tells_the_whole_answer_in_one_block_after_the_other(answer in answer(), telling in telling()) {
        let events = spelled(&events(&answer, &telling), &telling);
        let (blocks, reason) = heard_in_blocks(written(MessageWriter::new(message_head()), &events));
        let all_of = |kind: &str| -> Vec<String> {
            let blocks = blocks.iter().filter(|block| block.kind == kind && !block.text.is_empty());
            blocks.map(|block| block.text.clone()).collect()
        };
        let mut calls = BTreeMap::new();
        for block in blocks.iter().filter(|block| block.kind == "tool_use") {
            let arguments = some_arguments(block.text.clone());
            calls.insert(block.id.clone(), (block.name.clone(), arguments));
        }
        let has_calls = !calls.is_empty();
        let has_refusal = answer.parts().any(|part| part.is_refusal && !part.text.concat().is_empty());
        let message = Message { text: all_of("text").concat(), thoughts: all_of("thinking"), calls };
        prop_assert_eq!(message, expected_message(&answer));
        for (index, item) in answer.items.iter().enumerate() {
            let thoughts = thoughts_of(item).join("\n\n");
            let block = blocks.iter().find(|block| block.signature == format!("cxr1.{}", Item::seal(index)));
            if let Some(block) = block {
                prop_assert_eq!(&block.text, &thoughts);
            }
        }
        let expected = match (answer.is_cut, has_calls, has_refusal) {
            (true, _, _) => "max_tokens",
            (_, true, _) => "tool_use",
            (_, _, true) => "refusal",
            _ => "end_turn",
        };
        prop_assert_eq!(reason, expected);
    }

    #[test]
    fn a_whole_message_tells_the_same(answer in answer(), telling in telling()) {
        let events = spelled(&events(&answer, &telling), &telling);
        let bytes = collected(MessageAnswer::new(message_head()), &events).finish().unwrap();
        let message: Value = serde_json::from_slice(&bytes).unwrap();
        let content = message["content"].as_array().unwrap();
        let all_of = |kind: &str, field: &str| -> Vec<String> {
            let blocks = content.iter().filter(|block| block["type"] == kind);
            let texts = blocks.map(|block| block[field].as_str().unwrap().to_owned());
            texts.filter(|text| !text.is_empty()).collect()
        };
        let calls = content.iter().filter(|block| block["type"] == "tool_use");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let calls = calls.map(|call| (text(&call["id"]), (text(&call["name"]), call["input"].to_string())));
        let message = Message {
            text: all_of("text", "text").concat(),
            thoughts: all_of("thinking", "thinking"),
            calls: calls.collect(),
        };
        prop_assert_eq!(message, expected_message(&answer));
    }

    #[test]
    fn a_completion_tells_the_text_and_nothing_else(answer in answer(), telling in telling()) {
        let events = spelled(&events(&answer, &telling), &telling);
        let head = ChatReplyHead { form: ReplyForm::Completion { echo: "p".to_owned() }, ..chat_head() };
        let mut streamed = String::new();
        for frame in frames(written(ChunkWriter::new(head.clone()), &events)) {
            let chunk: Value = serde_json::from_slice(&frame).unwrap_or_default();
            streamed.push_str(chunk["choices"][0]["text"].as_str().unwrap_or_default());
        }
        let in_order: String = answer.parts().map(|part| part.text.concat()).collect();
        // A prompt is repeated with the first piece or the end, whatever comes first.
        prop_assert_eq!(streamed, format!("p{in_order}"));

        let mut whole = CompletionAnswer::new(&head);
        whole.add(collected(ChatAnswer::new(head), &events)).unwrap();
        let whole: Value = serde_json::from_slice(&whole.finish()).unwrap();
        let heard = answer.heard();
        let expected = format!("p{}{}", heard.text, heard.refusal);
        prop_assert_eq!(&whole["choices"][0]["text"], &expected);
    }

    #[test]
    fn the_last_event_of_a_responses_stream_holds_the_whole_answer(answer in answer(), telling in telling()) {
        let events = spelled(&events(&answer, &telling), &telling);
        let bytes = collected(ResponsesAnswer::new("m", 1), &events).finish().unwrap();
        let response: Value = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(heard_in_output(&response["output"]), answer.heard());

        // What a typed client of the stream reads is the same document.
        let mut record = OutputRecord::new("m", 1);
        let (last, before) = events.split_last().unwrap();
        for event in before {
            record.note(EventKind::of_data(event.as_bytes()), event.as_bytes()).unwrap();
        }
        let last = Bytes::from(last.clone());
        let last = record.with_full_output(EventKind::of_data(&last), &last);
        let last: Value = serde_json::from_slice(&last).unwrap();
        prop_assert_eq!(&last["response"], &response);
    }
}
