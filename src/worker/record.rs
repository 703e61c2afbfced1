//! What the router told of a request, as it is kept and shown: in words, bounded, without what must not be kept.

use std::time::SystemTime;

use crate::desk::record::{AttemptClass, AttemptRecord, Considered, LeftOut, RequestRecord};
use crate::price::Prices;
use crate::redact::redacted;
use crate::router::{AttemptNote, AttemptResult, RequestDone, priced};

/// Longer names are nobody's models, fields or codes.
const MAX_CHARS: usize = 128;
/// More fields than any dialect has.
const MAX_DROPPED: usize = 64;

/// `is_paid` is about the profile that served: whether it is paid by the request.
pub fn record_of(done: RequestDone, is_paid: bool, prices: &Prices) -> RequestRecord {
    let tokens = done.tokens.or(done.estimate).map(priced);
    let is_estimate = done.tokens.is_none() && tokens.is_some();
    let model = match done.asked_model.as_str() {
        "" => done.model.as_str(),
        asked => asked,
    };
    let considered = done.considered;
    RequestRecord {
        id: done.id,
        at: done.at,
        key: done.key.map(|key| key.to_string()),
        dialect: done.dialect.as_str().to_owned(),
        cost: tokens.and_then(|tokens| prices.cost(model, tokens)),
        model: plain(&done.model),
        asked_model: plain(&done.asked_model),
        profile: done.profile,
        is_paid,
        strategy: considered
            .strategy
            .map(|strategy| strategy.as_str().to_owned())
            .unwrap_or_default(),
        reason: done.reason.map(|reason| reason.to_string()),
        candidates: considered
            .candidates
            .into_iter()
            .map(|(profile, reason, score)| Considered {
                profile,
                reason: reason.to_string(),
                score: score.number,
                standing: score.to_string(),
            })
            .collect(),
        left_out: considered
            .left_out
            .into_iter()
            .map(|out| LeftOut {
                profile: out.name,
                why: out.why.to_string(),
                until: out.until,
            })
            .collect(),
        unlisted: considered.unlisted,
        attempts: done.attempts.into_iter().map(attempt_of).collect(),
        status: done.status,
        is_complete: done.is_complete,
        error: done.error.as_deref().map(plain),
        tokens,
        is_estimate,
        took: done.took,
        first_token: done.first_token,
        retries: done.retries,
        dropped: done
            .dropped
            .iter()
            .take(MAX_DROPPED)
            .map(|name| plain(name))
            .collect(),
        session: done.session.map(|session| session.to_string()),
        preview: done.preview.map(|preview| {
            let text = preview.redacted(redacted);
            text.chars()
                .map(|c| if is_plain(c) { c } else { ' ' })
                .collect()
        }),
    }
}

fn attempt_of(note: AttemptNote) -> AttemptRecord {
    let ended_at = note.at.checked_add(note.took);
    let (result, what, until): (_, _, Option<SystemTime>) = match note.result {
        None => (AttemptClass::NotSent, note.why, None),
        Some(AttemptResult::Served) => (AttemptClass::Served, None, None),
        Some(AttemptResult::UsageLimit { told } | AttemptResult::ModelLimit { told }) => {
            (AttemptClass::UsageLimit, None, told.map(|told| told.until))
        }
        Some(AttemptResult::Overloaded { retry_after }) => {
            let until = ended_at.zip(retry_after);
            let until = until.and_then(|(at, after)| at.checked_add(after));
            (AttemptClass::Overloaded, None, until)
        }
        Some(AttemptResult::Challenged) => (AttemptClass::Challenged, None, None),
        Some(AttemptResult::AccountRefused { what }) => {
            (AttemptClass::AccountRefused, Some(what), None)
        }
        Some(AttemptResult::Throttled { retry_after }) => {
            let until = ended_at.zip(retry_after);
            let until = until.and_then(|(at, after)| at.checked_add(after));
            (AttemptClass::Throttled, None, until)
        }
        Some(AttemptResult::Unauthorized) => (AttemptClass::Unauthorized, None, None),
        Some(AttemptResult::Failing { what }) => (AttemptClass::Failing, Some(what), None),
        Some(AttemptResult::Silent { after }) => {
            let what = format!("no answer within {} s", after.as_secs());
            (AttemptClass::Failing, Some(what), None)
        }
        Some(AttemptResult::Unreachable) => (AttemptClass::Unreachable, None, None),
        Some(AttemptResult::ModelNotSupported { model }) => {
            (AttemptClass::ModelNotSupported, Some(model), None)
        }
        Some(AttemptResult::ClientFault { status }) => (
            AttemptClass::ClientFault,
            Some(format!("status {status}")),
            None,
        ),
        Some(AttemptResult::Cut) => (AttemptClass::Cut, None, None),
        Some(AttemptResult::Abandoned) => (AttemptClass::Abandoned, None, None),
    };
    AttemptRecord {
        profile: note.profile,
        at: note.at,
        took: note.took,
        result,
        what: what.as_deref().map(plain),
        until,
        mended: note.mended.iter().map(|words| plain(words)).collect(),
    }
}

/// What somebody else wrote, as it may stand in a line on a terminal: short, without a secret, without control characters.
fn plain(text: &str) -> String {
    let short: String = text
        .chars()
        .filter(|c| is_plain(*c))
        .take(MAX_CHARS)
        .collect();
    redacted(&short)
}

