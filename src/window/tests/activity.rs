//! The page of requests: found, filtered, looked at, held still, taken out.

use super::*;
use crate::desk::record::{Ended, RequestRecord};
use crate::desk::{Activity, ActivityQuery, ActivitySums, Place, RequestsForm};

pub fn record(number: usize) -> RequestRecord {
    RequestRecord {
        id: format!("req_{number}"),
        at: now() - Duration::from_secs(number as u64),
        key: None,
        dialect: "responses".into(),
        model: format!("model-{number}"),
        asked_model: format!("model-{number}"),
        profile: Some(name("spare")),
        is_paid: false,
        strategy: "least_used".into(),
        reason: Some("most left".into()),
        candidates: vec![],
        left_out: vec![],
        unlisted: 0,
        attempts: vec![],
        status: 200,
        is_complete: true,
        error: None,
        tokens: None,
        is_estimate: false,
        cost: None,
        took: Duration::from_millis(900),
        first_token: None,
        retries: 0,
        dropped: vec![],
        session: None,
        preview: None,
    }
}

/// 2026-09-21 at midnight; it is 14:13:20.
fn midnight() -> SystemTime {
    now() - Duration::from_secs(14 * 3_600 + 13 * 60 + 20)
}

pub fn today() -> ActivityQuery {
    ActivityQuery {
        since: midnight(),
        text: String::new(),
        ended: None,
        key: None,
    }
}

/// So many requests, of which a page from this one on was read.
pub fn read(query: ActivityQuery, total: usize, first: usize) -> Activity {
    let last = (first + Activity::MOST).min(total);
    let records: Vec<_> = (first..last).map(|n| Arc::new(record(n))).collect();
    Activity {
        newest: 500,
        head: (0..total.min(64)).map(|n| format!("req_{n}")).collect(),
        sums: ActivitySums {
            requests: total as u64,
            ..ActivitySums::default()
        },
        first,
        records,
        ..Activity::in_trouble(query, now(), None)
    }
}

fn with(activity: Activity) -> Snapshot {
    Snapshot {
        activity: Some(Arc::new(activity)),
        ..three()
    }
}

fn show(query: ActivityQuery, place: Place) -> Command {
    Command::ShowActivity { query, place }
}

/// The page is open and has asked for what it shows.
fn opened(snapshot: Snapshot, size: [f32; 2]) -> Rig {
    let mut rig = rig(snapshot);
    rig.harness.set_size(size.into());
    rig.press(Modifiers::COMMAND, Key::Num3);
    rig.run();
    let asked = rig.asked();
    assert_eq!(
        asked.last(),
        Some(&show(today(), Place::default())),
        "{asked:?}"
    );
    rig
}

fn wide_with(activity: Activity) -> Rig {
    opened(with(activity), [900.0, 640.0])
}

impl Rig {
    fn rows(&self) -> usize {
        let rows = self.harness.query_all_by_label_contains(", spare, model-");
        rows.count()
    }

    fn click_row(&mut self, number: usize) {
        let label = format!(", spare, model-{number}, answered");
        self.harness.get_by_label_contains(&label).click();
        self.run();
    }
}

#[test]
fn the_page_asks_once_for_what_it_shows_and_again_for_what_is_filtered() {
    let mut rig = wide_with(read(today(), 3, 0));
    assert_eq!(rig.rows(), 3);
    rig.run();
    assert_eq!(rig.asked(), []);
    rig.click("Failed");
    let failed = ActivityQuery {
        ended: Some(Ended::Failed),
        ..today()
    };
    assert_eq!(rig.asked(), [show(failed, Place::default())]);
    rig.click("All");
    rig.asked();
    rig.press(Modifiers::COMMAND, Key::F);
    assert!(rig.is_focused("Filter requests"));
    rig.harness
        .get_by_label("Filter requests")
        .type_text("work");
    rig.run();
    let text = ActivityQuery {
        text: "work".into(),
        ..today()
    };
    assert_eq!(rig.asked(), [show(text, Place::default())]);
    rig.key(Key::Escape);
    assert_eq!(rig.asked(), [show(today(), Place::default())]);
    rig.click("Time: Today");
    rig.click("7 days");
    let week = ActivityQuery {
        since: midnight() - Duration::from_secs(6 * 86_400),
        ..today()
    };
    assert_eq!(rig.asked(), [show(week, Place::default())]);
}

