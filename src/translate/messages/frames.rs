//! Writes the events of a Messages stream: the few shapes that there are.

use serde_json::{Value, json};

use super::error::{error_body, kind_of_failure};
use super::reply::{MessageHead, usage_value};
use crate::translate::Failure;
use crate::translate::raw::{JsonOut, push_string};
use crate::translate::responses::TokenUsage;
use crate::translate::sse::write_frame;

/// What a block is when it begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Opening<'a> {
    Text,
    Thinking,
    ToolUse { id: &'a str, name: &'a str },
}

/// What a delta adds to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Delta {
    Text,
    Thinking,
    Input,
}

/// The first event. What the input costs is known at the end only, and told then.
pub(super) fn message_start(head: &MessageHead, out: &mut Vec<u8>) {
    let usage = usage_value(TokenUsage::default());
    let event = json!({"type": "message_start", "message": {
        "id": head.id,
        "type": "message",
        "role": "assistant",
        "model": head.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage,
    }});
    write("message_start", &event, out);
}

pub(super) fn ping(out: &mut Vec<u8>) {
    out.put("event: ping\ndata: {\"type\":\"ping\"}\n\n");
}

pub(super) fn block_start(index: usize, opening: Opening<'_>, out: &mut Vec<u8>) {
    out.put("event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":");
    out.put(itoa::Buffer::new().format(index));
    out.put(",\"content_block\":");
    match opening {
        Opening::Text => out.put("{\"type\":\"text\",\"text\":\"\"}"),
        Opening::Thinking => {
            out.put("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
        }
        Opening::ToolUse { id, name } => {
            out.put("{\"type\":\"tool_use\",\"id\":");
            push_string(out, id);
            out.put(",\"name\":");
            push_string(out, name);
            out.put(",\"input\":{}}");
        }
    }
    out.put("}\n\n");
}

/// A piece of a block that is still escaped.
pub(super) fn block_delta(index: usize, delta: Delta, escaped: &str, out: &mut Vec<u8>) {
    put_delta(index, out);
    out.put(match delta {
        Delta::Text => "{\"type\":\"text_delta\",\"text\":\"",
        Delta::Thinking => "{\"type\":\"thinking_delta\",\"thinking\":\"",
        Delta::Input => "{\"type\":\"input_json_delta\",\"partial_json\":\"",
    });
    out.put(escaped);
    out.put("\"}}\n\n");
}

pub(super) fn signature(index: usize, signature: &str, out: &mut Vec<u8>) {
    put_delta(index, out);
    out.put("{\"type\":\"signature_delta\",\"signature\":");
    push_string(out, signature);
    out.put("}}\n\n");
}

pub(super) fn block_stop(index: usize, out: &mut Vec<u8>) {
    out.put("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":");
    out.put(itoa::Buffer::new().format(index));
    out.put("}\n\n");
}

/// The last two events.
pub(super) fn message_end(
    stop_reason: &str,
    stop_sequence: Option<&str>,
    usage: Option<TokenUsage>,
    out: &mut Vec<u8>,
) {
    let event = json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": stop_sequence},
        "usage": usage_value(usage.unwrap_or_default()),
    });
    write("message_delta", &event, out);
    out.put("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
}

pub(super) fn error(failure: &Failure, out: &mut Vec<u8>) {
    let body = error_body(kind_of_failure(failure), &failure.message, None, None);
    write_frame(Some(b"error"), &body, out);
}

fn put_delta(index: usize, out: &mut Vec<u8>) {
    out.put("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":");
    out.put(itoa::Buffer::new().format(index));
    out.put(",\"delta\":");
}

fn write(event: &str, data: &Value, out: &mut Vec<u8>) {
    write_frame(Some(event.as_bytes()), data.to_string().as_bytes(), out);
}
