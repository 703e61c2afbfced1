use std::rc::Rc;

use super::*;
use crate::usage::runway::Outlook;

#[test]
fn it_is_kept_until_a_minute_is_over_or_something_is_different() {
    let mut snapshot = Snapshot {
        profiles: vec![profile("work", vec![week(0.0, hours(3))])],
        ..Snapshot::default()
    };
    let forecast = Forecast::default();
    let first = forecast.at(&snapshot, now());
    let later = now() + Duration::from_secs(59);
    snapshot.is_refreshing = true;
    assert!(Rc::ptr_eq(&first, &forecast.at(&snapshot, later)));
    let second = forecast.at(&snapshot, now() + mins(1));
    assert!(!Rc::ptr_eq(&first, &second));
    snapshot.profiles.push(profile("spare", vec![]));
    let third = forecast.at(&snapshot, now() + mins(1));
    assert!(!Rc::ptr_eq(&second, &third));
    assert!(
        !Rc::ptr_eq(&third, &forecast.at(&snapshot, now())),
        "a clock that was set back"
    );
}

#[test]
fn it_is_over_when_what_it_promised_has_come() {
    let back_at = now() + Duration::from_secs(20);
    let snapshot = Snapshot {
        profiles: vec![profile("work", vec![week(0.0, Duration::from_secs(20))])],
        ..Snapshot::default()
    };
    let forecast = Forecast::default();
    let outlook = |at| forecast.at(&snapshot, at).runway.outlook;
    assert_eq!(outlook(now()), Outlook::NothingUntil(Some(back_at)));
    assert_eq!(outlook(back_at), Outlook::TooLittleHistory);
}

#[test]
fn the_page_speaks_from_it() {
    let snapshot = snapshot(vec![profile("work", vec![week(0.0, hours(3))])]);
    let forecast = Forecast::default();
    let wish = Wish {
        tab: Tab::Pool,
        forecast: Some(&forecast),
        ..Wish::default()
    };
    let kept = forecast.at(&snapshot, now());
    page_with(&snapshot, &wish);
    assert!(Rc::ptr_eq(&kept, &forecast.at(&snapshot, now())));
    assert_eq!(
        page_with(&snapshot, &wish),
        page_with(
            &snapshot,
            &Wish {
                forecast: None,
                ..wish
            }
        )
    );
}