#[test]
fn a_request_opens_beside_the_table_and_the_arrows_go_on_to_the_next() {
    let mut rig = wide_with(read(today(), 3, 0));
    rig.click_row(1);
    assert!(rig.shows("Why this account"));
    assert!(rig.says("model-1, answered, today"));
    rig.key(Key::ArrowDown);
    assert!(rig.says("model-2, answered, today"));
    rig.key(Key::ArrowUp);
    rig.key(Key::ArrowUp);
    assert!(rig.says("model-0, answered, today"));
    rig.key(Key::Escape);
    assert!(!rig.shows("Why this account"));
    let row = rig.harness.get_by_label_contains("model-0, answered");
    assert!(row.is_focused());
    rig.key(Key::Enter);
    assert!(rig.shows("Why this account"));
    rig.click("Close");
    assert!(!rig.shows("Why this account"));
}

#[test]
fn in_a_narrow_window_the_request_lies_over_the_page() {
    let mut rig = opened(with(read(today(), 3, 0)), [400.0, 640.0]);
    assert_eq!(rig.rows(), 3);
    rig.click_row(1);
    assert!(rig.shows("Why this account"));
    assert_eq!(rig.rows(), 0);
    rig.click("Back to all requests");
    assert_eq!(rig.rows(), 3);
    rig.click_row(2);
    rig.key(Key::Escape);
    assert_eq!(rig.rows(), 3);
}

#[test]
fn what_is_copied_holds_no_key() {
    let mut rig = wide_with(read(today(), 3, 0));
    rig.click_row(1);
    rig.harness.get_by_label("Copy as curl").click();
    let mut copied = Vec::new();
    for _ in 0..4 {
        rig.harness.step();
        copied.extend(rig.copied());
    }
    assert!(
        copied[0].starts_with("curl 'http://127.0.0.1:9876/v1/responses'"),
        "{copied:?}"
    );
    assert!(copied[0].contains("Bearer YOUR_KEY"));
    rig.run();
    assert!(rig.shows("Copied a curl command"));
    rig.click("Copy details");
    assert!(rig.shows("Copied the details"));
}

#[test]
fn a_list_that_is_held_still_takes_in_nothing_until_it_goes_on() {
    let mut rig = wide_with(read(today(), 3, 0));
    rig.click("Hold the list still");
    let mut more = with(read(today(), 3, 0));
    more.requests = vec![Arc::new(RequestRecord {
        id: "req_new".into(),
        ..record(77)
    })];
    rig.publish(more);
    for _ in 0..40 {
        rig.harness.step();
    }
    assert_eq!(rig.rows(), 3);
    assert_eq!(rig.asked(), []);
    rig.click("Go on with new requests");
    assert_eq!(rig.rows(), 4);
}

#[test]
fn a_list_that_is_held_while_it_is_read_anew_is_read_as_it_was() {
    let mut rig = wide_with(read(today(), 3, 0));
    rig.click("Hold the list still");
    assert_eq!(rig.asked(), []);
    rig.publish(with(Activity {
        newest: 501,
        ..read(today(), 4, 0)
    }));
    let as_it_was = Place {
        newest: Some(500),
        first: 0,
    };
    assert_eq!(rig.asked(), [show(today(), as_it_was)]);
    rig.publish(with(read(today(), 3, 0)));
    assert_eq!(rig.rows(), 3);
    assert_eq!(rig.asked(), []);
}

