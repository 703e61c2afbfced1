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
