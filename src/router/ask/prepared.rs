//! A request as one kind of upstream takes it: the body, where it goes, and what had no place in it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use serde_json::{Map, Value};

use super::{Ask, Shape};
use crate::router::House;
use crate::router::access::{Form, Wire};
use crate::translate::chat_upstream::{
    ChatAsked, TOOL_PICTURE, chat_from_responses, tell_tool_pictures,
};
use crate::translate::dropped::{OwnNames, once_each};
use crate::translate::effort::fit_effort;
use crate::translate::models::with_model;
use crate::translate::responses::{Create, not_an_object, with_compaction_trigger};
use crate::translate::{Parameter, RequestError, UpstreamKind, rules};

/// A body as one kind of upstream takes it.
#[derive(Clone)]
pub(in crate::router) struct Prepared {
    pub(in crate::router) place: Place,
    pub(in crate::router) body: Bytes,
    pub(in crate::router) dropped: Vec<String>,
    /// What the answer of a chat is read by; none for an upstream that speaks Responses.
    pub(in crate::router) asked: Option<Arc<ChatAsked>>,
}

/// Where a body goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::router) enum Place {
    /// Where turns are answered, in the dialect of the upstream.
    Turn,
    /// The endpoint that compacts a conversation and answers with one document.
    Compact,
}

impl Ask {
    /// The request as a message on a socket to the ChatGPT backend. `leans`: the other end knows the response that the client
    /// leans on.
    ///
    /// # Errors
    /// When the request cannot be made fit for the backend.
    pub(in crate::router) fn message(
        &mut self,
        leans: bool,
        house: &House,
    ) -> Result<Option<Prepared>, RequestError> {
        let Shape::Message { create, before } = &self.shape else {
            return Ok(None);
        };
        let before = before.as_deref().filter(|_| !leans).unwrap_or_default();
        if self.client.is_codex {
            let body = if leans {
                create.text().clone()
            } else {
                create.message(before)
            };
            let dropped = self.dropped.clone();
            return Ok(Some(Prepared {
                place: Place::Turn,
                body,
                dropped,
                asked: None,
            }));
        }
        let (body, adapted) = rules::adapt_bytes(UpstreamKind::ChatGpt, &create.body(before))?;
        let mut prepared = Prepared {
            place: Place::Turn,
            body,
            dropped: self.dropped.iter().cloned().chain(adapted).collect(),
            asked: None,
        };
        self.leave_out_refused(&mut prepared, UpstreamKind::ChatGpt, house);
        let message = create.message_of_body(&prepared.body, leans);
        self.said = Some(std::mem::replace(&mut prepared.body, message));
        Ok(Some(prepared))
    }

    /// Whether the message that was said last would be another one without this parameter, and is ours to change.
    pub(in crate::router) fn has_said(&self, parameter: &Parameter) -> bool {
        let said = self.said.as_ref();
        said.is_some_and(|said| parameter.removed_from(said).is_some())
    }

    /// Takes a parameter out of what was prepared last. Whether it was in there, and may be taken out.
    pub(in crate::router) fn strip(&mut self, parameter: &Parameter) -> bool {
        if let Some(said) = self.said.take() {
            // The next message is made from the beginning.
            return parameter.removed_from(&said).is_some();
        }
        let Some((form, mut prepared)) = self.prepared.take() else {
            return false;
        };
        let is_out = prepared.place == Place::Turn
            && !self.is_untouchable(&form)
            && prepared.strip(parameter, &self.own_names);
        self.prepared = Some((form, prepared));
        is_out
    }

    /// The body in this form; made once.
    ///
    /// # Errors
    /// When the request cannot be made fit for it.
    pub(in crate::router) fn prepare(
        &mut self,
        form: &Form,
        house: &House,
    ) -> Result<Prepared, RequestError> {
        self.said = None;
        if let Some((_, prepared)) = self.prepared.as_ref().filter(|(made, _)| made == form) {
            return Ok(prepared.clone());
        }
        let mut prepared = match form.wire {
            Wire::Responses => self.in_responses(form, house)?,
            Wire::Chat => self.in_chat(form)?,
        };
        // The endpoint that compacts knows other parameters, and its body goes as it came.
        if prepared.place == Place::Turn && !self.is_untouchable(form) {
            self.leave_out_refused(&mut prepared, form.kind, house);
        }
        self.prepared = Some((form.clone(), prepared.clone()));
        Ok(prepared)
    }

    /// Takes out what such upstreams were seen to refuse.
    fn leave_out_refused(&self, prepared: &mut Prepared, kind: UpstreamKind, house: &House) {
        for parameter in house
            .learned
            .refused
            .of(kind, &self.model, SystemTime::now())
        {
            prepared.strip(&parameter, &self.own_names);
        }
    }

