//! `GET /v1/models`: what the pool's upstreams offer, in the shape that the client asks for.
//!
//! Codex tells its version in the query and gets the backend's own document, byte for byte; everybody else gets the OpenAI list
//! of what all profiles offer together ([`offers`]). Documents are remembered for a while, and are better old than missing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::header::{ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Response, StatusCode, Uri};
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tracing::debug;

use super::House;
use super::access::{self, Form, fresh_access, has_run_out, kind_of};
use super::answer::AnswerBody;
use super::headers::Client;
use super::keys::Caller;
use super::offers;
use super::reply::{self, Refusal};
use crate::pool::{Member, choose_for};
use crate::translate::UpstreamKind;
use crate::translate::models::{
    ModelDocument, Page, anthropic_list, anthropic_model, codex_list, openai_list, openai_model,
};

/// What there is when nobody can be asked: the models that the Codex CLI listed in August 2026
/// (`router-for-me/CLIProxyAPI: internal/registry/models/codex_client_models.json`).
const BUILT_IN: [&str; 6] = [
    "gpt-5.6-sol",
    "gpt-5.6-terra",
    "gpt-5.6-luna",
    "gpt-5.5",
    "gpt-5.4",
    "gpt-5.4-mini",
];
/// The backend hides models from versions that are too old for them; this one sees all that we know of.
const NEWEST_CLIENT: &str = "0.169.0";
/// How many documents are remembered: one a client version.
const REMEMBERED: usize = 4;
/// How many profiles are asked for one document.
const ASKED: usize = 2;
/// How long nobody is asked again after nobody has answered.
const SULK: Duration = Duration::from_secs(15);

/// The backend's documents by client version, the newest last.
#[derive(Debug, Default)]
pub(super) struct Catalogue(Mutex<Vec<Entry>>);

#[derive(Debug)]
struct Entry {
    client_version: String,
    asked_at: Instant,
    /// The last one that came, however old.
    document: Option<Arc<Listed>>,
    is_answered: bool,
}

#[derive(Debug)]
pub(super) struct Listed {
    pub(super) document: ModelDocument,
    pub(super) etag: Option<HeaderValue>,
}

pub(super) async fn list(
    house: &Arc<House>,
    caller: &Caller,
    uri: &Uri,
    head: &HeaderMap,
) -> Response<AnswerBody> {
    if let Some(client_version) = client_version(uri) {
        let found = listed(house, &client_version).await;
        let found = found.filter(|listed| listed.document.is_codex);
        let (body, etag) = match &found {
            Some(listed) => for_caller(listed, caller),
            None => {
                let built_in = Bytes::from(codex_list(seen_built_in(caller)));
                (built_in.clone(), tag_of(&built_in))
            }
        };
        let mut reply = if has_already(head, &etag) {
            let mut reply = Response::new(AnswerBody::whole(Bytes::new()));
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
            reply
        } else {
            reply::json(body)
        };
        reply.headers_mut().insert(ETAG, etag);
        return reply;
    }
    let known = offers::all(house, caller).await;
    let slugs = seen(&known, caller);
    let names = made_up(house, &known, caller);
    if known.is_empty() {
        reply::json(openai_list(seen_built_in(caller).chain(names)))
    } else {
        reply::json(openai_list(slugs.chain(names)))
    }
}

/// The backend's document with what the caller's key may ask for: byte for byte where that is everything.
fn for_caller(listed: &Listed, caller: &Caller) -> (Bytes, HeaderValue) {
    let document = &listed.document;
    let mut models = document.models.iter();
    if models.all(|model| caller.sees_model(&model.slug, &model.slug)) {
        return (document.raw.clone(), listed.tag());
    }
    let left = document.only(|slug| caller.sees_model(slug, slug));
    let tag = tag_of(&left);
    (left, tag)
}

