//! The file of the keys as text: what we know is read strictly, what we do not know survives.
//!
//! A restriction that cannot be understood is never passed over: the key that has it opens nothing until the file is mended.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::budget::Budget;
use super::key::{ClientKey, KeyDigest, KeyId, checked_label};
use super::policy::{EFFORTS, Policy};
use super::ring::KeyRing;
use crate::pattern::Pattern;
use crate::period::Period;
use crate::price::MicroDollars;

/// `{"version":1,"require_key":true,"keys":[…]}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeyDocument {
    json: Map<String, Value>,
}

/// Why a text is no such document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDocument {
    #[error("it is no JSON object")]
    NoObject,
    #[error("its \"keys\" are no list")]
    NoList,
    #[error("it was written by a newer version of this program")]
    TooNew,
}

/// Why one key of it is not in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its {0:?} cannot be understood")]
pub struct BadKey(&'static str);

/// What this program writes; a larger number may mean restrictions that it does not know.
const VERSION: u64 = 1;
/// More a minute is no limit, and every one of them is remembered for a minute.
pub(super) const MAX_PER_MINUTE: u32 = 10_000;

impl KeyDocument {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// When nothing in it can be relied on; see [`BadDocument`].
    pub fn parse(text: &[u8]) -> Result<Self, BadDocument> {
        let json: Map<String, Value> =
            serde_json::from_slice(text).map_err(|_no_object| BadDocument::NoObject)?;
        let version = json.get("version").map_or(Some(VERSION), Value::as_u64);
        if version.is_none_or(|version| version > VERSION) {
            return Err(BadDocument::TooNew);
        }
        if json.get("keys").is_some_and(|keys| !keys.is_array()) {
            return Err(BadDocument::NoList);
        }
        Ok(Self { json })
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        format!("{:#}\n", Value::Object(self.json.clone())).into_bytes()
    }

    /// Whether a key is required; where the file does not say it clearly, whenever it has a key.
    pub fn is_required(&self) -> bool {
        let said = self.json.get("require_key").and_then(Value::as_bool);
        said.unwrap_or(self.json.contains_key("require_key") || !self.items().is_empty())
    }

    pub fn set_required(&mut self, is_required: bool) {
        self.json
            .insert("require_key".to_owned(), is_required.into());
        self.json.insert("version".to_owned(), VERSION.into());
    }

    /// The keys in their order, each as it can be understood.
    pub fn keys(&self) -> Vec<Result<ClientKey, (String, BadKey)>> {
        let mut found: Vec<Result<ClientKey, (String, BadKey)>> = Vec::new();
        for item in self.items() {
            let read = key_of(item);
            let is_twin = |key: &ClientKey| {
                let mut others = found.iter().flatten();
                others.any(|other| other.id == key.id || other.digest.is_same(&key.digest))
            };
            let read = match read {
                Ok(key) if is_twin(&key) => Err(BadKey("id")),
                other => other,
            };
            found.push(read.map_err(|bad| (name_of(item), bad)));
        }
        found
    }

    /// What the router goes by.
    pub fn ring(&self) -> KeyRing {
        let mut keys = Vec::new();
        let mut skipped = Vec::new();
        for key in self.keys() {
            match key {
                Ok(key) => keys.push(key),
                Err((name, bad)) => skipped.push(format!("{name}: {bad}")),
            }
        }
        let mut ring = KeyRing::new(keys, self.is_required());
        ring.skipped = skipped;
        ring
    }

    /// Adds a key at the end.
    pub fn add(&mut self, key: &ClientKey) {
        let mut item = Map::new();
        write(key, &mut item);
        self.json.insert("version".to_owned(), VERSION.into());
        let keys = self.json.entry("keys").or_insert_with(|| json!([]));
        if let Value::Array(keys) = keys {
            keys.push(Value::Object(item));
        }
    }

    /// Puts a key in the place of the one with its id. Fields that are not ours stay.
    pub fn change(&mut self, key: &ClientKey) {
        if let Some(item) = self.items_mut().find(|item| has_id(item, key.id.as_str())) {
            write(key, item);
        }
    }

    /// Takes out the key with this id; one that cannot be understood can be taken out, too. Whether there was one.
    pub fn remove(&mut self, id: &str) -> bool {
        let Some(Value::Array(keys)) = self.json.get_mut("keys") else {
            return false;
        };
        let before = keys.len();
        keys.retain(|item| !item.as_object().is_some_and(|item| has_id(item, id)));
        keys.len() < before
    }

    /// Whether a key has this id, understood or not.
    pub(super) fn holds(&self, id: &str) -> bool {
        let mut items = self.items().iter().filter_map(Value::as_object);
        items.any(|item| has_id(item, id))
    }

    fn items(&self) -> &[Value] {
        let keys = self.json.get("keys").and_then(Value::as_array);
        keys.map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut Map<String, Value>> {
        let keys = self.json.get_mut("keys").and_then(Value::as_array_mut);
        keys.into_iter().flatten().filter_map(Value::as_object_mut)
    }
}

impl ClientKey {
    /// What a program may read of it: everything but the digest.
    pub fn to_json(&self) -> Value {
        let mut item = Map::new();
        write(self, &mut item);
        item.shift_remove("sha256");
        Value::Object(item)
    }
}

fn has_id(item: &Map<String, Value>, id: &str) -> bool {
    item.get("id").and_then(Value::as_str) == Some(id)
}

/// What an item is called in a sentence about it; never more of it.
fn name_of(item: &Value) -> String {
    let text = |name| item.get(name).and_then(Value::as_str);
    let label = text("label").and_then(|label| checked_label(label).ok());
    let id = text("id").and_then(KeyId::parse).map(|id| id.to_string());
    let name = label.map(|label| format!("{label:?}")).or(id);
    name.unwrap_or_else(|| "a key without a label".to_owned())
}

fn key_of(item: &Value) -> Result<ClientKey, BadKey> {
    let item = item.as_object().ok_or(BadKey("form"))?;
    let text = |name: &'static str| match item.get(name) {
        Some(Value::String(text)) => Ok(text.as_str()),
        _ => Err(BadKey(name)),
    };
    let is_enabled = match item.get("enabled") {
        Some(Value::Bool(is_enabled)) => *is_enabled,
        _ => return Err(BadKey("enabled")),
    };
    Ok(ClientKey {
        id: KeyId::parse(text("id")?).ok_or(BadKey("id"))?,
        label: checked_label(text("label")?).map_err(|_bad| BadKey("label"))?,
        digest: KeyDigest::parse(text("sha256")?).ok_or(BadKey("sha256"))?,
        last4: text("last4").unwrap_or_default().chars().take(4).collect(),
        created_at: moment(item, "created_at")?.unwrap_or(SystemTime::UNIX_EPOCH),
        expires_at: moment(item, "expires_at")?,
        is_enabled,
        policy: Policy {
            models: patterns(item, "models")?,
            model: word(item, "model", |text| !text.trim().is_empty())?,
            effort: word(item, "effort", |text| EFFORTS.contains(&text))?,
            accounts: patterns(item, "accounts")?,
            strategy: word(item, "strategy", |_| true)?
                .map(|text| text.parse().map_err(|_unknown| BadKey("strategy")))
                .transpose()?,
            requests_per_minute: count(item, "requests_per_minute", MAX_PER_MINUTE)?,
            concurrency: count(item, "concurrency", u32::MAX)?,
            tokens: budget(item, "tokens", Value::as_u64)?,
            cost: budget(item, "cost_usd", micro_usd)?,
            dialects: list(item, "dialects", |text| text.parse().ok())?,
        },
    })
}

/// The value of a field that may be missing; `null` counts as missing.
fn field<'a>(item: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    item.get(name).filter(|value| !value.is_null())
}

