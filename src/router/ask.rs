//! One client's request, ready to be sent to any kind of upstream.

mod prepared;

use bytes::Bytes;
use memchr::memmem;
use serde_json::{Map, Value, json};

pub(super) use self::prepared::{Place, Prepared};
use super::access::{Form, Wire};
use super::body::Held;
use super::headers::Client;
use super::search::{ApiOnly, Asker};
use super::session::{Session, Told};
use super::websocket::Line;
use crate::translate::chat::ChatRequest;
use crate::translate::dropped::OwnNames;
use crate::translate::effort::EffortWish;
use crate::translate::images::ImageRequest;
use crate::translate::messages::MessagesRequest;
use crate::translate::responses::{Create, ResponsesRequest, is_reasoning, without_reasoning};
use crate::translate::{RequestError, UpstreamKind, with_effort};

pub(super) struct Ask {
    pub(super) model: String,
    pub(super) client: Client,
    /// Whether the client reads events as they come.
    pub(super) is_stream: bool,
    /// Whether the answer may take minutes to begin.
    pub(super) is_long: bool,
    pub(super) session: Session,
    /// The upstream's end of the socket on which the client asks, if it does.
    pub(super) line: Option<Line>,
    shape: Shape,
    /// What the translation itself had no place for.
    dropped: Vec<String>,
    /// What the client calls the fields of a translated body.
    own_names: OwnNames,
    /// What the client means by the effort of a translated body.
    effort: EffortWish,
    /// What only Chat has a word for.
    chat_only: Map<String, Value>,
    /// What was made last.
    prepared: Option<(Form, Prepared)>,
    /// The body of the message that was said last, when it was ours to make.
    said: Option<Bytes>,
    /// How often it was sent again without a refused parameter.
    stripped: u32,
    api_only: Option<ApiOnly>,
    /// The room that the body takes; given back when no further profile can be asked.
    held: Held,
}

enum Shape {
    /// Translated; not yet fit for any upstream.
    Translated(Map<String, Value>),
    /// In the upstreams' own dialect.
    Own(Bytes),
    /// The same as a message on a socket, with the conversation that it leans on; without one when it was forgotten here.
    Message {
        create: Box<Create>,
        before: Option<Vec<Bytes>>,
    },
    /// A conversation to be compacted, in the same dialect.
    Compaction(Bytes),
}

impl Ask {
    /// `model` is the one that is asked for, by the upstream's name.
    pub(super) fn of_chat(
        request: &mut ChatRequest,
        model: String,
        client: Client,
        held: Held,
    ) -> Self {
        request.for_model(&model);
        let session = client.named.session(Told {
            cache_key: request.cache_key.as_deref(),
            opening: Some(&request.opening),
            ..Told::default()
        });
        Self {
            model,
            client,
            is_stream: request.stream,
            is_long: wants_much_reasoning(&request.body),
            session,
            line: None,
            shape: Shape::Translated(std::mem::take(&mut request.body)),
            dropped: std::mem::take(&mut request.dropped),
            own_names: std::mem::take(&mut request.own_names),
            effort: request.effort,
            chat_only: std::mem::take(&mut request.chat_only),
            prepared: None,
            said: None,
            stripped: 0,
            api_only: None,
            held,
        }
    }

    /// `model` is the one that is asked for, by the upstream's name.
    pub(super) fn of_messages(
        request: &mut MessagesRequest,
        model: String,
        client: Client,
        held: Held,
    ) -> Self {
        request.for_model(&model);
        let session = client.named.session(Told {
            by_user_id: request.session.as_deref(),
            opening: Some(&request.opening),
            ..Told::default()
        });
        Self {
            model,
            client,
            is_stream: request.stream,
            is_long: wants_much_reasoning(&request.body),
            session,
            line: None,
            shape: Shape::Translated(std::mem::take(&mut request.body)),
            dropped: std::mem::take(&mut request.dropped),
            own_names: std::mem::take(&mut request.own_names),
            effort: request.effort,
            chat_only: Map::new(),
            prepared: None,
            said: None,
            stripped: 0,
            api_only: None,
            held,
        }
    }

    /// One picture. `model` is who calls the tool.
    pub(super) fn of_image(
        request: &ImageRequest,
        dropped: Vec<String>,
        model: &str,
        client: Client,
        held: Held,
    ) -> Self {
        Self {
            model: model.to_owned(),
            client,
            is_stream: request.stream,
            is_long: true,
            session: Session::default(),
            line: None,
            shape: Shape::Translated(request.body.clone()),
            dropped,
            own_names: OwnNames::default(),
            effort: EffortWish::AsSaid,
            chat_only: Map::new(),
            prepared: None,
            said: None,
            stripped: 0,
            api_only: None,
            held,
        }
    }

