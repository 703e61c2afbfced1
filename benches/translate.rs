//! The hot paths of translation: a long chat request, a thousand pieces of text, a thousand events to frame.
#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot prepare its input has nothing to measure"
)]

use std::hint::black_box;

use bytes::Bytes;
use codex_router::translate::EventWriter;
use codex_router::translate::chat::{ChatReplyHead, ChunkWriter, responses_from_chat};
use codex_router::translate::messages::{MessageHead, MessageWriter};
use codex_router::translate::sse::Frames;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};

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

fn text_delta(nth: usize) -> Vec<u8> {
    format!(
        r#"{{"type":"response.output_text.delta","sequence_number":{nth},"item_id":"msg_0123456789abcdef0123456789abcdef","output_index":0,"content_index":0,"delta":" word{nth}","logprobs":[],"obfuscation":"abcdefgh"}}"#
    )
    .into_bytes()
}

fn translate(criterion: &mut Criterion) {
    let chat = long_chat();
    let mut group = criterion.benchmark_group("translate");
    group.throughput(Throughput::Bytes(chat.len() as u64));
    group.bench_function("chat request, 200 messages, 30 tools", |bencher| {
        bencher.iter(|| responses_from_chat(black_box(&chat)).unwrap());
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
