//! Values in a YAML file (aider, Continue, aichat): plain ones at its top level, and elements of lists there. The reader only says
//! where they stand; the text itself is edited, so that comments, order and line ends stay.

use serde_json::{Map, Value};

use super::text::{Outcome, Reading, Untouchable, line_end, next_line, spliced, with_line};
use super::yaml_line;
use super::yaml_read::{self, Element, Entry, Node, ScalarKind};

pub(super) fn get(text: &str, path: &[&str]) -> Outcome<Option<Value>> {
    let Some((_, root)) = yaml_read::read(text)? else {
        return Ok(None);
    };
    let whole = root.to_json(text);
    let mut here = &whole;
    for key in path {
        match here.get(*key) {
            Some(below) => here = below,
            None => return Ok(None),
        }
    }
    Ok(Some(here.clone()))
}

pub(super) fn set(text: &str, key: &str, value: &str) -> Outcome<String> {
    let (column, entries) = top(text)?;
    match one(&entries, key)? {
        Some(entry) => {
            let Node::Scalar(scalar) = &entry.value else {
                return Err(no_plain_value(key));
            };
            if !matches!(
                scalar.kind,
                ScalarKind::Empty | ScalarKind::Text(_) | ScalarKind::Word
            ) {
                return Err(no_plain_value(key));
            }
            let before = text.get(..scalar.at.start).unwrap_or_default();
            let gap = if before.ends_with(':') { " " } else { "" };
            Ok(spliced(
                text,
                scalar.at.clone(),
                &format!("{gap}{}", plain(value)),
            ))
        }
        None => Ok(with_line(
            text,
            text.len(),
            &format!("{:column$}{key}: {}", "", plain(value)),
        )),
    }
}

pub(super) fn remove(text: &str, key: &str) -> Outcome<String> {
    let (_, entries) = top(text)?;
    Ok(match one(&entries, key)? {
        Some(entry) => spliced(text, entry.lines.clone(), ""),
        None => text.to_owned(),
    })
}

/// The element of the list below `list` whose `id` is `name`.
pub(super) fn element(text: &str, list: &str, id: &str, name: &str) -> Outcome<Option<Value>> {
    let found = found(text, list, id, name)?;
    Ok(found.map(|(element, _)| element.value.to_json(text)))
}

/// Puts an element first into the list below `list`, in the place of the one with the same `id` if there is one.
pub(super) fn set_element(
    text: &str,
    list: &str,
    id: &str,
    fields: &Map<String, Value>,
) -> Outcome<String> {
    let name = fields.get(id).and_then(Value::as_str).unwrap_or_default();
    if let Some((element, _)) = found(text, list, id, name)? {
        let lines = written(fields, element.column, line_end(text));
        return Ok(spliced(text, element.lines, &lines));
    }
    let (column, entries) = top(text)?;
    let Some(entry) = one(&entries, list)? else {
        let text = with_line(text, text.len(), &format!("{:column$}{list}:", ""));
        let lines = written(fields, column + 2, line_end(&text));
        return Ok(joined(&text, text.len(), &lines));
    };
    match &entry.value {
        Node::List(elements) => {
            let Some(first) = elements.first() else {
                return Err(no_list(list));
            };
            let lines = written(fields, first.column, line_end(text));
            Ok(joined(text, first.lines.start, &lines))
        }
        Node::Scalar(scalar)
            if matches!(scalar.kind, ScalarKind::Empty | ScalarKind::EmptyFlow) =>
        {
            let lines = written(fields, column + 2, line_end(text));
            let text = spliced(text, scalar.at.clone(), "");
            let below = next_line(&text, scalar.at.start);
            Ok(joined(&text, below, &lines))
        }
        Node::Scalar(_) | Node::Map(_) => Err(no_list(list)),
    }
}

