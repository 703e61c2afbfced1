//! The hot paths of translation: a long request, a thousand pieces of text, a thousand events to frame, a body to adapt.
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot prepare its input has nothing to measure"
)]

use std::hint::black_box;

use bytes::Bytes;
use codex_router::translate::chat::{ChatReplyHead, ChunkWriter, responses_from_chat};
use codex_router::translate::chat_upstream::{EventsFromChunks, chat_from_responses};
use codex_router::translate::messages::{
    MessageHead, MessageWriter, count_tokens, responses_from_messages,
};
use codex_router::translate::responses::OutputRecord;
use codex_router::translate::rules::{UpstreamKind, adapt_bytes};
use codex_router::translate::sse::Frames;
use codex_router::translate::{EventKind, EventWriter};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Map, Value, json};

/// 200 messages of an agent at work, 30 tools.
fn long_chat() -> Vec<u8> {
    let mut messages =
        vec![json!({"role": "system", "content": "You work in a repository. ".repeat(40)})];
    for turn in 0..50 {
        messages.push(json!({"role": "user", "content": [{"type": "text", "text": "Go on, and tell me why. ".repeat(5)}]}));
        messages.push(
            json!({"role": "assistant", "content": "I look first.", "tool_calls": [{
                "id": format!("call_{turn}"), "type": "function",
                "function": {"name": "read_file", "arguments": "{\"path\":\"src/main.rs\"}"},
            }]}),
        );
        messages.push(json!({"role": "tool", "tool_call_id": format!("call_{turn}"), "content": "fn main() {}\n".repeat(30)}));
        messages.push(json!({"role": "assistant", "content": "There is one function. ".repeat(8)}));
    }
    messages.truncate(200);
    let tools: Vec<Value> = (0..30)
        .map(|nth| {
            let properties = json!({"path": {"type": "string", "description": "where"}, "count": {"type": "integer"}});
            let parameters = json!({"type": "object", "properties": properties, "required": ["path"]});
            json!({"type": "function", "function": {"name": format!("tool_{nth}"), "description": "does a thing", "parameters": parameters}})
        })
        .collect();
    json!({"model": "gpt-5.4", "messages": messages, "tools": tools, "stream": true})
        .to_string()
        .into_bytes()
}

/// The same work in the words of Claude Code: 100 messages with calls and their results.
fn long_messages() -> Vec<u8> {
    let turns = (0..25).flat_map(|turn| {
        let id = format!("toolu_{turn}");
        [
            json!({"role": "user", "content": [{"type": "text", "text": "Go on, and tell me why. ".repeat(5)}]}),
            json!({"role": "assistant", "content": [
                {"type": "text", "text": "I look first."},
                {"type": "tool_use", "id": id, "name": "read_file", "input": {"path": "src/main.rs"}},
            ]}),
            json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": "fn main() {}\n".repeat(30)}]}),
            json!({"role": "assistant", "content": "There is one function. ".repeat(8)}),
        ]
    });
    json!({"model": "claude-test", "max_tokens": 1000, "messages": turns.collect::<Vec<_>>()})
        .to_string()
        .into_bytes()
}

/// A request of a typed client with 256 KiB of history, of which only a few small fields change.
fn long_responses() -> Bytes {
    let message = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x".repeat(960)}]});
    let input = vec![message; 256];
    let body = json!({"model": "gpt-5.4", "input": input, "stream": true, "temperature": 0.5, "max_output_tokens": 100});
    Bytes::from(body.to_string())
}

fn chunk(nth: usize) -> Vec<u8> {
    let choice =
        json!({"index": 0, "delta": {"content": format!(" word{nth}")}, "finish_reason": null});
    json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "m", "choices": [choice]})
        .to_string()
        .into_bytes()
}

fn text_delta(nth: usize) -> Vec<u8> {
    format!(
        r#"{{"type":"response.output_text.delta","sequence_number":{nth},"item_id":"msg_0123456789abcdef0123456789abcdef","output_index":0,"content_index":0,"delta":" word{nth}","logprobs":[],"obfuscation":"abcdefgh"}}"#
    )
    .into_bytes()
}

fn body_of_one() -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("model".to_owned(), "gpt-5.4".into());
    body.insert("input".to_owned(), "hi".into());
    body
}

