//! While e-mails are hidden none is anywhere: not painted, not spoken, not in a menu, a tooltip or a field.

use egui_kittest::kittest::NodeT as _;

use super::importing::{found, import};
use super::signing_in::sign_in;
use super::*;
use crate::client_key::KeyTerm;
use crate::desk::record::Considered;
use crate::desk::{
    About, ImportState, KeysView, SignInStep, SignInWay, SignedIn, Term, Terms, TrashView, Verdict,
};
use crate::window::ask::{Ask, KeyOpening, Opening};
use crate::window::dialogs::AddTab;
use crate::window::rows::Tab;

const MAIL: &str = "canary.ann@secret-canary.test";
const PAGES: [Tab; 5] = [
    Tab::Accounts,
    Tab::Pool,
    Tab::Activity,
    Tab::Keys,
    Tab::Settings,
];

/// Everything that can hold an e-mail holds one.
fn full() -> Snapshot {
    let mut snapshot = three();
    let mut terms = Terms::default();
    terms.say(Term::Group, "canary@team").unwrap();
    for (index, profile) in snapshot.profiles.iter_mut().enumerate() {
        profile.name = ProfileName::existing(&format!("{index}{MAIL}")).unwrap();
        profile.email = Some(MAIL.to_owned());
        profile.workspace = Some(format!("workspace of {MAIL}"));
        profile.about = About {
            tags: vec!["canary@tag".to_owned()],
            note: Some(format!("belongs to {MAIL}, ask")),
            ..About::default()
        };
        profile.terms = Arc::new(terms.clone());
        profile.usage_error = Some(format!("could not ask about {MAIL}"));
        profile.token.last_error = Some((format!("profiles/{MAIL} is full"), now()));
        // The one in use stays the one in use.
        if profile.is_active {
            snapshot.live = Live::Saved(profile.name.clone());
        }
    }
    let first = snapshot.profiles.first().unwrap().name.clone();
    snapshot.router.routed_to = Some(first.clone());
    let mut key = client_keys::key(1, MAIL);
    KeyTerm::Accounts
        .set(&mut key.policy, &format!("{MAIL}, team-*"))
        .unwrap();
    key.limits = vec![format!("accounts {MAIL}")];
    snapshot.keys = KeysView {
        is_required: true,
        keys: vec![key],
        ..KeysView::default()
    };
    let mut read = activity::read(activity::today(), 3, 0);
    for record in &mut read.records {
        let mut changed = activity::record(1);
        changed.id.clone_from(&record.id);
        changed.profile = Some(first.clone());
        changed.candidates = vec![Considered {
            profile: first.clone(),
            reason: "most left".into(),
            score: Some(80.0),
            standing: "80 percent left".into(),
        }];
        *record = Arc::new(changed);
    }
    snapshot.requests = read.records.clone();
    snapshot.activity = Some(Arc::new(read));
    snapshot.trash = vec![TrashView {
        id: "1".into(),
        name: first.clone(),
        label: Some(MAIL.into()),
        email: Some(MAIL.into()),
        deleted_at: now(),
        purged_at: now() + Duration::from_secs(90_000),
        trouble: None,
    }];
    snapshot.hides_emails = true;
    snapshot
}

impl Rig {
    /// Whatever the last frame painted or tells a screen reader and holds an e-mail of an account.
    fn leaks(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for clipped in &self.harness.output().shapes {
            painted(&clipped.shape, &mut told);
        }
        for node in self.harness.query_all_by(|_| true) {
            let node = node.accesskit_node();
            told.extend(node.label());
            told.extend(node.value());
            told.extend(node.description());
            told.extend(node.data().placeholder().map(str::to_owned));
        }
        told.retain(|text| text.contains("canary"));
        told.dedup();
        told
    }

    fn is_private(&mut self, place: &str) {
        let leaks = self.leaks();
        assert!(leaks.is_empty(), "{place}: {leaks:?}");
    }

