//! One `images` document out of the answers that made its pictures.

use serde_json::{Map, Value, json};

use super::cost::{add_up, image_gen_of, usage_of};
use super::request::ImageRequest;
use super::{no_image, settings_of};
use crate::translate::responses::{Failure, ResponsesAnswer, TokenUsage};
use crate::translate::{AnswerCollector, MAX_ANSWER_BYTES};

/// Collects the pictures of one request.
#[derive(Debug)]
pub struct ImageAnswer {
    created: u64,
    is_edit: bool,
    wants_urls: bool,
    wishes: Map<String, Value>,
    /// Of the first picture: all are made alike.
    settings: Option<Map<String, Value>>,
    data: Vec<Value>,
    /// How many bytes of pictures may still come.
    room_bytes: usize,
    /// Of all models that took part.
    tokens: Option<TokenUsage>,
    /// As the client is told it.
    told_usage: Option<Value>,
}

impl ImageAnswer {
    /// `created` is in seconds since 1970.
    pub fn new(request: &ImageRequest, created: u64) -> Self {
        Self {
            created,
            is_edit: request.is_edit,
            wants_urls: request.wants_urls,
            wishes: request.wishes.clone(),
            settings: None,
            data: Vec::new(),
            room_bytes: MAX_ANSWER_BYTES,
            tokens: None,
            told_usage: None,
        }
    }

    /// Adds what the next call of the tool made.
    ///
    /// # Errors
    /// When its stream ended before it was complete, there is no picture in it, or all pictures are more than
    /// [`MAX_ANSWER_BYTES`].
    pub fn add(&mut self, answer: ResponsesAnswer) -> Result<(), Box<Failure>> {
        let tokens = answer.usage();
        if let Some(tokens) = tokens {
            let sum = self.tokens.get_or_insert_default();
            sum.input += tokens.input;
            sum.output += tokens.output;
            sum.total += tokens.total;
        }
        let response: Value = serde_json::from_slice(&answer.finish()?)
            .map_err(|_no_object| Box::new(Failure::unreadable_event()))?;
        let usage = usage_of(image_gen_of(&response), tokens, self.is_edit);
        match (&mut self.told_usage, usage) {
            (Some(sum), Some(usage)) => add_up(sum, &usage),
            (none @ None, usage) => *none = usage,
            (Some(_), None) => {}
        }
        let items = response.get("output").and_then(Value::as_array);
        let before = self.data.len();
        for item in items.into_iter().flatten() {
            let Some(base64) = image_of(item) else {
                continue;
            };
            self.room_bytes = self
                .room_bytes
                .checked_sub(base64.len())
                .ok_or_else(|| Box::new(Failure::too_large(MAX_ANSWER_BYTES)))?;
            let settings = settings_of(item, &self.wishes);
            let mut image = Map::new();
            if self.wants_urls {
                let format = settings.get("output_format").and_then(Value::as_str);
                let format = format.unwrap_or("png");
                let url = format!("data:image/{format};base64,{base64}");
                image.insert("url".to_owned(), Value::String(url));
            } else {
                image.insert("b64_json".to_owned(), json!(base64));
            }
            if let Some(prompt) = item
                .get("revised_prompt")
                .filter(|prompt| prompt.is_string())
            {
                image.insert("revised_prompt".to_owned(), prompt.clone());
            }
            self.data.push(Value::Object(image));
            self.settings.get_or_insert(settings);
        }
        if self.data.len() == before {
            return Err(no_image(&said(&response)));
        }
        Ok(())
    }

    /// What all pictures cost together, for the record.
    pub fn usage(&self) -> Option<TokenUsage> {
        self.tokens
    }

    /// The `images` document.
    pub fn finish(self) -> Vec<u8> {
        let mut document = Map::new();
        document.insert("created".to_owned(), json!(self.created));
        document.insert("data".to_owned(), Value::Array(self.data));
        document.extend(self.settings.unwrap_or_default());
        if let Some(usage) = self.told_usage {
            document.insert("usage".to_owned(), usage);
        }
        Value::Object(document).to_string().into_bytes()
    }
}

/// The base64 of an item that is a finished picture.
pub(super) fn image_of(item: &Value) -> Option<&str> {
    let is_image = item.get("type")?.as_str() == Some("image_generation_call");
    let base64 = item.get("result")?.as_str()?;
    (is_image && !base64.is_empty()).then_some(base64)
}

