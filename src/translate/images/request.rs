//! A request for images to a Responses request that makes one of them.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::pictures::{self, Pictures};
use crate::translate::models::checked_name;
use crate::translate::responses::not_an_object;
use crate::translate::{RequestError, form};

/// Each is a request of its own upstream.
pub const MAX_IMAGES: u64 = 8;

/// A request for images, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRequest {
    /// As the client named it; empty when it named none.
    pub model: String,
    pub stream: bool,
    /// How many times the [`body`](Self::body) is to be sent.
    pub count: u64,
    /// Whether pictures came with the request, to be changed.
    pub is_edit: bool,
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

/// Refuses models that answer with a picture alone, for a dialect in which answers are texts.
///
/// # Errors
/// When this is one.
pub fn text_model(model: &str) -> Result<(), RequestError> {
    let makes_images = ["gpt-image", "chatgpt-image", "dall-e"];
    if !makes_images.iter().any(|name| model.starts_with(name)) {
        return Ok(());
    }
    let problem = format!(
        "{model:?} makes images only: ask it at /v1/images/generations or /v1/images/edits, or give a text model the tool image_generation"
    );
    Err(RequestError::at("model", problem).with_code("model_not_supported"))
}

/// Settings that the hosted tool has under the same name.
const AS_IN_TOOL: [&str; 13] = [
    "model",
    "size",
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "partial_images",
    "input_fidelity",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "svg",
];

impl ImageRequest {
    /// Reads a request for pictures out of nothing. `host_model` is who calls the tool.
    ///
    /// # Errors
    /// When it is no JSON object, a field has the wrong type, the prompt is missing, or several images are to be streamed.
    pub fn read(body: &[u8], host_model: &str) -> Result<Self, RequestError> {
        Self::understand(fields_of(body)?, None, host_model)
    }

    /// Reads a request to change pictures: a form, or JSON that has them as addresses. `content_type` says which.
    ///
    /// # Errors
    /// As [`read`](Self::read), and when there is no picture in it or something else in its place.
    pub fn read_edit(
        content_type: &str,
        body: &Bytes,
        host_model: &str,
    ) -> Result<Self, RequestError> {
        let (fields, pictures) = if form::is_form(content_type) {
            pictures::of_form(form::read(content_type, body)?)?
        } else {
            let mut fields = fields_of(body)?;
            let pictures = pictures::of_json(&mut fields)?;
            (fields, pictures)
        };
        Self::understand(fields, Some(pictures), host_model)
    }

