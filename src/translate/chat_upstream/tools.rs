//! Tools of a Responses request as the functions that every chat knows, and which call meant which tool.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::translate::RequestError;
use crate::translate::names::ToolNames;

/// What functions are called on the way, and what they stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct WireTools {
    names: ToolNames,
    /// Only those that are not simply functions of the same name.
    called: HashMap<String, Called>,
    /// Names of functions that go as they are.
    plain: Vec<String>,
}

/// The tool behind a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    pub name: String,
    pub namespace: Option<String>,
    /// Takes a text, which travels in [`INPUT`].
    pub is_custom: bool,
}

/// The one argument of a function that stands for a custom tool.
pub(super) const INPUT: &str = "input";

impl WireTools {
    /// Reserves the names that travel unchanged.
    fn declare(&mut self, tools: &[Value]) {
        let names = tools.iter().filter_map(|tool| tool.get("name")?.as_str());
        self.names.declare(names.clone());
        let is_function = |tool: &&Value| kind_of(tool) == "function";
        let plain = tools.iter().filter(is_function);
        let plain = plain.filter_map(|tool| tool.get("name")?.as_str());
        self.plain = plain.map(str::to_owned).collect();
    }

    /// What the chat calls this tool.
    pub fn wire(&mut self, namespace: Option<&str>, name: &str) -> String {
        let Some(space) = namespace else {
            let wire = self.names.wire(name.to_owned());
            if wire != name {
                self.note(&wire, name, None);
            }
            return wire;
        };
        let joint = if space.ends_with("__") { "" } else { "__" };
        let flat = format!("{space}{joint}{name}");
        // A slash is in no name that travels as it is, so this one becomes its own.
        let is_taken = self.plain.contains(&flat);
        let flat = if is_taken {
            format!("{space}/{name}")
        } else {
            flat
        };
        let wire = self.names.wire(flat);
        self.note(&wire, name, Some(space));
        wire
    }

    fn note(&mut self, wire: &str, name: &str, namespace: Option<&str>) {
        let called = self.called.entry(wire.to_owned());
        called.or_insert_with(|| Called {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            is_custom: false,
        });
    }

    fn wire_custom(&mut self, namespace: Option<&str>, name: &str) -> String {
        let wire = self.wire(namespace, name);
        let called = self.called.entry(wire.clone()).or_insert_with(|| Called {
            name: name.to_owned(),
            namespace: namespace.map(str::to_owned),
            is_custom: false,
        });
        called.is_custom = true;
        wire
    }

    /// Which tool a call of this function means, if it is not simply a function of this name.
    pub fn called(&self, wire: &str) -> Option<&Called> {
        self.called.get(wire)
    }
}

/// The tools that a chat can call, and the choice among them, as fields of the chat.
///
/// # Errors
/// When a tool must be called that a chat does not have.
pub(super) fn put_tools(
    body: &mut Map<String, Value>,
    made: &mut Map<String, Value>,
    wire: &mut WireTools,
    dropped: &mut Vec<String>,
) -> Result<(), RequestError> {
    let tools = match body.shift_remove("tools") {
        Some(Value::Array(tools)) => tools,
        None | Some(Value::Null) => Vec::new(),
        Some(_) => return Err(RequestError::at("tools", "`tools` must be an array")),
    };
    wire.declare(&tools);
    let mut functions = Vec::with_capacity(tools.len());
    for tool in &tools {
        let space = (kind_of(tool) == "namespace").then(|| text_at(tool, "name"));
        let Some(space) = space else {
            functions.extend(function_from(None, tool, wire, dropped));
            continue;
        };
        let inner = tool.get("tools").and_then(Value::as_array);
        for tool in inner.into_iter().flatten() {
            functions.extend(function_from(Some(space), tool, wire, dropped));
        }
    }
    let choice = body
        .shift_remove("tool_choice")
        .filter(|choice| !choice.is_null());
    let parallel = body.shift_remove("parallel_tool_calls");
    let choice = match choice {
        Some(choice) => chosen(&choice, &mut functions, wire, dropped)?,
        None => None,
    };
    if functions.is_empty() {
        return Ok(()); // a choice among no tools is an error upstream and means nothing
    }
    made.insert("tools".to_owned(), Value::Array(functions));
    if let Some(choice) = choice {
        made.insert("tool_choice".to_owned(), choice);
    }
    if let Some(parallel @ Value::Bool(_)) = parallel {
        made.insert("parallel_tool_calls".to_owned(), parallel);
    }
    Ok(())
}

