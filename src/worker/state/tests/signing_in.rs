//! Sign-ins: whose login it is, and where that belongs.

use super::*;
use crate::desk::{
    CallbackListener, CheckResult, NewLogin, SignInStep, SignInView, SignInWay, SignInWish,
    SignedIn,
};
use crate::login::{Listening, News};
use crate::profile::{Origin, Secret};
use crate::worker::signing_in::{Begin, Came, Keep, Kept, Place, Work};

fn wish(again: Option<&str>) -> SignInWish {
    SignInWish {
        way: SignInWay::Browser,
        again: again.map(name),
        name: None,
    }
}

fn view(state: &AppState) -> &SignInView {
    state.sign_ins.view().unwrap()
}

fn works(effects: Vec<Effect>) -> Vec<Work> {
    let work = |effect| match effect {
        Effect::SignIn(work) => Some(work),
        _ => None,
    };
    effects.into_iter().filter_map(work).collect()
}

fn begun(effects: Vec<Effect>) -> Begin {
    match works(effects).pop() {
        Some(Work::Begin(begin)) => begin,
        other => panic!("{other:?}"),
    }
}

fn kept(effects: Vec<Effect>) -> Keep {
    match works(effects).pop() {
        Some(Work::Keep(keep)) => keep,
        other => panic!("{other:?}"),
    }
}

fn signed_in(state: &mut AppState, number: u64, login: AuthFile) -> Vec<Effect> {
    let result = Ok(Box::new(login));
    state.note(Event::SignIn(Came::Ended { number, result }), noon())
}

fn written(state: &mut AppState, keep: Keep, result: Result<Kept, String>) -> Vec<Effect> {
    let came = Came::Kept {
        number: keep.number,
        place: keep.place,
        result,
    };
    state.note(Event::SignIn(came), noon())
}

fn news(state: &mut AppState, number: u64, news: News) {
    state.note(Event::SignIn(Came::News { number, news }), noon());
}

fn waiting_in_browser() -> News {
    News::Browser {
        url: "https://auth.example.test/canary".into(),
        listener: Listening::On {
            port: 1455,
            first_port_held_by: None,
        },
    }
}

fn new_login(user: &str) -> AuthFile {
    login(user, noon(), noon() + 10 * DAY)
}

#[test]
fn somebody_new_becomes_an_account_at_once() {
    let mut state = state();
    let mut asked = wish(None);
    asked.name = Some(name("work"));
    let begin = begun(state.obey(Command::SignIn(asked), noon()));
    assert!(begin.asks_who, "somebody else is probably signed in there");
    assert_eq!(view(&state).step, SignInStep::Starting);
    news(&mut state, begin.number, waiting_in_browser());
    let SignInStep::Browser { url, listener, .. } = &view(&state).step else {
        panic!("{:?}", view(&state));
    };
    assert_eq!(&**url, "https://auth.example.test/canary");
    assert!(matches!(listener, CallbackListener::On { port: 1455, .. }));
    assert_eq!(view(&state).ends_at, Some(noon() + 10 * MINUTE));
    let snapshot = publisher::snapshot(&state, "~", noon());
    assert!(!format!("{snapshot:?}").contains("canary"));

    news(&mut state, begin.number, News::Finishing);
    let keep = kept(signed_in(&mut state, begin.number, new_login("cyd")));
    // The wished name is taken.
    assert_eq!(keep.place, Place::New(name("work-2")));
    assert_eq!(keep.origin, Origin::Browser);
    assert!(!format!("{keep:?}").contains("rt_FAKE"));
    written(&mut state, keep, Ok(Kept::default()));
    let done = SignInStep::Done {
        name: name("work-2"),
        is_new: true,
    };
    assert_eq!(view(&state).step, done);
    assert_eq!(
        *last_outcome(&state),
        Outcome::Added {
            name: name("work-2")
        }
    );
    assert_eq!(works(state.obey(Command::CancelSignIn, noon())).len(), 1);
    assert_eq!(state.sign_ins.view(), None);
}

#[test]
fn signing_in_to_the_same_account_again_updates_it_without_a_question() {
    let mut state = state();
    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    let keep = kept(signed_in(&mut state, begin.number, new_login("ana")));
    assert_eq!(keep.place, Place::Over(name("work")));
    assert_eq!(view(&state).step, SignInStep::Finishing);
    // Too late: it is being written.
    assert!(state.obey(Command::CancelSignIn, noon()).is_empty());
    let trouble = Kept {
        live_trouble: Some("the disk is full".into()),
        ..Kept::default()
    };
    let effects = written(&mut state, keep, Ok(trouble));
    assert!(matches!(effects[..], [Effect::ReadDisk { .. }]));
    let happened: Vec<_> = state.happenings.iter().map(|it| &it.outcome).collect();
    assert!(
        matches!(happened[..], [Outcome::SwitchFailed { reason, .. }, Outcome::SignedIn { name: to }]
            if reason.contains("disk is full") && *to == name("work")),
        "{happened:?}"
    );
}