fn moment(item: &Map<String, Value>, name: &'static str) -> Result<Option<SystemTime>, BadKey> {
    let Some(value) = field(item, name) else {
        return Ok(None);
    };
    let secs = value.as_u64().map(Duration::from_secs);
    let at = secs.and_then(|secs| SystemTime::UNIX_EPOCH.checked_add(secs));
    at.map(Some).ok_or(BadKey(name))
}

fn word(
    item: &Map<String, Value>,
    name: &'static str,
    is_good: impl Fn(&str) -> bool,
) -> Result<Option<String>, BadKey> {
    match field(item, name) {
        None => Ok(None),
        Some(Value::String(text)) if is_good(text) => Ok(Some(text.clone())),
        Some(_) => Err(BadKey(name)),
    }
}

fn list<T>(
    item: &Map<String, Value>,
    name: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>, BadKey> {
    let Some(value) = field(item, name) else {
        return Ok(Vec::new());
    };
    let items = value.as_array().ok_or(BadKey(name))?;
    // A list of nothing allows nothing, which nobody means; it is not read as "anything".
    if items.is_empty() {
        return Err(BadKey(name));
    }
    let read = |item: &Value| item.as_str().and_then(&read).ok_or(BadKey(name));
    items.iter().map(read).collect()
}

fn patterns(item: &Map<String, Value>, name: &'static str) -> Result<Vec<Pattern>, BadKey> {
    list(item, name, |text| text.parse().ok())
}

fn count(
    item: &Map<String, Value>,
    name: &'static str,
    most: u32,
) -> Result<Option<NonZeroU32>, BadKey> {
    let Some(value) = field(item, name) else {
        return Ok(None);
    };
    let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
    let number = number.filter(|number| *number <= most);
    number
        .and_then(NonZeroU32::new)
        .map(Some)
        .ok_or(BadKey(name))
}

fn budget(
    item: &Map<String, Value>,
    name: &'static str,
    read: impl Fn(&Value) -> Option<u64>,
) -> Result<Budget, BadKey> {
    let mut budget = Budget::default();
    let Some(value) = field(item, name) else {
        return Ok(budget);
    };
    let periods = value.as_object().ok_or(BadKey(name))?;
    for (word, most) in periods {
        let period = Period::ALL
            .into_iter()
            .find(|period| period.as_str() == word);
        let period = period.ok_or(BadKey(name))?;
        if !most.is_null() {
            let most = read(most).filter(|most| *most > 0).ok_or(BadKey(name))?;
            budget.set(period, Some(most));
        }
    }
    Ok(budget)
}

/// A number of dollars as millionths.
fn micro_usd(value: &Value) -> Option<u64> {
    Some(MicroDollars::from_dollars(value.as_f64()?)?.0)
}

fn write(key: &ClientKey, item: &mut Map<String, Value>) {
    let ClientKey {
        id,
        label,
        digest,
        last4,
        created_at,
        expires_at,
        is_enabled,
        policy,
    } = key;
    let Policy {
        models,
        model,
        effort,
        accounts,
        strategy,
        requests_per_minute,
        concurrency,
        tokens,
        cost,
        dialects,
    } = policy;
    let secs = |at: &SystemTime| {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        since.unwrap_or_default().as_secs()
    };
    let patterns = |all: &[Pattern]| {
        let all: Vec<_> = all.iter().map(Pattern::as_str).collect();
        (!all.is_empty()).then(|| json!(all))
    };
    let budget = |budget: &Budget, tell: &dyn Fn(u64) -> Value| {
        let mut told = Map::new();
        for period in Period::ALL {
            if let Some(most) = budget.of(period) {
                told.insert(period.as_str().to_owned(), tell(most));
            }
        }
        (!told.is_empty()).then_some(Value::Object(told))
    };
    let words: Vec<_> = dialects.iter().map(|dialect| dialect.as_str()).collect();
    let fields = [
        ("id", Some(json!(id.as_str()))),
        ("label", Some(json!(label))),
        ("sha256", Some(json!(digest.to_hex()))),
        ("last4", Some(json!(last4))),
        ("enabled", Some(json!(is_enabled))),
        ("created_at", Some(json!(secs(created_at)))),
        ("expires_at", expires_at.as_ref().map(|at| json!(secs(at)))),
        ("models", patterns(models)),
        ("model", model.as_ref().map(|model| json!(model))),
        ("effort", effort.as_ref().map(|effort| json!(effort))),
        ("accounts", patterns(accounts)),
        (
            "strategy",
            strategy.map(|strategy| json!(strategy.as_str())),
        ),
        (
            "requests_per_minute",
            requests_per_minute.map(|most| json!(most.get())),
        ),
        ("concurrency", concurrency.map(|most| json!(most.get()))),
        ("tokens", budget(tokens, &|most| json!(most))),
        (
            "cost_usd",
            budget(cost, &|most| json!(MicroDollars(most).dollars())),
        ),
        ("dialects", (!words.is_empty()).then(|| json!(words))),
    ];
    for (name, value) in fields {
        match value {
            Some(value) => {
                item.insert(name.to_owned(), value);
            }
            None => {
                item.shift_remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_key::Speech;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn key(number: u8) -> ClientKey {
        let now = SystemTime::UNIX_EPOCH + NOW;
        ClientKey::make(
            format!("key {number}"),
            Policy::default(),
            [number; 32],
            now,
        )
        .0
    }

    fn strict() -> ClientKey {
        let budget = |day, month| Budget {
            day: Some(day),
            month: Some(month),
            ..Budget::default()
        };
        ClientKey {
            expires_at: Some(at(1_900_000_000)),
            is_enabled: false,
            policy: Policy {
                models: Pattern::list("gpt-5*,o4"),
                model: Some("gpt-5.5".into()),
                effort: Some("low".into()),
                accounts: Pattern::list("work,team-*"),
                strategy: Some("active".parse().unwrap()),
                requests_per_minute: NonZeroU32::new(60),
                concurrency: NonZeroU32::new(4),
                tokens: budget(1_000, 9_000_000),
                cost: budget(500_000, 12_345_678),
                dialects: vec![Speech::Chat, Speech::Messages],
            },
            ..key(1)
        }
    }

    fn with(change: impl FnOnce(&mut Map<String, Value>)) -> KeyDocument {
        let mut document = KeyDocument::default();
        document.add(&strict());
        document.add(&key(2));
        change(document.items_mut().next().unwrap());
        KeyDocument::parse(&document.to_bytes()).unwrap()
    }

    #[test]
    fn keys_come_back_as_they_were_and_unknown_fields_survive() {
        let mut document = KeyDocument::parse(br#"{"zz": [1], "require_key": true}"#).unwrap();
        document.add(&strict());
        document
            .items_mut()
            .next()
            .unwrap()
            .insert("yy".into(), json!(2));
        document.add(&key(2));
        let mut changed = strict();
        changed.is_enabled = true;
        changed.policy.model = None;
        document.change(&changed);
        let read = KeyDocument::parse(&document.to_bytes()).unwrap();
        assert_eq!(read.keys(), [Ok(changed), Ok(key(2))]);
        assert!(read.is_required());
        let text = String::from_utf8(read.to_bytes()).unwrap();
        assert!(text.contains("\"zz\"") && text.contains("\"yy\""), "{text}");
        let mut read = read;
        assert!(read.remove(strict().id.as_str()) && !read.remove("nobody"));
        assert_eq!(read.keys(), [Ok(key(2))]);
    }

    #[test]
    fn a_restriction_that_cannot_be_understood_closes_its_key_and_no_other() {
        for (name, value) in [
            ("models", json!("gpt-5")),
            ("models", json!([])),
            ("models", json!([7])),
            ("model", json!(1)),
            ("effort", json!("much")),
            ("accounts", json!({})),
            ("accounts", json!([""])),
            ("strategy", json!("luck")),
            ("requests_per_minute", json!(0)),
            ("requests_per_minute", json!(10_001)),
            ("concurrency", json!(-1)),
            ("concurrency", json!(1.5)),
            ("tokens", json!(100)),
            ("tokens", json!({"year": 1})),
            ("tokens", json!({"day": "1"})),
            ("cost_usd", json!({"day": -1})),
            ("dialects", json!(["smoke"])),
            ("expires_at", json!("never")),
            ("enabled", json!("yes")),
            ("sha256", json!("abc")),
            ("id", json!("a b")),
            ("label", json!("")),
        ] {
            let document = with(|item| {
                item.insert(name.to_owned(), value.clone());
            });
            let ring = document.ring();
            let labels: Vec<_> = ring.keys().iter().map(|key| key.label.as_str()).collect();
            assert_eq!(labels, ["key 2"], "{name} {value}");
            assert!(ring.skipped[0].contains(name), "{:?}", ring.skipped);
            assert!(ring.is_required);
        }
    }

    #[test]
    fn the_same_key_twice_counts_once() {
        let document = with(|item| {
            let mut twin = Map::new();
            write(&key(2), &mut twin);
            *item = twin;
        });
        let ring = document.ring();
        assert_eq!((ring.keys().len(), ring.skipped.len()), (1, 1));
    }

    #[test]
    fn where_the_file_is_silent_a_key_makes_keys_necessary() {
        let is_required =
            |text: &str| KeyDocument::parse(text.as_bytes()).map(|it| it.is_required());
        assert_eq!(is_required("{}"), Ok(false));
        assert_eq!(is_required(r#"{"keys":[]}"#), Ok(false));
        assert_eq!(is_required(r#"{"keys":[{}]}"#), Ok(true));
        assert_eq!(is_required(r#"{"require_key":"no"}"#), Ok(true));
        assert_eq!(
            is_required(r#"{"keys":[{}],"require_key":false}"#),
            Ok(false)
        );
        for (text, bad) in [
            ("", BadDocument::NoObject),
            ("[]", BadDocument::NoObject),
            (r#"{"keys":{}}"#, BadDocument::NoList),
            (r#"{"version":2}"#, BadDocument::TooNew),
            (r#"{"version":"x"}"#, BadDocument::TooNew),
        ] {
            assert_eq!(is_required(text), Err(bad), "{text}");
        }
    }

    #[test]
    fn what_programs_read_has_no_digest() {
        let told = strict().to_json();
        assert_eq!(told["cost_usd"], json!({"day": 0.5, "month": 12.345678}));
        assert_eq!(told["tokens"], json!({"day": 1_000, "month": 9_000_000}));
        assert!(told.get("sha256").is_none());
    }
}
