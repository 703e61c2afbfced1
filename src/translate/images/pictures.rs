//! The pictures that an edit begins with: files of a form, or addresses in JSON.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::request::wrong;
use crate::translate::RequestError;
use crate::translate::form::Part;

/// As many as one edit takes (openai-python 3.3.1, `types/image_edit_params.py`).
const MAX_PICTURES: usize = 16;

/// Pictures by their addresses, most of which are the pictures themselves.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Pictures {
    pub(super) images: Vec<String>,
    /// Where it is transparent, the first picture is to change.
    pub(super) mask: Option<String>,
}

/// What a form says beside its pictures, as JSON would say it.
///
/// # Errors
/// When a picture is none, or a field cannot be read, comes twice, or is a file that has no place in an edit.
pub(super) fn of_form(parts: Vec<Part>) -> Result<(Map<String, Value>, Pictures), RequestError> {
    let mut fields = Map::new();
    let mut pictures = Pictures::default();
    for part in parts {
        let is_twice = match part.name.split('[').next().unwrap_or_default() {
            "image" | "images" => {
                pictures.images.push(picture_of(&part)?);
                false
            }
            "mask" => pictures.mask.replace(picture_of(&part)?).is_some(),
            _ if part.is_file => {
                let problem =
                    "is a file, and the tool of a ChatGPT account takes none by this name";
                return Err(wrong(&part.name, problem));
            }
            _ => fields.insert(part.name.clone(), value_of(&part)?).is_some(),
        };
        if is_twice {
            return Err(wrong(&part.name, "came twice"));
        }
    }
    Ok((fields, pictures.checked()?))
}

/// Takes the pictures out of a JSON body.
///
/// # Errors
/// When one of them is no picture, or stands with the API alone.
pub(super) fn of_json(fields: &mut Map<String, Value>) -> Result<Pictures, RequestError> {
    let mut pictures = Pictures::default();
    for name in ["image", "images"] {
        match fields.shift_remove(name) {
            None => {}
            Some(Value::Array(list)) => {
                for (at, picture) in list.into_iter().enumerate() {
                    let address = address_in(&format!("{name}[{at}]"), picture)?;
                    pictures.images.push(address);
                }
            }
            Some(picture) => pictures.images.push(address_in(name, picture)?),
        }
    }
    if let Some(mask) = fields.shift_remove("mask") {
        pictures.mask = Some(address_in("mask", mask)?);
    }
    pictures.checked()
}

impl Pictures {
    fn checked(self) -> Result<Self, RequestError> {
        match self.images.len() {
            0 => Err(wrong("image", "is missing")),
            1..=MAX_PICTURES => Ok(self),
            _ => {
                let problem = format!("must be at most {MAX_PICTURES} pictures");
                Err(wrong("image", &problem))
            }
        }
    }
}

/// Numbers and switches of a form are written out.
fn value_of(part: &Part) -> Result<Value, RequestError> {
    let Ok(text) = std::str::from_utf8(&part.bytes) else {
        return Err(wrong(&part.name, "must be UTF-8 text"));
    };
    let typed = match part.name.as_str() {
        "n" | "output_compression" | "partial_images" | "frame_count" | "frame_duration_ms" => {
            text.trim().parse::<u64>().ok().map(Value::from)
        }
        "stream" => text
            .trim()
            .to_ascii_lowercase()
            .parse()
            .ok()
            .map(Value::Bool),
        _ => None,
    };
    // What is no number stays a text, and is refused by name where the number is wanted.
    Ok(typed.unwrap_or_else(|| json!(text)))
}

