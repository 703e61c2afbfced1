//! How much a model is to think: a budget, an effort, or not at all.

use serde_json::{Map, Value, json};

use super::reply::Thoughts;
use crate::translate::RequestError;
use crate::translate::chat::fields::{Fields, Place};
use crate::translate::dropped::OwnNames;
use crate::translate::effort::{EffortWish, LEAST, MOST, effort_of_budget};

/// Puts `reasoning` and `text.format` into the body, from `thinking`, `output_config` and `output_format`. Returns how much
/// of the reasoning the client wants to see, and what it means by its effort.
///
/// # Errors
/// When one of them cannot be understood.
pub(super) fn put_thinking(
    fields: &mut Fields<'_>,
    made: &mut Map<String, Value>,
    own_names: &mut OwnNames,
    dropped: &mut Vec<String>,
) -> Result<(Thoughts, EffortWish), RequestError> {
    let (wish, thoughts) = thinking_of(fields, dropped)?;
    let (effort, format) = output_config_of(fields, dropped)?;
    let mut reasoning = Map::new();
    let said = |effort: String| match effort.as_str() {
        "max" => (MOST.to_owned(), EffortWish::Most, "output_config.effort"),
        _ => (effort, EffortWish::AsSaid, "output_config.effort"),
    };
    let effort = match (wish, effort) {
        (Wish::Off, _) => Some((LEAST.to_owned(), EffortWish::Off, "thinking")),
        // An effort that is said beats one that is guessed from a budget.
        (_, Some(effort)) => Some(said(effort)),
        (Wish::Budget(tokens), None) => {
            let effort = effort_of_budget(tokens).to_owned();
            Some((effort, EffortWish::AsSaid, "thinking.budget_tokens"))
        }
        (Wish::Free, None) => None,
    };
    let mut meant = EffortWish::default();
    if let Some((effort, wish, own_name)) = effort {
        reasoning.insert("effort".to_owned(), Value::String(effort));
        own_names.note("reasoning.effort", own_name);
        meant = wish;
    }
    if thoughts == Thoughts::Shown {
        reasoning.insert("summary".to_owned(), json!("auto"));
    }
    if !reasoning.is_empty() {
        made.insert("reasoning".to_owned(), Value::Object(reasoning));
    }
    if let Some(format) = format {
        made.insert("text".to_owned(), json!({ "format": format }));
    }
    Ok((thoughts, meant))
}

enum Wish {
    Off,
    Budget(u64),
    /// As the effort or the model has it.
    Free,
}

fn thinking_of(
    fields: &mut Fields<'_>,
    dropped: &mut Vec<String>,
) -> Result<(Wish, Thoughts), RequestError> {
    let place = Place::Field(&Place::Root, "thinking");
    let Some(thinking) = fields.take("thinking") else {
        return Ok((Wish::Free, Thoughts::Hidden));
    };
    let mut thinking = Fields::new(thinking, &place)?;
    let kind = thinking.required_string("type")?;
    let budget = thinking.count("budget_tokens")?;
    let thoughts = match thinking.string("display")?.as_deref() {
        Some("omitted") => Thoughts::Sealed,
        _ => Thoughts::Shown,
    };
    let understood = match (kind.as_str(), budget) {
        ("disabled", _) | ("enabled", Some(0)) => (Wish::Off, Thoughts::Hidden),
        ("enabled", Some(tokens)) => (Wish::Budget(tokens), thoughts),
        ("enabled", None) | ("adaptive", _) => (Wish::Free, thoughts),
        _ => {
            let problem = format_args!("is {kind:?}; it must be enabled, adaptive or disabled");
            return Err(thinking.wrong("type", problem));
        }
    };
    thinking.drop_rest(dropped);
    Ok(understood)
}

fn output_config_of(
    fields: &mut Fields<'_>,
    dropped: &mut Vec<String>,
) -> Result<(Option<String>, Option<Value>), RequestError> {
    let place = Place::Field(&Place::Root, "output_config");
    let mut effort = None;
    let mut format = None;
    if let Some(config) = fields.take("output_config") {
        let mut config = Fields::new(config, &place)?;
        effort = config.string("effort")?;
        format = config
            .take("format")
            .map(|format| text_format(format, &Place::Field(&place, "format"), dropped))
            .transpose()?;
        config.drop_rest(dropped);
    }
    // The name of the same while it was in beta.
    if let Some(old) = fields.take("output_format") {
        let place = Place::Field(&Place::Root, "output_format");
        let old = text_format(old, &place, dropped)?;
        format.get_or_insert(old);
    }
    Ok((effort, format))
}

fn text_format(
    format: Value,
    place: &Place<'_>,
    dropped: &mut Vec<String>,
) -> Result<Value, RequestError> {
    let mut format = Fields::new(format, place)?;
    let kind = format.required_string("type")?;
    if kind != "json_schema" {
        return Err(format.wrong("type", format_args!("is {kind:?}; it must be json_schema")));
    }
    let Some(schema) = format.object("schema")? else {
        return Err(format.wrong("schema", "is missing"));
    };
    format.drop_rest(dropped);
    let schema = Value::Object(schema);
    // A strict upstream refuses a schema with a property that may be missing.
    let strict = is_strict(&schema);
    Ok(json!({"type": "json_schema", "name": "response", "schema": schema, "strict": strict}))
}

/// Whether every object in the schema is closed and needs all of its properties
/// (<https://platform.openai.com/docs/guides/structured-outputs>).
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            let properties = match fields.get("properties") {
                Some(Value::Object(properties)) => properties,
                Some(_) => return false,
                None => {
                    return fields.get("type") != Some(&json!("object"))
                        && fields.values().all(is_strict);
                }
            };
            let required = fields.get("required").and_then(Value::as_array);
            let is_required =
                |name: &String| required.is_some_and(|names| names.iter().any(|it| it == name));
            fields.get("additionalProperties") == Some(&Value::Bool(false))
                && properties.keys().all(is_required)
                && properties.values().all(is_strict)
                && fields
                    .iter()
                    .filter(|(name, _)| *name != "properties")
                    .all(|(_, value)| is_strict(value))
        }
        Value::Array(values) => values.iter().all(is_strict),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_strict_only_when_nothing_may_be_missing() {
        let strict = json!({"type": "object", "additionalProperties": false, "required": ["a"],
            "properties": {"a": {"type": "array", "items": {"type": "string"}}}});
        assert!(is_strict(&strict));
        let mut open = strict.clone();
        open["additionalProperties"] = json!(true);
        assert!(!is_strict(&open));
        let mut optional = strict.clone();
        optional["required"] = json!([]);
        assert!(!is_strict(&optional));
        let nested = json!({"anyOf": [strict, {"type": "object"}]});
        assert!(!is_strict(&nested));
    }
}
