//! Which models each profile offers: remembered, told to the worker for the next start, and asked for again when old.
//!
//! A list that is old is served at once and renewed behind the client's back; only a profile of which nothing is known is waited
//! for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use tokio::task::JoinSet;
use tracing::debug;

use super::House;
use super::accept::Stage;
use super::access::kind_of;
use super::keys::Caller;
use super::models::{self, Listed};
use super::report::Report;
use crate::pool::Member;
use crate::profile::ProfileName;
use crate::translate::UpstreamKind;
use crate::translate::models::{Model, ModelDocument};

/// What was known when the router started, by profile.
pub type KnownOffers = Vec<(ProfileName, Arc<[Model]>)>;

/// How long a profile that did not answer is not asked again.
const SULK: Duration = Duration::from_secs(15);

#[derive(Debug, Default)]
pub(super) struct Offers(Mutex<HashMap<ProfileName, Offer>>);

#[derive(Debug, Default)]
struct Offer {
    listed: Option<Arc<Listed>>,
    /// When it was asked for what is listed; for a list of an earlier run not yet.
    asked_at: Option<Instant>,
    failed_at: Option<Instant>,
}

/// What every profile offers that may answer this caller, ChatGPT accounts first and then by name, so that the order never changes
/// by itself.
pub(super) async fn all(house: &Arc<House>, caller: &Caller) -> Vec<Arc<Listed>> {
    let mut members = models::who_can_be_asked(house, caller);
    let is_key = |member: &Member| kind_of(&member.access) != UpstreamKind::ChatGpt;
    members.sort_by(|a, b| (is_key(a), &a.name).cmp(&(is_key(b), &b.name)));
    let age = house.limits.models_age;
    let mut asking = JoinSet::new();
    for member in &members {
        if house.learned.offers.begin(&member.name, age) {
            asking.spawn(ask(house.clone(), member.clone()));
        }
    }
    if house.learned.offers.knows_all(&members) {
        asking.detach_all();
    } else {
        while asking.join_next().await.is_some() {}
    }
    let now = SystemTime::now();
    members
        .iter()
        .filter_map(|member| Some(served(house.learned.offers.of(&member.name)?, member, now)))
        .collect()
}

/// Without what the profile was refused a while ago, and what the user does not mean it for.
fn served(listed: Arc<Listed>, member: &Member, now: SystemTime) -> Arc<Listed> {
    let is_lacked =
        |model: &Model| member.lacks(&model.slug, now) || !member.terms.takes_model(&model.slug);
    if !listed.document.models.iter().any(is_lacked) {
        return listed;
    }
    let mut document = listed.document.clone();
    document.models.retain(|model| !is_lacked(model));
    Arc::new(Listed {
        document,
        etag: None,
    })
}

async fn ask(house: Arc<House>, member: Arc<Member>) {
    let mut stage = house.stage.clone();
    let asked = tokio::select! {
        asked = models::fetch_newest(&house, &member) => asked,
        // Stopping does not wait for a list.
        _stopping = stage.wait_for(|stage| *stage > Stage::Serving) => return,
    };
    let listed = match asked {
        Ok(listed) => listed,
        Err(why) => {
            debug!(profile = %member.name, error = why, "no model list");
            return house.learned.offers.note_failure(&member.name);
        }
    };
    let models: Arc<[Model]> = listed.document.models.as_slice().into();
    if house.learned.offers.note(&member.name, Arc::new(listed)) {
        house.reports.tell(Report::Models {
            profile: member.name.clone(),
            models,
        });
    }
}

impl Offers {
    pub(super) fn new(known: KnownOffers) -> Self {
        let offers = known.into_iter().map(|(profile, models)| {
            let document = ModelDocument {
                raw: Bytes::new(),
                is_codex: false,
                models: models.to_vec(),
            };
            let listed = Arc::new(Listed {
                document,
                etag: None,
            });
            let offer = Offer {
                listed: Some(listed),
                ..Offer::default()
            };
            (profile, offer)
        });
        Self(Mutex::new(offers.collect()))
    }

    /// Whether this profile is to be asked now. Of those that are known only one asks at a time.
    fn begin(&self, profile: &ProfileName, age: Duration) -> bool {
        self.with(profile, |offer| {
            let rests = |at: Option<Instant>, age| at.is_some_and(|at| at.elapsed() < age);
            if rests(offer.asked_at, age) || rests(offer.failed_at, SULK.min(age)) {
                return false;
            }
            if offer.listed.is_some() {
                offer.asked_at = Some(Instant::now());
            }
            true
        })
    }

    /// Whether something is known of each, or nothing can be learned for a moment.
    fn knows_all(&self, members: &[Arc<Member>]) -> bool {
        members.iter().all(|member| {
            self.with(&member.name, |offer| {
                offer.listed.is_some() || offer.failed_at.is_some_and(|at| at.elapsed() < SULK)
            })
        })
    }

    pub(super) fn of(&self, profile: &ProfileName) -> Option<Arc<Listed>> {
        self.with(profile, |offer| offer.listed.clone())
    }

    /// Whether that is news.
    fn note(&self, profile: &ProfileName, listed: Arc<Listed>) -> bool {
        self.with(profile, |offer| {
            let before = offer.listed.as_ref().map(|before| &before.document.models);
            let is_news = before != Some(&listed.document.models);
            *offer = Offer {
                listed: Some(listed),
                asked_at: Some(Instant::now()),
                failed_at: None,
            };
            is_news
        })
    }

    fn note_failure(&self, profile: &ProfileName) {
        self.with(profile, |offer| offer.failed_at = Some(Instant::now()));
    }

    fn with<T>(&self, profile: &ProfileName, look: impl FnOnce(&mut Offer) -> T) -> T {
        // A panic elsewhere leaves a list as usable as it was.
        let mut offers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        look(offers.entry(profile.clone()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_secs(300);

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    fn listed(slug: &str) -> Arc<Listed> {
        let raw = format!(r#"{{"data":[{{"id":"{slug}"}}]}}"#);
        Arc::new(Listed {
            document: ModelDocument::read(raw.into()).unwrap(),
            etag: None,
        })
    }

    #[test]
    fn a_list_of_an_earlier_run_counts_and_is_asked_for_again_once() {
        let offers = Offers::new(vec![(
            name("work"),
            listed("a").document.models.as_slice().into(),
        )]);
        assert_eq!(
            offers.of(&name("work")).unwrap().document.models[0].slug,
            "a"
        );
        assert!(offers.begin(&name("work"), AGE));
        assert!(!offers.begin(&name("work"), AGE), "somebody asks already");
        assert!(
            !offers.note(&name("work"), listed("a")),
            "the same again is no news"
        );
        assert!(offers.note(&name("work"), listed("b")));
        assert!(!offers.begin(&name("work"), AGE));
        assert!(offers.begin(&name("work"), Duration::ZERO));
    }

    #[test]
    fn a_profile_of_which_nothing_is_known_is_asked_by_everybody_until_it_fails() {
        let offers = Offers::default();
        assert!(offers.begin(&name("work"), AGE));
        assert!(offers.begin(&name("work"), AGE));
        offers.note_failure(&name("work"));
        assert!(!offers.begin(&name("work"), AGE));
        assert!(offers.of(&name("work")).is_none());
    }

    #[test]
    fn an_old_list_is_better_than_none() {
        let offers = Offers::default();
        assert!(offers.note(&name("work"), listed("a")));
        offers.note_failure(&name("work"));
        assert!(offers.of(&name("work")).is_some());
    }
}
