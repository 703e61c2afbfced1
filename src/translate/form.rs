//! A `multipart/form-data` body (RFC 7578) and its parts.
//!
//! `multer` does the reading. It works on streams; a body that is here as a whole is a stream of one piece, which never makes it
//! wait.

use std::convert::Infallible;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, future, stream};
use memchr::memmem;
use multer::Multipart;

use super::RequestError;

/// A field of a form, or one file of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub is_file: bool,
    /// What it says of itself, without parameters: `image/png`.
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// No request of this API has a fifth of so many; each costs more than its bytes.
const MAX_PARTS: usize = 100;

/// Whether a request's `Content-Type` announces a form.
pub fn is_form(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("multipart/form-data")
}

/// The parts in their order. `content_type` is the request's: the boundary stands there.
///
/// # Errors
/// When the boundary is missing, the form breaks off, a part has no name, or there are too many of them.
pub fn read(content_type: &str, body: &Bytes) -> Result<Vec<Part>, RequestError> {
    let boundary = multer::parse_boundary(content_type).map_err(unreadable)?;
    let read = parts(boundary, body.clone()).now_or_never();
    read.unwrap_or_else(|| Err(unreadable(multer::Error::IncompleteStream)))
}

/// Where the value of the field of this name stands in the body; nothing for a file, and when the form cannot be read.
pub fn place_of(content_type: &str, body: &Bytes, name: &str) -> Option<Range<usize>> {
    let boundary = multer::parse_boundary(content_type).ok()?; // no form
    let mut at = memmem::find(body, format!("--{boundary}").as_bytes())?;
    for part in read(content_type, body).ok()? {
        // RFC 7578 section 4: a blank line ends the head of a part.
        let start = at + memmem::find(body.get(at..)?, b"\r\n\r\n")? + 4;
        at = start + part.bytes.len();
        let is_here = *body.get(start..at)? == part.bytes;
        if !is_here {
            return None;
        }
        if part.name == name && !part.is_file {
            return Some(start..at);
        }
    }
    None
}

/// The form for this model: as it came when it names it, with one more part in front when it names none.
///
/// # Errors
/// As [`read`], and when it names another model.
pub fn with_model(content_type: &str, body: &Bytes, model: &str) -> Result<Bytes, RequestError> {
    let named = read(content_type, body)?
        .into_iter()
        .find(|part| part.name == "model");
    match named {
        Some(part) if part.bytes == model => return Ok(body.clone()),
        Some(_) => {
            let problem = "`model` must be left out, or be the deployment that the path names";
            return Err(RequestError::at("model", problem));
        }
        None => {}
    }
    let boundary = multer::parse_boundary(content_type).map_err(unreadable)?;
    let start = memmem::find(body, format!("--{boundary}").as_bytes()).unwrap_or_default();
    let part = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n"
    );
    let (before, after) = body.split_at(start);
    Ok([before, part.as_bytes(), after].concat().into())
}

async fn parts(boundary: String, body: Bytes) -> Result<Vec<Part>, RequestError> {
    let whole = stream::once(future::ready(Ok::<_, Infallible>(body)));
    let mut form = Multipart::new(whole, boundary);
    let mut parts = Vec::new();
    while let Some(mut field) = form.next_field().await.map_err(unreadable)? {
        if parts.len() == MAX_PARTS {
            let problem = format!("the form has more than {MAX_PARTS} parts");
            return Err(RequestError::new(problem));
        }
        let Some(name) = field.name().map(str::to_owned) else {
            return Err(RequestError::new("a part of the form has no name"));
        };
        let is_file = field.file_name().is_some();
        let content_type = field.content_type().map(|it| it.essence_str().to_owned());
        let mut bytes = Bytes::new();
        while let Some(piece) = field.chunk().await.map_err(unreadable)? {
            bytes = joined(bytes, piece);
        }
        parts.push(Part {
            name,
            is_file,
            content_type,
            bytes,
        });
    }
    Ok(parts)
}

/// Of a body that is here as a whole every part comes in one piece, and nothing is copied.
fn joined(before: Bytes, piece: Bytes) -> Bytes {
    if before.is_empty() {
        return piece;
    }
    let mut all = BytesMut::from(before);
    all.extend_from_slice(&piece);
    all.freeze()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands behind map_err, which gives it away"
)]
fn unreadable(error: multer::Error) -> RequestError {
    RequestError::new(format!("the form cannot be read: {error}"))
}

impl std::fmt::Debug for Part {
    /// Leaves out the bytes: a prompt, a picture.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .field("is_file", &self.is_file)
            .field("content_type", &self.content_type)
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=\"x y\"";
    const FORM: &[u8] = b"--x y\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\na red ball\r\n--x y\r\ncontent-type: image/png; q=1\r\ncontent-disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\n\r\n\x89PNG\r\n\0--x y\r\n--x y--\r\n";