#[test]
fn a_request_that_comes_is_shown_at_once_and_counted_a_little_later() {
    let mut rig = wide_with(read(today(), 3, 0));
    let mut more = with(read(today(), 3, 0));
    more.requests = vec![Arc::new(RequestRecord {
        id: "req_new".into(),
        ..record(77)
    })];
    rig.publish(more);
    assert_eq!(rig.rows(), 4);
    for _ in 0..40 {
        rig.harness.step();
    }
    assert_eq!(rig.asked(), [show(today(), Place::default())], "once");
}

#[test]
fn of_a_hundred_thousand_requests_only_those_in_view_are_drawn_and_pages_are_read_on_the_way() {
    let mut rig = wide_with(read(today(), 100_000, 0));
    assert!((10..40).contains(&rig.rows()), "{} rows", rig.rows());
    rig.harness.hover_at(egui::pos2(300.0, 400.0));
    for _ in 0..6 {
        rig.harness.event(egui::Event::MouseWheel {
            unit: egui::MouseWheelUnit::Point,
            delta: egui::vec2(0.0, -20_000.0),
            phase: egui::TouchPhase::Move,
            source: egui::MouseWheelSource::Unknown,
            modifiers: Modifiers::NONE,
        });
        for _ in 0..6 {
            rig.harness.step();
        }
    }
    let asked = rig.asked();
    let Some(Command::ShowActivity { place, .. }) = asked.last() else {
        panic!("nothing was asked: {asked:?}");
    };
    assert_eq!(place.newest, Some(500));
    assert!(place.first > 400, "{place:?}");
    rig.publish(with(read(today(), 100_000, place.first)));
    assert!((10..40).contains(&rig.rows()), "{} rows", rig.rows());
    assert_eq!(rig.asked(), []);
}

#[test]
fn requests_are_exported_into_a_file_that_was_chosen() {
    let mut rig = wide_with(read(today(), 3, 0));
    let file = std::path::PathBuf::from("/srv/requests.csv");
    *rig.outside.picked.lock().unwrap() = Picked::Paths(vec![file.clone()]);
    rig.click("Retried");
    rig.asked();
    rig.click("Export");
    rig.click("CSV, for spreadsheets…");
    let query = ActivityQuery {
        ended: Some(Ended::Retried),
        ..today()
    };
    let form = RequestsForm::Csv;
    assert_eq!(
        rig.wait_until_asked(),
        [Command::ExportRequests { query, form, file }]
    );
    let mut done = with(read(today(), 3, 0));
    done.happenings = vec![Happening {
        seq: 1,
        at: now(),
        outcome: Outcome::RequestsExported {
            count: 1_200,
            to: "/srv/requests.csv".into(),
        },
    }];
    rig.publish(done);
    assert!(rig.shows("Exported 1,200 requests to /srv/requests.csv"));
}

#[test]
fn without_a_file_dialog_the_command_line_is_named() {
    let mut rig = opened(with(read(today(), 3, 0)), [400.0, 640.0]);
    *rig.outside.picked.lock().unwrap() = Picked::NoDialog;
    rig.click("Which requests, and what to do with them");
    rig.click("JSON lines, for programs…");
    let deadline = std::time::Instant::now() + SOON;
    while !rig.says("This desktop has no file dialog") {
        assert!(std::time::Instant::now() < deadline, "nothing was said");
        rig.harness.step();
    }
}

#[test]
fn without_a_request_the_page_leads_to_the_apps() {
    let mut rig = opened(with(read(today(), 0, 0)), [400.0, 640.0]);
    assert!(rig.says("No request yet today."));
    rig.click("Connect apps…");
    assert_eq!(rig.asked(), [Command::LookAtTools]);
}

#[test]
fn a_window_that_nobody_touches_is_still() {
    let mut rig = wide_with(read(today(), 100_000, 0));
    rig.click_row(1);
    for _ in 0..20 {
        rig.harness.step();
    }
    let output = rig.harness.output();
    let delay = output.viewport_output[&ViewportId::ROOT].repaint_delay;
    assert!(delay >= Duration::from_secs(20), "{delay:?}");
}
