//! One account, whole: what is said of its login, its place in the pool, its history.

use super::*;
use crate::desk::{
    About, History, HistoryLine, HistoryPoint, Origin, Rotator, Span, Term, Terms, TokenHealth,
};
use crate::price::MicroDollars;

fn detail_with(profile: ProfileView, history: Option<History>, span: Span) -> Detail {
    let name = profile.name.clone();
    let mut snapshot = snapshot(vec![profile]);
    snapshot.history = history.map(Arc::new);
    let wish = Wish {
        detail: Some(&name),
        span,
        ..Wish::default()
    };
    page_with(&snapshot, &wish).detail.unwrap()
}

fn detail(profile: ProfileView) -> Detail {
    detail_with(profile, None, Span::Week)
}

fn history(text: &str, lines: Vec<HistoryLine>) -> History {
    History {
        name: name(text),
        read_at: now(),
        lines,
        month_cost: None,
        is_private: None,
        trouble: None,
    }
}

fn point(hours_ago: u64, left_percent: f64, resets_in: Option<Duration>) -> HistoryPoint {
    let at = now() - hours(hours_ago);
    HistoryPoint {
        at,
        left_percent,
        resets_at: resets_in.map(|ahead| at + ahead),
    }
}

fn line(length: Duration, points: Vec<HistoryPoint>) -> HistoryLine {
    HistoryLine {
        span: Span::Week,
        window: length,
        points,
    }
}

const WEEK: Duration = hours(7 * 24);

fn facts(detail: &Detail) -> Vec<String> {
    let facts = detail.login.facts.iter();
    facts
        .map(|fact| format!("{}: {}", fact.label, fact.value))
        .collect()
}

#[test]
fn a_login_tells_its_age_its_origin_and_who_renewed_it() {
    let mut profile = profile("work", vec![week(50.0, hours(9))]);
    profile.expires_at = Some(now() + hours(8 * 24 + 4));
    profile.token = TokenHealth {
        rotated_at: Some(now() - hours(2)),
        rotated_by: Some(Rotator::Us),
        came_by: Some((Origin::Browser, now() - hours(37 * 24))),
        ..TokenHealth::default()
    };
    let mut told = history("work", vec![]);
    told.is_private = Some(false);
    let detail = detail_with(profile, Some(told), Span::Week);
    assert_eq!(
        facts(&detail),
        [
            "Access token: expires in 8d 04h",
            "Last rotated: 2h 00m ago by the router",
            "Signed in with: browser, 14 Oct",
            "Stored in: file, others can read it",
        ]
    );
    assert_eq!(detail.login.mark, Some(LoginMark::Healthy));
}

#[test]
fn what_is_not_known_of_a_login_is_left_out() {
    assert_eq!(facts(&detail(profile("work", vec![]))), [""; 0]);
}

#[test]
fn a_login_that_is_dead_or_was_not_renewed_says_so() {
    let dead = ProfileView {
        health: Health::SignInAgain,
        ..unknown("dead")
    };
    assert_eq!(detail(dead).login.mark, Some(LoginMark::Expired));
    let mut failing = profile("work", vec![week(50.0, hours(9))]);
    failing.token.last_error = Some(("the server is away".into(), now() - mins(5)));
    failing.expires_at = Some(now() - mins(3));
    let detail = detail(failing);
    assert_eq!(detail.login.mark, Some(LoginMark::NotRenewed));
    assert_eq!(
        detail.login.trouble.as_deref(),
        Some("Not renewed 5m ago: The server is away.")
    );
    assert_eq!(facts(&detail), ["Access token: expired 3m ago"]);
}

#[test]
fn a_key_has_no_windows_and_says_what_it_cost_only_when_that_is_known() {
    let key = || ProfileView {
        kind: LoginKind::ApiKey,
        usage: None,
        ..profile("key", vec![])
    };
    let unknown = detail(key());
    assert_eq!(
        unknown.body,
        CardBody::Line("No usage windows. It is paid by the request.".into())
    );
    assert_eq!((unknown.chart, unknown.pool.reserve), (None, None));
    assert_eq!(unknown.pool.priority, Priority::Last);
    assert!(!unknown.can_sign_in);
    let mut told = history("key", vec![]);
    told.month_cost = Some(MicroDollars(12_400_000));
    let known = detail_with(key(), Some(told), Span::Week);
    let cost = CardBody::Line("$12.40 this month, estimate".into());
    assert_eq!(known.body, cost);
}

#[test]
fn terms_of_the_user_are_told_as_they_stand() {
    let mut terms = Terms::default();
    for (term, text) in [
        (Term::Priority, "first"),
        (Term::Reserve, "weekly=10"),
        (Term::Group, "Home"),
    ] {
        terms.say(term, text).unwrap();
    }
    let told = detail(ProfileView {
        terms: Arc::new(terms),
        is_in_pool: false,
        ..profile("work", vec![week(50.0, hours(9))])
    });
    let reserve = told.pool.reserve.as_ref().unwrap();
    assert_eq!((reserve.percent, reserve.words.as_str()), (10, "week 10%"));
    assert_eq!(told.pool.priority, Priority::First);
    assert!(!told.pool.is_used);
    assert_eq!(told.group.as_deref(), Some("Home"));
}

