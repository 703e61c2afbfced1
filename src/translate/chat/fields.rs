//! Takes the fields of a client's JSON object one by one, and knows which were never asked for.

use std::fmt;

use serde_json::{Map, Value};

use crate::translate::RequestError;
use crate::translate::dropped::is_hint;

/// Where in the request we are, written only when somebody asks: `messages[2].content[0]`.
#[derive(Debug, Clone, Copy)]
pub(in crate::translate) enum Place<'p> {
    Root,
    Field(&'p Self, &'p str),
    Element(&'p Self, usize),
}

impl Place<'_> {
    pub fn error(&self, problem: impl fmt::Display) -> RequestError {
        RequestError::at(self.to_string(), format!("`{self}` {problem}"))
    }

    /// The same for every element of a list: `messages[].name`.
    fn without_numbers(&self) -> String {
        match self {
            Self::Root | Self::Field(Self::Root, _) => self.to_string(),
            Self::Field(parent, name) => format!("{}.{name}", parent.without_numbers()),
            Self::Element(parent, _) => format!("{}[]", parent.without_numbers()),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("request"),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Element(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// An object of the request. A field that is `null` counts as absent.
pub(in crate::translate) struct Fields<'p> {
    map: Map<String, Value>,
    pub place: &'p Place<'p>,
}

impl<'p> Fields<'p> {
    pub fn new(value: Value, place: &'p Place<'p>) -> Result<Self, RequestError> {
        match value {
            Value::Object(map) => Ok(Self { map, place }),
            _ => Err(place.error("must be an object")),
        }
    }

    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !value.is_null())
    }

    /// Whether the field is there and says something.
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// The field, left where it is.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    pub fn is_empty_list(&self, name: &str) -> bool {
        self.field(name)
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
    }

    /// Whether the field is exactly this text.
    pub fn has_text(&self, name: &str, text: &str) -> bool {
        self.map.get(name).and_then(Value::as_str) == Some(text)
    }

    pub fn string(&mut self, name: &str) -> Result<Option<String>, RequestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a string")),
        }
    }

    /// A string that says something: an empty one is refused like a missing one.
    pub fn required_string(&mut self, name: &str) -> Result<String, RequestError> {
        match self.string(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong(name, "is missing")),
        }
    }

    pub fn boolean(&mut self, name: &str) -> Result<Option<bool>, RequestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(value)),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    pub fn count(&mut self, name: &str) -> Result<Option<u64>, RequestError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(count) => Ok(Some(count)),
                None => Err(self.wrong(name, "must be a whole number that is not negative")),
            },
        }
    }

    pub fn number(&mut self, name: &str) -> Result<Option<Value>, RequestError> {
        match self.take(name) {
            None => Ok(None),
            Some(value @ Value::Number(_)) => Ok(Some(value)),
            Some(_) => Err(self.wrong(name, "must be a number")),
        }
    }

    pub fn array(&mut self, name: &str) -> Result<Option<Vec<Value>>, RequestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(values)) => Ok(Some(values)),
            Some(_) => Err(self.wrong(name, "must be an array")),
        }
    }

    pub fn object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, RequestError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(self.wrong(name, "must be an object")),
        }
    }

    /// The error that this object's field `name` has a problem.
    pub fn wrong(&self, name: &str, problem: impl fmt::Display) -> RequestError {
        Place::Field(self.place, name).error(problem)
    }

    /// A copy of every field that nobody took and that says something.
    pub fn rest(&self) -> Map<String, Value> {
        let rest = self.map.iter().filter(|(_, value)| !value.is_null());
        rest.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Notes every field that nobody took, by the rule of [`dropped`](crate::translate::dropped).
    pub fn drop_rest(self, dropped: &mut Vec<String>) {
        let rest = self.map.iter().filter(|(_, value)| !value.is_null());
        dropped.extend(rest.map(|(name, _)| {
            if is_hint(name) {
                name.clone()
            } else {
                Place::Field(self.place, name).without_numbers()
            }
        }));
    }

    /// The fields that nobody took, for an object that travels on with all of them.
    pub fn into_rest(self) -> Map<String, Value> {
        self.map
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_place_reads_like_a_path() {
        let messages = Place::Field(&Place::Root, "messages");
        let message = Place::Element(&messages, 2);
        let content = Place::Field(&message, "content");
        assert_eq!(
            Place::Element(&content, 0).to_string(),
            "messages[2].content[0]"
        );
        assert_eq!(
            content.error("is odd").message,
            "`messages[2].content` is odd"
        );
    }

    #[test]
    fn what_nobody_took_is_noted_and_null_is_nothing() {
        let mut fields = Fields::new(
            json!({"a": 1, "b": null, "c": "x", "d": true}),
            &Place::Root,
        )
        .unwrap();
        assert_eq!(fields.string("c"), Ok(Some("x".to_owned())));
        assert_eq!(fields.string("b"), Ok(None));
        assert_eq!(fields.count("d").unwrap_err().param.as_deref(), Some("d"));
        let mut dropped = Vec::new();
        fields.drop_rest(&mut dropped);
        assert_eq!(dropped, ["a"]);
    }

    #[test]
    fn what_is_dropped_inside_a_list_is_named_without_its_number() {
        let messages = Place::Field(&Place::Root, "messages");
        let message = Place::Element(&messages, 2);
        let content = Place::Field(&message, "content");
        let mut dropped = Vec::new();
        for place in [message, Place::Element(&content, 7)] {
            let fields = Fields::new(json!({"x": 1, "cache_control": {}}), &place).unwrap();
            fields.drop_rest(&mut dropped);
        }
        assert_eq!(
            dropped,
            [
                "messages[].x",
                "cache_control",
                "messages[].content[].x",
                "cache_control"
            ]
        );
    }
}