#[test]
fn an_account_that_is_here_already_is_shown_before_anything_is_replaced() {
    let mut state = state();
    let begin = begun(state.obey(Command::SignIn(wish(None)), noon()));
    assert!(works(signed_in(&mut state, begin.number, new_login("bob"))).is_empty());
    let who = SignedIn {
        email: Some("bob@example.test".into()),
        plan: Some("plus".into()),
        workspace: None,
        holder: Some(name("spare")),
        proposed: name("bob"),
        is_unexpected: false,
        is_holder_unreadable: false,
    };
    assert_eq!(view(&state).step, SignInStep::Confirm(who));
    // A name makes no second profile of one account.
    let confirm = Command::ConfirmSignIn {
        name: Some(name("bob")),
    };
    let keep = kept(state.obey(confirm.clone(), noon()));
    assert_eq!(keep.place, Place::Over(name("spare")));
    assert!(state.obey(confirm, noon()).is_empty(), "once is enough");
}

#[test]
fn somebody_else_than_expected_is_shown_first_and_can_be_put_away() {
    let mut state = state();
    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    assert!(works(signed_in(&mut state, begin.number, new_login("bob"))).is_empty());
    let SignInStep::Confirm(who) = &view(&state).step else {
        panic!("{:?}", view(&state));
    };
    assert!(who.is_unexpected);
    assert_eq!(who.holder, Some(name("spare")));
    assert_eq!(works(state.obey(Command::CancelSignIn, noon())).len(), 1);
    assert_eq!(state.sign_ins.view(), None);

    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    assert!(works(signed_in(&mut state, begin.number, new_login("cyd"))).is_empty());
    let keep = kept(state.obey(Command::ConfirmSignIn { name: None }, noon()));
    assert_eq!(keep.place, Place::New(name("cyd")));
}

#[test]
fn a_login_that_cannot_be_written_is_kept_and_asked_about() {
    let mut state = state();
    let begin = begun(state.obey(Command::SignIn(wish(None)), noon()));
    let keep = kept(signed_in(&mut state, begin.number, new_login("cyd")));
    written(&mut state, keep, Err("the disk is full".into()));
    assert!(matches!(
        last_outcome(&state),
        Outcome::AddFailed { reason, .. } if reason == "the disk is full"
    ));
    assert!(matches!(view(&state).step, SignInStep::Confirm(_)));
    let confirm = Command::ConfirmSignIn {
        name: Some(name("elsewhere")),
    };
    let keep = kept(state.obey(confirm, noon()));
    assert_eq!(keep.place, Place::New(name("elsewhere")));
    assert!(keep.login.same_login(&new_login("cyd")));
}

#[test]
fn only_the_newest_sign_in_counts_and_a_failure_is_a_sentence() {
    let mut state = state();
    let first = begun(state.obey(Command::SignIn(wish(None)), noon()));
    let second = begun(state.obey(Command::SignIn(wish(None)), noon()));
    news(&mut state, first.number, waiting_in_browser());
    assert_eq!(view(&state).step, SignInStep::Starting);
    assert!(signed_in(&mut state, first.number, new_login("cyd")).is_empty());
    let came = Came::Ended {
        number: second.number,
        result: Err("nobody signed in".into()),
    };
    state.note(Event::SignIn(came), noon());
    let failed = SignInStep::Failed {
        reason: "nobody signed in".into(),
    };
    assert_eq!((&view(&state).step, view(&state).ends_at), (&failed, None));
}

#[test]
fn what_is_pasted_goes_on_and_its_refusal_is_shown_until_the_next() {
    let mut state = state();
    let paste = || Command::PasteCallback(Secret::new("canary"));
    assert!(state.obey(paste(), noon()).is_empty());
    let begin = begun(state.obey(Command::SignIn(wish(None)), noon()));
    assert!(
        state.obey(paste(), noon()).is_empty(),
        "nothing waits for it yet"
    );
    news(&mut state, begin.number, waiting_in_browser());
    let refused = |state: &AppState| match &view(state).step {
        SignInStep::Browser { paste_refused, .. } => paste_refused.clone(),
        step => panic!("{step:?}"),
    };
    news(
        &mut state,
        begin.number,
        News::PasteRefused("not this".into()),
    );
    assert_eq!(refused(&state).as_deref(), Some("not this"));
    let pasted = works(state.obey(paste(), noon()));
    assert!(matches!(&pasted[..], [Work::Paste(text)] if text.expose() == "canary"));
    assert_eq!(refused(&state), None);
}

