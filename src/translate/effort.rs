//! How much a model is to think, in the words of Responses, and by what a model has.

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::RequestError;
use super::raw::RawObject;
use super::responses::not_an_object;

/// The least that every model of the Codex list has. `none` and `minimal` are 400s from some of them, so "do not think" becomes
/// this, too.
pub(crate) const LEAST: &str = "low";
/// The most that every model of the Codex list has.
pub(crate) const MOST: &str = "xhigh";

/// The effort for a budget in tokens, by the steps of `router-for-me/CLIProxyAPI: internal/thinking/convert.go`. Anthropic's own
/// least budget is 1,024.
pub(crate) fn effort_of_budget(tokens: u64) -> &'static str {
    match tokens {
        0..=1_024 => LEAST,
        1_025..=8_192 => "medium",
        8_193..=24_576 => "high",
        _ => MOST,
    }
}

/// What a client meant by an effort, where its own words were others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EffortWish {
    /// What stands in the body.
    #[default]
    AsSaid,
    /// As much as there is. Where nothing is known of a model, its body says what every model has.
    Most,
    /// None at all. Where nothing is known of a model, its body says the least that every model has.
    Off,
}

/// Every effort that was ever seen in a list of models, the least first.
const SCALE: [&str; 8] = [
    "none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra",
];
/// What asks for the most that there is, even where nothing is called so.
const MAX: &str = "max";
/// Where the effort stands in a body.
const PLACE: &str = "reasoning.effort";

/// Puts the effort of a translated body at the nearest one of those that its model `has`; at none other while that is unknown.
/// Returns what was not done as it was asked.
pub(crate) fn fit_effort(
    body: &mut Map<String, Value>,
    wish: EffortWish,
    has: &[String],
) -> Option<&'static str> {
    let effort = body.get_mut("reasoning")?.get_mut("effort")?;
    let said = effort.as_str()?;
    let is_most = wish == EffortWish::Most || (wish == EffortWish::AsSaid && said == MAX);
    let fitting = if is_most {
        nearest(MAX, has)
    } else if wish == EffortWish::Off {
        nearest("none", has)
    } else {
        nearest(said, has)
    };
    let given = fitting.unwrap_or(said);
    let is_as_asked = is_most
        || match wish {
            EffortWish::Off => given == "none",
            EffortWish::AsSaid | EffortWish::Most => given == said,
        };
    if given != said {
        let given = Value::from(given);
        *effort = given;
    }
    (!is_as_asked).then_some(PLACE)
}

/// The nearest of those that there are; of two the lesser one, which costs no more than was asked for. Nothing when the word is
/// not known here, or none of those is.
fn nearest<'a>(asked: &str, has: &'a [String]) -> Option<&'a str> {
    if let Some(same) = has.iter().find(|effort| *effort == asked) {
        return Some(same);
    }
    let place = |effort: &str| SCALE.iter().position(|known| *known == effort);
    let wanted = place(asked)?;
    let known = has
        .iter()
        .filter_map(|effort| Some((place(effort)?, effort)));
    let (_, nearest) = known.min_by_key(|(at, _)| (at.abs_diff(wanted), *at))?;
    Some(nearest)
}