    /// With the pointer on everything that can be spoken of, and its tooltip open.
    fn is_private_everywhere(&mut self, place: &str) {
        self.is_private(place);
        let nodes = self.harness.query_all_by(|node| node.label().is_some());
        let spots: Vec<_> = nodes.map(|node| node.rect().center()).collect();
        for spot in spots {
            self.harness.hover_at(spot);
            self.harness.step();
            self.harness.step();
            self.is_private(place);
        }
        self.harness.remove_cursor();
        self.run();
    }

    fn carry_out(&mut self, ask: Ask) {
        let ctx = self.harness.ctx.clone();
        let snapshot = self.back.snapshots.borrow().clone();
        let app = self.harness.state_mut();
        app.carry_out(&ctx, &snapshot, ask);
        self.run();
    }
}

fn painted(shape: &egui::Shape, told: &mut Vec<String>) {
    match shape {
        egui::Shape::Text(text) => {
            let rows = text.galley.rows.iter();
            told.push(rows.map(|row| row.text()).collect());
        }
        egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| painted(shape, told)),
        _ => {}
    }
}

fn opened(size: [f32; 2]) -> Rig {
    let mut rig = rig(full());
    rig.harness.set_size(size.into());
    rig.harness.ctx.all_styles_mut(|style| {
        style.interaction.tooltip_delay = 0.0;
        style.interaction.show_tooltips_only_when_still = false;
    });
    rig.run();
    rig
}

#[test]
fn no_page_shows_an_email_while_they_are_hidden() {
    for size in [[400.0, 900.0], [1_200.0, 900.0]] {
        let mut rig = opened(size);
        for tab in PAGES {
            rig.carry_out(Ask::Turn(tab));
            rig.is_private_everywhere(&format!("{tab:?}"));
        }
        for profile in full().profiles {
            rig.carry_out(Ask::Look(profile.name));
            rig.is_private("detail");
        }
    }
}

#[test]
fn no_dialog_shows_an_email_while_they_are_hidden() {
    let snapshot = full();
    let all: Vec<_> = snapshot.profiles.iter().map(|it| it.name.clone()).collect();
    let one = all.first().unwrap().clone();
    let key = snapshot.keys.keys.first().unwrap().id.clone();
    let asks = [
        Ask::Open(Opening::Rename(one.clone())),
        Ask::Open(Opening::Words(one.clone())),
        Ask::Open(Opening::Network(one.clone())),
        Ask::Open(Opening::Tag(all.clone())),
        Ask::Open(Opening::Group(all.clone())),
        Ask::Open(Opening::Delete(vec![one.clone()])),
        Ask::Open(Opening::Delete(all.clone())),
        Ask::Open(Opening::Trash),
        Ask::OpenKey(KeyOpening::New),
        Ask::OpenKey(KeyOpening::Rename(key.clone())),
        Ask::OpenKey(KeyOpening::Limits(key.clone())),
        Ask::OpenKey(KeyOpening::Revoke(key)),
        Ask::OpenExport(vec![one.clone()]),
        Ask::OpenExport(all),
        Ask::OpenConnect,
        Ask::OpenKeyring,
        Ask::SignIn(one.clone()),
        Ask::OpenAdd(AddTab::Import),
        Ask::OpenAdd(AddTab::Key),
    ];
    for ask in asks {
        let mut rig = opened([900.0, 900.0]);
        let place = format!("{ask:?}");
        rig.carry_out(ask);
        rig.is_private(&place);
    }
}

#[test]
fn a_switch_names_no_email_while_they_are_hidden() {
    let mut snapshot = full();
    snapshot.codex = vec![CodexProcess {
        pid: 7,
        kind: "codex".into(),
        directory: Some("~/work".into()),
        started_at: None,
    }];
    let to = snapshot.profiles.first().unwrap().name.clone();
    let mut rig = rig(snapshot);
    rig.carry_out(Ask::Switch(to));
    rig.is_private("switch");
}

