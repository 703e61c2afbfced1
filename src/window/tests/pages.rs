//! From page to page.

use super::*;
use crate::window::rows::Tab;

#[test]
fn every_page_is_opened_by_its_name_and_by_its_key() {
    let mut rig = rig(three());
    for (number, tab) in [
        (Key::Num2, Tab::Pool),
        (Key::Num3, Tab::Activity),
        (Key::Num4, Tab::Keys),
        (Key::Comma, Tab::Settings),
        (Key::Num1, Tab::Accounts),
    ] {
        rig.click("Accounts");
        assert!(rig.shows("Other accounts"));
        rig.click(tab.label());
        let is_accounts = tab == Tab::Accounts;
        assert_eq!(rig.shows("Other accounts"), is_accounts);
        rig.click("Accounts");
        rig.press(Modifiers::COMMAND, number);
        assert_eq!(rig.shows("Other accounts"), is_accounts);
    }
}

#[test]
fn the_page_that_was_open_is_open_again() {
    let mut rig = rig(three());
    rig.press(Modifiers::COMMAND, Key::Num2);
    rig.close();
    let (memory, _) = rig.farewell();
    assert_eq!(memory.tab, Tab::Pool);
}

#[test]
fn letters_for_accounts_do_nothing_on_another_page() {
    let mut rig = rig(three());
    rig.press(Modifiers::COMMAND, Key::Num4);
    rig.asked();
    rig.key(Key::R);
    rig.key(Key::Delete);
    assert_eq!(rig.asked(), []);
}

#[test]
fn somebody_with_one_account_can_add_another() {
    let mut alone = three();
    alone.profiles.retain(|profile| profile.is_active);
    let mut rig = rig(alone);
    rig.click("Add account");
    assert!(rig.shows("Browser"));
}