    fn body(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    #[test]
    fn fields_and_files_come_in_order_with_their_bytes_untouched() {
        let part = |name: &str, is_file, content_type: Option<&str>, bytes: &'static [u8]| Part {
            name: name.to_owned(),
            is_file,
            content_type: content_type.map(str::to_owned),
            bytes: Bytes::from_static(bytes),
        };
        assert_eq!(
            read(TYPE, &body(FORM)).unwrap(),
            [
                part("prompt", false, None, b"a red ball"),
                part("image[]", true, Some("image/png"), b"\x89PNG\r\n\0--x y"),
            ]
        );
    }

    #[test]
    fn what_is_wrong_with_a_form_is_named() {
        let nameless = b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--";
        let many = format!(
            "{}--x--",
            "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\na\r\n".repeat(MAX_PARTS + 1)
        );
        let no_head = b"--x\r\nContent-Disposition";
        let no_end = &FORM[..FORM.len() - 9];
        for (content_type, bytes, problem) in [
            ("multipart/form-data", FORM, "boundary not found"),
            ("multipart/form-data; boundary=z", FORM, "incomplete"),
            (TYPE, no_end, "\"image[]\""),
            ("multipart/form-data; boundary=x", &nameless[..], "no name"),
            (
                "multipart/form-data; boundary=x",
                &no_head[..],
                "incomplete",
            ),
            ("multipart/form-data; boundary=x", many.as_bytes(), "100"),
            ("multipart/form-data; boundary=x", b"", "incomplete"),
        ] {
            let error = read(content_type, &body(bytes)).unwrap_err();
            assert!(error.message.contains(problem), "{problem}: {error}");
            assert!(!error.message.contains("red ball"), "{error}");
        }
    }

    #[test]
    fn a_form_gets_the_model_that_it_lacks_and_keeps_its_bytes() {
        let form = body(FORM);
        let named = with_model(TYPE, &form, "gpt-image-1").unwrap();
        let parts = read(TYPE, &named).unwrap();
        assert_eq!(
            (parts[0].name.as_str(), &parts[0].bytes[..]),
            ("model", &b"gpt-image-1"[..])
        );
        assert_eq!(parts[1..], read(TYPE, &form).unwrap());
        assert!(named.ends_with(FORM));
        assert_eq!(with_model(TYPE, &named, "gpt-image-1").unwrap(), named);
        let error = with_model(TYPE, &named, "other").unwrap_err();
        assert_eq!(error.param.as_deref(), Some("model"));
    }

    #[test]
    fn a_field_is_found_by_its_name_and_never_in_a_file() {
        let part = |head: &str, value: &str| {
            format!("--x y\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
        };
        let file = part(
            "name=\"file\"; filename=\"model\"",
            "a: name=\"model\"\r\n\r\nb",
        );
        let empty = part("name=\"prompt\"", "");
        for head in ["name=\"model\"", "name=model"] {
            let form = format!("{file}{empty}{}--x y--\r\n", part(head, "whisper-1"));
            let place = place_of(TYPE, &body(form.as_bytes()), "model").unwrap();
            assert_eq!(&form[place], "whisper-1", "{head}");
        }
        let form = body(format!("{file}--x y--\r\n").as_bytes());
        assert_eq!(place_of(TYPE, &form, "model"), None);
        assert_eq!(place_of(TYPE, &form, "file"), None);
        assert_eq!(place_of(TYPE, &body(b"--x y"), "model"), None);
    }

    #[test]
    fn a_form_is_known_by_the_essence_of_its_type() {
        assert!(is_form("Multipart/Form-Data ; boundary=x") && is_form(TYPE));
        assert!(
            !is_form("application/json") && !is_form("multipart/form-database") && !is_form("")
        );
    }

    proptest! {
        #[test]
        fn whatever_a_file_holds_comes_out_again(file in prop::collection::vec(any::<u8>(), 0..64)) {
            let head = b"--BOUNDARY\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n";
            let form = [&head[..], &file, b"\r\n--BOUNDARY--"].concat();
            let parts = read("multipart/form-data; boundary=BOUNDARY", &form.into()).unwrap();
            prop_assert_eq!(&parts[0].bytes[..], &file[..]);
        }

        #[test]
        fn no_bytes_make_it_panic_or_wait(bytes in prop::collection::vec(prop::sample::select(b"-x\r\n:; a=\"".to_vec()), 0..80)) {
            drop(read("multipart/form-data; boundary=x", &bytes.into()));
        }
    }
}