fn picture_of(part: &Part) -> Result<String, RequestError> {
    if part.bytes.is_empty() {
        return Err(wrong(&part.name, "is empty"));
    }
    // Many a client calls every file so, and it says nothing about this one.
    let told = part
        .content_type
        .as_deref()
        .filter(|told| *told != "application/octet-stream");
    let kind = match told.or_else(|| kind_of(&part.bytes)) {
        Some(kind) if kind.starts_with("image/") => kind,
        Some(kind) => {
            let problem = format!("must be an image, and is sent as {kind}");
            return Err(wrong(&part.name, &problem));
        }
        None if !part.is_file => {
            let text = String::from_utf8_lossy(&part.bytes).into_owned();
            return checked_address(&part.name, text);
        }
        None => return Err(wrong(&part.name, "must be a PNG, JPEG, WebP or GIF image")),
    };
    let mut url = format!("data:{kind};base64,");
    url.reserve(part.bytes.len().div_ceil(3) * 4);
    BASE64_STANDARD.encode_string(&part.bytes, &mut url);
    Ok(url)
}

/// What a file is by its first bytes, for one that says nothing about itself.
fn kind_of(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if bytes.starts_with(b"GIF8") {
        Some("image/gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

/// The address in one of the forms in which clients write it: a text, `{"image_url": …}`, `{"image_url": {"url": …}}`, `{"url": …}`.
fn address_in(path: &str, picture: Value) -> Result<String, RequestError> {
    let mut fields = match picture {
        Value::String(address) => return checked_address(path, address),
        Value::Object(fields) => fields,
        _ => return Err(no_address(path)),
    };
    if fields.get("file_id").is_some_and(|id| !id.is_null()) {
        let problem =
            "is a file at the API, which a ChatGPT account cannot read: send the picture itself";
        return Err(wrong(&format!("{path}.file_id"), problem));
    }
    match fields.remove("image_url").or_else(|| fields.remove("url")) {
        Some(Value::String(address)) => checked_address(path, address),
        Some(Value::Object(mut inner)) => match inner.remove("url") {
            Some(Value::String(address)) => checked_address(path, address),
            _ => Err(no_address(path)),
        },
        _ => Err(no_address(path)),
    }
}

fn checked_address(path: &str, address: String) -> Result<String, RequestError> {
    let base64 = address
        .strip_prefix("data:image/")
        .and_then(|rest| rest.split_once(";base64,"));
    let is_far = address.starts_with("https://") || address.starts_with("http://");
    if is_far || base64.is_some_and(|(_, base64)| !base64.is_empty()) {
        return Ok(address);
    }
    Err(no_address(path))
}

/// Never with what stands there instead.
fn no_address(path: &str) -> RequestError {
    wrong(
        path,
        "must be a picture: data:image/png;base64,… or an https address",
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn file(name: &str, content_type: Option<&str>, bytes: &'static [u8]) -> Part {
        Part {
            name: name.to_owned(),
            is_file: true,
            content_type: content_type.map(str::to_owned),
            bytes: Bytes::from_static(bytes),
        }
    }

    fn field(name: &str, text: &'static str) -> Part {
        Part {
            is_file: false,
            ..file(name, None, text.as_bytes())
        }
    }

    #[test]
    fn files_keep_their_own_type_and_only_silent_ones_are_looked_into() {
        const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
        let silent = Some("application/octet-stream");
        let (_, pictures) = of_form(vec![
            file("image[]", Some("image/webp"), PNG),
            file("image[]", None, PNG),
            file("image[1]", silent, b"\xff\xd8\xff\xe0"),
            file("images", silent, b"RIFF\0\0\0\0WEBP"),
            field("image", "GIF89a"),
            field("image", "data:image/png;base64,QQ=="),
            file("mask", Some("image/png"), b"A"),
        ])
        .unwrap();
        assert_eq!(
            pictures.images,
            [
                "data:image/webp;base64,iVBORw0KGgo=",
                "data:image/png;base64,iVBORw0KGgo=",
                "data:image/jpeg;base64,/9j/4A==",
                "data:image/webp;base64,UklGRgAAAABXRUJQ",
                "data:image/gif;base64,R0lGODlh",
                "data:image/png;base64,QQ==",
            ]
        );
        assert_eq!(pictures.mask.as_deref(), Some("data:image/png;base64,QQ=="));
    }

    #[test]
    fn fields_of_a_form_are_what_json_would_have_said() {
        let (fields, _) = of_form(vec![
            field("prompt", "5"),
            field("n", "2"),
            field("stream", "True"),
            field("output_compression", "much"),
            field("svg[model]", "a"),
            field("svg[reasoning]", "b"),
            field("image", "https://example.test/a.png"),
        ])
        .unwrap();
        assert_eq!(
            Value::Object(fields),
            json!({"prompt": "5", "n": 2, "stream": true, "output_compression": "much", "svg[model]": "a", "svg[reasoning]": "b"})
        );
    }

    #[test]
    fn what_is_wrong_in_a_form_is_named_and_never_quoted() {
        let picture = || field("image", "https://example.test/a.png");
        for (parts, param) in [
            (vec![field("prompt", "secret")], "image"),
            (vec![file("image", Some("text/plain"), b"secret")], "image"),
            (vec![file("image[]", Some("image/png"), b"")], "image[]"),
            (vec![file("image", None, b"secret")], "image"),
            (vec![field("image", "secret")], "image"),
            (vec![field("image", "data:text/plain;base64,QQ==")], "image"),
            (
                vec![picture(), file("markup", Some("image/png"), b"A")],
                "markup",
            ),
            (vec![picture(), file("prompt", None, b"secret")], "prompt"),
            (vec![picture(), field("n", "1"), field("n", "1")], "n"),
            (
                vec![
                    picture(),
                    file("mask", Some("image/png"), b"A"),
                    file("mask", Some("image/png"), b"A"),
                ],
                "mask",
            ),
            (
                vec![
                    picture(),
                    Part {
                        is_file: false,
                        ..file("size", None, b"\xff")
                    },
                ],
                "size",
            ),
            ((0..=MAX_PICTURES).map(|_| picture()).collect(), "image"),
        ] {
            let error = of_form(parts).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{error}");
            assert!(!error.message.contains("secret"), "{error}");
        }
    }

    #[test]
    fn json_names_pictures_in_several_ways() {
        let mut fields = json!({
            "image": ["data:image/png;base64,QQ==", {"url": "https://example.test/b.png"}],
            "images": [{"image_url": "data:image/png;base64,Qg=="}, {"image_url": {"url": "data:image/png;base64,Qw=="}, "file_id": null}],
            "mask": {"image_url": "data:image/png;base64,RA=="},
            "prompt": "x",
        });
        let fields = fields.as_object_mut().unwrap();
        assert_eq!(
            of_json(fields).unwrap(),
            Pictures {
                images: vec![
                    "data:image/png;base64,QQ==".into(),
                    "https://example.test/b.png".into(),
                    "data:image/png;base64,Qg==".into(),
                    "data:image/png;base64,Qw==".into(),
                ],
                mask: Some("data:image/png;base64,RA==".into()),
            }
        );
        assert_eq!(fields.len(), 1);
    }

    #[test]
    fn what_is_no_picture_in_json_is_named_by_its_path() {
        let good = "data:image/png;base64,QQ==";
        for (fields, param) in [
            (json!({}), "image"),
            (json!({"image": []}), "image"),
            (json!({"image": 7}), "image"),
            (json!({"image": "QQ=="}), "image"),
            (json!({"image": "data:image/png;base64,"}), "image"),
            (json!({"image": "file:///etc/passwd"}), "image"),
            (json!({"images": [good, {"image_url": 7}]}), "images[1]"),
            (
                json!({"images": [{"file_id": "file-1"}]}),
                "images[0].file_id",
            ),
            (json!({"images": [{}]}), "images[0]"),
            (
                json!({"image": good, "mask": {"file_id": "file-1"}}),
                "mask.file_id",
            ),
            (json!({"image": good, "mask": true}), "mask"),
            (json!({"image": vec![good; MAX_PICTURES + 1]}), "image"),
        ] {
            let mut body = fields.as_object().unwrap().clone();
            let error = of_json(&mut body).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(param), "{fields}");
        }
    }
}
