//! Values in a JSON file, with comments or without: opencode's settings and Claude Code's.

use jsonc_parser::common::Ranged as _;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use jsonc_parser::tokens::Token;
use jsonc_parser::{CollectOptions, CommentCollectionStrategy, ParseOptions, ast, parse_to_ast};
use serde_json::Value;

use super::text::{Leaf, Outcome, Reading, Untouchable};

pub(super) fn get(text: &str, path: &[&str]) -> Outcome<Option<Value>> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let root = parsed(text)?;
    let whole = root.to_serde_value().unwrap_or_default();
    let mut here = &whole;
    for key in path {
        match here.get(*key) {
            Some(below) => here = below,
            None => return Ok(None),
        }
    }
    Ok(Some(here.clone()))
}

pub(super) fn set(text: &str, path: &[&str], value: &Value) -> Outcome<String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let root = parsed(text)?;
    let Some((last, parents)) = path.split_last() else {
        return Ok(text.to_owned());
    };
    let mut here = object(&root)?;
    for key in parents {
        here = here
            .object_value_or_create(key)
            .ok_or_else(|| Untouchable(format!("has {key:?}, which is no object")))?;
    }
    let value = input(value);
    match here.get(last) {
        Some(property) => property.set_value(value),
        None => {
            here.append(last, value);
        }
    }
    Ok(root.to_string())
}

pub(super) fn remove(text: &str, path: &[&str]) -> Outcome<String> {
    if text.trim().is_empty() {
        return Ok(text.to_owned());
    }
    let root = parsed(text)?;
    let Some((last, parents)) = path.split_last() else {
        return Ok(text.to_owned());
    };
    let mut here = object(&root)?;
    for key in parents {
        match here.object_value(key) {
            Some(below) => here = below,
            None => return Ok(text.to_owned()),
        }
    }
    if let Some(property) = here.get(last) {
        property.remove();
    }
    Ok(root.to_string())
}

pub(super) fn reading(text: &str) -> Outcome<Reading> {
    let collect = CollectOptions {
        comments: CommentCollectionStrategy::AsTokens,
        tokens: true,
    };
    let parsed = parse_to_ast(text, &collect, &options());
    let parsed = parsed.map_err(|err| not_understood(&err))?;
    let mut leaves = Vec::new();
    if let Some(value) = &parsed.value {
        add_leaves(value, &mut Vec::new(), &mut leaves);
    }
    let tokens = parsed.tokens.unwrap_or_default().into_iter();
    let comments = tokens
        .filter(|token| matches!(token.token, Token::CommentLine(_) | Token::CommentBlock(_)))
        .map(|token| token.range.start..token.range.end);
    Ok(Reading {
        leaves,
        comments: comments.collect(),
    })
}

fn add_leaves(value: &ast::Value<'_>, path: &mut Vec<String>, out: &mut Vec<Leaf>) {
    let mut is_empty = false;
    match value {
        ast::Value::Object(object) if !object.properties.is_empty() => {
            for property in &object.properties {
                path.push(property.name.as_str().to_owned());
                add_leaves(&property.value, path, out);
                path.pop();
            }
            return;
        }
        ast::Value::Array(array) if !array.elements.is_empty() => {
            for (place, element) in array.elements.iter().enumerate() {
                path.push(place.to_string());
                add_leaves(element, path, out);
                path.pop();
            }
            return;
        }
        ast::Value::Object(_) | ast::Value::Array(_) => is_empty = true,
        _ => {}
    }
    let range = value.range();
    out.push(Leaf {
        path: path.clone(),
        at: range.start..range.end,
        text: value.as_string_lit().map(|text| text.value.to_string()),
        is_empty,
    });
}

fn parsed(text: &str) -> Outcome<CstRootNode> {
    CstRootNode::parse(text, &options()).map_err(|err| not_understood(&err))
}

fn not_understood(err: &jsonc_parser::errors::ParseError) -> Untouchable {
    Untouchable(format!("cannot be understood ({err}); mend it first"))
}

fn options() -> ParseOptions {
    // What the programs themselves read; anything looser would be edited here and refused there.
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

fn object(root: &CstRootNode) -> Outcome<CstObject> {
    root.object_value()
        .ok_or_else(|| Untouchable("is no JSON object; mend it first".into()))
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(value) => CstInputValue::Number(value.to_string()),
        Value::String(value) => CstInputValue::String(value.clone()),
        Value::Array(values) => CstInputValue::Array(values.iter().map(input).collect()),
        Value::Object(values) => CstInputValue::Object(
            values
                .iter()
                .map(|(key, value)| (key.clone(), input(value)))
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const URL: [&str; 2] = ["env", "ANTHROPIC_BASE_URL"];

    #[test]
    fn comments_order_and_unknown_keys_stay() {
        let before = "{\n  // mine\n  \"zz\": [1, 2],\n  \"env\": {\n    \"A\": \"1\"\n  }, // env\n  \"b\": null,\n}\n";
        let set = set(before, &URL, &json!("http://x")).unwrap();
        assert_eq!(get(&set, &URL).unwrap(), Some(json!("http://x")));
        for kept in [
            "// mine",
            "\"zz\": [1, 2],",
            "// env",
            "\"b\": null,",
            "\"A\": \"1\"",
        ] {
            assert!(set.contains(kept), "{kept} in {set}");
        }
        assert_eq!(remove(&set, &URL).unwrap(), before);
    }

    #[test]
    fn lines_end_as_they_did() {
        let set = set("{\r\n  \"a\": 1\r\n}\r\n", &URL, &json!("x")).unwrap();
        assert_eq!(
            set.matches('\n').count(),
            set.matches("\r\n").count(),
            "{set:?}"
        );
        let back = remove(&remove(&set, &URL).unwrap(), &["env"]).unwrap();
        assert_eq!(back, "{\r\n  \"a\": 1\r\n}\r\n");
    }

    #[test]
    fn an_empty_file_becomes_an_object() {
        for text in ["", " \n", "{}"] {
            let set = set(text, &URL, &json!("x")).unwrap();
            let read: Value = serde_json::from_str(&set).unwrap();
            assert_eq!(read, json!({"env": {"ANTHROPIC_BASE_URL": "x"}}));
        }
        assert_eq!(get("", &URL).unwrap(), None);
        assert_eq!(remove("", &URL).unwrap(), "");
    }

    #[test]
    fn what_is_broken_or_otherwise_built_is_not_touched() {
        for text in [
            "{",
            "{\"a\" 1}",
            "[1]",
            "{'a': 1}",
            "{\"env\": 7}",
            "{a: 1}",
        ] {
            set(text, &URL, &json!("x")).unwrap_err();
        }
        assert_eq!(remove("{\"env\": 7}", &URL).unwrap(), "{\"env\": 7}");
    }
}