/// One tool as a function; nothing for one that only the OpenAI services have.
fn function_from(
    namespace: Option<&str>,
    tool: &Value,
    wire: &mut WireTools,
    dropped: &mut Vec<String>,
) -> Option<Value> {
    let name = text_at(tool, "name");
    let description = text_at(tool, "description");
    let mut function = Map::new();
    match kind_of(tool) {
        "function" if !name.is_empty() => {
            function.insert("name".to_owned(), json!(wire.wire(namespace, name)));
            if !description.is_empty() {
                function.insert("description".to_owned(), json!(description));
            }
            let parameters = tool.get("parameters").filter(|schema| schema.is_object());
            let none = || json!({"type": "object", "properties": {}});
            function.insert(
                "parameters".to_owned(),
                parameters.cloned().unwrap_or_else(none),
            );
            // Chats are not strict unless asked; `false` says nothing, and not everybody knows the word.
            if tool.get("strict") == Some(&Value::Bool(true)) {
                function.insert("strict".to_owned(), Value::Bool(true));
            }
        }
        "custom" if !name.is_empty() => {
            function.insert("name".to_owned(), json!(wire.wire_custom(namespace, name)));
            function.insert("description".to_owned(), json!(told(description, tool)));
            function.insert("parameters".to_owned(), input_schema());
        }
        "" => dropped.push("tools[]".to_owned()),
        kind => dropped.push(format!("tools.{kind}")),
    }
    (!function.is_empty()).then(|| json!({"type": "function", "function": function}))
}

/// The description of a custom tool, with the grammar that nobody enforces here.
fn told(description: &str, tool: &Value) -> String {
    let format = tool.get("format");
    let definition = format.and_then(|format| format.get("definition")?.as_str());
    match definition {
        Some(definition) => {
            let syntax = format.map_or("", |format| text_at(format, "syntax"));
            format!("{description}\n\nThe input must match this grammar ({syntax}):\n{definition}")
        }
        None => description.to_owned(),
    }
}

fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {INPUT: {"type": "string", "description": "The whole input of the tool, as plain text."}},
        "required": [INPUT],
        "additionalProperties": false,
    })
}

/// The choice in a chat's words. A choice among some tools leaves the others out, which means the same.
fn chosen(
    choice: &Value,
    functions: &mut Vec<Value>,
    wire: &mut WireTools,
    dropped: &mut Vec<String>,
) -> Result<Option<Value>, RequestError> {
    if let Some(word) = choice.as_str() {
        return Ok(Some(json!(word)));
    }
    if kind_of(choice) == "allowed_tools" {
        let allowed = choice.get("tools").and_then(Value::as_array);
        let allowed: Vec<String> = allowed
            .into_iter()
            .flatten()
            .map(|tool| wire_name(tool, wire))
            .collect();
        functions.retain(|function| {
            let name = function.pointer("/function/name").and_then(Value::as_str);
            name.is_some_and(|name| allowed.iter().any(|allowed| allowed == name))
        });
        return Ok(choice.get("mode").cloned());
    }
    let name = wire_name(choice, wire);
    let is_there = functions.iter().any(|function| {
        function.pointer("/function/name").and_then(Value::as_str) == Some(name.as_str())
    });
    if is_there {
        return Ok(Some(
            json!({"type": "function", "function": {"name": name}}),
        ));
    }
    if matches!(kind_of(choice), "function" | "custom") {
        dropped.push("tool_choice".to_owned());
        return Ok(None);
    }
    let problem = format!(
        "`tool_choice` asks for {:?}, which this upstream does not have",
        kind_of(choice)
    );
    Err(RequestError::at("tool_choice", problem).with_code("unsupported_value"))
}

fn wire_name(tool: &Value, wire: &mut WireTools) -> String {
    let namespace = tool.get("namespace").and_then(Value::as_str);
    wire.wire(namespace, text_at(tool, "name"))
}

