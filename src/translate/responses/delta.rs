//! The events that come by the thousand: one more piece of a text or of a call's arguments.
//!
//! They are flat objects of strings and small numbers, and most of what there is to do for one is to read it. So they are read
//! by a glance, which understands just that shape and nothing else; whatever else an upstream sends is read by serde.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::Failure;
use super::event::read_event;
use crate::translate::raw;

/// Every `*.delta` and text-like `*.done` event: values as the JSON they came in. All are optional, so that a stray type loses
/// one field only.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct DeltaEvent<'a> {
    pub delta: Option<&'a str>,
    /// `output_text.done` and the reasoning `.done` events.
    pub text: Option<&'a str>,
    pub refusal: Option<&'a str>,
    /// `function_call_arguments.done`.
    pub arguments: Option<&'a str>,
    /// `custom_tool_call_input.done`.
    pub input: Option<&'a str>,
    pub logprobs: Option<&'a str>,
    pub item_id: Option<&'a str>,
    pub call_id: Option<&'a str>,
    pub output_index: Option<u64>,
    pub content_index: Option<u64>,
    pub summary_index: Option<u64>,
}

impl<'a> DeltaEvent<'a> {
    /// Reads an event of a kind that we know; `None` when it is JSON of another shape.
    ///
    /// # Errors
    /// As [`read_event`].
    pub fn read(data: &'a [u8]) -> Result<Option<Self>, Box<Failure>> {
        match Glance::at(data) {
            Some(event) => Ok(Some(event)),
            None => Self::parse(data),
        }
    }

    /// What the event adds, still escaped, if it adds anything.
    pub fn piece(&self) -> Option<&'a str> {
        self.delta
            .and_then(raw::inner)
            .filter(|piece| !piece.is_empty())
    }

    fn parse(data: &'a [u8]) -> Result<Option<Self>, Box<Failure>> {
        let fields = read_event::<Fields<'a>>(data)?;
        Ok(fields.map(|fields| Self {
            delta: fields.delta.map(RawValue::get),
            text: fields.text.map(RawValue::get),
            refusal: fields.refusal.map(RawValue::get),
            arguments: fields.arguments.map(RawValue::get),
            input: fields.input.map(RawValue::get),
            logprobs: fields.logprobs.map(RawValue::get),
            item_id: fields.item_id.map(RawValue::get),
            call_id: fields.call_id.map(RawValue::get),
            output_index: fields.output_index,
            content_index: fields.content_index,
            summary_index: fields.summary_index,
        }))
    }

    /// Where the value of this key belongs; `None` for a key that nobody reads.
    fn slot(&mut self, key: &str) -> Option<Slot<'_, 'a>> {
        Some(match key {
            "delta" => Slot::Text(&mut self.delta),
            "item_id" => Slot::Text(&mut self.item_id),
            "output_index" => Slot::Number(&mut self.output_index),
            "content_index" => Slot::Number(&mut self.content_index),
            "logprobs" => Slot::Text(&mut self.logprobs),
            "text" => Slot::Text(&mut self.text),
            "refusal" => Slot::Text(&mut self.refusal),
            "arguments" => Slot::Text(&mut self.arguments),
            "input" => Slot::Text(&mut self.input),
            "call_id" => Slot::Text(&mut self.call_id),
            "summary_index" => Slot::Number(&mut self.summary_index),
            _ => return None,
        })
    }
}

/// A field that an event has at most once.
enum Slot<'e, 'a> {
    Text(&'e mut Option<&'a str>),
    Number(&'e mut Option<u64>),
}

/// The same for serde.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    logprobs: Option<&'a RawValue>,
    #[serde(borrow)]
    item_id: Option<&'a RawValue>,
    #[serde(borrow)]
    call_id: Option<&'a RawValue>,
    output_index: Option<u64>,
    content_index: Option<u64>,
    summary_index: Option<u64>,
}