#[test]
fn a_label_stands_before_the_name_and_the_name_is_told_beside_it() {
    let mut labelled = profile("work", vec![]);
    labelled.about.label = Some("Daily driver".into());
    let told = detail(labelled);
    assert_eq!(told.title, "Daily driver");
    assert_eq!(told.second, "work · work@example.dev");
}

#[test]
fn a_reset_goes_straight_up_where_it_was_told_and_where_it_was_noticed() {
    let points = vec![
        point(100, 80.0, None),
        point(60, 20.0, Some(hours(10))),
        // Reset after ten of these twenty hours, then used again.
        point(40, 70.0, None),
        // Nobody told of this one.
        point(20, 90.0, None),
    ];
    let told = history("work", vec![line(WEEK, points)]);
    let live = profile("work", vec![week(60.0, hours(9))]);
    let chart = detail_with(live, Some(told), Span::Week).chart.unwrap();
    let course: Vec<_> = chart.lines[0]
        .points
        .iter()
        .map(|(x, left)| (((1.0 - x) * 168.0).round(), *left))
        .collect();
    assert_eq!(
        course,
        [
            (100.0, 80.0),
            (60.0, 20.0),
            (50.0, 20.0),
            (50.0, 100.0),
            (40.0, 70.0),
            (20.0, 70.0),
            (20.0, 90.0),
            (20.0, 90.0),
            (0.0, 60.0),
        ]
    );
    assert_eq!(chart.lines[0].label, "week 60%");
    assert_eq!(chart.words, None);
}

#[test]
fn the_longest_window_is_the_main_line() {
    let points = || vec![point(30, 80.0, None), point(10, 50.0, None)];
    let told = history("work", vec![line(WEEK, points()), line(hours(5), points())]);
    let live = profile("work", vec![five(12.0, mins(80)), week(88.0, hours(9))]);
    let chart = detail_with(live, Some(told), Span::Week).chart.unwrap();
    let lines: Vec<_> = chart
        .lines
        .iter()
        .map(|line| (line.label.as_str(), line.is_main, line.level))
        .collect();
    assert_eq!(
        lines,
        [
            ("5h 12%", false, Level::Low),
            ("week 88%", true, Level::Fine)
        ]
    );
    assert_eq!(
        chart.spoken,
        "Usage left, 7 days: weekly 88 percent, 5-hour 12 percent"
    );
}

#[test]
fn too_little_history_is_said_and_one_on_its_way_is_not() {
    let live = || profile("work", vec![week(88.0, hours(9))]);
    let chart = |history| detail_with(live(), history, Span::Week).chart.unwrap();
    assert_eq!(chart(None).words, None);
    // That of another account says nothing of this one.
    assert_eq!(chart(Some(history("spare", vec![]))).words, None);
    let little = "Too little history to say.";
    assert_eq!(
        chart(Some(history("work", vec![]))).words.as_deref(),
        Some(little)
    );
    let once = line(WEEK, vec![point(1, 90.0, None)]);
    let chart_of_one = chart(Some(history("work", vec![once])));
    assert_eq!(chart_of_one.words.as_deref(), Some(little));
    let mut broken = history("work", vec![]);
    broken.trouble = Some("the request log cannot be used".into());
    let words = chart(Some(broken)).words;
    assert_eq!(words.as_deref(), Some("The request log cannot be used."));
}

#[test]
fn the_axis_names_hours_days_and_dates() {
    let marks = |span| {
        let live = profile("work", vec![week(88.0, hours(9))]);
        let chart = detail_with(live, None, span).chart.unwrap();
        assert!(chart.marks.is_sorted_by(|a, b| a.at < b.at));
        chart
            .marks
            .into_iter()
            .map(|mark| mark.label)
            .collect::<Vec<_>>()
            .join(" ")
    };
    // Friday, 13:11.
    assert_eq!(marks(Span::Day), "18:00 00:00 06:00 12:00");
    assert_eq!(marks(Span::Week), "Sat Sun Mon Tue Wed Thu Today");
    assert_eq!(marks(Span::Month), "27 Oct 2 Nov 8 Nov 14 Nov");
}

#[test]
fn a_note_hides_its_emails_with_all_others() {
    let mut profile = profile("work", vec![]);
    profile.about = About {
        note: Some("ask joel@example.dev\nor nobody".into()),
        ..About::default()
    };
    let snapshot = snapshot(vec![profile]);
    let name = name("work");
    let wish = Wish {
        hides_emails: true,
        detail: Some(&name),
        ..Wish::default()
    };
    let told = page_with(&snapshot, &wish).detail.unwrap();
    assert_eq!(told.note.as_deref(), Some("ask j•••@•••.dev\nor nobody"));
}
