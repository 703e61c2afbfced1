//! Input items as the messages of a chat.
//!
//! A chat is stricter about its past: every call must be answered by a message directly behind the one that made it
//! (`openai/codex#7051`), so outputs are looked up and put there, and calls that nobody answered are left out. Tools answer with text
//! alone; the pictures of their answers come behind all of them, in one message of the user.

use std::collections::{HashMap, VecDeque};

use serde_json::{Map, Value, json};

use super::parts::{Told, content_from, output_from, said_from};
use super::tools::{INPUT, WireTools, kind_of, text_at};
use crate::translate::RequestError;

/// The messages of a chat with this past.
///
/// # Errors
/// When an item only points to what another service keeps, or can be read by nobody else.
pub(super) fn messages_from(
    instructions: Option<String>,
    input: Value,
    wire: &mut WireTools,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, RequestError> {
    let mut history = History::default();
    if let Some(text) = instructions.filter(|text| !text.trim().is_empty()) {
        history.say("system", Value::String(text));
    }
    let items = match input {
        Value::String(text) => {
            history.say("user", Value::String(text));
            Vec::new()
        }
        Value::Array(items) => items,
        _ => {
            let problem = "`input` is missing: it must be a string or an array";
            return Err(RequestError::at("input", problem));
        }
    };
    let mut outputs = Outputs::of(&items);
    for (nth, item) in items.into_iter().enumerate() {
        history.take(nth, item, &mut outputs, wire, dropped)?;
    }
    history.flush(dropped);
    outputs.drop_rest(dropped);
    Ok(history.messages)
}

#[derive(Default)]
struct History {
    messages: Vec<Value>,
    /// What the model said last, and called, not yet written.
    turn: Turn,
}

#[derive(Default)]
struct Turn {
    text: String,
    refusal: String,
    calls: Vec<Call>,
}

struct Call {
    nth: usize,
    json: Value,
    id: String,
    output: Option<Told>,
}

impl History {
    fn take(
        &mut self,
        nth: usize,
        mut item: Value,
        outputs: &mut Outputs,
        wire: &mut WireTools,
        dropped: &mut Vec<String>,
    ) -> Result<(), RequestError> {
        let place = format!("input[{nth}]");
        let has_role = item.get("role").is_some();
        match kind_of(&item) {
            "message" => {}
            "" if has_role => {}
            "function_call" => {
                let name = self.wire_name(&item, wire);
                let arguments = text_at(&item, "arguments");
                let arguments = if arguments.trim().is_empty() {
                    "{}"
                } else {
                    arguments
                };
                self.call(nth, &item, &name, arguments, outputs, dropped);
                return Ok(());
            }
            "custom_tool_call" => {
                let name = self.wire_name(&item, wire);
                let arguments = json!({INPUT: text_at(&item, "input")}).to_string();
                self.call(nth, &item, &name, &arguments, outputs, dropped);
                return Ok(());
            }
            "function_call_output" | "custom_tool_call_output" => {
                // Its call has taken it already, or it belongs to none; either way the calls before it are complete.
                if !self.turn.calls.is_empty() {
                    self.flush(dropped);
                }
                return Ok(());
            }
            kind @ ("compaction" | "compaction_summary" | "context_compaction"
            | "compaction_trigger") => {
                let problem = format!(
                    "`{place}` is a {kind} item: compacted history can only be made and read by the service it came from, and \
                     this upstream speaks Chat Completions; start a new conversation or use another model"
                );
                return Err(RequestError::at(place, problem).with_code("unsupported_value"));
            }
            "item_reference" => {
                let problem = format!(
                    "`{place}` refers to an item that this upstream does not keep; send the item itself"
                );
                return Err(
                    RequestError::at(place, problem).with_code("previous_response_not_found")
                );
            }
            "" => {
                return Err(RequestError::at(
                    place.clone(),
                    format!("`{place}` has neither a type nor a role"),
                ));
            }
            // The thoughts of earlier turns, and what hosted tools did.
            kind => {
                dropped.push(format!("input[].{kind}"));
                return Ok(());
            }
        }
        let role = text_at(&item, "role").to_owned();
        let content = item.get_mut("content").map(Value::take).unwrap_or_default();
        match role.as_str() {
            "assistant" => {
                let (text, refusal) = said_from(&content);
                if !self.turn.calls.is_empty() {
                    self.flush(dropped);
                }
                if !self.turn.text.is_empty() && !text.is_empty() {
                    self.turn.text.push_str("\n\n");
                }
                self.turn.text.push_str(&text);
                self.turn.refusal.push_str(&refusal);
            }
            "user" | "system" | "developer" => {
                self.flush(dropped);
                let content = content_from(content, &place, dropped)?;
                self.say(if role == "user" { "user" } else { "system" }, content);
            }
            _ => {
                let problem =
                    format!("`{place}.role` must be user, assistant, system or developer");
                return Err(RequestError::at(format!("{place}.role"), problem));
            }
        }
        Ok(())
    }

    fn wire_name(&self, item: &Value, wire: &mut WireTools) -> String {
        let namespace = item.get("namespace").and_then(Value::as_str);
        wire.wire(namespace, text_at(item, "name"))
    }

    fn call(
        &mut self,
        nth: usize,
        item: &Value,
        name: &str,
        arguments: &str,
        outputs: &mut Outputs,
        dropped: &mut Vec<String>,
    ) {
        let id = text_at(item, "call_id").to_owned();
        let output = outputs.take(&id, nth, dropped);
        let function = json!({"name": name, "arguments": arguments});
        self.turn.calls.push(Call {
            nth,
            json: json!({"id": id, "type": "function", "function": function}),
            id,
            output,
        });
    }

    /// Writes what the model said and called, with the answers to its calls.
    fn flush(&mut self, dropped: &mut Vec<String>) {
        let Turn {
            text,
            refusal,
            calls,
        } = std::mem::take(&mut self.turn);
        let (answered, open): (Vec<_>, Vec<_>) =
            calls.into_iter().partition(|call| call.output.is_some());
        dropped.extend(open.iter().map(|call| format!("input[{}]", call.nth)));
        if text.is_empty() && refusal.is_empty() && answered.is_empty() {
            return;
        }
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        let content = (!text.is_empty() || answered.is_empty()).then_some(text);
        message.insert("content".to_owned(), json!(content));
        if !refusal.is_empty() {
            message.insert("refusal".to_owned(), json!(refusal));
        }
        if !answered.is_empty() {
            let calls = answered.iter().map(|call| call.json.clone()).collect();
            message.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        self.messages.push(Value::Object(message));
        let mut shown = Vec::new();
        for Call { id, output, .. } in answered {
            let told = output.unwrap_or_default();
            if !told.shown.is_empty() {
                let whose = format!("From the result of the call {id}:");
                shown.push(json!({"type": "text", "text": whose}));
                shown.extend(told.shown);
            }
            self.messages
                .push(json!({"role": "tool", "tool_call_id": id, "content": told.text}));
        }
        if !shown.is_empty() {
            self.messages
                .push(json!({"role": "user", "content": shown}));
        }
    }

    /// Adds a message. Instructions at the very beginning become one: there are templates that take only one.
    fn say(&mut self, role: &str, content: Value) {
        if role == "system"
            && let [first] = self.messages.as_mut_slice()
            && text_at(first, "role") == "system"
            && let (Some(Value::String(all)), Value::String(more)) =
                (first.get_mut("content"), &content)
        {
            all.push_str("\n\n");
            all.push_str(more);
            return;
        }
        self.messages
            .push(json!({"role": role, "content": content}));
    }
}

/// What tools answered, by the id of the call.
struct Outputs(HashMap<String, VecDeque<(usize, Option<Value>)>>);

impl Outputs {
    fn of(items: &[Value]) -> Self {
        let mut all: HashMap<String, VecDeque<_>> = HashMap::new();
        for (nth, item) in items.iter().enumerate() {
            if matches!(
                kind_of(item),
                "function_call_output" | "custom_tool_call_output"
            ) {
                let of_call = all.entry(text_at(item, "call_id").to_owned()).or_default();
                of_call.push_back((nth, item.get("output").cloned()));
            }
        }
        Self(all)
    }

    /// The first answer behind the call.
    fn take(&mut self, id: &str, call: usize, dropped: &mut Vec<String>) -> Option<Told> {
        let of_call = self.0.get_mut(id)?;
        while let Some((nth, output)) = of_call.pop_front() {
            if nth > call {
                return Some(output_from(output.as_ref(), "input[]", dropped));
            }
            dropped.push(format!("input[{nth}]"));
        }
        None
    }

    /// Answers to calls that nobody made.
    fn drop_rest(self, dropped: &mut Vec<String>) {
        let mut rest: Vec<usize> = self.0.into_values().flatten().map(|(nth, _)| nth).collect();
        rest.sort_unstable();
        dropped.extend(rest.into_iter().map(|nth| format!("input[{nth}]")));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(input: Value) -> (Value, Vec<String>) {
        let mut dropped = Vec::new();
        let messages = messages_from(
            Some("Be brief.".to_owned()),
            input,
            &mut WireTools::default(),
            &mut dropped,
        );
        (Value::Array(messages.unwrap()), dropped)
    }

    fn refusal(item: Value) -> RequestError {
        let input = json!([{"role": "user", "content": "hi"}, item]);
        messages_from(None, input, &mut WireTools::default(), &mut Vec::new()).unwrap_err()
    }

    fn call(id: &str) -> Value {
        json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"})
    }

    fn output(id: &str) -> Value {
        json!({"type": "function_call_output", "call_id": id, "output": format!("of {id}")})
    }

    fn shape(messages: &Value) -> Vec<String> {
        let messages = messages.as_array().unwrap().iter();
        messages
            .map(|message| match message["tool_calls"].as_array() {
                Some(calls) => format!(
                    "assistant calls {}",
                    calls
                        .iter()
                        .map(|call| text_at(call, "id"))
                        .collect::<Vec<_>>()
                        .join("+")
                ),
                None if message["role"] == "tool" => format!(
                    "tool {} {}",
                    text_at(message, "tool_call_id"),
                    text_at(message, "content")
                ),
                None => format!(
                    "{} {}",
                    text_at(message, "role"),
                    text_at(message, "content")
                ),
            })
            .collect()
    }

    #[test]
    fn instructions_at_the_beginning_are_one_message_and_later_ones_stay_where_they_are() {
        let (messages, dropped) = told(json!([
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Use tabs."}]},
            {"role": "user", "content": "hi"},
            {"role": "system", "content": "Now in German."},
        ]));
        assert_eq!(
            shape(&messages),
            [
                "system Be brief.\n\nUse tabs.",
                "user hi",
                "system Now in German."
            ]
        );
        assert!(dropped.is_empty());
    }

    #[test]
    fn text_and_calls_of_one_turn_are_one_message_and_each_output_stands_behind_it() {
        let (messages, dropped) = told(json!([
            {"role": "user", "content": "hi"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Let me look."}]},
            call("a"),
            {"type": "reasoning", "summary": []},
            call("b"), output("b"), output("a"),
            call("c"), output("c"),
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
        ]));
        assert_eq!(messages[2]["content"], "Let me look.");
        assert_eq!(
            shape(&messages)[2..],
            [
                "assistant calls a+b",
                "tool a of a",
                "tool b of b",
                "assistant calls c",
                "tool c of c",
                "assistant Done."
            ]
        );
        assert_eq!(dropped, ["input[].reasoning"]);
    }

    #[test]
    fn calls_without_an_answer_and_answers_without_a_call_are_left_out_by_number() {
        let (messages, dropped) = told(json!([
            output("early"),
            call("early"), {"role": "user", "content": "hi"}, call("open"), output("nobody"),
        ]));
        assert_eq!(shape(&messages), ["system Be brief.", "user hi"]);
        let mut dropped = dropped;
        dropped.sort();
        assert_eq!(dropped, ["input[0]", "input[1]", "input[3]", "input[4]"]);
    }

    #[test]
    fn an_id_that_is_used_again_in_a_later_turn_gets_its_own_answer() {
        let first = json!({"type": "function_call_output", "call_id": "a", "output": "one"});
        let second = json!({"type": "function_call_output", "call_id": "a", "output": "two"});
        let (messages, _) = told(json!([call("a"), first, call("a"), second]));
        assert_eq!(
            shape(&messages)[1..],
            [
                "assistant calls a",
                "tool a one",
                "assistant calls a",
                "tool a two"
            ]
        );
    }

    #[test]
    fn pictures_of_results_come_in_one_message_behind_all_results_of_a_turn() {
        let image = |url: &str| json!({"type": "input_image", "image_url": url});
        let with = |id: &str, parts: Value| json!({"type": "function_call_output", "call_id": id, "output": parts});
        let (messages, dropped) = told(json!([
            {"role": "user", "content": "look"}, call("a"), call("b"), call("c"),
            with("b", json!([image("data:,b")])),
            with("a", json!([image("data:,a1"), {"type": "input_text", "text": "two"}, image("data:,a2")])),
            output("c"),
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
        ]));
        let word = "[an image: see the next message of the user]";
        assert_eq!(
            shape(&messages)[2..],
            [
                "assistant calls a+b+c".to_owned(),
                format!("tool a {word}\ntwo\n{word}"),
                format!("tool b {word}"),
                "tool c of c".to_owned(),
                "user ".to_owned(),
                "assistant Done.".to_owned(),
            ]
        );
        let shown = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
        let from = |id: &str| json!({"type": "text", "text": format!("From the result of the call {id}:")});
        assert_eq!(
            messages[6]["content"],
            json!([
                from("a"),
                shown("data:,a1"),
                shown("data:,a2"),
                from("b"),
                shown("data:,b")
            ])
        );
        assert!(dropped.is_empty(), "{dropped:?}");
    }

    proptest! {
        #[test]
        fn nothing_of_any_results_is_lost_and_their_order_is_kept(
            results in prop::collection::vec(prop::collection::vec(any::<bool>(), 0..6), 1..5),
            same_turn in any::<bool>(),
        ) {
            let mut input = vec![json!({"role": "user", "content": "look"})];
            let (mut texts, mut pictures) = (Vec::new(), Vec::new());
            let mut outputs = Vec::new();
            for (nth, result) in results.iter().enumerate() {
                let parts = result.iter().enumerate().map(|(place, is_picture)| {
                    let word = format!("<{nth}.{place}>");
                    if *is_picture {
                        pictures.push(format!("data:,{word}"));
                        json!({"type": "input_image", "image_url": format!("data:,{word}")})
                    } else {
                        texts.push(word.clone());
                        json!({"type": "input_text", "text": word})
                    }
                });
                let parts: Vec<Value> = parts.collect();
                let id = format!("call_{nth}");
                input.push(call(&id));
                let output = json!({"type": "function_call_output", "call_id": id, "output": parts});
                if same_turn {
                    outputs.push(output);
                } else {
                    input.push(output);
                }
            }
            input.append(&mut outputs);
            let (messages, dropped) = told(Value::Array(input));
            prop_assert!(dropped.is_empty());
            let messages = messages.as_array().unwrap();
            let said: String = messages
                .iter()
                .filter(|message| message["role"] == "tool")
                .map(|message| text_at(message, "content"))
                .collect();
            let words = said.split('<').skip(1);
            let words: Vec<_> = words.map(|word| format!("<{}>", word.split('>').next().unwrap())).collect();
            prop_assert_eq!(words, texts);
            let parts = messages.iter().filter_map(|message| message["content"].as_array()).flatten();
            let urls: Vec<&str> = parts.filter_map(|part| part["image_url"]["url"].as_str()).collect();
            prop_assert_eq!(urls, pictures);
            let tools = messages.iter().filter(|message| message["role"] == "tool").count();
            prop_assert_eq!(tools, results.len(), "each call is answered");
        }
    }

    #[test]
    fn a_custom_call_is_wrapped_and_a_namespace_becomes_part_of_the_name() {
        let (messages, _) = told(json!([
            {"type": "custom_tool_call", "call_id": "p", "name": "apply_patch", "input": "*** \"a\""},
            {"type": "custom_tool_call_output", "call_id": "p", "output": "ok"},
            {"type": "function_call", "call_id": "n", "namespace": "files", "name": "read", "arguments": ""},
            {"type": "function_call_output", "call_id": "n", "output": "text"},
        ]));
        let function = |nth: usize| messages[nth]["tool_calls"][0]["function"].clone();
        assert_eq!(
            function(1),
            json!({"name": "apply_patch", "arguments": "{\"input\":\"*** \\\"a\\\"\"}"})
        );
        assert_eq!(
            function(3),
            json!({"name": "files__read", "arguments": "{}"})
        );
    }

    #[test]
    fn a_refusal_of_an_earlier_turn_stays_one() {
        let (messages, _) = told(
            json!([{"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}]),
        );
        assert_eq!(
            messages[1],
            json!({"role": "assistant", "content": "", "refusal": "No."})
        );
    }

    #[test]
    fn what_only_its_own_service_can_read_is_refused_in_words() {
        for kind in ["compaction", "compaction_trigger"] {
            let refused = refusal(json!({"type": kind, "encrypted_content": "canary"}));
            assert_eq!(refused.param.as_deref(), Some("input[1]"));
            assert!(
                refused.message.contains(kind) && !refused.message.contains("canary"),
                "{refused}"
            );
        }
        let reference = refusal(json!({"type": "item_reference", "id": "x"}));
        assert_eq!(
            reference.code.as_deref(),
            Some("previous_response_not_found")
        );
        assert_eq!(
            refusal(json!({"role": "robot"})).param.as_deref(),
            Some("input[1].role")
        );
        assert_eq!(
            refusal(json!({"id": "x"})).param.as_deref(),
            Some("input[1]")
        );
    }
}
