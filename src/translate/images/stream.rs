//! Responses events to the events of an image stream.

use serde_json::{Map, Value, json};

use super::answer::image_of;
use super::cost::{image_gen_in, usage_of};
use super::request::ImageRequest;
use super::{no_image, settings_of};
use crate::translate::error::ErrorBody;
use crate::translate::responses::{
    EventKind, Failure, Terminal, TerminalEvent, TokenUsage, read_event,
};
use crate::translate::sse::write_frame;
use crate::translate::{EventWriter, Progress};

/// Writes the events of one picture: what it looks like so far, and the whole of it.
#[derive(Debug)]
pub struct ImageWriter {
    created: u64,
    is_edit: bool,
    wishes: Map<String, Value>,
    /// The finished picture, once it is there.
    image: Option<Value>,
    usage: Option<TokenUsage>,
    is_over: bool,
}

impl ImageWriter {
    /// `created` is in seconds since 1970.
    pub fn new(request: &ImageRequest, created: u64) -> Self {
        Self {
            created,
            is_edit: request.is_edit,
            wishes: request.wishes.clone(),
            image: None,
            usage: None,
            is_over: false,
        }
    }

    fn partial(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<Progress, Box<Failure>> {
        let event: Option<Value> = read_event(data)?;
        let Some(event) = event else {
            return Ok(Progress::Nothing);
        };
        let Some(base64) = event.get("partial_image_b64").filter(|it| it.is_string()) else {
            return Ok(Progress::Nothing);
        };
        let index = event.get("partial_image_index").and_then(Value::as_u64);
        let fields = [
            ("b64_json", base64.clone()),
            ("partial_image_index", json!(index.unwrap_or_default())),
        ];
        self.write("partial_image", &event, fields, out);
        Ok(Progress::Output)
    }

    fn finish(&mut self, last: &[u8], out: &mut Vec<u8>) -> Result<Progress, Box<Failure>> {
        let Some(image) = self.image.take() else {
            return Err(no_image(""));
        };
        let base64 = json!(image_of(&image).unwrap_or_default());
        let usage = json!(usage_of(image_gen_in(last), self.usage, self.is_edit));
        let fields = [("b64_json", base64), ("usage", usage)];
        self.write("completed", &image, fields, out);
        self.is_over = true;
        Ok(Progress::Finished)
    }

    fn write(&self, step: &str, told: &Value, fields: [(&str, Value); 2], out: &mut Vec<u8>) {
        let dialect = if self.is_edit {
            "image_edit"
        } else {
            "image_generation"
        };
        let kind = format!("{dialect}.{step}");
        let mut event = Map::new();
        event.insert("type".to_owned(), json!(kind));
        event.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        event.insert("created_at".to_owned(), json!(self.created));
        event.extend(settings_of(told, &self.wishes));
        let event = Value::Object(event).to_string();
        write_frame(Some(kind.as_bytes()), event.as_bytes(), out);
    }
}

impl EventWriter for ImageWriter {
    fn push_kind(
        &mut self,
        kind: EventKind,
        data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        if self.is_over {
            return Ok(Progress::Finished);
        }
        if let Some(end) = TerminalEvent::read(kind, data) {
            self.usage = end.usage;
            if let Terminal::Failed(failure) = end.terminal {
                return Err(failure);
            }
            if self.image.is_none() {
                let output = end.output.map(|output| serde_json::from_str(output.get()));
                let items: Vec<Value> = output.and_then(Result::ok).unwrap_or_default();
                self.image = items.into_iter().find(|item| image_of(item).is_some());
            }
            return self.finish(data, out);
        }
        match kind {
            EventKind::PartialImage => self.partial(data, out),
            EventKind::OutputItemDone => {
                let event: Option<Value> = read_event(data)?;
                let item = event.and_then(|mut event| Some(event.get_mut("item")?.take()));
                if let Some(item) = item.filter(|item| image_of(item).is_some()) {
                    self.image = Some(item);
                }
                Ok(Progress::Nothing)
            }
            _ => Ok(Progress::Nothing),
        }
    }

    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if !self.is_over {
            self.is_over = true;
            write_frame(Some(b"error"), &ErrorBody::from(failure).to_bytes(), out);
        }
    }

