//! A parameter of a request by its path, and taking it out of a body without touching anything else.
//!
//! Upstreams say "Unsupported parameter: X" with a name, a dotted path or a path with places in lists. The name is a stranger's
//! word: it is bounded, and it never stands for what the request is about.

use std::fmt;
use std::ops::Range;

use memchr::memmem;
use serde_json::value::RawValue;

use super::dropped::is_hint;
use super::raw::RawObject;

/// Where a parameter stands that a request can do without. Places in lists count as "every place": what is refused at one is
/// refused at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Parameter(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Name(String),
    Each,
}

/// Longer than any path that was ever refused.
const MAX_BYTES: usize = 128;
const MAX_STEPS: usize = 8;

/// What a request is, or changes what the answer is about: without one of these, or a part of it, it would be another request.
const ESSENTIAL: [&str; 11] = [
    "model",
    "instructions",
    "stream",
    "store",
    "prompt",
    "previous_response_id",
    "conversation",
    "tool_choice",
    "response_format",
    "functions",
    "function_call",
];
/// Below these stands what was said and what may be called: essential as well, but for the hints on it.
const BEARING: [&str; 3] = ["input", "messages", "tools"];
/// What leads to a hint there. Anything else that has an inside, a schema or the arguments of a call, is the client's own.
const PARTS: [&str; 5] = ["content", "function", "image_url", "output", "summary"];
/// What an item, a part or a tool has beside what it says.
const BESIDES: [&str; 8] = [
    "annotations",
    "detail",
    "id",
    "logprobs",
    "metadata",
    "phase",
    "status",
    "strict",
];

