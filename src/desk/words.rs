//! How values read on screen: percents, clocks, durations, ages, plans, e-mails. One wording for every face.
//!
//! Values only: the moment and the time zone are arguments. English; a language is a later matter of this file alone.
//! Never enters: whole sentences. Those belong to the face that shows them.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::snapshot::ProfileView;
use crate::client_key::{ClientKey, Policy};
use crate::pattern::Pattern;
use crate::period::Period;
use crate::pool::{RestCause, RestSource, Term, Terms};
use crate::profile::{About, EndpointKind, Fingerprint, ProfileName};
use crate::usage::{Window, WindowKind};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Nearer than this, the hour alone says which moment is meant.
const SAME_CLOCK: Duration = Duration::from_secs(DAY);
/// Nearer than this, the weekday is unmistakable.
const SAME_WEEK: Duration = Duration::from_secs(6 * DAY);

/// What is left, whole and rounded down: `66%`, `<1%`, `0%`.
pub fn percent_left(left: f64) -> String {
    if left > 0.0 && left < 1.0 {
        return "<1%".into();
    }
    // 100 - 33.9 must not fall below 66.1 by a rounding of the machine.
    let whole = (left + 1e-9).floor().clamp(0.0, 100.0);
    format!("{whole:.0}%")
}

/// A moment on the clock: `16:05` within 24 hours, `Thu 14:00` within 6 days, else `2 Dec`.
pub fn clock(at: SystemTime, now: SystemTime, zone: &TimeZone) -> String {
    let Ok(moment) = Timestamp::try_from(at) else {
        return "later".into(); // beyond the year 9999: not a moment that anybody sent on purpose
    };
    let form = match distance(at, now) {
        near if near < SAME_CLOCK => "%H:%M",
        week if week < SAME_WEEK => "%a %H:%M",
        _ => "%-d %b",
    };
    moment.to_zoned(zone.clone()).strftime(form).to_string()
}

/// When [`clock`] will word the same moment differently: what a face that does not poll waits for.
pub fn clock_changes_at(at: SystemTime, now: SystemTime) -> Option<SystemTime> {
    // One tick after the far ends, because the near side excludes them.
    let tick = Duration::from_millis(1);
    [
        at.checked_sub(SAME_WEEK)
            .and_then(|end| end.checked_add(tick)),
        at.checked_sub(SAME_CLOCK)
            .and_then(|end| end.checked_add(tick)),
        at.checked_add(SAME_CLOCK),
        at.checked_add(SAME_WEEK),
    ]
    .into_iter()
    .flatten()
    .find(|change| *change > now)
}

/// At most two units: `45s`, `12m`, `2h 54m`, `2d 06h`, `12d`.
pub fn duration(span: Duration) -> String {
    match span.as_secs() {
        secs if secs < MINUTE => format!("{secs}s"),
        secs if secs < HOUR => format!("{}m", secs / MINUTE),
        secs if secs < DAY => format!("{}h {:02}m", secs / HOUR, secs % HOUR / MINUTE),
        secs if secs < 10 * DAY => format!("{}d {:02}h", secs / DAY, secs % DAY / HOUR),
        secs => format!("{}d", secs / DAY),
    }
}

/// How long a request took: `0.42s`, `14.1s`, `2m`.
pub fn latency(took: Duration) -> String {
    match took.as_secs_f64() {
        secs if secs < 0.995 => format!("{secs:.2}s"),
        secs if secs < 60.0 => format!("{secs:.1}s"),
        _ => duration(took),
    }
}

/// `just now` below a minute, then `4m ago`, `2h 05m ago`. A text that counts seconds would keep a window drawing.
pub fn age(span: Duration) -> String {
    if span.as_secs() < MINUTE {
        "just now".into()
    } else {
        format!("{} ago", duration(span))
    }
}

