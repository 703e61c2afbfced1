//! JSON that is read without being taken apart: raw values, raw strings, and objects one level deep.
//!
//! The router forwards most of what it sees. These helpers let it look at one key and leave the bytes, the order of
//! keys and the spelling of numbers alone.

use std::borrow::Cow;
use std::fmt;

use memchr::memchr;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON object one level deep: keys in their order, values as the text they came in.
#[derive(Debug)]
pub(crate) struct RawObject<'a> {
    pub fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> RawObject<'a> {
    pub fn parse(json: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().rev().find(|(key, _)| key == name)?;
        Some(&found.1)
    }

    /// Like [`get`](Self::get), but an explicit `null` counts as absent.
    pub fn get_some(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|json| *json != "null")
    }

    /// Replaces the value of a key where it stands, or adds the key at the end.
    pub fn set(&mut self, name: &'static str, json: String) {
        let json = Cow::Owned(json);
        match self.fields.iter_mut().rev().find(|(key, _)| key == name) {
            Some(field) => field.1 = json,
            None => self.fields.push((Cow::Borrowed(name), json)),
        }
    }

    pub fn to_json(&self) -> String {
        let bytes: usize = self
            .fields
            .iter()
            .map(|(key, json)| key.len() + json.len() + 4)
            .sum();
        let mut out = String::with_capacity(bytes + 2);
        out.push('{');
        for (nth, (key, json)) in self.fields.iter().enumerate() {
            if nth > 0 {
                out.push(',');
            }
            push_string(&mut out, key);
            out.push(':');
            out.push_str(json);
        }
        out.push('}');
        out
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for RawObject<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shallow;

        impl<'de> Visitor<'de> for Shallow {
            type Value = RawObject<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                #[derive(Deserialize)]
                struct Key<'k>(#[serde(borrow)] Cow<'k, str>);

                let mut fields = Vec::with_capacity(16);
                while let Some(Key(key)) = map.next_key()? {
                    let value: &'de RawValue = map.next_value()?;
                    fields.push((key, Cow::Borrowed(value.get())));
                }
                Ok(RawObject { fields })
            }
        }

        deserializer.deserialize_map(Shallow)
    }
}

/// One whole JSON value as the text that it came in.
pub(crate) trait Json {
    fn json(&self) -> &str;
}

impl Json for RawValue {
    fn json(&self) -> &str {
        self.get()
    }
}

/// Cut out of a document that was found to be JSON.
impl Json for str {
    fn json(&self) -> &str {
        self
    }
}

/// What stands between the quotes of a JSON string, escapes untouched; nothing for any other value.
pub(crate) fn inner(json: &(impl Json + ?Sized)) -> Option<&str> {
    json.json().strip_prefix('"')?.strip_suffix('"')
}

/// The text of a JSON string; nothing for any other value.
pub(crate) fn text(json: Option<&(impl Json + ?Sized)>) -> Option<Cow<'_, str>> {
    inner(json?).map(decode)
}

/// Like [`text`], but an empty string counts as absent: upstreams leave ids blank.
pub(crate) fn filled_text(json: Option<&(impl Json + ?Sized)>) -> Option<Cow<'_, str>> {
    text(json).filter(|text| !text.is_empty())
}

/// The text behind the escapes of a JSON string without its quotes. A lone half of a surrogate pair becomes U+FFFD.
pub(crate) fn decode(inner: &str) -> Cow<'_, str> {
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    each_decoded(inner, |piece| text.push_str(piece));
    Cow::Owned(text)
}

/// Calls `eat` with the decoded text of a JSON string, piece by piece and without allocating.
pub(crate) fn each_decoded(inner: &str, mut eat: impl FnMut(&str)) {
    let mut rest = inner;
    while let Some((plain, escaped)) =
        memchr(b'\\', rest.as_bytes()).and_then(|at| rest.split_at_checked(at))
    {
        eat(plain);
        let (decoded, escape_bytes) = first_escape(escaped);
        eat(decoded.encode_utf8(&mut [0; 4]));
        rest = escaped.get(escape_bytes..).unwrap_or("");
    }
    eat(rest);
}

/// The character that the escape at the start of `escaped` stands for, and the length of the escape.
fn first_escape(escaped: &str) -> (char, usize) {
    let unit_at = |at: usize| {
        let hex = escaped.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    match escaped.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => {
            let units = [unit_at(0), unit_at(6)].into_iter().map_while(|unit| unit);
            match char::decode_utf16(units).next() {
                Some(Ok(decoded)) => (decoded, decoded.len_utf16() * 6),
                _ => (char::REPLACEMENT_CHARACTER, 6),
            }
        }
        Some(other) if other.is_ascii() => (char::from(*other), 2),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// Appends a JSON string, quotes included.
pub(crate) fn push_string(out: &mut impl JsonOut, text: &str) {
    out.put("\"");
    push_escaped(out, text);
    out.put("\"");
}

/// Appends the inside of a JSON string, without quotes.
pub(crate) fn push_escaped(out: &mut impl JsonOut, text: &str) {
    const HEX: [&str; 16] = [
        "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
    ];
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "\\u00",
            _ => continue,
        };
        out.put(text.get(from..at).unwrap_or_default());
        out.put(escape);
        if escape == "\\u00" {
            out.put(if byte < 0x10 { "0" } else { "1" });
            out.put(HEX[usize::from(byte & 0x0f)]);
        }
        from = at + 1;
    }
    out.put(text.get(from..).unwrap_or_default());
}

/// The inside of a JSON string, without quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    push_escaped(&mut escaped, text);
    escaped
}

/// Where JSON text is written to. Unlike `std::io::Write` it cannot fail.
pub(crate) trait JsonOut {
    fn put(&mut self, text: &str);
}

impl JsonOut for String {
    fn put(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl JsonOut for Vec<u8> {
    fn put(&mut self, text: &str) {
        self.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_object_keeps_order_and_spelling_when_one_key_changes() {
        let mut object = RawObject::parse(br#"{"b": 1.50, "a\n":[1, 2],"c":null}"#).unwrap();
        assert_eq!(object.get("b"), Some("1.50"));
        assert_eq!(object.get_some("c"), None);
        object.set("c", "true".to_owned());
        object.set("d", "{}".to_owned());
        assert_eq!(
            object.to_json(),
            r#"{"b":1.50,"a\n":[1, 2],"c":true,"d":{}}"#
        );
    }

    #[test]
    fn half_a_surrogate_pair_becomes_the_replacement_character() {
        assert_eq!(
            decode(r"\ud83d\ude00 \ud83d \ude00x\ud83d"),
            "😀 \u{fffd} \u{fffd}x\u{fffd}"
        );
        assert_eq!(decode(r"\/\b\f\u00e9"), "/\u{8}\u{c}é");
    }

    proptest! {
        #[test]
        fn escaping_and_decoding_agree_with_serde(text in ".*", controls in "[\u{0}-\u{1f}\"\\\\é]{0,8}") {
            let text = text + &controls;
            let theirs = serde_json::to_string(&text).unwrap();
            let mut ours = String::new();
            push_string(&mut ours, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&ours).unwrap(), text.clone());
            prop_assert_eq!(decode(&theirs[1..theirs.len() - 1]), text);
        }

        #[test]
        fn decoding_never_panics(inner in ".*", escapes in r"(\\(u[0-9a-fA-F]{0,4}|.)?){0,6}") {
            decode(&(inner + &escapes));
        }
    }
}
