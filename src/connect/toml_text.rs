//! Strings at the top level of a TOML file (`config.toml` of Codex). The parser only says where they stand; the text itself is
//! edited, so that comments, order and line ends stay.

use std::ops::Range;

use toml_edit::{Document, Item, Table, TableLike, Value};

use super::text::{Leaf, Outcome, Reading, Untouchable, line_start, next_line, spliced, with_line};

pub(super) fn get(text: &str, key: &str) -> Outcome<Option<String>> {
    match parsed(text)?.as_table().get(key) {
        None => Ok(None),
        Some(Item::Value(Value::String(value))) => Ok(Some(value.value().clone())),
        Some(_) => Err(Untouchable(format!("has a {key} that is no text"))),
    }
}

pub(super) fn set(text: &str, key: &str, value: &str) -> Outcome<String> {
    let document = parsed(text)?;
    let root = document.as_table();
    let literal = Value::from(value).to_string();
    match root.get(key) {
        Some(Item::Value(old)) => {
            let range = old.span().ok_or_else(nowhere)?;
            Ok(spliced(text, range, &literal))
        }
        Some(_) => Err(Untouchable(format!("has a {key} that is no text"))),
        None => {
            // After the last setting of the top level: what stands below a `[table]` belongs to it.
            let at = last_value_end(root).map_or(0, |end| next_line(text, end));
            Ok(with_line(text, at, &format!("{key} = {literal}")))
        }
    }
}

pub(super) fn remove(text: &str, key: &str) -> Outcome<String> {
    let document = parsed(text)?;
    let Some((name, item)) = document.as_table().get_key_value(key) else {
        return Ok(text.to_owned());
    };
    let (Some(name), Some(value)) = (name.span(), item.span()) else {
        return Err(nowhere());
    };
    let lines = line_start(text, name.start)..next_line(text, value.end);
    Ok(spliced(text, lines, ""))
}

pub(super) fn reading(text: &str) -> Outcome<Reading> {
    let document = parsed(text)?;
    let mut leaves = Vec::new();
    add_leaves(document.as_table(), &mut Vec::new(), &mut leaves);
    leaves.sort_by_key(|leaf| leaf.at.start);
    Ok(Reading::with_hash_comments(text, leaves))
}

fn add_leaves(table: &dyn TableLike, path: &mut Vec<String>, out: &mut Vec<Leaf>) {
    for (key, item) in table.iter() {
        path.push(key.to_owned());
        match item {
            Item::Value(value) => add_value(value, path, out),
            Item::Table(below) => add_leaves(below, path, out),
            Item::ArrayOfTables(tables) => {
                for (place, below) in tables.iter().enumerate() {
                    path.push(place.to_string());
                    add_leaves(below, path, out);
                    path.pop();
                }
            }
            Item::None => {}
        }
        path.pop();
    }
}

fn add_value(value: &Value, path: &mut Vec<String>, out: &mut Vec<Leaf>) {
    match value {
        Value::InlineTable(below) if !below.is_empty() => add_leaves(below, path, out),
        Value::Array(values) if !values.is_empty() => {
            for (place, value) in values.iter().enumerate() {
                path.push(place.to_string());
                add_value(value, path, out);
                path.pop();
            }
        }
        value => out.push(Leaf {
            path: path.clone(),
            at: value.span().unwrap_or_default(),
            text: value.as_str().map(str::to_owned),
            is_empty: matches!(value, Value::InlineTable(_) | Value::Array(_)),
        }),
    }
}

/// The document, as values with their places.
pub(super) fn parsed(text: &str) -> Outcome<Document<&str>> {
    Document::parse(text).map_err(|err| {
        Untouchable(format!(
            "cannot be understood ({}); mend it first",
            err.message()
        ))
    })
}

fn last_value_end(table: &Table) -> Option<usize> {
    let ends = table.iter().filter_map(|(_key, item)| match item {
        Item::Value(value) => value.span().map(|Range { end, .. }| end),
        Item::Table(below) if below.is_dotted() => last_value_end(below),
        Item::Table(_) | Item::ArrayOfTables(_) | Item::None => None,
    });
    ends.max()
}

fn nowhere() -> Untouchable {
    Untouchable("cannot be edited safely; edit it by hand".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "openai_base_url";
    const URL: &str = "http://127.0.0.1:9876/v1";

    #[test]
    fn a_line_of_ours_comes_after_the_last_of_the_top_level_and_goes_without_a_trace() {
        let ours = format!("{KEY} = \"{URL}\"");
        for (before, after) in [
            ("", format!("{ours}\n")),
            ("# mine\n", format!("{ours}\n# mine\n")),
            (
                "model = \"o3\" # the good one\n\n[tui]\ntheme = 1\n",
                format!("model = \"o3\" # the good one\n{ours}\n\n[tui]\ntheme = 1\n"),
            ),
            (
                "[tui]\r\ntheme = 1\r\n",
                format!("{ours}\r\n[tui]\r\ntheme = 1\r\n"),
            ),
            (
                "a.b = 1\nc = [\n  1, # one\n]\n[x]",
                format!("a.b = 1\nc = [\n  1, # one\n]\n{ours}\n[x]"),
            ),
        ] {
            let set = set(before, KEY, URL).unwrap();
            assert_eq!(set, after);
            assert_eq!(get(&set, KEY).unwrap().as_deref(), Some(URL));
            assert_eq!(remove(&set, KEY).unwrap(), before);
        }
        // A last line without an end gets one.
        let set = set("model = \"o3\"", KEY, URL).unwrap();
        assert_eq!(set, format!("model = \"o3\"\n{ours}\n"));
    }

    #[test]
    fn a_value_that_is_there_is_exchanged_in_its_place() {
        let before =
            "# where\nopenai_base_url   =  'https://eu.example/v1'   # eu\nmodel = \"x\"\n";
        let set = set(before, KEY, URL).unwrap();
        assert_eq!(
            set,
            format!("# where\nopenai_base_url   =  \"{URL}\"   # eu\nmodel = \"x\"\n")
        );
        assert_eq!(remove(before, "nothing").unwrap(), before);
    }

    #[test]
    fn what_is_broken_or_no_text_is_not_touched() {
        for text in ["model = ", "a = 1\na = 2\n", "[openai_base_url]\nx = 1\n"] {
            set(text, KEY, URL).unwrap_err();
        }
        get("openai_base_url = 7\n", KEY).unwrap_err();
        let sentence = set("model = \n", KEY, URL).unwrap_err().to_string();
        assert!(sentence.ends_with("mend it first"), "{sentence}");
    }
}