#[test]
fn a_code_has_a_life_of_its_own() {
    let mut state = state();
    let begin = begun(state.obey(Command::SignIn(wish(None)), noon()));
    let code = News::Code {
        code: "AB-canary".into(),
        url: "https://auth.example.test/codex/device".into(),
        life: 15 * MINUTE,
    };
    assert!(!format!("{code:?}").contains("canary"));
    news(&mut state, begin.number, code);
    assert_eq!(view(&state).ends_at, Some(noon() + 15 * MINUTE));
    let snapshot = publisher::snapshot(&state, "~", noon());
    assert!(!format!("{snapshot:?}").contains("canary"));
}

#[test]
fn nobody_can_sign_in_to_what_has_no_sign_in() {
    let mut state = state();
    let key = AuthFile::of_api_key(&Secret::new("sk-FAKE")).unwrap();
    let profiles = vec![profile("key", key), profile("work", fresh("ana"))];
    state.note(reading(profiles, Live::Missing), noon());
    for (again, said) in [("key", "opens by a key"), ("gone", "no account")] {
        let effects = state.obey(Command::SignIn(wish(Some(again))), noon());
        assert!(matches!(works(effects)[..], [Work::End]));
        let SignInStep::Failed { reason } = &view(&state).step else {
            panic!("{:?}", view(&state));
        };
        assert!(reason.contains(said), "{reason}");
    }
    // With one person alone the browser may know whom it has.
    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    assert!(!begin.asks_who);
}

#[test]
fn only_the_answer_to_the_last_check_is_shown() {
    let mut state = state();
    let check = || Command::CheckLogin(NewLogin::ApiKey(Secret::new("sk-FAKE")));
    state.obey(check(), noon());
    state.obey(check(), noon());
    let answer = |number, models| {
        let result = CheckResult::Works { models };
        Event::SignIn(Came::Checked { number, result })
    };
    state.note(answer(2, Some(7)), noon());
    state.note(answer(1, Some(1)), noon());
    let shown = state.sign_ins.check().unwrap();
    assert_eq!(shown.result, CheckResult::Works { models: Some(7) });
}

fn unreadable(text: &str) -> Profile {
    Profile {
        name: name(text),
        login: Err(Unreadable("it is cut off".into())),
        side: SideFile::default(),
    }
}

#[test]
fn whose_account_it_was_nobody_can_say_where_its_file_was_never_read_so_that_is_asked() {
    let mut state = AppState::new(Arc::new(Settings::default()), Polls::ByThemselves);
    let profiles = vec![profile("spare", fresh("bob")), unreadable("work")];
    state.note(reading(profiles, Live::Missing), noon());
    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    assert!(works(signed_in(&mut state, begin.number, new_login("ana"))).is_empty());
    let who = SignedIn {
        email: Some("ana@example.test".into()),
        plan: Some("plus".into()),
        workspace: None,
        holder: Some(name("work")),
        proposed: name("ana"),
        is_unexpected: false,
        is_holder_unreadable: true,
    };
    assert_eq!(view(&state).step, SignInStep::Confirm(who));
    let keep = kept(state.obey(Command::ConfirmSignIn { name: None }, noon()));
    assert_eq!(keep.place, Place::Instead(name("work")));
    let done = Kept {
        set_aside: Some("a.json".into()),
        ..Kept::default()
    };
    written(&mut state, keep, Ok(done));
    let happened: Vec<_> = state.happenings.iter().map(|it| &it.outcome).collect();
    assert!(
        matches!(happened[..], [Outcome::Displaced { file }, Outcome::SignedIn { .. }] if file == "a.json"),
        "{happened:?}"
    );

    // An account that another profile holds belongs there.
    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    signed_in(&mut state, begin.number, new_login("bob"));
    let SignInStep::Confirm(who) = &view(&state).step else {
        panic!("{:?}", view(&state));
    };
    assert_eq!(who.holder, Some(name("spare")));
    assert!(who.is_unexpected && !who.is_holder_unreadable);
}

#[test]
fn a_login_that_broke_while_its_account_is_known_is_replaced_for_that_one_alone() {
    let mut state = state();
    let profiles = || vec![profile("spare", fresh("bob")), unreadable("work")];
    state.note(reading(profiles(), Live::Missing), noon());
    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    let keep = kept(signed_in(&mut state, begin.number, new_login("ana")));
    assert_eq!(keep.place, Place::Instead(name("work")));
    written(&mut state, keep, Ok(Kept::default()));

    state.note(reading(profiles(), Live::Missing), noon());
    let begin = begun(state.obey(Command::SignIn(wish(Some("work"))), noon()));
    signed_in(&mut state, begin.number, new_login("cyd"));
    let SignInStep::Confirm(who) = &view(&state).step else {
        panic!("{:?}", view(&state));
    };
    assert_eq!((who.is_unexpected, &who.holder), (true, &None));
}
