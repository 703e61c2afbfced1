//! A request for images to a Responses request that makes one of them.

use serde_json::{Map, Value, json};

use crate::translate::RequestError;
use crate::translate::responses::not_an_object;

/// As many as the Images API makes of one request.
pub const MAX_IMAGES: u64 = 10;

/// A request for images, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRequest {
    /// As the client named it; empty when it named none.
    pub model: String,
    pub stream: bool,
    /// How many times the [`body`](Self::body) is to be sent.
    pub count: u64,
    /// Whether the client wants addresses of pictures: nobody hosts them, so each carries its picture in itself.
    pub wants_urls: bool,
    /// The Responses body for one image, before [`rules::adapt`](crate::translate::rules::adapt).
    pub body: Map<String, Value>,
    /// What the client wants of the picture, as far as an answer repeats it.
    pub wishes: Map<String, Value>,
    /// What the client sent and no upstream will see.
    pub dropped: Vec<String>,
}

/// Whether the hosted tool can make images by this name. Others are on the API alone.
pub fn is_hosted(model: &str) -> bool {
    model.is_empty() || model.starts_with("gpt-image") || model.starts_with("chatgpt-image")
}

/// Settings that the hosted tool has under the same name.
const AS_IN_TOOL: [&str; 8] = [
    "model",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "partial_images",
];

impl ImageRequest {
    /// Reads a request. `host_model` is who calls the tool.
    ///
    /// # Errors
    /// When it is no JSON object, a field has the wrong type, the prompt is missing, or several images are to be streamed.
    pub fn read(body: &[u8], host_model: &str) -> Result<Self, RequestError> {
        let value: Value = serde_json::from_slice(body).map_err(|error| not_an_object(&error))?;
        let Value::Object(mut fields) = value else {
            return Err(RequestError::new("the request body must be a JSON object"));
        };
        fields.retain(|_, value| !value.is_null());
        let prompt = match fields.shift_remove("prompt") {
            Some(Value::String(prompt)) if !prompt.is_empty() => prompt,
            Some(Value::String(_)) | None => return Err(wrong("prompt", "is missing")),
            Some(_) => return Err(wrong("prompt", "must be a string")),
        };
        let stream = match fields.shift_remove("stream") {
            None => false,
            Some(Value::Bool(stream)) => stream,
            Some(_) => return Err(wrong("stream", "must be true or false")),
        };
        let count = match fields.shift_remove("n").map(|n| n.as_u64()) {
            None => 1,
            Some(Some(count)) if (1..=MAX_IMAGES).contains(&count) => count,
            Some(_) => return Err(wrong("n", "must be a whole number from 1 to 10")),
        };
        if stream && count > 1 {
            let problem = "must be 1 for a stream: send the request again for more";
            return Err(wrong("n", problem));
        }
        let wants_urls = match fields.shift_remove("response_format") {
            None => false,
            Some(Value::String(format)) if format == "b64_json" => false,
            Some(Value::String(format)) if format == "url" => true,
            Some(_) => return Err(wrong("response_format", "must be url or b64_json")),
        };
        let model = match fields.get("model") {
            None => String::new(),
            Some(Value::String(model)) => model.clone(),
            Some(_) => return Err(wrong("model", "must be a string")),
        };
        let mut tool = Map::new();
        tool.insert("type".to_owned(), json!("image_generation"));
        for name in AS_IN_TOOL {
            if let Some(value) = fields.shift_remove(name) {
                tool.insert(name.to_owned(), value);
            }
        }
        // Fewer than none is what the tool makes by itself, and it refuses a number that nobody streams.
        if !stream && tool.shift_remove("partial_images").is_some() {
            fields.insert("partial_images".to_owned(), json!(true));
        }
        let wishes = super::settings_of(&Value::Null, &tool);
        Ok(Self {
            model,
            stream,
            count,
            wants_urls,
            body: body_of(host_model, &prompt, tool),
            wishes,
            dropped: fields.into_iter().map(|(name, _)| name).collect(),
        })
    }
}

fn body_of(host_model: &str, prompt: &str, tool: Map<String, Value>) -> Map<String, Value> {
    let content = json!([{"type": "input_text", "text": prompt}]);
    let fields = [
        ("model", json!(host_model)),
        (
            "input",
            json!([{"type": "message", "role": "user", "content": content}]),
        ),
        ("tools", json!([tool])),
        ("tool_choice", json!({"type": "image_generation"})),
        ("stream", json!(true)),
        ("store", json!(false)),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn wrong(field: &str, problem: &str) -> RequestError {
    RequestError::at(field, format!("`{field}` {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &Value) -> Result<ImageRequest, RequestError> {
        ImageRequest::read(body.to_string().as_bytes(), "gpt-host")
    }

    #[test]
    fn a_prompt_becomes_a_call_of_the_hosted_tool() {
        let request = read(&json!({
            "model": "gpt-image-1", "prompt": "a red ball", "n": 1, "size": "1024x1024", "quality": "low", "stream": true,
            "partial_images": 2, "user": "u-1", "response_format": null,
        }))
        .unwrap();
        assert_eq!(
            Value::Object(request.body),
            json!({
                "model": "gpt-host",
                "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a red ball"}]}],
                "tools": [{
                    "type": "image_generation", "model": "gpt-image-1", "size": "1024x1024", "quality": "low", "partial_images": 2,
                }],
                "tool_choice": {"type": "image_generation"},
                "stream": true,
                "store": false,
            })
        );
        assert_eq!(
            Value::Object(request.wishes),
            json!({"quality": "low", "size": "1024x1024"})
        );
        assert_eq!(
            (request.model.as_str(), request.stream),
            ("gpt-image-1", true)
        );
        assert_eq!(request.dropped, ["user"]);
    }

    #[test]
    fn numbers_of_images_and_addresses_are_understood() {
        let request = read(&json!({"prompt": "x", "n": 3, "response_format": "url"})).unwrap();
        assert_eq!((request.count, request.wants_urls), (3, true));
        let request = read(&json!({"prompt": "x", "partial_images": 1})).unwrap();
        assert_eq!(
            request.dropped,
            ["partial_images"],
            "without a stream there are none"
        );
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_name() {
        for (body, param) in [
            (json!({}), "prompt"),
            (json!({"prompt": ""}), "prompt"),
            (json!({"prompt": ["a"]}), "prompt"),
            (json!({"prompt": "x", "n": 0}), "n"),
            (json!({"prompt": "x", "n": 11}), "n"),
            (json!({"prompt": "x", "n": 2, "stream": true}), "n"),
            (json!({"prompt": "x", "stream": 1}), "stream"),
            (
                json!({"prompt": "x", "response_format": "png"}),
                "response_format",
            ),
            (json!({"prompt": "x", "model": 7}), "model"),
        ] {
            assert_eq!(
                read(&body).unwrap_err().param.as_deref(),
                Some(param),
                "{body}"
            );
        }
        assert!(ImageRequest::read(b"[1]", "m").is_err());
    }

    #[test]
    fn only_models_of_the_tool_are_hosted() {
        for (model, expected) in [
            ("", true),
            ("gpt-image-1", true),
            ("chatgpt-image-latest", true),
            ("dall-e-3", false),
            ("gpt-5.5", false),
        ] {
            assert_eq!(is_hosted(model), expected, "{model}");
        }
    }
}