    pub(super) fn of_responses(
        request: ResponsesRequest,
        body: Bytes,
        client: Client,
        held: Held,
    ) -> Self {
        // What Codex sends is between it and its backend.
        let api_only = request.leans_on.filter(|_| !client.is_codex);
        let api_only = api_only.map(ApiOnly::Kept);
        let session = client.named.session(Told {
            cache_key: request.prompt_cache_key.as_deref(),
            conversation: request.conversation.as_deref(),
            opening: request.opening.as_deref(),
            ..Told::default()
        });
        Self {
            model: request.model,
            client,
            is_stream: request.stream,
            is_long: asks_for_much_reasoning(&body),
            session,
            line: None,
            shape: Shape::Own(body),
            dropped: Vec::new(),
            own_names: OwnNames::default(),
            effort: EffortWish::AsSaid,
            chat_only: Map::new(),
            prepared: None,
            said: None,
            stripped: 0,
            api_only,
            held,
        }
    }

    /// A conversation to be compacted. The client waits for one document, and for long.
    pub(super) fn of_compaction(
        request: ResponsesRequest,
        body: Bytes,
        client: Client,
        held: Held,
    ) -> Self {
        Self {
            is_stream: false,
            is_long: true,
            shape: Shape::Compaction(body.clone()),
            ..Self::of_responses(request, body, client, held)
        }
    }

    /// `before` is the conversation up to the response that the message names, if it is known here.
    pub(super) fn of_message(
        create: Box<Create>,
        before: Option<Vec<Bytes>>,
        line: Line,
        client: Client,
        held: Held,
    ) -> Self {
        let session = client.named.session(Told {
            cache_key: create.prompt_cache_key.as_deref(),
            conversation: create.conversation.as_deref(),
            opening: create.opening.as_deref(),
            ..Told::default()
        });
        Self {
            model: create.model.clone(),
            client,
            is_stream: true,
            is_long: asks_for_much_reasoning(create.text()),
            session,
            line: Some(line),
            shape: Shape::Message { create, before },
            dropped: Vec::new(),
            own_names: OwnNames::default(),
            effort: EffortWish::AsSaid,
            chat_only: Map::new(),
            prepared: None,
            said: None,
            stripped: 0,
            api_only: None,
            held,
        }
    }

    /// Puts an effort in the place of the client's.
    ///
    /// # Errors
    /// When the body is no object after all.
    pub(super) fn set_effort(&mut self, effort: &str) -> Result<(), RequestError> {
        self.is_long |= is_high(effort);
        self.effort = EffortWish::AsSaid;
        match &mut self.shape {
            Shape::Translated(map) => match map.get_mut("reasoning") {
                Some(Value::Object(reasoning)) => {
                    reasoning.insert("effort".to_owned(), effort.into());
                }
                _ => {
                    map.insert("reasoning".to_owned(), json!({ "effort": effort }));
                }
            },
            Shape::Own(body) | Shape::Compaction(body) => *body = with_effort(body, effort)?,
            Shape::Message { create, .. } => create.set_effort(effort)?,
        }
        self.prepare_again();
        Ok(())
    }

    /// Whether the upstream is only to get ready.
    pub(super) fn is_warm_up(&self) -> bool {
        matches!(&self.shape, Shape::Message { create, .. } if create.is_warm_up)
    }

    /// The response that the client leans on.
    pub(super) fn previous_response_id(&self) -> Option<&str> {
        match &self.shape {
            Shape::Message { create, .. } => create.previous_response_id.as_deref(),
            Shape::Translated(_) | Shape::Own(_) | Shape::Compaction(_) => None,
        }
    }

    /// What the client says of its turn, by the words of the account that it thinks it talks to.
    pub(super) fn turn_state(&self) -> Option<&str> {
        match &self.shape {
            Shape::Message { create, .. } => create.turn_state.as_deref(),
            Shape::Translated(_) | Shape::Own(_) | Shape::Compaction(_) => None,
        }
    }

    /// The same, wherever it stands.
    pub(super) fn any_turn_state(&self) -> Option<&str> {
        self.turn_state().or_else(|| self.client.turn_state())
    }

    /// Makes it fit for another account than that.
    pub(super) fn forget_turn_state(&mut self) {
        if let Shape::Message { create, .. } = &mut self.shape {
            create.forget_turn_state();
            self.prepare_again();
        }
    }

    /// Whether there is reasoning that could be left out.
    pub(super) fn recalls_reasoning(&self) -> bool {
        match &self.shape {
            Shape::Message { create, before } => {
                let before = before.iter().flatten();
                before.chain(create.input()).any(|item| is_reasoning(item))
            }
            Shape::Own(body) | Shape::Compaction(body) => without_reasoning(body).is_some(),
            Shape::Translated(_) => false,
        }
    }

    /// The conversation up to the end of this request, if all of it is known here, and the room that the request took.
    pub(super) fn into_conversation(self) -> (Option<Vec<Bytes>>, Held) {
        let conversation = match self.shape {
            Shape::Message { create, before } => before.map(|mut before| {
                before.extend_from_slice(create.input());
                before
            }),
            Shape::Translated(_) | Shape::Own(_) | Shape::Compaction(_) => None,
        };
        (conversation, self.held)
    }

    /// The response whose conversation only the other end of the line knows.
    pub(super) fn unknown_past(&self) -> Option<&str> {
        match &self.shape {
            Shape::Message {
                create,
                before: None,
            } => create.previous_response_id.as_deref(),
            Shape::Message { .. } | Shape::Translated(_) | Shape::Own(_) | Shape::Compaction(_) => {
                None
            }
        }
    }