/// A request of the Responses dialect with this effort in the place of its own; everything else keeps its bytes and its place.
///
/// # Errors
/// When the body is no JSON object.
pub fn with_effort(body: &Bytes, effort: &str) -> Result<Bytes, RequestError> {
    let mut object = RawObject::parse(body).map_err(|err| not_an_object(&err))?;
    let effort = json!(effort).to_string();
    let reasoning = object.get_some("reasoning");
    let own = reasoning.and_then(|own| RawObject::parse(own.as_bytes()).ok()); // no object: replaced as a whole
    let reasoning = match own {
        Some(mut own) => {
            own.set("effort", effort);
            own.to_json()
        }
        None => format!(r#"{{"effort":{effort}}}"#),
    };
    object.set("reasoning", reasoning);
    Ok(Bytes::from(object.to_json()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fitted(said: &str, wish: EffortWish, has: &[&str]) -> (String, bool) {
        let has: Vec<String> = has.iter().map(|effort| (*effort).to_owned()).collect();
        let mut body = json!({"reasoning": {"effort": said, "summary": "auto"}});
        let lost = fit_effort(body.as_object_mut().unwrap(), wish, &has);
        assert_eq!(body["reasoning"]["summary"], "auto");
        let effort = body["reasoning"]["effort"].as_str().unwrap();
        (effort.to_owned(), lost.is_some())
    }

    #[test]
    fn an_effort_that_the_model_lacks_becomes_the_nearest_that_it_has() {
        const OLD: &[&str] = &["low", "medium", "high"];
        const NEW: &[&str] = &["none", "low", "medium", "high", "xhigh", "max", "ultra"];
        for (said, has, given) in [
            ("medium", OLD, "medium"),
            ("minimal", OLD, "low"),
            ("none", OLD, "low"),
            ("xhigh", OLD, "high"),
            ("ultra", OLD, "high"),
            ("minimal", NEW, "none"),
            ("xhigh", &["high", "medium"], "high"),
            ("low", &["minimal", "medium"], "minimal"),
            ("medium", &["low", "of.tomorrow"], "low"),
            ("of.tomorrow", OLD, "of.tomorrow"),
            ("medium", &["of.tomorrow"], "medium"),
            ("minimal", &[], "minimal"),
        ] {
            let lost = said != given;
            assert_eq!(
                fitted(said, EffortWish::AsSaid, has),
                (given.to_owned(), lost),
                "{said} of {has:?}"
            );
        }
    }

    #[test]
    fn max_is_the_most_that_there_is_and_nothing_is_lost_by_it() {
        let most = |said, wish, has: &[&str]| fitted(said, wish, has);
        for (said, wish) in [("max", EffortWish::AsSaid), (MOST, EffortWish::Most)] {
            assert_eq!(most(said, wish, &["low", "high"]), ("high".into(), false));
            assert_eq!(most(said, wish, &["xhigh", "low"]), ("xhigh".into(), false));
            assert_eq!(
                most(said, wish, &["xhigh", "max", "ultra"]),
                ("max".into(), false)
            );
            assert_eq!(most(said, wish, &[]), (said.into(), false));
        }
    }

    #[test]
    fn thinking_that_is_turned_off_is_off_where_a_model_can_do_that() {
        let off = |has: &[&str]| fitted(LEAST, EffortWish::Off, has);
        assert_eq!(off(&["none", "low", "high"]), ("none".into(), false));
        assert_eq!(off(&["medium", "high"]), ("medium".into(), true));
        assert_eq!(off(&[]), (LEAST.into(), true));
    }

    #[test]
    fn a_body_without_an_effort_gets_none() {
        for body in [
            json!({}),
            json!({"reasoning": null}),
            json!({"reasoning": {"effort": null}}),
        ] {
            let mut fitted = body.clone();
            let has = ["low".to_owned()];
            let lost = fit_effort(fitted.as_object_mut().unwrap(), EffortWish::AsSaid, &has);
            assert_eq!((&fitted, lost), (&body, None));
        }
    }

    #[test]
    fn an_effort_is_put_in_and_nothing_else_moves() {
        let with = |body: &'static str| {
            let body = with_effort(&Bytes::from_static(body.as_bytes()), "low");
            body.map(|body| String::from_utf8(body.to_vec()).unwrap())
        };
        assert_eq!(
            with(r#"{"a":1.50,"reasoning":{"summary":"auto","effort":"high"},"b":2}"#).unwrap(),
            r#"{"a":1.50,"reasoning":{"summary":"auto","effort":"low"},"b":2}"#
        );
        for body in [r#"{"a":1}"#, r#"{"a":1,"reasoning":null}"#] {
            assert_eq!(
                with(body).unwrap(),
                r#"{"a":1,"reasoning":{"effort":"low"}}"#
            );
        }
        assert!(with("[1]").is_err());
    }
}