/// Walks over an object without spaces whose values are strings, whole numbers and empty arrays (RFC 8259).
///
/// Gives up at anything else, and at whatever serde might understand in another way: a key that comes twice, a value of
/// another type, a string with a control character.
struct Glance<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Glance<'a> {
    fn at(data: &'a [u8]) -> Option<DeltaEvent<'a>> {
        // No branch, so that it is done many bytes at a time.
        let has_control = data
            .iter()
            .fold(false, |found, byte| found | (*byte < 0x20));
        if has_control {
            return None;
        }
        let text = std::str::from_utf8(data).ok()?; // serde says what is wrong with it
        let mut event = DeltaEvent::default();
        let mut glance = Self { text, at: 0 };
        glance.pass(b'{')?;
        loop {
            glance.field(&mut event)?;
            match glance.next()? {
                b',' => glance.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        (glance.at + 1 == text.len()).then_some(event)
    }

    fn field(&mut self, event: &mut DeltaEvent<'a>) -> Option<()> {
        let key = raw::inner(self.string()?).filter(|key| !key.contains('\\'))?;
        self.pass(b':')?;
        let begin = self.at;
        let number = match self.next()? {
            b'0'..=b'9' => Some(self.number()?),
            b'[' => {
                self.at += 1;
                self.pass(b']')?;
                None
            }
            _ => {
                self.string()?;
                None
            }
        };
        match (event.slot(key), number) {
            (None, _) => Some(()),
            (Some(Slot::Number(slot)), Some(number)) => set_once(slot, number),
            (Some(Slot::Text(slot)), None) => set_once(slot, self.text.get(begin..self.at)?),
            // A value of another type.
            (Some(_), _) => None,
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Option<&'a str> {
        let begin = self.at;
        self.pass(b'"')?;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            if self.pass(b'"').is_some() {
                return self.text.get(begin..self.at);
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        self.at += match rest.get(1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 2,
            b'u' if rest.get(2..6)?.iter().all(u8::is_ascii_hexdigit) => 6,
            _ => return None,
        };
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.text.as_bytes().get(self.at..)?;
        let digits = digits
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .and_then(|end| self.text.get(self.at..self.at + end))?;
        if digits.len() > 1 && digits.starts_with('0') {
            return None;
        }
        self.at += digits.len();
        digits.parse().ok() // too large: serde decides
    }

    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then(|| self.at += 1)
    }

    fn next(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

fn set_once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COMMON: &str = r#"{"type":"response.output_text.delta","sequence_number":7,"item_id":"msg_1","output_index":0,"content_index":10,"delta":" \"a\"\n\u00e9é","logprobs":[],"obfuscation":"x"}"#;

    #[test]
    fn a_glance_is_enough_for_the_common_event() {
        let event = Glance::at(COMMON.as_bytes()).unwrap();
        assert_eq!(event.piece(), Some(r#" \"a\"\n\u00e9é"#));
        assert_eq!(event.item_id, Some("\"msg_1\""));
        assert_eq!(
            (event.output_index, event.content_index),
            (Some(0), Some(10))
        );
        assert_eq!(event.logprobs, Some("[]"));
        assert_eq!(DeltaEvent::parse(COMMON.as_bytes()).unwrap(), Some(event));
    }

    #[test]
    fn whatever_is_unusual_is_left_to_serde() {
        for data in [
            "",
            "{}",
            "[]",
            r#"{"delta":"a""#,
            r#"{"delta":"a"}}"#,
            r#"{"delta":"a"} "#,
            r#"{"delta": "a"}"#,
            r#"{"delta":"a","delta":"b"}"#,
            r#"{"delta":"a\x"}"#,
            r#"{"delta":"a\u12"}"#,
            r#"{"delta":"a","logprobs":[{"token":"a"}]}"#,
            r#"{"delta":7}"#,
            r#"{"output_index":"0"}"#,
            r#"{"output_index":00}"#,
            r#"{"output_index":1.5}"#,
            r#"{"output_index":99999999999999999999}"#,
            r#"{"delta":null}"#,
            "{\"delta\":\"a\nb\"}",
        ] {
            assert_eq!(Glance::at(data.as_bytes()), None, "{data}");
        }
    }

    #[test]
    fn what_is_no_json_fails_and_json_of_another_shape_does_not() {
        assert!(DeltaEvent::read(b"{\"delta\":\"a").is_err());
        assert!(DeltaEvent::read(&[b'{', 0xff]).is_err());
        assert_eq!(DeltaEvent::read(br#"{"output_index":"0"}"#).unwrap(), None);
    }

    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
            any::<u64>().prop_map(|number| number.to_string()),
            "\"[a-z\\\\\"u0-9]{0,6}\"",
            Just("[]".to_owned()),
            Just("[1]".to_owned()),
            Just("null".to_owned()),
            Just("-0".to_owned()),
            Just("{}".to_owned()),
        ]
    }

    fn object() -> impl Strategy<Value = String> {
        let key = prop::sample::select(vec![
            "type",
            "delta",
            "text",
            "refusal",
            "arguments",
            "input",
            "logprobs",
            "item_id",
            "call_id",
            "output_index",
            "content_index",
            "summary_index",
            "del\\u0074a",
            "other",
        ]);
        let fields = prop::collection::vec((key, value()), 0..6);
        (fields, prop::sample::select(vec!["", " ", "\n", "}", ","])).prop_map(|(fields, end)| {
            let fields: Vec<String> = fields
                .iter()
                .map(|(key, value)| format!("\"{key}\":{value}"))
                .collect();
            format!("{{{}}}{end}", fields.join(","))
        })
    }

    proptest! {
        #[test]
        fn a_glance_sees_what_serde_sees_or_nothing(data in object()) {
            if let Some(event) = Glance::at(data.as_bytes()) {
                prop_assert_eq!(DeltaEvent::parse(data.as_bytes()).ok().flatten(), Some(event));
            }
        }

        #[test]
        fn any_bytes_are_survived(data in prop::collection::vec(any::<u8>(), 0..64)) {
            let _read = DeltaEvent::read(&data);
        }
    }
}