/// What there is, as far as the caller may ask for it.
fn seen<'k>(known: &'k [Arc<Listed>], caller: &'k Caller) -> impl Iterator<Item = &'k str> {
    let slugs = known.iter().flat_map(|listed| listed.document.listable());
    slugs.filter(|slug| caller.sees_model(slug, slug))
}

fn seen_built_in(caller: &Caller) -> impl Iterator<Item = &str> {
    let names = BUILT_IN.into_iter();
    names.filter(|name| caller.sees_model(name, name))
}

/// The names that the user made up for models that are there.
fn made_up<'h>(
    house: &'h House,
    known: &'h [Arc<Listed>],
    caller: &'h Caller,
) -> impl Iterator<Item = &'h str> {
    let names = house.model_map.names();
    names.filter_map(move |(name, model)| {
        (knows(known, model) && caller.sees_model(name, model)).then_some(name)
    })
}

/// The list for a client of the Messages API: what there is, and in front of it the names that the user made up.
pub(super) async fn anthropic(
    house: &Arc<House>,
    caller: &Caller,
    uri: &Uri,
) -> Response<AnswerBody> {
    let known = offers::all(house, caller).await;
    let slugs = seen(&known, caller);
    let names = made_up(house, &known, caller);
    let page = page(uri);
    if known.is_empty() {
        reply::json(anthropic_list(names.chain(seen_built_in(caller)), &page))
    } else {
        reply::json(anthropic_list(names.chain(slugs), &page))
    }
}

/// One model, hidden ones included.
pub(super) async fn one(
    house: &Arc<House>,
    caller: &Caller,
    id: String,
) -> Result<Response<AnswerBody>, Refusal> {
    let meant = house.model_map.own_model_for(&id);
    if caller.sees_model(&id, meant) && is_there(house, caller, meant).await {
        Ok(reply::json(openai_model(&id)))
    } else {
        Err(Refusal::NoSuchModel { id })
    }
}

/// One model by the name that a Messages client has for it.
pub(super) async fn one_of_anthropic(
    house: &Arc<House>,
    caller: &Caller,
    id: String,
) -> Result<Response<AnswerBody>, Refusal> {
    let meant = house.model_map.model_for(&id);
    if caller.sees_model(&id, meant) && is_there(house, caller, meant).await {
        Ok(reply::json(anthropic_model(&id)))
    } else {
        Err(Refusal::NoSuchModel { id })
    }
}

async fn is_there(house: &Arc<House>, caller: &Caller, id: &str) -> bool {
    knows(&offers::all(house, caller).await, id)
}

/// Whether somebody offers this model, hidden ones included; of nobody we know what was built in.
fn knows(known: &[Arc<Listed>], id: &str) -> bool {
    let mut slugs = known
        .iter()
        .flat_map(|listed| &listed.document.models)
        .map(|model| model.slug.as_str());
    slugs.any(|slug| slug == id) || (known.is_empty() && BUILT_IN.contains(&id))
}

/// What the query says of the part that is wanted; a number that is none counts as missing.
fn page(uri: &Uri) -> Page {
    let mut page = Page::default();
    for (name, value) in url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match &*name {
            "limit" => page.limit = value.parse().ok(),
            "after_id" => page.after_id = Some(value.into_owned()),
            "before_id" => page.before_id = Some(value.into_owned()),
            _ => {}
        }
    }
    page
}

/// `client_version` of the query, if it looks like one.
fn client_version(uri: &Uri) -> Option<String> {
    let (_, version) = url::form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(name, _)| name == "client_version")?;
    let is_version = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    let is_sane = version.len() <= 32 && version.bytes().all(is_version);
    Some(if is_sane && !version.is_empty() {
        version.into_owned()
    } else {
        NEWEST_CLIENT.to_owned()
    })
}

