//! Tools, the choice among them, and what was called functions before.

use serde_json::{Map, Value, json};

use super::fields::{Fields, Place};
use crate::translate::RequestError;
use crate::translate::names::ToolNames;

/// The tools of a request, or none: an empty list is left out together with everything about it.
///
/// # Errors
/// When a tool has no name or no type that could be understood.
pub(super) fn tools_from_chat(
    tools: Vec<Value>,
    functions: Vec<Value>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Vec<Value>, RequestError> {
    let declared = tools.iter().chain(&functions).filter_map(declared_name);
    names.declare(declared);
    let mut made = Vec::with_capacity(tools.len() + functions.len());
    let tools_place = Place::Field(&Place::Root, "tools");
    for (index, tool) in tools.into_iter().enumerate() {
        let place = Place::Element(&tools_place, index);
        made.push(tool_from_chat(Fields::new(tool, &place)?, names, dropped)?);
    }
    let functions_place = Place::Field(&Place::Root, "functions");
    for (index, function) in functions.into_iter().enumerate() {
        let place = Place::Element(&functions_place, index);
        made.push(function_tool(
            Fields::new(function, &place)?,
            names,
            dropped,
        )?);
    }
    Ok(made)
}

/// The web search that a chat switches on by its options.
///
/// # Errors
/// When the options are no object.
pub(super) fn web_search_tool(
    options: Value,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let place = Place::Field(&Place::Root, "web_search_options");
    let mut options = Fields::new(options, &place)?;
    let mut tool = Map::new();
    tool.insert("type".to_owned(), json!("web_search"));
    if let Some(size) = options.string("search_context_size")? {
        tool.insert("search_context_size".to_owned(), Value::String(size));
    }
    if let Some(mut location) = options.object("user_location")? {
        // `{"type":"approximate","approximate":{"city":…}}` becomes one level.
        if let Some(Value::Object(approximate)) = location.shift_remove("approximate") {
            location.extend(approximate);
        }
        location
            .entry("type")
            .or_insert_with(|| json!("approximate"));
        tool.insert("user_location".to_owned(), Value::Object(location));
    }
    options.drop_rest(dropped);
    Ok(Value::Object(tool))
}

/// `tool_choice`, or the older `function_call`, with the names that the upstream knows.
///
/// # Errors
/// When it is neither a known word nor an object with a name.
pub(super) fn tool_choice_from_chat(
    choice: Value,
    field: &str,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let place = Place::Field(&Place::Root, field);
    if let Value::String(word) = &choice {
        return match word.as_str() {
            "none" | "auto" | "required" => Ok(choice),
            _ => Err(place.error(format_args!(
                "is {word:?}; it must be none, auto, required or an object"
            ))),
        };
    }
    let mut choice = Fields::new(choice, &place)?;
    let kind = choice.string("type")?;
    let made = match kind.as_deref() {
        None | Some("function" | "custom") => {
            let kind = kind.unwrap_or_else(|| "function".to_owned());
            let name = choice_name(&kind, &mut choice, dropped)?;
            json!({"type": kind, "name": names.wire(name)})
        }
        Some("allowed_tools") => {
            let nested_place = Place::Field(choice.place, "allowed_tools");
            match choice.take("allowed_tools") {
                Some(nested) => allowed_tools(Fields::new(nested, &nested_place)?, names, dropped)?,
                None => return allowed_tools(choice, names, dropped),
            }
        }
        Some(kind) => {
            // A hosted tool such as {"type":"web_search"}: the same in both dialects.
            let mut hosted = Map::new();
            hosted.insert("type".to_owned(), json!(kind));
            hosted.extend(choice.into_rest());
            return Ok(Value::Object(hosted));
        }
    };
    choice.drop_rest(dropped);
    Ok(made)
}

fn allowed_tools(
    mut allowed: Fields<'_>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let mode = allowed.string("mode")?.unwrap_or_else(|| "auto".to_owned());
    let tools_place = Place::Field(allowed.place, "tools");
    let Some(tools) = allowed.array("tools")? else {
        return Err(tools_place.error("is missing"));
    };
    let mut made = Vec::with_capacity(tools.len());
    for (index, tool) in tools.into_iter().enumerate() {
        let place = Place::Element(&tools_place, index);
        let mut tool = Fields::new(tool, &place)?;
        let kind = tool.required_string("type")?;
        if matches!(kind.as_str(), "function" | "custom") {
            let name = choice_name(&kind, &mut tool, dropped)?;
            made.push(json!({"type": kind, "name": names.wire(name)}));
            tool.drop_rest(dropped);
        } else {
            let mut hosted = Map::new();
            hosted.insert("type".to_owned(), Value::String(kind));
            hosted.extend(tool.into_rest());
            made.push(Value::Object(hosted));
        }
    }
    allowed.drop_rest(dropped);
    Ok(json!({"type": "allowed_tools", "mode": mode, "tools": made}))
}

/// The name in `{"function":{"name"}}`, `{"custom":{"name"}}` or the flat `{"name"}`.
fn choice_name(
    kind: &str,
    choice: &mut Fields<'_>,
    dropped: &mut Vec<String>,
) -> Result<String, RequestError> {
    let place = Place::Field(choice.place, kind);
    match choice.take(kind) {
        Some(nested) => {
            let mut nested = Fields::new(nested, &place)?;
            let name = nested.required_string("name")?;
            nested.drop_rest(dropped);
            Ok(name)
        }
        None => choice.required_string("name"),
    }
}

fn tool_from_chat(
    mut tool: Fields<'_>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let kind = match tool.string("type")? {
        Some(kind) => kind,
        None if tool.has("function") => "function".to_owned(),
        None => return Err(tool.wrong("type", "is missing")),
    };
    match kind.as_str() {
        "function" | "custom" => {
            let place = Place::Field(tool.place, &kind);
            let nested = tool.take(&kind);
            let read = if kind == "custom" {
                custom_tool
            } else {
                function_tool
            };
            match nested {
                Some(nested) => {
                    let made = read(Fields::new(nested, &place)?, names, dropped)?;
                    tool.drop_rest(dropped);
                    Ok(made)
                }
                // Already flat, as Responses has it.
                None => read(tool, names, dropped),
            }
        }
        _ => {
            // Hosted tools are the same in both dialects.
            let mut hosted = Map::new();
            hosted.insert("type".to_owned(), Value::String(kind));
            hosted.extend(tool.into_rest());
            Ok(Value::Object(hosted))
        }
    }
}