impl Parameter {
    /// Reads a path such as `text.verbosity` or `input[0].content[1].prompt_cache_breakpoint`. Nothing when it is no path, or one
    /// of what carries the request itself.
    pub fn dispensable(text: &str) -> Option<Self> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let mut steps = Vec::new();
        for part in text.split('.') {
            let (name, places) = part.split_at_checked(part.find('[').unwrap_or(part.len()))?;
            match name {
                // Validators write places in lists as steps of their own.
                _ if is_number(name) && !steps.is_empty() => steps.push(Step::Each),
                _ if is_name(name) => steps.push(Step::Name(name.to_owned())),
                _ => return None,
            }
            for place in places.split_terminator(']') {
                let number = place.strip_prefix('[')?;
                if !number.is_empty() && !is_number(number) {
                    return None;
                }
                steps.push(Step::Each);
            }
            if !places.is_empty() && !places.ends_with(']') {
                return None;
            }
        }
        let parameter = Self(steps);
        let is_fine = parameter.0.len() <= MAX_STEPS && !parameter.is_essential();
        is_fine.then_some(parameter)
    }

    /// How it is named where it was left out, by the rule of [`dropped`](super::dropped).
    pub fn told(&self) -> String {
        match self.0.last() {
            Some(Step::Name(last)) if is_hint(last) => last.clone(),
            _ => self.to_string(),
        }
    }

    fn is_essential(&self) -> bool {
        let (Some(Step::Name(first)), Some(Step::Name(last))) = (self.0.first(), self.0.last())
        else {
            // A whole element of a list.
            return true;
        };
        let names: Vec<_> = self.names().collect();
        match (first.as_str(), names.as_slice()) {
            // How it is worded, not what it is about, but for the schema that it must follow.
            ("text", [_] | [_, "format", ..]) => true,
            (first, [_, between @ .., _]) if BEARING.contains(&first) => {
                let is_besides = is_hint(last) || BESIDES.contains(&last.as_str());
                !(is_besides && between.iter().all(|name| PARTS.contains(name)))
            }
            (first, _) => ESSENTIAL.contains(&first) || BEARING.contains(&first),
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Name(name) => Some(name.as_str()),
            Step::Each => None,
        })
    }

    /// The body without it: every other byte as it was. Nothing when it is not in there.
    pub fn removed_from(&self, body: &[u8]) -> Option<Vec<u8>> {
        let Some(Step::Name(last)) = self.0.last() else {
            return None;
        };
        // Nearly every body is done with here.
        memmem::find(body, last.as_bytes())?;
        let text = std::str::from_utf8(body).ok()?; // no JSON: nothing is in there
        let mut cuts = Vec::new();
        find(text, &self.0, 0, &mut cuts);
        let mut out = Vec::with_capacity(body.len());
        let mut from = 0;
        for cut in &cuts {
            out.extend_from_slice(body.get(from..cut.start)?);
            from = cut.end;
        }
        out.extend_from_slice(body.get(from..)?);
        (!cuts.is_empty()).then_some(out)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Each => f.write_str("[]")?,
                Step::Name(name) if place == 0 => f.write_str(name)?,
                Step::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

fn is_name(text: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && !is_number(text) && text.bytes().all(is_letter)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Collects what is to be cut out of `json`, which begins at `base` of the body. In the order of the body.
fn find(json: &str, steps: &[Step], base: usize, cuts: &mut Vec<Range<usize>>) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    match step {
        Step::Each => {
            let Ok(elements) = serde_json::from_str::<Vec<&RawValue>>(json) else {
                return; // no list: it is not in there
            };
            for element in elements.iter().map(|element| element.get()) {
                find(element, rest, base + offset(json, element), cuts);
            }
        }
        Step::Name(name) => {
            let Ok(object) = RawObject::parse(json.as_bytes()) else {
                return; // no object: it is not in there
            };
            if rest.is_empty() {
                return cut_fields(json, &object, name, base, cuts);
            }
            for (_, value) in object.fields.iter().filter(|(key, _)| key == name) {
                find(value, rest, base + offset(json, value), cuts);
            }
        }
    }
}

/// Cuts every field of that name, with the comma in front of it, or behind it where nothing is left in front.
fn cut_fields(
    json: &str,
    object: &RawObject<'_>,
    name: &str,
    base: usize,
    cuts: &mut Vec<Range<usize>>,
) {
    // Where what is kept in front ends; nothing is kept yet at the brace.
    let mut kept_end = None;
    let mut open: Option<Range<usize>> = None;
    for (key, value) in &object.fields {
        let end = offset(json, value) + value.len();
        if key == name {
            let start = open.as_ref().map(|cut| cut.start);
            open = Some(start.or(kept_end).unwrap_or(1)..end);
            continue;
        }
        if let Some(cut) = open.take() {
            let comma = json.get(cut.end..).and_then(|after| after.find(','));
            let is_first = kept_end.is_none();
            let end = comma
                .filter(|_| is_first)
                .map_or(cut.end, |comma| cut.end + comma + 1);
            cuts.push(base + cut.start..base + end);
        }
        kept_end = Some(end);
    }
    if let Some(cut) = open {
        cuts.push(base + cut.start..base + cut.end);
    }
}

/// Where `inner`, a part of `outer`, begins in it.
fn offset(outer: &str, inner: &str) -> usize {
    inner.as_ptr().addr() - outer.as_ptr().addr()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn removed(path: &str, body: &str) -> Option<String> {
        let removed = Parameter::dispensable(path)
            .unwrap()
            .removed_from(body.as_bytes())?;
        Some(String::from_utf8(removed).unwrap())
    }

    #[test]
    fn a_path_is_read_as_upstreams_write_it() {
        for (text, path) in [
            ("temperature", Some("temperature")),
            ("text.verbosity", Some("text.verbosity")),
            (
                "input[0].content[1].prompt_cache_breakpoint",
                Some("input[].content[].prompt_cache_breakpoint"),
            ),
            (
                "input.0.content.1.prompt_cache_breakpoint",
                Some("input[].content[].prompt_cache_breakpoint"),
            ),
            ("tools[3].defer_loading", Some("tools[].defer_loading")),
            (
                "input[].content[].prompt_cache_breakpoint",
                Some("input[].content[].prompt_cache_breakpoint"),
            ),
            ("a[0][1].b", Some("a[][].b")),
            ("", None),
            (".", None),
            ("a.", None),
            ("a..b", None),
            ("a b", None),
            ("a[0", None),
            ("a[x].b", None),
            ("a]0[.b", None),
            ("0.a", None),
            ("[0].a", None),
            ("a\nb", None),
            ("é", None),
            ("a.b.c.d.e.f.g.h.i", None),
        ] {
            let read = Parameter::dispensable(text).map(|parameter| parameter.to_string());
            assert_eq!(read.as_deref(), path, "{text:?}");
        }
        assert_eq!(Parameter::dispensable(&"x".repeat(MAX_BYTES + 1)), None);
    }

    #[test]
    fn what_the_request_is_about_is_never_dispensable() {
        for text in [
            "model",
            "input",
            "messages",
            "instructions",
            "stream",
            "store",
            "tools",
            "text",
            "text.format",
            "text.format.schema.properties.id",
            "tool_choice",
            "tool_choice.function.name",
            "response_format",
            "response_format.json_schema.strict",
            "functions",
            "function_call",
            "prompt",
            "prompt.id",
            "input[0]",
            "tools.0",
            "input[0].content",
            "input[0].role",
            "input[0].action",
            "input[0].result",
            "input[0].content[0].refusal",
            "input[0].content[0].unheard_of",
            "messages[2].content[0].text",
            "messages[2].tool_calls",
            "messages[2].tool_calls[0].id",
            "messages[2].tool_call_id",
            "tools[0].parameters",
            "tools[0].parameters.properties.id",
            "tools[0].function",
            "tools[0].function.parameters.properties.status",
            "tools[0].input_image_mask",
            "tools[0].action",
            "tools[0].allowed_tools",
            "tools[0].vector_store_ids",
            "tools[0].filters",
            "reasoning[0]",
        ] {
            assert_eq!(Parameter::dispensable(text), None, "{text}");
        }
    }

    #[test]
    fn a_hint_on_what_was_said_is_dispensable() {
        for text in [
            "text.verbosity",
            "input[0].id",
            "input[0].status",
            "input[0].content[0].annotations",
            "input[0].output[0].detail",
            "messages[0].content[1].cache_control",
            "messages[0].content[1].image_url.detail",
            "tools[0].defer_loading",
            "tools[0].function.strict",
            "parallel_tool_calls",
            "stream_options.include_obfuscation",
        ] {
            assert!(Parameter::dispensable(text).is_some(), "{text}");
        }
    }

    #[test]
    fn everything_else_keeps_its_bytes() {
        for (path, body, left) in [
            ("a", r#"{"a":1}"#, Some("{}")),
            ("a", r#"{ "a" : 1 , "b":2 }"#, Some(r#"{ "b":2 }"#)),
            (
                "a",
                r#"{"b": 1.50, "a": [1, {"a":2}] ,"c":"\u0041"}"#,
                Some(r#"{"b": 1.50 ,"c":"\u0041"}"#),
            ),
            ("a", "{\"b\":1,\n  \"a\":2\n}", Some("{\"b\":1\n}")),
            (
                "a",
                r#"{"a":1,"b":2,"a":3,"a":4,"c":5,"a":6}"#,
                Some(r#"{"b":2,"c":5}"#),
            ),
            ("a", r#"{"a":1,"a":2}"#, Some("{}")),
            ("a", r#"{"\u0061":1,"b":"a"}"#, Some(r#"{"b":"a"}"#)),
            ("a", r#"{"b":{"a":1}}"#, None),
            ("a", r#"{"b":"a"}"#, None),
            ("a", "[1]", None),
            ("a", "a", None),
            (
                "t.v",
                r#"{"t": {"v":"low","f":1}, "z":0}"#,
                Some(r#"{"t": {"f":1}, "z":0}"#),
            ),
            ("t.v", r#"{"t":null}"#, None),
            (
                "input[0].content[1].id",
                r#"{"input":[{"content":[{"id":1,"t":"a"},{"t":"id"}]},"id",{"content":"id"},{"content":[{"t":"b","id":{}}]}]}"#,
                Some(
                    r#"{"input":[{"content":[{"t":"a"},{"t":"id"}]},"id",{"content":"id"},{"content":[{"t":"b"}]}]}"#,
                ),
            ),
        ] {
            assert_eq!(removed(path, body).as_deref(), left, "{path} in {body}");
        }
    }

    proptest! {
        #[test]
        fn removing_is_what_removing_from_the_value_is(
            fields in proptest::collection::vec(("[abc]", "[0-9]{1,3}|\"[abc,{}]{0,4}\"|\\[\\]|\\{\"a\":1\\}"), 0..6),
            space in "[ \n]{0,2}",
        ) {
            let fields: Vec<_> = fields.iter().filter(|(_, value)| !value.starts_with('0') || value.len() == 1).collect();
            let text: Vec<_> = fields.iter().map(|(key, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}")).collect();
            let body = format!("{{{}}}", text.join(","));
            let mut expected: Value = serde_json::from_str(&body).unwrap();
            let was_there = expected.as_object_mut().unwrap().shift_remove("a").is_some();
            match removed("a", &body) {
                Some(left) => prop_assert_eq!(serde_json::from_str::<Value>(&left).unwrap(), expected),
                None => prop_assert!(!was_there),
            }
        }

        #[test]
        fn no_text_of_a_stranger_makes_trouble(text in ".{0,40}", body in ".{0,60}") {
            if let Some(parameter) = Parameter::dispensable(&text) {
                parameter.removed_from(body.as_bytes());
                prop_assert_eq!(Parameter::dispensable(&parameter.to_string()), Some(parameter));
            }
        }
    }

    #[test]
    fn a_path_that_was_kept_is_read_back() {
        let parameter = Parameter::dispensable("input[4].content[0].id").unwrap();
        let read = Parameter::dispensable(&parameter.to_string());
        assert_eq!(read, Some(parameter));
        let body = json!({"input": [{"content": [{"id": 1}]}]}).to_string();
        assert_eq!(
            removed("input[].content[].id", &body).as_deref(),
            Some(r#"{"input":[{"content":[{}]}]}"#)
        );
    }
}