    fn usage(&self) -> Option<TokenUsage> {
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer() -> ImageWriter {
        let body = json!({"prompt": "x", "size": "1024x1024", "stream": true});
        let request = ImageRequest::read(body.to_string().as_bytes(), "m").unwrap();
        ImageWriter::new(&request, 7)
    }

    fn push(
        writer: &mut ImageWriter,
        event: &Value,
        out: &mut Vec<u8>,
    ) -> Result<Progress, Box<Failure>> {
        let data = event.to_string();
        writer.push_kind(EventKind::of_data(data.as_bytes()), data.as_bytes(), out)
    }

    fn done() -> Value {
        let usage = json!({"input_tokens": 2, "output_tokens": 3, "total_tokens": 5});
        json!({"type": "response.completed", "response": {"output": [], "usage": usage}})
    }

    #[test]
    fn partial_pictures_and_the_whole_one_are_events_of_their_own() {
        let mut writer = writer();
        let mut out = Vec::new();
        let steps = [
            (json!({"type": "response.created"}), Progress::Nothing),
            (
                json!({"type": "response.image_generation_call.partial_image", "partial_image_b64": "QQ==", "partial_image_index": 1}),
                Progress::Output,
            ),
            (
                json!({"type": "response.output_item.done", "item": {"type": "image_generation_call", "result": "QUJD", "output_format": "png"}}),
                Progress::Nothing,
            ),
            (done(), Progress::Finished),
            (done(), Progress::Finished),
        ];
        for (event, progress) in steps {
            assert_eq!(push(&mut writer, &event, &mut out), Ok(progress), "{event}");
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            concat!(
                "event: image_generation.partial_image\n",
                r#"data: {"type":"image_generation.partial_image","b64_json":"QQ==","partial_image_index":1,"created_at":7,"size":"1024x1024"}"#,
                "\n\n",
                "event: image_generation.completed\n",
                r#"data: {"type":"image_generation.completed","b64_json":"QUJD","usage":{"input_tokens":2,"input_tokens_details":{"text_tokens":2,"image_tokens":0},"output_tokens":3,"total_tokens":5},"created_at":7,"output_format":"png","size":"1024x1024"}"#,
                "\n\n",
            )
        );
        assert_eq!(writer.usage().map(|tokens| tokens.total), Some(5));
    }

    #[test]
    fn an_edit_has_events_of_its_own_name_and_tells_the_image_models_cost() {
        let body = json!({"prompt": "x", "image": "data:image/png;base64,QQ==", "stream": true});
        let request =
            ImageRequest::read_edit("application/json", &body.to_string().into(), "m").unwrap();
        let mut writer = ImageWriter::new(&request, 7);
        let mut out = Vec::new();
        let look = json!({"type": "response.image_generation_call.partial_image", "partial_image_b64": "QQ=="});
        push(&mut writer, &look, &mut out).unwrap();
        let item = json!({"type": "image_generation_call", "result": "QUJD"});
        let cost = json!({"input_tokens": 9, "input_tokens_details": {"image_tokens": 8, "text_tokens": 1}, "output_tokens": 7, "total_tokens": 16});
        let mut last = done();
        last["response"]["output"] = json!([item]);
        last["response"]["tool_usage"] = json!({"image_gen": cost});
        assert_eq!(push(&mut writer, &last, &mut out), Ok(Progress::Finished));
        let text = String::from_utf8(out).unwrap();
        let datas: Vec<Value> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok())
            .collect();
        assert_eq!(
            datas,
            [
                json!({"type": "image_edit.partial_image", "b64_json": "QQ==", "partial_image_index": 0, "created_at": 7}),
                json!({"type": "image_edit.completed", "b64_json": "QUJD", "usage": cost, "created_at": 7}),
            ]
        );
        assert!(
            text.starts_with("event: image_edit.partial_image\n"),
            "{text}"
        );
        assert_eq!(writer.usage().map(|tokens| tokens.total), Some(5));
    }

    #[test]
    fn a_picture_that_only_the_last_event_has_is_found() {
        let mut out = Vec::new();
        let item = json!({"type": "image_generation_call", "result": "QUJD"});
        let event = json!({"type": "response.completed", "response": {"output": [item]}});
        assert_eq!(
            push(&mut writer(), &event, &mut out),
            Ok(Progress::Finished)
        );
        assert!(String::from_utf8(out).unwrap().contains("QUJD"));
    }

    #[test]
    fn an_end_without_a_picture_is_a_failure_and_told_once() {
        let mut writer = writer();
        let mut out = Vec::new();
        let failure = push(&mut writer, &done(), &mut out).unwrap_err();
        assert_eq!(failure.code.as_deref(), Some("no_image"));
        writer.fail(&failure, &mut out);
        writer.fail(&failure, &mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("event: error\ndata: {\"error\":"),
            "{text}"
        );
        assert_eq!(text.matches("event:").count(), 1);
    }
}