/// A plan as people know it: `plus` is Plus, `prolite` Pro Lite. The set is open: what we do not know is capitalised. How a
/// workspace is billed (`self_serve_business_usage_based`) is no part of its plan's name.
pub fn plan_label(plan: &str) -> String {
    let plan = plan.to_ascii_lowercase();
    plan.trim_start_matches("self_serve_")
        .trim_end_matches("_usage_based")
        .trim_end_matches("_cbp")
        .split(['_', '-', ' '])
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            "prolite" => "Pro Lite".into(),
            "hc" => "Enterprise".into(), // an alias (codex-rs/protocol/src/auth.rs)
            word => capitalised(word),
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// What an account is called on screen: by its label, or else by its name. While e-mails are hidden it goes by an alias, because
/// names are often made from them.
pub fn called(profile: &ProfileView, hides_emails: bool) -> String {
    if hides_emails {
        return alias(&profile.name);
    }
    match &profile.about.label {
        Some(label) => label.clone(),
        None => profile.name.to_string(),
    }
}

/// A name that tells a passer-by nothing, and is the same tomorrow: `Account 7K2M`. It hangs on the account's name alone.
pub fn alias(name: &ProfileName) -> String {
    /// Without vowels, which could make words, and without what is mistaken for something else.
    const LETTERS: [char; 27] = [
        '2', '3', '4', '5', '6', '7', '8', '9', 'B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'M', 'N',
        'P', 'Q', 'R', 'T', 'V', 'W', 'X', 'Y', 'Z',
    ];
    let digest = Fingerprint::of(name.as_str().as_bytes());
    let digits = digest.as_str().bytes().map(usize::from);
    let mut number = digits.fold(0_usize, |sum, digit| {
        sum.wrapping_mul(31).wrapping_add(digit)
    });
    let letters = (0..4).map(|_| {
        let letter = LETTERS.get(number % LETTERS.len());
        number /= LETTERS.len();
        letter.copied().unwrap_or('2')
    });
    format!("Account {}", letters.collect::<String>())
}

/// An e-mail, masked while e-mails are hidden.
pub fn shown_email(email: &str, hides_emails: bool) -> String {
    if hides_emails {
        mask_email(email)
    } else {
        email.to_owned()
    }
}

/// How many accounts, with the noun.
pub fn accounts(count: usize) -> String {
    match count {
        1 => "1 account".to_owned(),
        count => format!("{count} accounts"),
    }
}

/// How many requests, with the noun.
pub fn requests(count: usize) -> String {
    match count {
        1 => "1 request".to_owned(),
        count => format!("{} requests", number(count)),
    }
}

/// A count as it is read best: `312`, `1,000`.
pub fn number(count: usize) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let mut told = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && index % 3 == first {
            told.push(',');
        }
        told.push(digit);
    }
    told
}

/// How many tokens, short enough for a column: `950`, `1.2k`, `3.4M`.
pub fn tokens(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..999_950 => format!("{:.1}k", number as f64 / 1_000.0),
        _ => format!("{:.1}M", number as f64 / 1_000_000.0),
    }
}

/// What an endpoint is, where a plan would stand.
pub fn endpoint_label(kind: EndpointKind) -> &'static str {
    match kind {
        EndpointKind::Azure => "Azure",
        EndpointKind::Compatible => "Compatible",
    }
}

/// The name of a window where room is short: `5h`, `week`, `month`, else its length: `90m`, `3h`, `3d`.
pub fn short_window(window: &Window) -> String {
    match window.kind() {
        WindowKind::FiveHour => "5h".into(),
        WindowKind::Weekly => "week".into(),
        WindowKind::Monthly => "month".into(),
        WindowKind::Other => match window.length.as_secs() {
            secs if secs < 2 * HOUR => format!("{}m", secs.div_ceil(MINUTE)),
            secs if secs < 2 * DAY => format!("{}h", secs / HOUR),
            secs => format!("{}d", secs / DAY),
        },
    }
}

/// Text of the user's own, in which e-mails are masked while they are hidden.
pub fn masked(text: &str, hides_emails: bool) -> String {
    if !hides_emails || !text.contains('@') {
        return text.to_owned();
    }
    text.split_inclusive(char::is_whitespace)
        .map(|word| match word.contains('@') {
            true => {
                let bare = word.trim_end();
                let rest = word.get(bare.len()..).unwrap_or_default();
                format!("{}{rest}", mask_email(bare))
            }
            false => word.to_owned(),
        })
        .collect()
}