#[test]
fn what_was_found_or_signed_in_is_masked_while_emails_are_hidden() {
    let one = full().profiles.first().unwrap().name.clone();
    let mut known = found(2, MAIL, Verdict::Newer);
    known.holder = Some(one.clone());
    known.name = one.clone();
    known.source = format!("profiles/{MAIL}");
    let mut snapshot = full();
    let logins = vec![found(1, MAIL, Verdict::New), known];
    snapshot.import = Some(import(1, ImportState::Ready, logins));
    let mut rig = opened([900.0, 900.0]);
    rig.carry_out(Ask::OpenAdd(AddTab::Import));
    rig.publish(snapshot);
    rig.is_private("import");

    let mut snapshot = full();
    let who = SignedIn {
        email: Some(MAIL.into()),
        plan: None,
        workspace: Some(format!("of {MAIL}")),
        holder: Some(one.clone()),
        proposed: one,
        is_unexpected: true,
        is_holder_unreadable: false,
    };
    snapshot.sign_in = Some(sign_in(1, SignInWay::Browser, SignInStep::Confirm(who)));
    let mut rig = opened([900.0, 900.0]);
    rig.carry_out(Ask::OpenAdd(AddTab::Browser));
    rig.publish(snapshot);
    rig.is_private("signed in");
}

#[test]
fn what_happens_is_told_without_an_email_while_they_are_hidden() {
    let one = full().profiles.first().unwrap().name.clone();
    let reason = || format!("could not write {MAIL}");
    let outcomes = [
        Outcome::Switched {
            from: None,
            to: one.clone(),
        },
        Outcome::SwitchFailed {
            to: one.clone(),
            reason: reason(),
        },
        Outcome::Added { name: one.clone() },
        Outcome::SignedIn { name: one.clone() },
        Outcome::UsageFailed {
            name: one.clone(),
            reason: reason(),
        },
        Outcome::Renamed {
            from: one.clone(),
            to: one.clone(),
            notes: vec![format!("1 key still names {MAIL}.")],
        },
        Outcome::Deleted {
            names: vec![one.clone()],
            ids: vec!["1".into()],
            notes: vec![format!("a copy of {MAIL} stays.")],
        },
        Outcome::EditFailed { reason: reason() },
        Outcome::ExportFailed { reason: reason() },
        Outcome::Exported {
            count: 1,
            to: format!("~/{MAIL}"),
        },
    ];
    for (outcome, seq) in outcomes.into_iter().zip(1..) {
        let place = format!("{outcome:?}");
        let mut rig = opened([900.0, 900.0]);
        let mut snapshot = full();
        snapshot.happenings = vec![Happening {
            seq,
            at: now(),
            outcome,
        }];
        rig.publish(snapshot);
        rig.is_private(&place);
    }
    for notice in [
        Notice::UnsavedToken {
            profile: one,
            reason: reason(),
        },
        Notice::SkippedDirectory {
            name: MAIL.into(),
            reason: reason(),
        },
    ] {
        let mut snapshot = full();
        snapshot.notices = vec![notice];
        let mut rig = opened([900.0, 900.0]);
        rig.publish(snapshot);
        rig.is_private("notice");
    }
    let mut snapshot = full();
    snapshot.live = Live::Unsaved {
        email: Some(MAIL.into()),
        plan: None,
    };
    let mut rig = opened([900.0, 900.0]);
    rig.publish(snapshot);
    rig.is_private("unsaved");
    rig.carry_out(Ask::OpenSave);
    rig.is_private("save");
}

#[test]
fn a_row_and_a_drawer_show_no_email_while_they_are_hidden() {
    let mut rig = opened([1_200.0, 900.0]);
    rig.carry_out(Ask::Turn(Tab::Activity));
    rig.key(Key::ArrowDown);
    rig.key(Key::Enter);
    rig.is_private("drawer");
    for tab in [Tab::Accounts, Tab::Pool, Tab::Keys] {
        rig.carry_out(Ask::Turn(tab));
        let more = rig.harness.query_all_by_label_contains("More");
        let spots: Vec<_> = more.map(|node| node.rect().center()).collect();
        for spot in spots {
            rig.harness.hover_at(spot);
            rig.harness.drag_at(spot);
            rig.harness.drop_at(spot);
            rig.run();
            rig.is_private("menu");
            rig.key(Key::Escape);
        }
    }
}