    fn in_responses(&self, form: &Form, house: &House) -> Result<Prepared, RequestError> {
        let mut place = Place::Turn;
        let (body, adapted) = match &self.shape {
            // Codex speaks to its own backend: not one byte is ours to change, but for a name that only we know.
            Shape::Own(body) if self.client.is_codex => (body.clone(), Vec::new()),
            Shape::Own(body) => rules::adapt_bytes(form.kind, body)?,
            Shape::Message { create, before } => {
                let body = whole_body(create, before.as_deref());
                if self.client.is_codex {
                    (body, Vec::new())
                } else {
                    rules::adapt_bytes(form.kind, &body)?
                }
            }
            Shape::Compaction(body)
                if !house.learned.lacking_compact.has(form.kind, Instant::now()) =>
            {
                place = Place::Compact;
                (body.clone(), Vec::new())
            }
            // No longer the client's own request, whoever the client is.
            Shape::Compaction(body) => {
                rules::adapt_bytes(form.kind, &with_compaction_trigger(body)?)?
            }
            Shape::Translated(map) => {
                let mut map = self.with_cache_key(form.kind, map);
                let mut dropped = rules::adapt(form.kind, &mut map);
                let lost = fit_effort(&mut map, self.effort, &form.efforts);
                dropped.extend(lost.map(str::to_owned));
                (Bytes::from(Value::Object(map).to_string()), dropped)
            }
        };
        let body = if form.name == self.model {
            body
        } else {
            with_model(&body, &form.name)?
        };
        Ok(Prepared {
            place,
            body,
            dropped: self.told(self.dropped.iter().cloned(), &adapted),
            asked: None,
        })
    }

    /// Whether a chat made of it shows a picture that came from a tool.
    pub(in crate::router) fn shows_tool_pictures(&self) -> bool {
        own_body(&self.shape).is_ok_and(|mut body| tell_tool_pictures(&mut body))
    }

    fn in_chat(&self, form: &Form) -> Result<Prepared, RequestError> {
        let mut lost = None;
        let mut map = match &self.shape {
            Shape::Translated(map) => {
                let mut map = self.with_cache_key(form.kind, map);
                lost = fit_effort(&mut map, self.effort, &form.efforts);
                map
            }
            shape => own_body(shape)?,
        };
        let told = (form.is_blind && tell_tool_pictures(&mut map)).then_some(TOOL_PICTURE);
        let mut chat = chat_from_responses(form.kind, &form.name, map, &self.chat_only)?;
        chat.dropped
            .extend(lost.into_iter().chain(told).map(str::to_owned));
        // What no Responses body had a place for may have one here.
        let is_lost = |field: &&String| !self.chat_only.contains_key(*field);
        let dropped = self.dropped.iter().filter(is_lost).cloned();
        Ok(Prepared {
            place: Place::Turn,
            body: Bytes::from(Value::Object(chat.body).to_string()),
            dropped: self.told(dropped, &chat.dropped),
            asked: Some(chat.asked),
        })
    }

    /// A translated body with a name for its prompt's place in a cache.
    fn with_cache_key(&self, kind: UpstreamKind, body: &Map<String, Value>) -> Map<String, Value> {
        let mut body = body.clone();
        if let Some(key) = self.session.made_cache_key(kind) {
            body.entry("prompt_cache_key").or_insert(Value::String(key));
        }
        body
    }

    /// What is lost, by the client's own words.
    fn told(&self, own: impl Iterator<Item = String>, in_body: &[String]) -> Vec<String> {
        let in_body = in_body
            .iter()
            .map(|name| self.own_names.of(name).to_owned());
        once_each(own.chain(in_body).collect())
    }
}

impl Prepared {
    fn strip(&mut self, parameter: &Parameter, own_names: &OwnNames) -> bool {
        let Some(left) = parameter.removed_from(&self.body) else {
            return false;
        };
        self.body = left.into();
        let name = parameter.told();
        let name = own_names.of(&name);
        if !self.dropped.iter().any(|dropped| dropped == name) {
            self.dropped.push(name.to_owned());
        }
        true
    }
}

/// The message as the body of a POST with all that was before it. One whose past is not known never goes that way.
fn whole_body(create: &Create, before: Option<&[Bytes]>) -> Bytes {
    create.body(before.unwrap_or_default())
}

/// The body of a request in the upstreams' own dialect, as an object.
fn own_body(shape: &Shape) -> Result<Map<String, Value>, RequestError> {
    let object = |body: &[u8]| serde_json::from_slice(body).map_err(|error| not_an_object(&error));
    match shape {
        Shape::Translated(map) => Ok(map.clone()),
        Shape::Own(body) => object(body),
        Shape::Compaction(body) => object(&with_compaction_trigger(body)?),
        Shape::Message { create, before } => object(&whole_body(create, before.as_deref())),
    }
}
