//! Order, groups and search.

use super::*;

fn many() -> Snapshot {
    let mut not_pooled = profile("zz-own", vec![week(99.0, hours(9))]);
    not_pooled.is_in_pool = false;
    snapshot(vec![
        in_use(profile("work", vec![week(50.0, hours(9))])),
        profile("low", vec![week(9.0, hours(9))]),
        profile("most", vec![week(90.0, hours(9))]),
        profile("empty-late", vec![week(0.0, hours(9))]),
        profile("empty-soon", vec![week(0.0, hours(2))]),
        ProfileView {
            health: Health::SignInAgain,
            ..unknown("dead")
        },
        unknown("fresh"),
        not_pooled,
        ProfileView {
            kind: LoginKind::ApiKey,
            ..unknown("key")
        },
    ])
}

#[test]
fn usable_soonest_puts_what_helps_first_and_what_needs_the_user_last() {
    let mut few = many();
    // Below the number from which there are groups.
    few.profiles
        .retain(|profile| profile.name.as_str() != "low" && profile.name.as_str() != "fresh");
    let page = page(&few);
    assert_eq!(page.groups.len(), 1);
    assert_eq!(page.groups[0].head, "Other accounts");
    assert_eq!(
        names(&page),
        ["most", "key", "empty-soon", "empty-late", "dead", "zz-own"]
    );
}

#[test]
fn the_other_orders_go_by_percent_and_by_name() {
    let mut few = many();
    few.profiles
        .retain(|profile| !profile.name.as_str().starts_with("empty"));
    let sorted = |sort| {
        let wish = Wish {
            sort,
            ..Wish::default()
        };
        let page = page_with(&few, &wish);
        names(&page).join(" ")
    };
    assert_eq!(sorted(Sort::MostLeft), "zz-own most low dead fresh key");
    assert_eq!(sorted(Sort::Name), "dead fresh key low most zz-own");
}

#[test]
fn many_accounts_are_grouped_by_what_there_is_to_know() {
    let page = page(&many());
    assert!(page.is_dense);
    let groups: Vec<_> = page
        .groups
        .iter()
        .map(|group| {
            let names: Vec<_> = group.rows.iter().map(|row| row.name.as_str()).collect();
            format!(
                "{} {}: {}",
                group.head,
                group.count.unwrap(),
                names.join(" ")
            )
        })
        .collect();
    assert_eq!(
        groups,
        [
            "Ready 4: most key fresh zz-own",
            "Low 1: low",
            "Waiting 2: empty-soon empty-late",
            "Needs attention 1: dead"
        ]
    );
}

#[test]
fn a_search_looks_at_name_plan_and_email() {
    let found = |search| {
        let wish = Wish {
            search,
            ..Wish::default()
        };
        let page = page_with(&many(), &wish);
        assert_eq!(page.listed, 8);
        names(&page).join(" ")
    };
    assert_eq!(found(" MOST "), "most");
    assert_eq!(found("api"), "key");
    assert_eq!(found("low@example"), "low");
    assert_eq!(found("nobody"), "");
}

#[test]
fn without_an_account_in_use_the_list_is_all_there_is() {
    let page = page(&snapshot(vec![profile("a", vec![week(9.0, hours(9))])]));
    assert_eq!(page.groups[0].head, "Accounts");
    assert_eq!(page.active, None);
}

fn twenty_five() -> Snapshot {
    let ready = (0..14).map(|n| profile(&format!("r-{n:02}"), vec![week(90.0, hours(9))]));
    let low = (0..4).map(|n| profile(&format!("l-{n}"), vec![week(9.0, hours(9))]));
    let waiting = (0..4).map(|n| profile(&format!("w-{n}"), vec![week(0.0, hours(9))]));
    let dead = (0..2).map(|n| ProfileView {
        health: Health::SignInAgain,
        ..unknown(&format!("d-{n}"))
    });
    let active = in_use(profile("work", vec![week(50.0, hours(9))]));
    let all = ready.chain(low).chain(waiting).chain(dead).chain([active]);
    snapshot(all.collect())
}

#[test]
fn from_twenty_accounts_on_the_page_counts_and_what_waits_is_folded() {
    let page = page(&twenty_five());
    assert_eq!(
        page.counts.as_deref(),
        Some("25 accounts · 15 ready · 4 low · 4 waiting · 2 need sign-in")
    );
    let folds: Vec<_> = page
        .groups
        .iter()
        .map(|group| (group.head.as_str(), group.is_folded.unwrap()))
        .collect();
    assert_eq!(
        folds,
        [
            ("Ready", false),
            ("Low", false),
            ("Waiting", true),
            ("Needs attention", false)
        ]
    );
    assert!(!names(&page).contains(&"w-0"), "folded rows are not walked");
    assert!(page.row(&name("w-0")).is_some());
    let wish = Wish {
        search: "w-0",
        ..Wish::default()
    };
    assert_eq!(names(&page_with(&twenty_five(), &wish)), ["w-0"]);
}

#[test]
fn a_fold_is_turned_and_turned_back() {
    let mut folds = Folds::default();
    for section in [Section::Ready, Section::Waiting] {
        let before = folds.is_folded(section);
        folds.turn(section);
        assert_eq!(folds.is_folded(section), !before);
        folds.turn(section);
        assert_eq!(folds.is_folded(section), before);
    }
}

#[test]
fn a_wide_page_lists_the_account_in_use_first_whatever_the_order() {
    let wide = |sort| {
        let wish = Wish {
            is_wide: true,
            sort,
            ..Wish::default()
        };
        page_with(&many(), &wish)
    };
    for sort in [Sort::UsableSoonest, Sort::MostLeft, Sort::Name, Sort::Plan] {
        let page = wide(sort);
        assert_eq!(names(&page)[0], "work", "{sort:?}");
        assert_eq!(page.groups[0].head, "");
        assert_eq!(page.active, None);
    }
    // In the user's own order it is an account like any other, so that it can be moved.
    assert_eq!(names(&wide(Sort::Own)).last(), Some(&"zz-own"));
    assert_eq!(wide(Sort::Own).is_grouped, None);
}

#[test]
fn a_search_looks_at_everything_that_the_user_has_said() {
    let mut snapshot = many();
    let mut terms = crate::desk::Terms::default();
    terms.say(crate::desk::Term::Group, "Clients").unwrap();
    let low = snapshot
        .profiles
        .iter_mut()
        .find(|profile| profile.name.as_str() == "low")
        .unwrap();
    low.terms = Arc::new(terms);
    low.about = crate::desk::About {
        label: Some("Second seat".into()),
        note: Some("Shared with Joel".into()),
        tags: vec!["nights".into()],
        is_pinned: false,
    };
    low.workspace = Some("Lindqvist AB".into());
    for search in [
        "second",
        "joel",
        "NIGHTS",
        "clients",
        "lindqvist",
        "low@",
        "low",
    ] {
        let wish = Wish {
            search,
            ..Wish::default()
        };
        assert_eq!(names(&page_with(&snapshot, &wish)), ["low"], "{search}");
    }
}

#[test]
fn pins_stand_on_top_of_their_group() {
    let mut snapshot = twenty_five();
    snapshot.profiles[9].about.is_pinned = true;
    let pinned = snapshot.profiles[9].name.clone();
    assert_eq!(page(&snapshot).rows().next().unwrap().name, pinned);
    assert!(
        page(&snapshot)
            .rows()
            .next()
            .unwrap()
            .spoken
            .contains("pinned")
    );
}
