//! Makes the smallest value that fits a JSON schema: what the canned assistant answers to a structured request.

use serde_json::{Map, Value, json};

/// Deeper than any schema of a client, shallow enough for one that contains itself.
const MAX_DEPTH: usize = 12;

/// A value with every property that `schema` names, each as plain as its type allows.
pub(super) fn sample(schema: &Value) -> Value {
    at_depth(schema, schema, 0)
}

fn at_depth(root: &Value, schema: &Value, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    let inner = |schema: &Value| at_depth(root, schema, depth + 1);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = reference
            .strip_prefix('#')
            .and_then(|path| root.pointer(path));
        return target.map_or(Value::Null, inner);
    }
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    if let Some(first) = schema.get("enum").and_then(|values| values.get(0)) {
        return first.clone();
    }
    for choice in ["anyOf", "oneOf", "allOf"] {
        if let Some(first) = schema.get(choice).and_then(|choices| choices.get(0)) {
            return inner(first);
        }
    }
    match type_of(schema) {
        "object" => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let fields: Map<String, Value> = properties
                .into_iter()
                .flatten()
                .map(|(name, schema)| (name.clone(), inner(schema)))
                .collect();
            Value::Object(fields)
        }
        "array" => schema
            .get("items")
            .map_or_else(|| json!([]), |items| json!([inner(items)])),
        "string" => json!("simulated"),
        "integer" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "number" => schema.get("minimum").cloned().unwrap_or(json!(1.5)),
        "boolean" => json!(true),
        _ => Value::Null,
    }
}

/// The first of several types; without a type, what the other keywords imply.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "null",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_every_property_in_its_type() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": { "type": "string" },
                "mood": { "enum": ["calm", "loud"] },
                "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" } },
                "note": { "type": ["integer", "null"] },
                "either": { "anyOf": [{ "type": "boolean" }, { "type": "null" }] },
            },
            "$defs": { "tag": { "type": "object", "properties": { "id": { "const": 7 } } } },
        });
        assert_eq!(
            sample(&schema),
            json!({
                "name": "simulated",
                "mood": "calm",
                "tags": [{ "id": 7 }],
                "note": 1,
                "either": true,
            })
        );
    }

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let schema = json!({ "type": "object", "properties": { "next": { "$ref": "#" } } });
        assert!(sample(&schema).to_string().ends_with("null}}}}}}}"));
    }
}