/// The same for text that is being written: of each e-mail the first letter is left, and every other one is a dot, so that the
/// letters keep their places.
pub fn veiled(text: &str) -> String {
    let is_between = |letter: char| letter.is_whitespace() || letter == ',';
    let words = text.split_inclusive(is_between);
    let veil = |word: &str| -> String {
        let letters = word.chars().enumerate();
        let seen = |(place, letter): (usize, char)| match letter {
            '@' => '@',
            letter if place == 0 || is_between(letter) => letter,
            _ => '•',
        };
        match word.contains('@') {
            true => letters.map(seen).collect(),
            false => word.to_owned(),
        }
    };
    words.map(veil).collect()
}

/// `ann@example.dev` becomes `a•••@•••.dev`: enough to tell two of one's own apart, not enough for a passer-by.
pub fn mask_email(email: &str) -> String {
    let (local, domain) = match email.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (email, None),
    };
    let mut masked: String = local.chars().take(1).collect();
    masked.push_str("•••");
    if let Some(domain) = domain {
        masked.push_str("@•••");
        if let Some((_, end)) = domain.rsplit_once('.') {
            masked.push('.');
            masked.push_str(end);
        }
    }
    masked
}

/// At most `most` characters: what does not fit is taken out of the middle, where names differ least. A little more of the
/// beginning than of the end is kept.
pub fn middle_truncate(text: &str, most: usize) -> String {
    let length = text.chars().count();
    if length <= most {
        return text.to_owned();
    }
    let Some(kept) = most.checked_sub(1) else {
        return String::new();
    };
    let tail = kept / 2;
    let head = kept - tail;
    text.chars()
        .take(head)
        .chain(['…'])
        .chain(text.chars().skip(length - tail))
        .collect()
}

fn distance(a: SystemTime, b: SystemTime) -> Duration {
    match a.duration_since(b) {
        Ok(ahead) => ahead,
        Err(behind) => behind.duration(),
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect()
}

/// What the user has said of an account for people, where it is anything: `called Büro, tags a b, pinned, has a note`.
pub fn about(about: &About) -> Option<String> {
    let called = about.label.as_ref().map(|label| format!("called {label}"));
    let tags = (!about.tags.is_empty()).then(|| format!("tags {}", about.tags.join(" ")));
    let pinned = about.is_pinned.then(|| "pinned".to_owned());
    let note = about.note.is_some().then(|| "has a note".to_owned());
    let said: Vec<_> = [called, tags, pinned, note].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// What the user has said of an account, where it is anything: `weight 3, reserve 20%`.
pub fn terms(terms: &Terms) -> Option<String> {
    let words = |(term, text): (Term, String)| match term {
        Term::Enabled => "not in the pool".to_owned(),
        Term::Reserve if !text.contains('=') => format!("reserve {text}%"),
        Term::DailyCost | Term::MonthlyCost => format!("{} ${text}", spaced(term)),
        Term::Weight
        | Term::Priority
        | Term::Order
        | Term::Reserve
        | Term::Models
        | Term::Group
        | Term::DailyTokens
        | Term::MonthlyTokens => format!("{} {text}", spaced(term)),
    };
    let said: Vec<_> = terms.said().into_iter().map(words).collect();
    (!said.is_empty()).then(|| said.join(", "))
}

fn spaced(term: Term) -> String {
    term.key().replace('_', " ")
}

/// What a key may not do, or does instead, each in a few words.
pub fn key_limits(key: &ClientKey) -> Vec<String> {
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
    } = &key.policy;
    let patterns = |word: &str, all: &[Pattern]| {
        let all: Vec<_> = all.iter().map(Pattern::as_str).collect();
        (!all.is_empty()).then(|| format!("{word} {}", all.join(" ")))
    };
    let words: Vec<_> = dialects.iter().map(|dialect| dialect.as_str()).collect();
    let budgets = Period::ALL.into_iter().flat_map(|period| {
        let tokens = tokens
            .of(period)
            .map(|most| format!("{most} tokens a {period}"));
        let cost = cost.of(period);
        let cost = cost.map(|most| format!("${:.2} a {period}", most as f64 / 1e6));
        [tokens, cost]
    });
    [
        patterns("models", models),
        model.as_ref().map(|model| format!("always {model}")),
        effort.as_ref().map(|effort| format!("effort {effort}")),
        patterns("accounts", accounts),
        strategy.map(|strategy| format!("strategy {}", strategy.as_str())),
        requests_per_minute.map(|most| format!("{most} a minute")),
        concurrency.map(|most| format!("{most} at a time")),
        (!words.is_empty()).then(|| format!("dialects {}", words.join(" "))),
    ]
    .into_iter()
    .chain(budgets)
    .flatten()
    .collect()
}

/// Why an account is left alone for a while.
pub fn rest_cause(cause: RestCause) -> &'static str {
    match cause {
        RestCause::UsageLimit => "usage limit",
        RestCause::Throttled => "throttled",
        RestCause::Failing => "failing",
        RestCause::Refused => "login refused",
        RestCause::LacksModel => "no such model",
        RestCause::Overloaded => "overloaded",
        RestCause::Challenged => "challenge page",
    }
}