    pub(super) fn asker(&self) -> Asker<'_> {
        Asker {
            client: &self.client,
            model: &self.model,
            keeps_to: self.line.as_ref().and_then(Line::profile),
            // What only the other end of the line knows can be answered nowhere else, wherever the session lives.
            session: self.session.key.filter(|_| self.unknown_past().is_none()),
            is_responses: self.is_responses(),
            api_only: self.api_only,
        }
    }

    /// Takes out the reasoning of earlier turns, which only the account that made it can read. Whether there was any.
    ///
    /// Codex's own words, too: it would send the same again and again, and the conversation would have come to its end.
    pub(super) fn forget_reasoning(&mut self) -> bool {
        let had_any = match &mut self.shape {
            Shape::Translated(body) => match body.get_mut("input") {
                Some(Value::Array(input)) => {
                    let before = input.len();
                    let kind = |item: &Value| {
                        item.get("type").and_then(Value::as_str) == Some("reasoning")
                    };
                    input.retain(|item| !kind(item));
                    input.len() < before
                }
                _ => false,
            },
            Shape::Own(body) | Shape::Compaction(body) => match without_reasoning(body) {
                Some(left) => {
                    *body = left;
                    true
                }
                None => false,
            },
            Shape::Message { create, before } => {
                let items = before.as_ref().map_or(0, Vec::len);
                before
                    .iter_mut()
                    .for_each(|before| before.retain(|item| !is_reasoning(item)));
                create.forget_reasoning() || before.as_ref().map_or(0, Vec::len) < items
            }
        };
        if had_any {
            self.dropped
                .push(self.own_names.of("input[].reasoning").to_owned());
            self.prepare_again();
        }
        had_any
    }

    /// Whether it may be sent again without a refused parameter. Services whose rules are known may refuse one; an endpoint
    /// names what it does not know one by one.
    pub(super) fn may_go_again_stripped(&mut self, kind: UpstreamKind) -> bool {
        let most = match kind {
            UpstreamKind::ChatGpt | UpstreamKind::OpenAi => 1,
            UpstreamKind::Azure | UpstreamKind::OldAzure | UpstreamKind::Compatible => 4,
        };
        let may = self.stripped < most;
        self.stripped += u32::from(may);
        may
    }

    /// What was prepared is no longer right.
    pub(super) fn prepare_again(&mut self) {
        self.prepared = None;
    }

    /// Codex speaks to its own backend: not one byte is ours to change.
    fn is_untouchable(&self, form: &Form) -> bool {
        self.client.is_codex && self.is_responses() && form.wire == Wire::Responses
    }

    pub(super) fn is_responses(&self) -> bool {
        matches!(
            self.shape,
            Shape::Own(_) | Shape::Message { .. } | Shape::Compaction(_)
        )
    }

    /// Whether the upstream answers with one document instead of events.
    pub(super) fn is_whole_from(&self, form: &Form) -> bool {
        matches!(self.shape, Shape::Own(_))
            && !self.is_stream
            && form.kind != UpstreamKind::ChatGpt
            && form.wire == Wire::Responses
    }

    /// Whether the client reads the upstream's own events, failures included.
    pub(super) fn takes_events_as_they_are(&self) -> bool {
        self.is_responses() && self.is_stream
    }
}

fn wants_much_reasoning(body: &Map<String, Value>) -> bool {
    let effort = body.get("reasoning").and_then(|it| it.get("effort"));
    effort.and_then(Value::as_str).is_some_and(is_high)
}

fn is_high(effort: &str) -> bool {
    matches!(effort, "high" | "xhigh" | "max" | "ultra")
}

/// A glance at the bytes: being wrong only makes us wait longer for an upstream that says nothing.
fn asks_for_much_reasoning(body: &[u8]) -> bool {
    const KEY: &[u8] = b"\"effort\"";
    memmem::find_iter(body, KEY).any(|at| {
        let after = body.get(at + KEY.len()..).unwrap_or_default();
        let value = after.trim_ascii_start().strip_prefix(b":");
        let value = value
            .map(<[u8]>::trim_ascii_start)
            .and_then(|value| value.strip_prefix(b"\""));
        let end = value.and_then(|value| memchr::memchr(b'"', value));
        let text = value.zip(end).and_then(|(value, end)| value.get(..end));
        text.and_then(|text| std::str::from_utf8(text).ok())
            .is_some_and(is_high)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_reasoning_is_seen_without_taking_the_body_apart() {
        for (body, is_long) in [
            (r#"{"reasoning":{"effort":"high"}}"#, true),
            (r#"{"reasoning":{"effort" : "xhigh"}}"#, true),
            (r#"{"reasoning":{"effort":"low"}}"#, false),
            (r#"{"reasoning":{"effort":null}}"#, false),
            (r#"{"input":"\"effort\":\"high\""}"#, false),
            (r#"{"effort""#, false),
        ] {
            assert_eq!(asks_for_much_reasoning(body.as_bytes()), is_long, "{body}");
        }
    }
}
