//! Parameters that upstreams were seen to refuse: taken out of later requests, and believed for a while only.
//!
//! The ChatGPT backend is undocumented and drifts; what it refuses is learned from its own 400 "Unsupported parameter". It says so
//! about every request; an API says it about one model, so there it is remembered for that model. The worker keeps the list for
//! the next start.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::translate::{Failure, Parameter, UpstreamKind};

/// A parameter that has no place at one kind of upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedParameter {
    pub upstream: UpstreamKind,
    /// `None`: whatever the model.
    pub model: Option<String>,
    pub parameter: Parameter,
    pub refused_at: SystemTime,
}

/// After that it is sent again, so that one that is accepted by then does not stay lost.
pub const REFUSAL_LASTS: Duration = Duration::from_secs(7 * 86_400);
/// Names come from strangers: more than these is no honest upstream.
const MAX_REFUSED: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Refused(Mutex<Vec<RefusedParameter>>);

impl RefusedParameter {
    pub fn is_believed(&self, now: SystemTime) -> bool {
        // A moment in the future is a clock that was wrong.
        let age = now.duration_since(self.refused_at);
        age.is_ok_and(|age| age < REFUSAL_LASTS)
    }

    fn is_about(&self, upstream: UpstreamKind, model: &str) -> bool {
        self.upstream == upstream && self.model.as_deref().is_none_or(|own| own == model)
    }
}

impl Refused {
    /// `known`: from an earlier run.
    pub(super) fn new(mut known: Vec<RefusedParameter>) -> Self {
        known.truncate(MAX_REFUSED);
        Self(Mutex::new(known))
    }

    /// What to take out of a request for this model.
    pub(super) fn of(
        &self,
        upstream: UpstreamKind,
        model: &str,
        now: SystemTime,
    ) -> Vec<Parameter> {
        self.with(|all| {
            all.iter()
                .filter(|refused| refused.is_about(upstream, model) && refused.is_believed(now))
                .map(|refused| refused.parameter.clone())
                .collect()
        })
    }

    /// Adds one, or the newer date to one that is known. Returns all that is believed, to be kept.
    pub(super) fn learn(&self, news: RefusedParameter) -> Vec<RefusedParameter> {
        self.with(|all| {
            all.retain(|old| {
                let is_same = (old.upstream, &old.model, &old.parameter)
                    == (news.upstream, &news.model, &news.parameter);
                !is_same && old.is_believed(news.refused_at)
            });
            if all.len() >= MAX_REFUSED {
                // The oldest; the list is in the order of learning.
                all.remove(0);
            }
            all.push(news);
            all.clone()
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Vec<RefusedParameter>) -> T) -> T {
        // A panic elsewhere leaves the list as usable as it was.
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the upstream says it does not take, as something to remember. Nothing when it says something else, when the request would
/// be another one without it, or when it names what to use instead: that is for the client to read.
pub(super) fn refused_by(
    failure: &Failure,
    upstream: UpstreamKind,
    model: &str,
    now: SystemTime,
) -> Option<RefusedParameter> {
    let is_replaced = [" instead", "has moved to"]
        .iter()
        .any(|words| failure.message.contains(words));
    let parameter = failure.unsupported_parameter().filter(|_| !is_replaced)?;
    let is_of_model = upstream != UpstreamKind::ChatGpt || failure.message.contains("this model");
    Some(RefusedParameter {
        upstream,
        model: is_of_model.then(|| model.to_owned()),
        parameter: Parameter::dispensable(parameter)?,
        refused_at: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: SystemTime = SystemTime::UNIX_EPOCH;

    fn refused(name: &str, model: Option<&str>, at: SystemTime) -> RefusedParameter {
        RefusedParameter {
            upstream: UpstreamKind::ChatGpt,
            model: model.map(str::to_owned),
            parameter: Parameter::dispensable(name).unwrap(),
            refused_at: at,
        }
    }

    fn names(refused: &Refused, model: &str, now: SystemTime) -> Vec<String> {
        let all = refused.of(UpstreamKind::ChatGpt, model, now);
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_refusal_is_believed_for_a_week_and_again_when_it_is_repeated() {
        let all = Refused::default();
        all.learn(refused("a", None, NOON));
        let last = NOON + REFUSAL_LASTS;
        assert_eq!(names(&all, "m", last - Duration::from_secs(1)), ["a"]);
        assert_eq!(names(&all, "m", last), [""; 0]);
        assert_eq!(all.learn(refused("a", None, last)).len(), 1);
        assert_eq!(names(&all, "m", last), ["a"]);
        assert!(!refused("a", None, last).is_believed(NOON));
    }

    #[test]
    fn another_model_or_another_kind_of_upstream_is_not_concerned() {
        let all = Refused::new(vec![refused("a", Some("m"), NOON)]);
        assert_eq!(names(&all, "m", NOON), ["a"]);
        assert_eq!(names(&all, "n", NOON), [""; 0]);
        assert_eq!(all.of(UpstreamKind::OpenAi, "m", NOON), []);
    }

    #[test]
    fn only_so_many_are_remembered() {
        let all = Refused::default();
        for number in 0..=MAX_REFUSED {
            all.learn(refused(&format!("p{number}"), None, NOON));
        }
        let kept = names(&all, "m", NOON);
        assert_eq!(kept.len(), MAX_REFUSED);
        assert_eq!(kept[0], "p1", "the oldest went");
    }

    #[test]
    fn what_is_learned_is_what_was_said() {
        let by = |upstream, body: &str| {
            let failure = Failure::from_body(body.as_bytes());
            let refused = refused_by(&failure, upstream, "m", NOON)?;
            Some((refused.parameter.to_string(), refused.model))
        };
        let backend = |body| by(UpstreamKind::ChatGpt, body);
        let api = |body| by(UpstreamKind::OpenAi, body);
        let of =
            |name: &str, model: Option<&str>| Some((name.to_owned(), model.map(str::to_owned)));
        assert_eq!(
            backend(r#"{"detail":"Unsupported parameter: text.verbosity"}"#),
            of("text.verbosity", None)
        );
        assert_eq!(
            backend(
                r#"{"error":{"message":"Unsupported parameter: 'x' is not supported with this model."}}"#
            ),
            of("x", Some("m"))
        );
        assert_eq!(
            api(
                r#"{"error":{"message":"It is odd.","type":"invalid_request_error","param":"temperature","code":"unsupported_parameter"}}"#
            ),
            of("temperature", Some("m"))
        );
        for body in [
            r#"{"detail":"Unsupported parameter: model"}"#,
            r#"{"detail":"Unsupported parameter: a b, c"}"#,
            r#"{"detail":"Stream must be set to true"}"#,
            r#"{"error":{"message":"Bad.","param":"temperature","code":"invalid_value"}}"#,
            r#"{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","param":"max_tokens","code":"unsupported_parameter"}}"#,
            r#"{"error":{"message":"Unsupported parameter: 'response_format'. In the Responses API, this parameter has moved to 'text.format'.","param":"response_format","code":"unsupported_parameter"}}"#,
        ] {
            assert_eq!(api(body).filter(|(name, _)| name != "a"), None, "{body}");
        }
    }
}