/// On whose word.
pub fn rest_source(source: RestSource) -> &'static str {
    match source {
        RestSource::ResetsAt | RestSource::RetryAfter | RestSource::Headers => "as told",
        RestSource::UsageWindow => "by its usage",
        RestSource::Guess => "a guess",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn what_is_left_is_rounded_down_and_never_to_nothing() {
        let words = [
            100.0,
            99.9,
            66.0,
            100.0 - 33.9,
            1.0,
            0.99,
            0.01,
            0.0,
            -3.0,
            250.0,
        ];
        assert_eq!(
            words.map(percent_left),
            [
                "100%", "99%", "66%", "66%", "1%", "<1%", "<1%", "0%", "0%", "100%"
            ]
        );
    }

    #[test]
    fn a_moment_is_an_hour_then_a_weekday_then_a_date() {
        // A Friday.
        let now = at("2026-11-20T13:11:00Z");
        let word = |moment| clock(at(moment), now, &TimeZone::UTC);
        assert_eq!(word("2026-11-20T16:05:00Z"), "16:05");
        assert_eq!(word("2026-11-21T13:10:59Z"), "13:10");
        assert_eq!(word("2026-11-21T13:11:00Z"), "Sat 13:11");
        assert_eq!(word("2026-11-26T13:10:00Z"), "Thu 13:10");
        assert_eq!(word("2026-12-02T09:00:00Z"), "2 Dec");
        assert_eq!(word("2026-11-20T09:12:00Z"), "09:12");
        assert_eq!(word("2026-11-17T09:12:00Z"), "Tue 09:12");
    }

    #[test]
    fn the_clock_is_the_local_one() {
        let now = at("2026-11-20T13:11:00Z");
        let zone = TimeZone::fixed(jiff::tz::offset(-5));
        assert_eq!(clock(at("2026-11-21T03:05:00Z"), now, &zone), "22:05");
        assert_eq!(clock(at("2026-11-22T03:05:00Z"), now, &zone), "Sat 22:05");
    }

    proptest! {
        #[test]
        fn the_clock_changes_its_words_then_and_not_before(ahead in -900_000_i64..900_000) {
            let now = at("2026-11-20T13:11:00Z");
            let moment = if ahead < 0 { now - secs(ahead.unsigned_abs()) } else { now + secs(ahead.unsigned_abs()) };
            let word = |now| clock(moment, now, &TimeZone::UTC);
            match clock_changes_at(moment, now) {
                Some(change) => {
                    prop_assert_eq!(word(change - Duration::from_millis(1)), word(now));
                    prop_assert_ne!(word(change), word(now));
                }
                None => prop_assert_eq!(word(now + secs(90 * DAY)), word(now)),
            }
        }
    }

    #[test]
    fn a_duration_has_at_most_two_units() {
        let words = [45, 60, 12 * 60 + 59, 10_440, 3_600, 194_400, 1_036_800];
        assert_eq!(
            words.map(|n| duration(secs(n))),
            ["45s", "1m", "12m", "2h 54m", "1h 00m", "2d 06h", "12d"]
        );
    }

    #[test]
    fn tokens_are_told_with_three_digits_or_so() {
        assert_eq!(
            [0, 999, 1_250, 999_949, 999_950, 3_400_000].map(tokens),
            ["0", "999", "1.2k", "999.9k", "1.0M", "3.4M"]
        );
    }

    #[test]
    fn an_age_begins_with_just_now() {
        let words = [0, 9, 12, 240, 7_500, 200_000];
        assert_eq!(
            words.map(|n| age(secs(n))),
            [
                "just now",
                "just now",
                "just now",
                "4m ago",
                "2h 05m ago",
                "2d 07h ago"
            ]
        );
    }

    #[test]
    fn plans_read_as_people_know_them() {
        for (plan, label) in [
            ("plus", "Plus"),
            ("prolite", "Pro Lite"),
            ("TEAM", "Team"),
            ("self_serve_business_usage_based", "Business"),
            ("enterprise_cbp_usage_based", "Enterprise"),
            ("self_serve_business_prolite", "Business Pro Lite"),
            ("brand-new_plan", "Brand New Plan"),
            ("hc", "Enterprise"),
            ("", ""),
        ] {
            assert_eq!(plan_label(plan), label);
        }
    }

    #[test]
    fn a_window_is_named_by_its_length() {
        let words = [18_000, 604_800, 2_592_000, 5_400, 10_800, 259_200].map(|length| {
            short_window(&Window {
                length: secs(length),
                used_percent: 0.0,
                resets_at: None,
            })
        });
        assert_eq!(words, ["5h", "week", "month", "90m", "3h", "3d"]);
    }

    #[test]
    fn a_masked_email_keeps_one_letter_and_the_end_of_the_domain() {
        let words = [
            "ann@example.dev",
            "élise@mail.example.co",
            "x@localhost",
            "nobody",
            "@",
            "",
        ];
        assert_eq!(
            words.map(mask_email),
            [
                "a•••@•••.dev",
                "é•••@•••.co",
                "x•••@•••",
                "n•••",
                "•••@•••",
                "•••"
            ]
        );
    }

    #[test]
    fn an_email_that_is_being_written_keeps_its_length() {
        let texts = [
            ("team-*, ann@b.dev,x", "team-*, a••@•••••,x"),
            ("é@\nnote", "é@\nnote"),
            ("no mail", "no mail"),
        ];
        for (text, shown) in texts {
            assert_eq!(veiled(text), shown);
            assert_eq!(veiled(text).chars().count(), text.chars().count());
        }
    }

    #[test]
    fn a_long_name_loses_its_middle() {
        assert_eq!(middle_truncate("client-nord", 11), "client-nord");
        assert_eq!(middle_truncate("client-nord", 8), "clie…ord");
        assert_eq!(middle_truncate("開発チーム東京", 5), "開発…東京");
        assert_eq!(middle_truncate("ab", 1), "…");
        assert_eq!(middle_truncate("ab", 0), "");
    }

    proptest! {
        #[test]
        fn a_truncated_name_is_never_longer_than_asked(text in "\\PC{0,80}", most in 0_usize..60) {
            prop_assert!(middle_truncate(&text, most).chars().count() <= most);
        }
    }

    #[test]
    fn terms_are_told_where_there_is_something_to_tell() {
        let mut said = Terms::default();
        assert_eq!(terms(&said), None);
        for (term, text) in [
            (Term::Enabled, "no"),
            (Term::Reserve, "20"),
            (Term::DailyTokens, "2M"),
            (Term::MonthlyCost, "20"),
        ] {
            said.say(term, text).unwrap();
        }
        assert_eq!(
            terms(&said).unwrap(),
            "not in the pool, reserve 20%, daily tokens 2000000, monthly cost $20"
        );
        said.say(Term::Reserve, "weekly=5").unwrap();
        assert!(terms(&said).unwrap().contains("reserve weekly=5,"));
    }

    #[test]
    fn an_alias_is_the_same_tomorrow_and_tells_two_accounts_apart() {
        let name = |text: &str| ProfileName::existing(text).unwrap();
        assert_eq!(alias(&name("work")), alias(&name("work")));
        let all: std::collections::BTreeSet<_> = (0..200)
            .map(|number| alias(&name(&format!("person-{number}"))))
            .collect();
        assert_eq!(all.len(), 200);
        for alias in all {
            let code = alias.strip_prefix("Account ").unwrap();
            assert!(
                code.len() == 4
                    && code
                        .chars()
                        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            );
        }
    }
}