/// The backend's document, remembered or fetched; an old one when nobody answers.
async fn listed(house: &House, client_version: &str) -> Option<Arc<Listed>> {
    let age = house.limits.models_age;
    if let Some(known) = house.learned.catalogue.known(client_version, age) {
        return known;
    }
    let mut members = who_can_be_asked(house, &Caller::default());
    members.retain(|member| kind_of(&member.access) == UpstreamKind::ChatGpt);
    if members.is_empty() {
        return None;
    }
    let mut found = None;
    for member in members.iter().take(ASKED) {
        match fetch(house, member, client_version).await {
            Ok(listed) => {
                found = Some(Arc::new(listed));
                break;
            }
            Err(why) => debug!(profile = %member.name, error = why, "no model list"),
        }
    }
    house.learned.catalogue.remember(client_version, found)
}

/// Who can be asked, the best first. A used-up account still knows its models.
pub(super) fn who_can_be_asked(house: &House, caller: &Caller) -> Vec<Arc<Member>> {
    let pool = house.pool.borrow().clone();
    let choice = choose_for(&pool, caller.need(), SystemTime::now());
    let usable = choice.candidates.iter().map(|candidate| &candidate.member);
    let waiting = choice
        .left_out
        .iter()
        .filter(|out| out.why.ends_by_itself())
        .filter_map(|out| pool.members.iter().find(|member| member.name == out.name));
    usable.chain(waiting).cloned().collect()
}

/// Everything that this profile offers.
pub(super) async fn fetch_newest(house: &House, member: &Member) -> Result<Listed, String> {
    fetch(house, member, NEWEST_CLIENT).await
}

async fn fetch(house: &House, member: &Member, client_version: &str) -> Result<Listed, String> {
    let mut access = member.access.clone();
    if has_run_out(&access, SystemTime::now()) {
        access = fresh_access(house, member, &access)
            .await
            .map_err(|why| why.to_string())?;
    }
    let asked = access::models(
        house.upstream.through(&member.network),
        &access,
        client_version,
    );
    let (document, etag) = timeout(house.limits.answer_head, asked)
        .await
        .map_err(|_elapsed| "no answer in time".to_owned())??;
    Ok(Listed { document, etag })
}

impl Listed {
    /// The upstream's own, else one of ours.
    fn tag(&self) -> HeaderValue {
        let own = self.etag.clone();
        own.unwrap_or_else(|| tag_of(&self.document.raw))
    }
}