/// The texts of the messages of a response.
fn said(response: &Value) -> String {
    let items = response.get("output").and_then(Value::as_array);
    let parts = items
        .into_iter()
        .flatten()
        .filter_map(|item| item.get("content")?.as_array())
        .flatten();
    let text = |part: &Value| {
        let text = part.get("text").or_else(|| part.get("refusal"));
        text.and_then(Value::as_str).map(str::to_owned)
    };
    parts.filter_map(text).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &Value) -> ImageRequest {
        let mut body = json!({"prompt": "x", "size": "1024x1024"});
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        ImageRequest::read(body.to_string().as_bytes(), "m").unwrap()
    }

    fn answered(items: &Value) -> ResponsesAnswer {
        let mut answer = ResponsesAnswer::new("m", 1);
        let usage = json!({"input_tokens": 2, "output_tokens": 3, "total_tokens": 5});
        let response = json!({"id": "r", "output": items, "usage": usage});
        let event = json!({"type": "response.completed", "response": response});
        answer.push(event.to_string().as_bytes()).unwrap();
        answer
    }

    fn image(base64: &str) -> Value {
        json!({"type": "image_generation_call", "result": base64, "revised_prompt": "y", "output_format": "webp", "quality": "low"})
    }

    #[test]
    fn pictures_are_collected_with_their_settings_and_cost() {
        let mut all = ImageAnswer::new(&request(&json!({"n": 2})), 7);
        all.add(answered(&json!([image("QUJD")]))).unwrap();
        all.add(answered(&json!([image("REVG")]))).unwrap();
        let document: Value = serde_json::from_slice(&all.finish()).unwrap();
        assert_eq!(
            document,
            json!({
                "created": 7,
                "data": [
                    {"b64_json": "QUJD", "revised_prompt": "y"},
                    {"b64_json": "REVG", "revised_prompt": "y"},
                ],
                "output_format": "webp", "quality": "low", "size": "1024x1024",
                "usage": {
                    "input_tokens": 4, "input_tokens_details": {"text_tokens": 4, "image_tokens": 0},
                    "output_tokens": 6, "total_tokens": 10,
                },
            })
        );
    }

    #[test]
    fn looks_and_repetitions_of_a_picture_are_not_further_pictures() {
        let mut item = image("QUJD");
        item["id"] = json!("ig_1");
        let look = json!({"type": "response.image_generation_call.partial_image", "item_id": "ig_1", "output_index": 0, "partial_image_b64": "QUJD"});
        let done = json!({"type": "response.output_item.done", "output_index": 0, "item": item});
        let last = json!({"type": "response.completed", "response": {"id": "r", "output": [item]}});
        let mut answer = ResponsesAnswer::new("m", 1);
        for event in [&look, &look, &done, &done, &last] {
            answer.push(event.to_string().as_bytes()).unwrap();
        }
        let mut all = ImageAnswer::new(&request(&json!({})), 7);
        all.add(answer).unwrap();
        let document: Value = serde_json::from_slice(&all.finish()).unwrap();
        assert_eq!(
            document["data"],
            json!([{"b64_json": "QUJD", "revised_prompt": "y"}])
        );
    }

    #[test]
    fn an_address_carries_the_picture_in_itself() {
        let mut all = ImageAnswer::new(&request(&json!({"response_format": "url"})), 7);
        all.add(answered(&json!([image("QUJD")]))).unwrap();
        let document: Value = serde_json::from_slice(&all.finish()).unwrap();
        assert_eq!(document["data"][0]["url"], "data:image/webp;base64,QUJD");
    }

    #[test]
    fn all_pictures_together_have_a_limit() {
        let mut all = ImageAnswer::new(&request(&json!({"n": 2})), 7);
        all.room_bytes = 7;
        all.add(answered(&json!([image("QUJD")]))).unwrap();
        let failure = all.add(answered(&json!([image("REVG")]))).unwrap_err();
        assert_eq!(*failure, Failure::too_large(MAX_ANSWER_BYTES));
        assert_eq!(all.usage().map(|tokens| tokens.total), Some(10));
    }

    #[test]
    fn an_answer_without_a_picture_is_a_failure_with_what_was_said_instead() {
        let mut all = ImageAnswer::new(&request(&json!({})), 7);
        let refusal =
            json!([{"type": "message", "content": [{"type": "refusal", "refusal": "I cannot"}]}]);
        let failure = all.add(answered(&refusal)).unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("no_image"));
        assert!(failure.message.ends_with("I cannot"), "{failure}");
        let failure = all.add(answered(&json!([image("")]))).unwrap_err();
        assert_eq!(failure.message, "the model made no image");
    }
}