/// Neither a control character nor one that turns the reading direction.
fn is_plain(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pool::{Reason, RestSource, Score, Strategy, Told, WhyNot};
    use crate::price::MicroDollars;
    use crate::profile::ProfileName;
    use crate::router::{self, Dialect};
    use crate::translate::responses::TokenUsage;

    fn name(text: &str) -> ProfileName {
        ProfileName::parse(text).unwrap()
    }

    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn note(result: Option<AttemptResult>) -> AttemptNote {
        AttemptNote {
            profile: name("work"),
            at: noon(),
            took: Duration::from_secs(2),
            result,
            why: None,
            mended: vec!["its login was refused and renewed".into()],
        }
    }

    fn done() -> RequestDone {
        RequestDone {
            id: "req_1".into(),
            key: crate::client_key::KeyId::parse("k1"),
            dialect: Dialect::Chat,
            model: "claude-x".into(),
            asked_model: "gpt-5.5".into(),
            profile: Some(name("home")),
            reason: Some(Reason::MostLeft),
            considered: router::Considered {
                strategy: Some(Strategy::LeastUsed),
                candidates: vec![(
                    name("home"),
                    Reason::MostLeft,
                    Score {
                        number: Some(80.0),
                        words: "percent left",
                    },
                )],
                left_out: vec![crate::pool::LeftOut {
                    name: name("spare"),
                    why: WhyNot::Empty,
                    until: Some(noon()),
                }],
                unlisted: 2,
            },
            attempts: vec![note(Some(AttemptResult::Served))],
            status: 200,
            is_complete: true,
            error: None,
            took: Duration::from_secs(3),
            first_token: None,
            tokens: Some(TokenUsage {
                input: 1_000,
                cached: 400,
                output: 10,
                reasoning: 3,
                ..TokenUsage::default()
            }),
            estimate: None,
            retries: 1,
            dropped: vec!["user".into()],
            session: None,
            preview: None,
            at: noon(),
        }
    }

    #[test]
    fn a_request_is_kept_in_words_with_its_estimated_cost() {
        let prices = Prices::parse(
            "[models]\n\"gpt-5.5\" = { input = 5.0, cached = 0.5, output = 30.0 }\n\"claude-x\" = { input = 0.0, output = 0.0 }",
        )
        .unwrap();
        let record = record_of(done(), true, &prices);
        assert_eq!(record.cost, Some(MicroDollars(3_000 + 200 + 300)));
        assert_eq!(
            (record.strategy.as_str(), record.reason.as_deref()),
            ("least_used", Some("most left"))
        );
        assert_eq!(record.candidates[0].standing, "80 percent left");
        assert_eq!(record.left_out[0].why, "empty");
        assert_eq!(record.unlisted, 2);
        assert_eq!(
            record_of(done(), true, &Prices::default()).cost,
            None,
            "unknown, not nothing"
        );
    }

    #[test]
    fn what_an_answer_did_not_tell_is_kept_as_an_estimate() {
        let told = record_of(done(), true, &Prices::default());
        assert!(told.tokens.is_some() && !told.is_estimate);
        let estimate = TokenUsage {
            input: 70,
            output: 5,
            total: 75,
            ..TokenUsage::default()
        };
        let cut = RequestDone {
            tokens: None,
            estimate: Some(estimate),
            ..done()
        };
        let prices = Prices::parse("[models]\nx = { input = 0.0, output = 2.0 }").unwrap();
        let asked_model = "x".into();
        let kept = record_of(RequestDone { asked_model, ..cut }, true, &prices);
        assert_eq!(
            (kept.tokens, kept.is_estimate),
            (Some(priced(estimate)), true)
        );
        assert_eq!(kept.cost, Some(MicroDollars(10)));
    }

    #[test]
    fn attempts_tell_what_happened_and_until_when() {
        let told = |result| {
            let record = attempt_of(note(Some(result)));
            (record.result, record.what, record.until)
        };
        let later = noon() + Duration::from_secs(60);
        assert_eq!(
            told(AttemptResult::UsageLimit {
                told: Some(Told {
                    until: later,
                    source: RestSource::ResetsAt,
                })
            }),
            (AttemptClass::UsageLimit, None, Some(later))
        );
        assert_eq!(
            told(AttemptResult::Throttled {
                retry_after: Some(Duration::from_secs(5))
            }),
            (
                AttemptClass::Throttled,
                None,
                Some(noon() + Duration::from_secs(7))
            )
        );
        assert_eq!(
            told(AttemptResult::ClientFault { status: 404 }),
            (AttemptClass::ClientFault, Some("status 404".into()), None)
        );
        let unsent = AttemptNote {
            why: Some("no token".into()),
            ..note(None)
        };
        let unsent = attempt_of(unsent);
        assert_eq!(
            (unsent.result, unsent.what.as_deref()),
            (AttemptClass::NotSent, Some("no token"))
        );
    }

    #[test]
    fn what_a_client_makes_up_is_cut_and_cannot_draw_on_a_terminal() {
        let record = record_of(
            RequestDone {
                model: format!("\u{1b}[31m{}", "x".repeat(10_000)),
                asked_model: "sk-canary-0123456789".into(),
                error: Some("a\u{202e}b\nc".into()),
                dropped: vec!["f".into(); 1_000],
                ..done()
            },
            false,
            &Prices::default(),
        );
        assert_eq!(record.model.chars().count(), MAX_CHARS);
        assert!(!record.model.contains('\u{1b}'));
        assert_eq!(record.asked_model, "[redacted]");
        assert_eq!(record.error.as_deref(), Some("abc"));
        assert_eq!(record.dropped.len(), MAX_DROPPED);
    }
}