pub(super) fn kind_of(value: &Value) -> &str {
    text_at(value, "type")
}

pub(super) fn text_at<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(body: Value) -> Result<(Value, WireTools, Vec<String>), RequestError> {
        let Value::Object(mut body) = body else {
            panic!("no object")
        };
        let (mut made, mut wire, mut dropped) = (Map::new(), WireTools::default(), Vec::new());
        put_tools(&mut body, &mut made, &mut wire, &mut dropped)?;
        Ok((Value::Object(made), wire, dropped))
    }

    #[test]
    fn a_custom_tool_becomes_a_function_of_one_text_with_its_grammar_in_words() {
        let (made, wire, dropped) = put(json!({"tools": [{
            "type": "custom", "name": "apply_patch", "description": "Edits files.",
            "format": {"type": "grammar", "syntax": "lark", "definition": "start: x"},
        }]}))
        .unwrap();
        let function = &made["tools"][0]["function"];
        assert_eq!(function["parameters"]["required"], json!(["input"]));
        assert_eq!(
            function["description"],
            "Edits files.\n\nThe input must match this grammar (lark):\nstart: x"
        );
        assert!(wire.called("apply_patch").unwrap().is_custom);
        assert!(dropped.is_empty());
    }

    #[test]
    fn the_tools_of_a_namespace_come_apart_and_know_where_they_belong() {
        let (made, wire, _) = put(json!({"tools": [
            {"type": "function", "name": "files__read"},
            {"type": "namespace", "name": "files", "tools": [{"type": "function", "name": "read"}, {"type": "function", "name": "write"}]},
        ]}))
        .unwrap();
        let names: Vec<_> = made["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["function"]["name"].as_str().unwrap())
            .collect();
        assert_eq!((names[0], names[2]), ("files__read", "files__write"));
        assert_ne!(names[1], "files__read");
        assert_eq!(wire.called("files__read"), None);
        for (wire_name, name) in [(names[1], "read"), (names[2], "write")] {
            let called = wire.called(wire_name).unwrap();
            assert_eq!(
                (called.name.as_str(), called.namespace.as_deref()),
                (name, Some("files"))
            );
        }
    }

    #[test]
    fn hosted_tools_are_left_out_by_name_and_the_choice_with_the_last_of_them() {
        let (made, _, dropped) = put(json!({
            "tools": [{"type": "web_search"}, {"type": "mcp", "server_label": "x"}],
            "tool_choice": "auto", "parallel_tool_calls": true,
        }))
        .unwrap();
        assert_eq!(made, json!({}));
        assert_eq!(dropped, ["tools.web_search", "tools.mcp"]);
    }

    #[test]
    fn a_choice_is_told_in_a_chats_words() {
        let tools = json!([{"type": "function", "name": "a"}, {"type": "function", "name": "b", "strict": false}]);
        let choose = |choice: Value| {
            let (made, ..) = put(json!({"tools": tools, "tool_choice": choice})).unwrap();
            (
                made["tool_choice"].clone(),
                made["tools"].as_array().unwrap().len(),
            )
        };
        assert_eq!(choose(json!("required")), (json!("required"), 2));
        assert_eq!(
            choose(json!({"type": "function", "name": "a"})),
            (json!({"type": "function", "function": {"name": "a"}}), 2)
        );
        let allowed = json!({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "b"}]});
        assert_eq!(choose(allowed), (json!("required"), 1));
        assert_eq!(
            choose(json!({"type": "function", "name": "nobody"})),
            (Value::Null, 2)
        );
        let hosted = put(json!({"tools": tools, "tool_choice": {"type": "image_generation"}}));
        assert_eq!(hosted.unwrap_err().param.as_deref(), Some("tool_choice"));
    }

    #[test]
    fn a_name_that_no_chat_takes_is_shortened_and_known_again() {
        let long = "x".repeat(80);
        let (made, wire, _) = put(json!({"tools": [{"type": "function", "name": long}]})).unwrap();
        let short = made["tools"][0]["function"]["name"].as_str().unwrap();
        assert_eq!(short.len(), 64);
        assert_eq!(wire.called(short).unwrap().name, long);
    }
}