fn function_tool(
    mut function: Fields<'_>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let name = names.wire(function.required_string("name")?);
    let description = function.string("description")?;
    let parameters = whole_schema(function.object("parameters")?.unwrap_or_default());
    // Responses is strict unless told otherwise, Chat is not.
    let strict = function.boolean("strict")?.unwrap_or(false);
    function.drop_rest(dropped);
    let mut made = Map::new();
    made.insert("type".to_owned(), json!("function"));
    made.insert("name".to_owned(), Value::String(name));
    if let Some(description) = description {
        made.insert("description".to_owned(), Value::String(description));
    }
    made.insert("parameters".to_owned(), Value::Object(parameters));
    made.insert("strict".to_owned(), Value::Bool(strict));
    Ok(Value::Object(made))
}

/// A schema of arguments with what upstreams insist on: that it is an object, and its properties.
pub(in crate::translate) fn whole_schema(mut parameters: Map<String, Value>) -> Map<String, Value> {
    let is_object = parameters.get("type").is_none_or(|kind| kind == "object");
    let has_shape = ["$ref", "anyOf", "oneOf", "allOf"]
        .iter()
        .any(|shape| parameters.contains_key(*shape));
    if is_object && !has_shape {
        parameters.entry("type").or_insert_with(|| json!("object"));
        parameters.entry("properties").or_insert_with(|| json!({}));
    }
    parameters
}

fn custom_tool(
    mut custom: Fields<'_>,
    names: &mut ToolNames,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let name = custom.required_string("name")?;
    names.declare_custom(&name);
    let mut made = Map::new();
    made.insert("type".to_owned(), json!("custom"));
    made.insert("name".to_owned(), Value::String(names.wire(name)));
    if let Some(description) = custom.string("description")? {
        made.insert("description".to_owned(), Value::String(description));
    }
    if let Some(mut format) = custom.object("format")? {
        // `{"type":"grammar","grammar":{"definition","syntax"}}` becomes one level.
        if let Some(Value::Object(grammar)) = format.shift_remove("grammar") {
            format.extend(grammar);
        }
        made.insert("format".to_owned(), Value::Object(format));
    }
    custom.drop_rest(dropped);
    Ok(Value::Object(made))
}

fn declared_name(tool: &Value) -> Option<&str> {
    let nested = tool
        .get("function")
        .or_else(|| tool.get("custom"))
        .unwrap_or(tool);
    nested.get("name")?.as_str()
}