/// A strong validator (RFC 9110 section 8.8.3): the same for the same bytes.
fn tag_of(document: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(document);
    let start = digest.iter().take(8);
    let hex: String = start.map(|byte| format!("{byte:02x}")).collect();
    HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the client says that it has this document (RFC 9110 section 13.1.2; weak comparison).
fn has_already(head: &HeaderMap, etag: &HeaderValue) -> bool {
    let strong = |tag: &[u8]| tag.strip_prefix(b"W/").unwrap_or(tag).to_vec();
    let etag = strong(etag.as_bytes());
    head.get_all(IF_NONE_MATCH).iter().any(|value| {
        let mut tags = value.as_bytes().split(|byte| *byte == b',');
        tags.any(|tag| tag.trim_ascii() == b"*" || strong(tag.trim_ascii()) == etag)
    })
}

/// What Codex must hear with an answer about its list of models: it fetches the list again whenever the tag differs from the one
/// that it was given, and the account that answers may have another list than the one that was asked.
pub(super) fn etag_for(house: &House, client: &Client, caller: &Caller) -> Option<HeaderValue> {
    let version = client.codex_version()?;
    let listed = house.learned.catalogue.known(version, Duration::MAX)??;
    let told = listed
        .document
        .is_codex
        .then(|| for_caller(&listed, caller));
    told.map(|(_document, tag)| tag)
}

/// How much a model can be told to think at a profile, by the newest list that tells; empty while none does.
pub(super) fn efforts_of(house: &House, member: &Member, form: &Form) -> Vec<String> {
    // Only the backend's lists tell.
    if form.kind != UpstreamKind::ChatGpt {
        return Vec::new();
    }
    let own = house.learned.offers.of(&member.name);
    let own = own.and_then(|listed| efforts_in(&listed, &form.name));
    own.or_else(|| house.learned.catalogue.efforts_of(&form.name))
        .unwrap_or_default()
}

fn efforts_in(listed: &Listed, model: &str) -> Option<Vec<String>> {
    let mut models = listed.document.models.iter();
    let found = models.find(|known| known.slug == model)?;
    (!found.efforts.is_empty()).then(|| found.efforts.clone())
}

impl Catalogue {
    /// What any account's list tells; the same model is the same everywhere.
    fn efforts_of(&self, model: &str) -> Option<Vec<String>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let documents = entries
            .iter()
            .rev()
            .filter_map(|entry| entry.document.as_ref());
        documents
            .filter_map(|listed| efforts_in(listed, model))
            .next()
    }

    /// What is known without asking; the inner `None` means that nobody answered a moment ago.
    fn known(&self, client_version: &str, age: Duration) -> Option<Option<Arc<Listed>>> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries
            .iter()
            .find(|entry| entry.client_version == client_version)?;
        let patience = if entry.is_answered {
            age
        } else {
            SULK.min(age)
        };
        (entry.asked_at.elapsed() < patience).then(|| entry.document.clone())
    }

    /// Keeps what was found, and what was known before if nothing was. Returns what is known now.
    fn remember(&self, client_version: &str, found: Option<Arc<Listed>>) -> Option<Arc<Listed>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = entries
            .iter()
            .position(|entry| entry.client_version == client_version);
        let older = place.and_then(|place| entries.remove(place).document);
        if entries.len() >= REMEMBERED {
            entries.remove(0);
        }
        let is_answered = found.is_some();
        let document = found.or(older);
        entries.push(Entry {
            client_version: client_version.to_owned(),
            asked_at: Instant::now(),
            document: document.clone(),
            is_answered,
        });
        document
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(slug: &str) -> Arc<Listed> {
        let raw = format!(r#"{{"models":[{{"slug":"{slug}"}}]}}"#);
        Arc::new(Listed {
            document: ModelDocument::read(raw.into()).unwrap(),
            etag: None,
        })
    }

    fn slugs(known: Option<Option<Arc<Listed>>>) -> Option<Vec<String>> {
        let listed = known??;
        Some(
            listed
                .document
                .models
                .iter()
                .map(|model| model.slug.clone())
                .collect(),
        )
    }

    #[test]
    fn an_old_document_is_better_than_none() {
        let catalogue = Catalogue::default();
        let age = Duration::from_secs(300);
        assert!(catalogue.known("1", age).is_none());
        catalogue.remember("1", Some(listed("a")));
        catalogue.remember("1", None);
        assert_eq!(slugs(catalogue.known("1", age)), Some(vec!["a".to_owned()]));
        assert!(catalogue.known("1", Duration::ZERO).is_none());
    }

    #[test]
    fn every_client_version_has_its_own_document_and_few_are_kept() {
        let catalogue = Catalogue::default();
        let age = Duration::from_secs(300);
        for version in ["1", "2", "3", "4", "5"] {
            catalogue.remember(version, Some(listed(version)));
        }
        assert!(catalogue.known("1", age).is_none());
        assert_eq!(slugs(catalogue.known("5", age)), Some(vec!["5".to_owned()]));
    }

    #[test]
    fn only_what_looks_like_a_version_is_passed_on() {
        let version = |uri: &str| client_version(&uri.parse().unwrap());
        assert_eq!(version("/v1/models"), None);
        assert_eq!(
            version("/v1/models?client_version=0.99.1").as_deref(),
            Some("0.99.1")
        );
        assert_eq!(
            version("/v1/models?client_version=a%26b").as_deref(),
            Some(NEWEST_CLIENT)
        );
    }
}