/// Takes the element out; a list that is empty then says so.
pub(super) fn remove_element(text: &str, list: &str, id: &str, name: &str) -> Outcome<String> {
    let Some((element, is_only)) = found(text, list, id, name)? else {
        return Ok(text.to_owned());
    };
    let without = spliced(text, element.lines.clone(), "");
    if !is_only {
        return Ok(without);
    }
    let (_, entries) = top(&without)?;
    match one(&entries, list)?.map(|entry| &entry.value) {
        Some(Node::Scalar(scalar)) if scalar.kind == ScalarKind::Empty => {
            Ok(spliced(&without, scalar.at.clone(), " []"))
        }
        Some(_) | None => Err(no_list(list)),
    }
}

pub(super) fn reading(text: &str) -> Outcome<Reading> {
    let root = yaml_read::read(text)?;
    let leaves = root.map_or_else(Vec::new, |(_, root)| yaml_read::leaves(&root, text));
    Ok(Reading::with_hash_comments(text, leaves))
}

/// The entries of the file, and in which column they begin.
fn top(text: &str) -> Outcome<(usize, Vec<Entry>)> {
    match yaml_read::read(text)? {
        None => Ok((0, Vec::new())),
        Some((column, Node::Map(entries))) => Ok((column, entries)),
        Some(_) => Err(Untouchable(
            "is no list of settings; edit it by hand".into(),
        )),
    }
}

fn one<'a>(entries: &'a [Entry], key: &str) -> Outcome<Option<&'a Entry>> {
    let mut found = entries.iter().filter(|entry| entry.key == key);
    match (found.next(), found.next()) {
        (one, None) => Ok(one),
        (_, Some(_)) => Err(Untouchable(format!("says {key} twice; take one out first"))),
    }
}

/// The element, and whether it is the only one.
fn found(text: &str, list: &str, id: &str, name: &str) -> Outcome<Option<(Element, bool)>> {
    let (_, mut entries) = top(text)?;
    one(&entries, list)?;
    let entry = entries.iter().position(|entry| entry.key == list);
    let Some(Node::List(elements)) = entry.map(|place| entries.swap_remove(place).value) else {
        return Ok(None);
    };
    let is_only = elements.len() == 1;
    let is_it = |element: &Element| element.value.to_json(text)[id] == name;
    let found = elements.into_iter().find(is_it);
    Ok(found.map(|element| (element, is_only)))
}

/// The lines of an element of a list in this column.
fn written(fields: &Map<String, Value>, column: usize, end: &str) -> String {
    let mut lines = String::new();
    for (place, (key, value)) in fields.iter().enumerate() {
        let mark = if place == 0 { "- " } else { "  " };
        lines.push_str(&format!("{:column$}{mark}{key}:", ""));
        match value {
            Value::Array(values) => {
                lines.push_str(end);
                for value in values {
                    match value {
                        Value::Object(below) => lines.push_str(&written(below, column + 4, end)),
                        value => {
                            let deeper = column + 4;
                            lines.push_str(&format!("{:deeper$}- {}{end}", "", scalar(value)));
                        }
                    }
                }
            }
            value => lines.push_str(&format!(" {}{end}", scalar(value))),
        }
    }
    lines
}

fn scalar(value: &Value) -> String {
    match value.as_str() {
        Some(text) => plain(text),
        None => value.to_string(),
    }
}

/// Plain where YAML reads it as this text, else in quotes.
fn plain(value: &str) -> String {
    let may_stand = |c: char| c.is_ascii_alphanumeric() || " /._-:".contains(c);
    let is_safe = value.starts_with(|c: char| c.is_ascii_alphabetic())
        && value.chars().all(may_stand)
        && !value.ends_with([':', ' '])
        && !value.contains(": ");
    if is_safe && !yaml_line::is_word(value) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}