    fn understand(
        mut fields: Map<String, Value>,
        pictures: Option<Pictures>,
        host_model: &str,
    ) -> Result<Self, RequestError> {
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
            Some(_) => return Err(wrong("n", "must be a whole number from 1 to 8")),
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
        if stream && wants_urls {
            // The events of a stream have no place for an address.
            fields.insert("response_format".to_owned(), json!("url"));
        }
        let model = match fields.get("model") {
            None => String::new(),
            Some(Value::String(model)) => checked_name(model.clone())?,
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
        let is_edit = pictures.is_some();
        let Pictures { images, mask } = pictures.unwrap_or_default();
        if is_edit {
            tool.insert("action".to_owned(), json!("edit"));
        }
        if let Some(mask) = mask {
            tool.insert("input_image_mask".to_owned(), json!({ "image_url": mask }));
        }
        let wishes = super::settings_of(&Value::Null, &tool);
        Ok(Self {
            model,
            stream,
            count,
            is_edit,
            wants_urls,
            body: body_of(host_model, prompt, images, tool),
            wishes,
            dropped: fields.into_iter().map(|(name, _)| name).collect(),
        })
    }
}

fn fields_of(body: &[u8]) -> Result<Map<String, Value>, RequestError> {
    match serde_json::from_slice(body).map_err(|error| not_an_object(&error))? {
        Value::Object(mut fields) => {
            fields.retain(|_, value| !value.is_null());
            Ok(fields)
        }
        _ => Err(RequestError::new("the request body must be a JSON object")),
    }
}

/// Pictures are moved, not copied: they may be most of the memory that the request takes.
fn body_of(
    host_model: &str,
    prompt: String,
    images: Vec<String>,
    tool: Map<String, Value>,
) -> Map<String, Value> {
    let part = |kind: &str, name: &str, text| {
        let fields = [("type", Value::from(kind)), (name, Value::String(text))];
        Value::from_iter(fields)
    };
    let pictures = images
        .into_iter()
        .map(|image| part("input_image", "image_url", image));
    let content: Value = [part("input_text", "text", prompt)]
        .into_iter()
        .chain(pictures)
        .collect();
    let message = [
        ("type", json!("message")),
        ("role", json!("user")),
        ("content", content),
    ];
    let fields = [
        ("model", json!(host_model)),
        ("input", Value::Array(vec![Value::from_iter(message)])),
        ("tools", Value::Array(vec![Value::Object(tool)])),
        ("tool_choice", json!({"type": "image_generation"})),
        ("stream", json!(true)),
        ("store", json!(false)),
    ];
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

pub(super) fn wrong(field: &str, problem: &str) -> RequestError {
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

    fn fixture(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_edit_in_json_becomes_a_call_of_the_tool_with_its_pictures() {
        let body = include_str!("../fixtures/image_edit.json").as_bytes();
        let request =
            ImageRequest::read_edit("application/json", &Bytes::from_static(body), "gpt-host");
        let request = request.unwrap();
        assert_eq!(
            Value::Object(request.body),
            fixture(include_str!("../fixtures/image_edit.responses.json"))
        );
        assert!(request.is_edit);
        assert_eq!(
            request.dropped,
            ["user", "safety_identifier", "partial_images"]
        );
    }

    #[test]
    fn the_same_edit_as_a_form_becomes_the_same_call() {
        let form = include_str!("../fixtures/image_edit.form.txt").replace('\n', "\r\n");
        let content_type = "multipart/form-data; boundary=fixture";
        let request = ImageRequest::read_edit(content_type, &form.into(), "gpt-host").unwrap();
        assert_eq!(
            Value::Object(request.body),
            fixture(include_str!("../fixtures/image_edit.responses.json"))
        );
        assert_eq!((request.model.as_str(), request.count), ("gpt-image-1", 2));
        assert!(request.is_edit && request.wants_urls && !request.stream);
        assert_eq!(
            request.dropped,
            ["user", "safety_identifier", "partial_images"]
        );
    }

    #[test]
    fn an_edit_needs_a_prompt_and_numbers_that_are_numbers() {
        let image = "data:image/png;base64,QQ==";
        for (body, param) in [
            (json!({"image": image}), "prompt"),
            (json!({"image": image, "prompt": "x", "n": "two"}), "n"),
            (
                json!({"image": image, "prompt": "x", "stream": "yes"}),
                "stream",
            ),
            (json!({"prompt": "x"}), "image"),
        ] {
            let read =
                ImageRequest::read_edit("application/json", &body.to_string().into(), "gpt-host");
            assert_eq!(read.unwrap_err().param.as_deref(), Some(param), "{body}");
        }
    }

    #[test]
    fn models_of_images_are_no_text_models() {
        for model in [
            "gpt-image-1",
            "gpt-image-2.5-flare",
            "chatgpt-image-latest",
            "dall-e-3",
        ] {
            let error = text_model(model).unwrap_err();
            assert_eq!(error.param.as_deref(), Some("model"));
            assert!(error.message.contains("/v1/images/generations"), "{error}");
        }
        for model in ["gpt-5.5", "my-gpt-image", ""] {
            assert_eq!(text_model(model), Ok(()), "{model}");
        }
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
        let streamed = json!({"prompt": "x", "stream": true, "response_format": "url"});
        assert_eq!(read(&streamed).unwrap().dropped, ["response_format"]);
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_name() {
        for (body, param) in [
            (json!({}), "prompt"),
            (json!({"prompt": ""}), "prompt"),
            (json!({"prompt": ["a"]}), "prompt"),
            (json!({"prompt": "x", "n": 0}), "n"),
            (json!({"prompt": "x", "n": 9}), "n"),
            (json!({"prompt": "x", "n": 2, "stream": true}), "n"),
            (json!({"prompt": "x", "stream": 1}), "stream"),
            (
                json!({"prompt": "x", "response_format": "png"}),
                "response_format",
            ),
            (json!({"prompt": "x", "model": 7}), "model"),
            (json!({"prompt": "x", "model": "a\nb"}), "model"),
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