fn translate(criterion: &mut Criterion) {
    let chat = long_chat();
    let mut group = criterion.benchmark_group("translate");
    group.throughput(Throughput::Bytes(chat.len() as u64));
    group.bench_function("chat request, 200 messages, 30 tools", |bencher| {
        bencher.iter(|| responses_from_chat(black_box(&chat)).unwrap());
    });

    let body = responses_from_chat(&chat).unwrap().body;
    group.bench_function(
        "the same for an upstream that knows only chats",
        |bencher| {
            bencher.iter(|| {
                let kind = UpstreamKind::Compatible;
                chat_from_responses(kind, "m", black_box(&body).clone(), &Map::new()).unwrap()
            });
        },
    );

    let messages = long_messages();
    let request = responses_from_messages(&messages).unwrap();
    group.throughput(Throughput::Bytes(messages.len() as u64));
    group.bench_function("count_tokens, 100 messages", |bencher| {
        bencher.iter(|| count_tokens(black_box(&request)));
    });

    let body = long_responses();
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("adapt_bytes, 256 KiB", |bencher| {
        bencher.iter(|| adapt_bytes(UpstreamKind::ChatGpt, black_box(&body)).unwrap());
    });

    let deltas: Vec<Vec<u8>> = (0..1000).map(text_delta).collect();
    let head = ChatReplyHead {
        id: "chatcmpl-0123456789".to_owned(),
        created: 1_700_000_000,
        model: "gpt-5.4".to_owned(),
        ..ChatReplyHead::default()
    };
    group.throughput(Throughput::Elements(1000));
    group.bench_function("1000 text deltas to chunks", |bencher| {
        let mut out = Vec::with_capacity(1 << 20);
        bencher.iter(|| {
            out.clear();
            let mut writer = ChunkWriter::new(head.clone());
            for delta in &deltas {
                writer.push(black_box(delta), &mut out).unwrap();
            }
            out.len()
        });
    });

    let head = MessageHead {
        id: "msg_0123456789".to_owned(),
        model: "claude-test".to_owned(),
        ..MessageHead::default()
    };
    group.bench_function("1000 text deltas to messages events", |bencher| {
        let mut out = Vec::with_capacity(1 << 20);
        bencher.iter(|| {
            out.clear();
            let mut writer = MessageWriter::new(head.clone());
            for delta in &deltas {
                writer.push(black_box(delta), &mut out).unwrap();
            }
            out.len()
        });
    });

    let chunks: Vec<Vec<u8>> = (0..1000).map(chunk).collect();
    let asked = chat_from_responses(UpstreamKind::Compatible, "m", body_of_one(), &Map::new());
    let asked = asked.unwrap().asked;
    group.bench_function("1000 chunks of a chat to events", |bencher| {
        bencher.iter(|| {
            let mut reader = EventsFromChunks::new(asked.clone(), "1", 1_700_000_000);
            let mut events = 0;
            for chunk in &chunks {
                events += reader.push(black_box(chunk)).len();
            }
            events
        });
    });

    group.bench_function("1000 text deltas noted for the last event", |bencher| {
        bencher.iter(|| {
            let mut record = OutputRecord::new("gpt-5.4", 1_700_000_000);
            for delta in &deltas {
                let kind = EventKind::of_data(delta);
                record.note(kind, black_box(delta)).unwrap();
            }
            record
        });
    });

    // What the others are measured against: the same events taken apart, and nothing done with them.
    group.bench_function("1000 text deltas to values", |bencher| {
        bencher.iter(|| {
            for delta in &deltas {
                let value: Value = serde_json::from_slice(black_box(delta)).unwrap();
                black_box(value);
            }
        });
    });

    let mut stream = Vec::new();
    for delta in &deltas {
        codex_router::translate::sse::write_frame(
            Some(b"response.output_text.delta"),
            delta,
            &mut stream,
        );
    }
    let chunks: Vec<Bytes> = stream.chunks(4096).map(Bytes::copy_from_slice).collect();
    group.bench_function("1000 events framed", |bencher| {
        bencher.iter(|| {
            let mut frames = Frames::default();
            let mut data_bytes = 0;
            for chunk in &chunks {
                frames.push(chunk.clone());
                for frame in frames.by_ref() {
                    data_bytes += frame.unwrap().data.len();
                }
            }
            data_bytes
        });
    });
    group.finish();
}

criterion_group!(benches, translate);
criterion_main!(benches);