/// The text with these lines at a place where a line begins, or the end.
fn joined(text: &str, at: usize, lines: &str) -> String {
    let before = text.get(..at).unwrap_or_default();
    let is_whole = before.is_empty() || before.ends_with('\n');
    let first = if is_whole { "" } else { line_end(text) };
    spliced(text, at..at, &format!("{first}{lines}"))
}

fn no_plain_value(key: &str) -> Untouchable {
    Untouchable(format!(
        "has a {key} that is more than a plain value; edit it by hand"
    ))
}

fn no_list(key: &str) -> Untouchable {
    Untouchable(format!(
        "has {key} in another form than a list below each other; edit it by hand"
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str, key: &str) -> Option<Value> {
        get(text, &[key]).unwrap()
    }

    fn element_of_ours() -> Map<String, Value> {
        let fields = json!({
            "name": "Codex Router",
            "apiBase": "http://127.0.0.1:9876/v1",
            "n": 7,
            "roles": ["chat"],
            "models": [{ "name": "a", "b": true }],
        });
        fields.as_object().unwrap().clone()
    }

    /// As it stands in this column.
    fn lines(column: usize) -> String {
        let lines = "- name: Codex Router\n  apiBase: http://127.0.0.1:9876/v1\n  n: 7\n  roles:\n    - chat\n  models:\n    - name: a\n      b: true\n";
        let lines = lines.lines().map(|line| format!("{:column$}{line}\n", ""));
        lines.collect()
    }

    #[test]
    fn a_value_is_added_at_the_end_exchanged_in_place_and_taken_out() {
        let before = "# my aider\nmodel: gpt-4o   # good\r\ndark-mode: true\nread:\n  - a.md\n";
        assert_eq!(value(before, "model"), Some(json!("gpt-4o")));
        let set_model = set(before, "model", "openai/gpt-5.5").unwrap();
        assert_eq!(set_model, before.replace("gpt-4o", "openai/gpt-5.5"));
        let added = set("a: 1\n", "openai-api-base", "http://127.0.0.1:9876/v1").unwrap();
        assert_eq!(added, "a: 1\nopenai-api-base: http://127.0.0.1:9876/v1\n");
        assert_eq!(remove(&added, "openai-api-base").unwrap(), "a: 1\n");
        assert_eq!(set("a: 1", "b", "x").unwrap(), "a: 1\nb: x\n");
        assert_eq!(set("a: 1\r\n", "b", "x").unwrap(), "a: 1\r\nb: x\r\n");
        assert_eq!(set("b:\n", "b", "x").unwrap(), "b: x\n");
        assert_eq!(set("b:   # none\n", "b", "x").unwrap(), "b: x   # none\n");
    }

    #[test]
    fn keys_stand_where_the_others_stand() {
        let before = "---\n  # mine\n  a: 1\n  \"b\": 2\n";
        assert_eq!(set(before, "k", "x").unwrap(), format!("{before}  k: x\n"));
        assert_eq!(
            set(before, "b", "x").unwrap(),
            before.replace("\"b\": 2", "\"b\": x")
        );
        assert_eq!(remove(before, "a").unwrap(), before.replace("  a: 1\n", ""));
    }

    #[test]
    fn quotes_are_understood_and_made_where_they_are_needed() {
        for text in ["k: \"a b\" # c\n", "k: 'a b'\n", "'k': a b # c\n"] {
            assert_eq!(value(text, "k"), Some(json!("a b")));
        }
        assert_eq!(value("k: 'it''s'\n", "k"), Some(json!("it's")));
        assert_eq!(set("k: 'old'\n", "k", "true").unwrap(), "k: 'true'\n");
        assert_eq!(set("", "k", "a: b").unwrap(), "k: 'a: b'\n");
        assert_eq!(set("", "k", "it's #1").unwrap(), "k: 'it''s #1'\n");
    }

    #[test]
    fn what_is_more_than_a_plain_value_is_not_touched() {
        for text in [
            "k: |\n  long\n",
            "k: x\n  goes on\n",
            "k: [1]\n",
            "k: 1\nk: 2\n",
            "k: \"a\\n\"\n",
            "k: 'a\n  b'\n",
            "k:\n  a: 1\n",
            "{k: 1}\n",
            "- k\n",
            "a: 1\n...\n",
            "--- a\n",
            "a: 1\n---\nk: 2\n",
            "a: 1\n  b: 2\n",
            "\ta: 1\n",
            "a: 'open\n",
            "a: [open\n",
            "a: b: c\n",
            "? a\n: b\n",
            "%YAML 1.2\n",
        ] {
            set(text, "k", "x").unwrap_err();
        }
        // Below another key it is another one, and a longer name is another, too.
        assert_eq!(value("a:\n  k: 1\nkey: 2\n", "k"), None);
    }

    #[test]
    fn what_looks_like_a_key_inside_of_a_text_is_none() {
        for before in [
            "a: |\n  k: 1\n\n  # no comment\n  k: 2\nb: 1\n",
            "a: >-\n    k: 1\n  \nb: 1\n",
            "a: \"\n  k: 1\n  \"\nb: 1\n",
            "a: 'x\n\n  k: 1'  # c\nb: 1\n",
            "a: { k: 1,\n  k: [2, '}'] } # ]\nb: 1\n",
            "a: words\n  go on\n  # and\nb: 1\n",
            "a: &anchor !tag\n  k: 1\nb: *anchor\n",
            "a:\n  'k: 1'\nb: 1\n",
            "a:\n- k: 1\n- |\n  k: 2\n-\n  k: 3\n- - k: 4\nb: 1\n",
        ] {
            assert_eq!(value(before, "k"), None, "{before}");
            assert!(value(before, "b").is_some(), "{before}");
            let set = set(before, "k", "x").unwrap();
            assert_eq!(set, format!("{before}k: x\n"));
            assert_eq!(remove(&set, "k").unwrap(), before);
        }
    }

    #[test]
    fn an_element_comes_first_in_its_list_and_goes_without_a_trace() {
        let fields = element_of_ours();
        for (before, after) in [
            (
                "name: mine\nmodels: # all\n  # good\n  - name: a\n    b: 1\n\n  - name: c\nz: 1\n",
                format!(
                    "name: mine\nmodels: # all\n  # good\n{}  - name: a\n    b: 1\n\n  - name: c\nz: 1\n",
                    lines(2)
                ),
            ),
            (
                "models:\n- a\n# end\nz: 1\n",
                format!("models:\n{}- a\n# end\nz: 1\n", lines(0)),
            ),
            (
                "models: [] # none\nz: 1\n",
                format!("models:  # none\n{}z: 1\n", lines(2)),
            ),
            ("z: 1\n", format!("z: 1\nmodels:\n{}", lines(2))),
            ("  z: 1", format!("  z: 1\n  models:\n{}", lines(4))),
        ] {
            let set = set_element(before, "models", "name", &fields).unwrap();
            assert_eq!(set, after);
            let found = element(&set, "models", "name", "Codex Router").unwrap();
            assert_eq!(found.unwrap()["apiBase"], "http://127.0.0.1:9876/v1");
            let again = set_element(&set, "models", "name", &fields).unwrap();
            assert_eq!(again, set);
            let without = remove_element(&set, "models", "name", "Codex Router").unwrap();
            let same = get(&without, &["models"]).unwrap().unwrap_or(json!([]));
            let was = get(before, &["models"]).unwrap().unwrap_or(json!([]));
            assert_eq!(same, was);
        }
    }

    #[test]
    fn a_list_in_another_form_is_not_touched() {
        for text in [
            "models: [a]\n",
            "models: {}\n- a\n",
            "models:\n  a: 1\n",
            "models: x\n",
            "models: []\nmodels: []\n",
        ] {
            set_element(text, "models", "name", &element_of_ours()).unwrap_err();
        }
    }
}
