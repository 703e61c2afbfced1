use std::time::Duration;

use clap::Parser;

use super::*;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    terms: Terms,
}

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + NOW
}

fn terms(line: &str) -> Terms {
    let words = std::iter::once("keys").chain(line.split_whitespace());
    Line::try_parse_from(words).unwrap().terms
}

fn policy(line: &str) -> Result<Policy, String> {
    let mut policy = Policy::default();
    terms(line)
        .apply(&mut policy)
        .map_err(|err| err.to_string())?;
    Ok(policy)
}

fn expires(line: &str) -> Result<Option<Option<SystemTime>>, String> {
    terms(line).expires_at(now()).map_err(|err| err.to_string())
}

#[test]
fn every_option_lands_in_the_policy_and_none_takes_it_away() {
    let line = "--models gpt-5*,o4 --model gpt-5.5 --effort low --accounts work,team-* --strategy active --rpm 60 \
                --concurrency 4 --daily-tokens 1000 --weekly-tokens 5000 --monthly-tokens 9000 --daily-cost 0.5 \
                --weekly-cost $2 --monthly-cost 12.345678 --dialects chat,messages";
    let mut policy = policy(line).unwrap();
    let key = ClientKey::make("x".into(), policy.clone(), [1; 32], now()).0;
    assert_eq!(
        key_limits(&key),
        [
            "models gpt-5* o4",
            "always gpt-5.5",
            "effort low",
            "accounts work team-*",
            "strategy active",
            "60 a minute",
            "4 at a time",
            "dialects chat messages",
            "1000 tokens a day",
            "$0.50 a day",
            "5000 tokens a week",
            "$2.00 a week",
            "9000 tokens a month",
            "$12.35 a month",
        ]
    );
    assert_eq!(policy.cost.of(Period::Month), Some(12_345_678));
    let line = "--models none --model none --effort any --accounts none --strategy none --rpm none --concurrency none \
                --daily-tokens none --weekly-tokens none --monthly-tokens none --daily-cost none --weekly-cost none \
                --monthly-cost none --dialects none";
    terms(line).apply(&mut policy).unwrap();
    assert_eq!(policy, Policy::default());
}

#[test]
fn what_is_asked_wrongly_is_answered_with_the_form() {
    for (line, said) in [
        ("--models ,", "--models must be names"),
        ("--effort much", "--effort must be none, minimal"),
        ("--strategy luck", "--strategy must be least_used, "),
        ("--rpm 0", "--rpm must be a number from 1 to 10000"),
        ("--rpm 10001", "--rpm must be"),
        ("--concurrency many", "--concurrency must be"),
        ("--daily-tokens 0", "--daily-tokens must be"),
        ("--weekly-cost 0", "--weekly-cost must be"),
        ("--monthly-cost inf", "--monthly-cost must be"),
        ("--dialects chat,smoke", "--dialects must be chat, "),
    ] {
        let refused = policy(line).unwrap_err();
        assert!(refused.starts_with(said), "{line}: {refused}");
    }
}

#[test]
fn an_end_is_a_length_or_the_end_of_a_day() {
    let after = |secs| Ok(Some(Some(now() + Duration::from_secs(secs))));
    assert_eq!(expires(""), Ok(None));
    assert_eq!(expires("--expires none"), Ok(Some(None)));
    assert_eq!(expires("--expires 30d"), after(30 * 86_400));
    assert_eq!(expires("--expires 12h"), after(12 * 3_600));
    // 1,800,000,000 is 2027-01-15 08:00 UTC.
    assert_eq!(expires("--expires 2027-01-15"), after(16 * 3_600));
    for line in [
        "0d",
        "soon",
        "2027-01-14",
        "99999999999999999999d",
        "9999999999d",
        "d",
    ] {
        let refused = expires(&format!("--expires {line}")).unwrap_err();
        assert!(
            refused.starts_with("--expires must be"),
            "{line}: {refused}"
        );
    }
}

#[test]
fn a_key_is_found_by_id_or_label() {
    let mut document = KeyDocument::default();
    let key = |label: &str, number| {
        ClientKey::make(label.into(), Policy::default(), [number; 32], now()).0
    };
    let (laptop, phone) = (key("Laptop", 1), key("phone", 2));
    document.add(&laptop);
    document.add(&phone);
    assert_eq!(found(&document, "laptop").unwrap(), laptop);
    assert_eq!(found(&document, phone.id.as_str()).unwrap(), phone);
    assert!(matches!(
        found(&document, "tablet"),
        Err(CliError::Usage(_))
    ));
}

#[test]
fn a_state_is_told_in_a_word() {
    let mut key = ClientKey::make("x".into(), Policy::default(), [1; 32], now()).0;
    assert_eq!(state_of(&key, now()), "open");
    key.expires_at = Some(now() + Duration::from_secs(60));
    assert_eq!(state_of(&key, now()), "until 2027-01-15 08:01 UTC");
    assert_eq!(state_of(&key, now() + Duration::from_secs(60)), "expired");
    key.is_enabled = false;
    assert_eq!(state_of(&key, now()), "disabled");
    assert_eq!(told(&key, now())["open"], false);
}
