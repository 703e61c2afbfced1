//! The Images dialect over a Responses upstream: one call of the hosted tool `image_generation` is one picture, out of nothing or
//! out of other pictures.
//!
//! Request: [`ImageRequest`]. Streamed answer: [`ImageWriter`]. Whole answer: [`ImageAnswer`]. An upstream that has the images
//! endpoints itself gets the client's own body instead, and none of this.
//!
//! Shapes: openai-python 3.3.1, `types/image_generate_params.py`, `types/image_edit_params.py`, `types/images_response.py`,
//! `types/image_gen_partial_image_event.py`, `types/image_gen_completed_event.py`, `types/image_edit_completed_event.py`,
//! `types/responses/tool.py`; what Codex itself asks for: `openai/codex: codex-rs/codex-api/src/images.rs`.

use serde_json::{Map, Value};

use super::responses::Failure;

mod answer;
mod cost;
mod pictures;
mod request;
mod stream;

pub use answer::ImageAnswer;
pub use request::{ImageRequest, MAX_IMAGES, is_hosted, text_model};
pub use stream::ImageWriter;

/// How a picture is told: beside itself only in its settings.
const SETTINGS: [&str; 4] = ["background", "output_format", "quality", "size"];

/// The settings that an item or event of the upstream tells, or else the client's wishes.
fn settings_of(told: &Value, wishes: &Map<String, Value>) -> Map<String, Value> {
    SETTINGS
        .into_iter()
        .filter_map(|name| {
            let value = told.get(name).filter(|value| value.is_string());
            let value = value.or_else(|| wishes.get(name))?;
            Some((name.to_owned(), value.clone()))
        })
        .collect()
}

/// The code of an answer without a picture.
pub const NO_IMAGE: &str = "no_image";

/// The answer is complete, and there is no picture in it: the model has said something instead.
fn no_image(said: &str) -> Box<Failure> {
    let message = if said.is_empty() {
        "the model made no image".to_owned()
    } else {
        format!("the model made no image; it said: {said}")
    };
    Box::new(Failure {
        code: Some(NO_IMAGE.to_owned()),
        kind: Some("upstream_error".to_owned()),
        message,
        ..Failure::default()
    })
}
