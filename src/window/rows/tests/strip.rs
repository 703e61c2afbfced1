//! The router strip.

use super::*;

fn strip(change: impl FnOnce(&mut RouterView)) -> Strip {
    let mut snapshot = snapshot(vec![in_use(profile("work", vec![week(50.0, hours(9))]))]);
    change(&mut snapshot.router);
    page(&snapshot).strip
}

fn last(status: u16, is_complete: bool) -> LastRequest {
    LastRequest {
        model: "gpt-5.4".into(),
        profile: Some(name("spare")),
        status,
        is_complete,
        took: Duration::from_millis(1_800),
        at: now() - Duration::from_secs(14),
    }
}

#[test]
fn the_strip_tells_the_last_request() {
    let strip = strip(|router| router.last_request = Some(last(200, true)));
    assert_eq!(strip.text, "gpt-5.4 via spare · 1.8s · just now");
    assert_eq!(strip.face, StripFace::On(Some(LastIcon::Done)));
    assert_eq!(strip.base_url.as_deref(), Some("http://127.0.0.1:9876/v1"));
    assert_eq!(strip.spoken, "Router, on, 127.0.0.1 port 9876");
}

#[test]
fn a_last_request_that_went_wrong_says_how() {
    let told = |status, is_complete| {
        let strip = strip(|router| router.last_request = Some(last(status, is_complete)));
        (strip.text, strip.face)
    };
    let failed = StripFace::On(Some(LastIcon::Failed));
    assert_eq!(
        told(429, true),
        (
            "gpt-5.4 via spare · 429 · just now".into(),
            StripFace::On(Some(LastIcon::Limited))
        )
    );
    assert_eq!(
        told(502, true),
        ("gpt-5.4 via spare · 502 · just now".into(), failed)
    );
    assert_eq!(
        told(200, false),
        ("gpt-5.4 via spare · cut off · just now".into(), failed)
    );
    assert_eq!(
        told(499, false),
        (
            "gpt-5.4 via spare · stopped by the app · just now".into(),
            failed
        )
    );
}

#[test]
fn the_faces_of_the_strip_each_have_their_words() {
    let told = |state: RouterState| {
        let strip = strip(|router| router.state = state);
        (strip.is_on, strip.text)
    };
    assert_eq!(
        told(RouterState::Off),
        (false, "Off. Apps that point here cannot connect.".into())
    );
    assert_eq!(told(RouterState::Starting), (true, "Starting".into()));
    assert_eq!(
        told(RouterState::On),
        (true, "Ready. No request yet.".into())
    );
    assert_eq!(
        told(RouterState::Failed("permission denied".into())),
        (false, "Permission denied.".into())
    );
    let taken = |holder: Option<&str>| RouterState::PortTaken {
        port: 9876,
        holder: holder.map(str::to_owned),
        free_port: Some(9877),
    };
    assert_eq!(
        told(taken(Some("node (pid 812)"))),
        (false, "Port 9876 is taken by node (pid 812).".into())
    );
    assert_eq!(
        told(taken(None)),
        (false, "Port 9876 is taken by another program.".into())
    );
}

#[test]
fn a_router_without_a_usable_account_says_until_when() {
    let mut snapshot = snapshot(vec![
        in_use(profile("a", vec![week(0.0, hours(9))])),
        profile("b", vec![week(0.0, mins(174))]),
    ]);
    assert_eq!(
        page(&snapshot).strip.text,
        "No account is usable until 16:05."
    );
    snapshot.profiles.push(unknown("maybe"));
    assert_eq!(page(&snapshot).strip.text, "Ready. No request yet.");
}
