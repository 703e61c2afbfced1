//! Tools and the choice among them.

use serde_json::{Map, Value, json};

use crate::translate::RequestError;
use crate::translate::chat::fields::{Fields, Place};
use crate::translate::chat::tools::whole_schema;
use crate::translate::names::ToolNames;

/// Puts `tools`, `tool_choice` and `parallel_tool_calls` into the body.
///
/// # Errors
/// When a tool has no name, or is one that only Anthropic's models were trained for.
pub(super) fn put_tools(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<(), RequestError> {
    let declared = fields.array("tools")?.unwrap_or_default();
    let choice = fields.take("tool_choice");
    names.declare(
        declared
            .iter()
            .filter_map(|tool| tool.get("name")?.as_str()),
    );
    let place = Place::Field(&Place::Root, "tools");
    let mut tools = Vec::with_capacity(declared.len());
    for (index, tool) in declared.into_iter().enumerate() {
        let place = Place::Element(&place, index);
        tools.extend(tool_of(Fields::new(tool, &place)?, names, dropped)?);
    }
    if tools.is_empty() {
        return Ok(()); // a choice among no tools is an error upstream and means nothing
    }
    made.insert("tools".to_owned(), Value::Array(tools));
    let Some(choice) = choice else {
        return Ok(());
    };
    let place = Place::Field(&Place::Root, "tool_choice");
    let mut choice = Fields::new(choice, &place)?;
    let kind = choice.required_string("type")?;
    let tool_choice = match kind.as_str() {
        "auto" | "none" => Value::String(kind),
        "any" => json!("required"),
        "tool" => {
            let name = choice.required_string("name")?;
            if name == WEB_SEARCH && !is_function(made, WEB_SEARCH) {
                json!({"type": WEB_SEARCH})
            } else {
                json!({"type": "function", "name": names.wire(name)})
            }
        }
        _ => {
            let problem = format_args!("is {kind:?}; it must be auto, any, tool or none");
            return Err(choice.wrong("type", problem));
        }
    };
    made.insert("tool_choice".to_owned(), tool_choice);
    if let Some(is_disabled) = choice.boolean("disable_parallel_tool_use")? {
        made.insert("parallel_tool_calls".to_owned(), json!(!is_disabled));
    }
    choice.drop_rest(dropped);
    Ok(())
}

/// Claude Code (2.1.329) sends this tool to keep deferred loading going, and says in it that it must never be called.
const PLACEHOLDER: &str = "DeferredToolPlaceholder";
/// The name of the hosted tool in both dialects.
const WEB_SEARCH: &str = "web_search";

fn is_function(made: &Map<String, Value>, name: &str) -> bool {
    let tools = made.get("tools").and_then(Value::as_array);
    tools.is_some_and(|tools| {
        tools.iter().any(|tool| {
            tool.get("type") == Some(&json!("function")) && tool.get("name") == Some(&json!(name))
        })
    })
}

fn tool_of(
    mut tool: Fields<'_>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Option<Value>, RequestError> {
    if tool.has("defer_loading") && tool.has_text("name", PLACEHOLDER) {
        dropped.push(tool.place.to_string());
        return Ok(None);
    }
    match tool.string("type")?.as_deref() {
        None | Some("custom") => function_tool(tool, names, dropped).map(Some),
        Some(kind) if kind.starts_with("web_search_") => web_search(tool, dropped).map(Some),
        // It finds the tools that are not loaded yet; here every tool is.
        Some(kind) if kind.starts_with("tool_search_tool_") => {
            dropped.push(tool.place.to_string());
            Ok(None)
        }
        Some(kind) => {
            let problem = format_args!(
                "is {kind:?}, a tool that only Anthropic's models know; describe it by name and input_schema"
            );
            Err(tool.wrong("type", problem))
        }
    }
}

fn function_tool(
    mut tool: Fields<'_>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let name = names.wire(tool.required_string("name")?);
    let mut schema = tool.object("input_schema")?.unwrap_or_default();
    schema.shift_remove("$schema");
    let strict = tool.boolean("strict")?.unwrap_or(false);
    let mut made = Map::new();
    made.insert("type".to_owned(), json!("function"));
    made.insert("name".to_owned(), Value::String(name));
    if let Some(description) = tool.string("description")? {
        made.insert("description".to_owned(), Value::String(description));
    }
    made.insert("parameters".to_owned(), Value::Object(whole_schema(schema)));
    // Responses is strict unless told otherwise, Messages is not.
    made.insert("strict".to_owned(), Value::Bool(strict));
    tool.drop_rest(dropped);
    Ok(Value::Object(made))
}

fn web_search(mut tool: Fields<'_>, dropped: &mut Vec<String>) -> Result<Value, RequestError> {
    let mut made = Map::new();
    made.insert("type".to_owned(), json!(WEB_SEARCH));
    tool.take("name"); // always the same
    if let Some(domains) = tool.array("allowed_domains")?.filter(|it| !it.is_empty()) {
        made.insert("filters".to_owned(), json!({ "allowed_domains": domains }));
    }
    if let Some(location) = tool.object("user_location")? {
        made.insert("user_location".to_owned(), Value::Object(location));
    }
    tool.drop_rest(dropped);
    Ok(Value::Object(made))
}
