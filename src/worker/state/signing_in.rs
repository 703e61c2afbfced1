//! Signing in: what a sign-in has come to, whose login it is, and where that belongs.
//!
//! A login is written without a question in two cases: nobody holds its account, or it is the account that was to be signed in to
//! again. Everything else is shown first, also where the file of that account cannot be read and nobody knows whose it was. Until it
//! is written it is kept here, whatever fails.

use std::sync::Arc;
use std::time::SystemTime;

use super::super::event::Effect;
use super::super::kept::Kept;
use super::super::signing_in::{self, Begin, Came, Keep, Place, Work};
use super::AppState;
use crate::desk::{
    CallbackListener, CheckResult, LoginCheck, LoginKind, NewLogin, Outcome, SignInStep,
    SignInView, SignInWay, SignInWish, SignedIn,
};
use crate::login::{Listening, News, Terms};
use crate::profile::{AuthFile, Network, Origin, ProfileName, Secret};

/// The sign-in that is shown, and the last check of a key.
#[derive(Debug, Default)]
pub struct SignIns {
    /// Of the last one that began.
    number: u64,
    current: Option<SigningIn>,
    checks: u64,
    check: Option<LoginCheck>,
}

#[derive(Debug)]
struct SigningIn {
    view: SignInView,
    /// Of whoever signed in, until it is written.
    login: Option<Box<AuthFile>>,
    /// From here on it cannot be cancelled: it takes milliseconds.
    is_writing: bool,
}

impl SignIns {
    pub fn view(&self) -> Option<&SignInView> {
        self.current.as_ref().map(|current| &current.view)
    }

    pub fn check(&self) -> Option<&LoginCheck> {
        self.check.as_ref()
    }

    /// An account is called something else meanwhile.
    pub(super) fn rename(&mut self, from: &ProfileName, to: &ProfileName) {
        let Some(SigningIn { view, .. }) = &mut self.current else {
            return;
        };
        let follow = |name: &mut Option<ProfileName>| {
            if name.as_ref() == Some(from) {
                *name = Some(to.clone());
            }
        };
        follow(&mut view.wish.again);
        if let SignInStep::Confirm(who) = &mut view.step {
            follow(&mut who.holder);
        }
    }

    /// The sign-in of this number, unless another has begun or it was put away.
    fn of(&mut self, number: u64) -> Option<&mut SigningIn> {
        self.current
            .as_mut()
            .filter(|current| current.view.number == number)
    }
}

impl SigningIn {
    /// It is over, or waits for a person.
    fn stand(&mut self, step: SignInStep) {
        self.view.step = step;
        self.view.ends_at = None;
        self.is_writing = false;
    }

    fn keep(&mut self, place: Place) -> Option<Effect> {
        let login = self.login.clone()?;
        self.is_writing = true;
        self.view.step = SignInStep::Finishing;
        self.view.ends_at = None;
        Some(Effect::SignIn(Work::Keep(Keep {
            number: self.view.number,
            login,
            place,
            origin: match self.view.wish.way {
                SignInWay::Browser => Origin::Browser,
                SignInWay::Code => Origin::Code,
            },
        })))
    }
}

impl AppState {
    pub(super) fn sign_in(&mut self, wish: SignInWish, now: SystemTime) -> Vec<Effect> {
        if self
            .sign_ins
            .current
            .as_ref()
            .is_some_and(|current| current.is_writing)
        {
            // If that fails, this is the only place where its login still is.
            return Vec::new();
        }
        let trouble = wish
            .again
            .as_ref()
            .and_then(|again| self.cannot_sign_in_to(again));
        let network = match &wish.again {
            Some(again) => self.kept.get(again).map(|kept| kept.network.clone()),
            None => None,
        };
        let asks_who = self
            .kept
            .iter()
            .any(|(name, kept)| is_person(kept) && Some(name) != wish.again.as_ref());
        let ins = &mut self.sign_ins;
        ins.number += 1;
        let mut current = SigningIn {
            view: SignInView {
                number: ins.number,
                wish,
                step: SignInStep::Starting,
                ends_at: Some(now + Terms::default().life),
            },
            login: None,
            is_writing: false,
        };
        let work = match trouble {
            Some(reason) => {
                current.stand(SignInStep::Failed { reason });
                Work::End
            }
            None => Work::Begin(Begin {
                number: ins.number,
                way: current.view.wish.way,
                asks_who,
                network: network.unwrap_or_else(|| Arc::new(Network::default())),
            }),
        };
        ins.current = Some(current);
        vec![Effect::SignIn(work)]
    }

    /// A sentence when it makes no sense to try.
    fn cannot_sign_in_to(&self, name: &ProfileName) -> Option<String> {
        let Some(kept) = self.kept.get(name) else {
            return Some(format!(
                "there is no account {:?}; `codex-router list` shows them",
                name.as_str()
            ));
        };
        if !is_person(kept) && kept.profile.login.is_ok() {
            return Some(format!(
                "{name} has no sign-in of ChatGPT: it opens by a key"
            ));
        }
        kept.network.trouble().map(str::to_owned)
    }

    pub(super) fn paste_callback(&mut self, text: Secret) -> Vec<Effect> {
        let Some(current) = &mut self.sign_ins.current else {
            return Vec::new();
        };
        let SignInStep::Browser { paste_refused, .. } = &mut current.view.step else {
            return Vec::new();
        };
        *paste_refused = None;
        vec![Effect::SignIn(Work::Paste(text))]
    }

    pub(super) fn confirm_sign_in(&mut self, name: Option<ProfileName>) -> Vec<Effect> {
        let Some(current) = &self.sign_ins.current else {
            return Vec::new();
        };
        let SignInStep::Confirm(who) = &current.view.step else {
            return Vec::new();
        };
        let (holder, proposed) = (who.holder.clone(), who.proposed.clone());
        let place = match holder {
            Some(holder) => self.over(holder),
            None => Place::New(name.unwrap_or(proposed)),
        };
        let current = self.sign_ins.current.as_mut();
        current
            .and_then(|current| current.keep(place))
            .into_iter()
            .collect()
    }

    pub(super) fn cancel_sign_in(&mut self) -> Vec<Effect> {
        let ins = &mut self.sign_ins;
        if ins
            .current
            .as_ref()
            .is_some_and(|current| current.is_writing)
        {
            return Vec::new();
        }
        match ins.current.take() {
            Some(_ended) => vec![Effect::SignIn(Work::End)],
            None => Vec::new(),
        }
    }

    pub(super) fn check_login(&mut self, login: NewLogin) -> Vec<Effect> {
        let ins = &mut self.sign_ins;
        ins.checks += 1;
        let number = ins.checks;
        ins.check = Some(LoginCheck {
            number,
            kind: match &login {
                NewLogin::ApiKey(_) => LoginKind::ApiKey,
                NewLogin::Endpoint(endpoint) => LoginKind::Endpoint {
                    kind: endpoint.kind,
                    host: endpoint.host().to_owned(),
                },
            },
            result: CheckResult::Asking,
        });
        vec![Effect::SignIn(Work::Check { number, login })]
    }

    pub(super) fn note_sign_in(&mut self, came: Came, now: SystemTime) -> Vec<Effect> {
        match came {
            Came::News { number, news } => {
                self.note_news(number, news, now);
                Vec::new()
            }
            Came::Ended { number, result } => self.note_ended(number, result),
            Came::Kept {
                number,
                place,
                result,
            } => self.note_kept(number, place, result, now),
            Came::Checked { number, result } => {
                if let Some(check) = &mut self.sign_ins.check
                    && check.number == number
                {
                    check.result = result;
                }
                Vec::new()
            }
            Came::Added { name, result } => {
                self.happen(
                    match result {
                        Ok(()) => Outcome::Added { name },
                        Err(reason) => Outcome::AddFailed { name, reason },
                    },
                    now,
                );
                vec![self.read_disk()]
            }
        }
    }

    fn note_news(&mut self, number: u64, news: News, now: SystemTime) {
        let Some(current) = self.sign_ins.of(number) else {
            return;
        };
        let view = &mut current.view;
        match news {
            News::Browser { url, listener } => {
                view.ends_at = Some(now + Terms::default().life);
                view.step = SignInStep::Browser {
                    url: url.into(),
                    listener: listener_view(listener),
                    paste_refused: None,
                };
            }
            News::PasteRefused(reason) => {
                if let SignInStep::Browser { paste_refused, .. } = &mut view.step {
                    *paste_refused = Some(reason);
                }
            }
            News::Code { code, url, life } => {
                view.ends_at = Some(now + life);
                view.step = SignInStep::Code {
                    code: code.into(),
                    url,
                };
            }
            News::Finishing => view.step = SignInStep::Finishing,
        }
    }

    fn note_ended(&mut self, number: u64, result: Result<Box<AuthFile>, String>) -> Vec<Effect> {
        let Some(current) = self.sign_ins.of(number) else {
            return Vec::new();
        };
        let login = match result {
            Ok(login) => login,
            Err(reason) => {
                current.stand(SignInStep::Failed { reason });
                return Vec::new();
            }
        };
        let wish = current.view.wish.clone();
        let who = self.who(&login, &wish);
        let over = who.holder.clone().map(|holder| self.over(holder));
        let Some(current) = self.sign_ins.of(number) else {
            return Vec::new();
        };
        current.login = Some(login);
        let place = match (&who.holder, &wish.again) {
            _ if who.is_holder_unreadable => None,
            (Some(holder), Some(again)) if holder == again => over,
            (None, None) => Some(Place::New(who.proposed.clone())),
            _ => None,
        };
        match place {
            Some(place) => current.keep(place).into_iter().collect(),
            None => {
                current.stand(SignInStep::Confirm(who));
                Vec::new()
            }
        }
    }

    fn note_kept(
        &mut self,
        number: u64,
        place: Place,
        result: Result<signing_in::Kept, String>,
        now: SystemTime,
    ) -> Vec<Effect> {
        let (name, is_new) = match place {
            Place::New(name) => (name, true),
            Place::Over(name) | Place::Instead(name) => (name, false),
        };
        match result {
            Ok(kept) => {
                if let Some(current) = self.sign_ins.of(number) {
                    current.login = None;
                    let name = name.clone();
                    current.stand(SignInStep::Done { name, is_new });
                }
                if let Some(file) = kept.set_aside {
                    self.happen(Outcome::Displaced { file }, now);
                }
                if let Some(trouble) = kept.live_trouble {
                    let reason =
                        format!("it has a new login, and Codex still has the old one: {trouble}");
                    let to = name.clone();
                    self.happen(Outcome::SwitchFailed { to, reason }, now);
                }
                self.happen(
                    match is_new {
                        true => Outcome::Added { name },
                        false => Outcome::SignedIn { name },
                    },
                    now,
                );
            }
            Err(reason) => {
                self.ask_again(number);
                self.happen(Outcome::AddFailed { name, reason }, now);
            }
        }
        vec![self.read_disk()]
    }

    /// The login could not be written; it is still here, and the next try may fare better.
    fn ask_again(&mut self, number: u64) {
        let Some(current) = self.sign_ins.of(number) else {
            return;
        };
        let Some(login) = current.login.take() else {
            return;
        };
        let wish = current.view.wish.clone();
        let who = self.who(&login, &wish);
        if let Some(current) = self.sign_ins.of(number) {
            current.login = Some(login);
            current.stand(SignInStep::Confirm(who));
        }
    }

    /// Who signed in, and what would become of it.
    fn who(&self, login: &AuthFile, wish: &SignInWish) -> SignedIn {
        let claims = login
            .chatgpt()
            .map(|login| login.claims.clone())
            .unwrap_or_default();
        let again = wish.again.as_ref();
        let unreadable = again.filter(|again| {
            let kept = self.kept.get(*again);
            kept.is_some_and(|kept| kept.profile.login.is_err() && kept.identity.is_none())
        });
        let known = self.holder_of(login, again);
        let is_holder_unreadable = known.is_none() && unreadable.is_some();
        let holder = known.or(unreadable.cloned());
        let wished = wish
            .name
            .as_ref()
            .map(ProfileName::as_str)
            .or(claims.email.as_deref())
            .unwrap_or("account");
        let is_unexpected = wish.again.is_some() && holder != wish.again;
        SignedIn {
            proposed: ProfileName::free(wished, |name| self.is_taken(name)),
            email: claims.email,
            plan: claims.plan,
            workspace: claims.workspace_title,
            holder,
            is_unexpected,
            is_holder_unreadable,
        }
    }

    /// How a login of its account goes to a profile.
    fn over(&self, name: ProfileName) -> Place {
        let kept = self.kept.get(&name);
        match kept.is_some_and(|kept| kept.profile.login.is_err()) {
            true => Place::Instead(name),
            false => Place::Over(name),
        }
    }

    /// The profile of this account: the preferred one, the active one, or the first. One that cannot be read by now is known by
    /// what it held before.
    fn holder_of(&self, login: &AuthFile, preferred: Option<&ProfileName>) -> Option<ProfileName> {
        let holds = |kept: &&Kept| match &kept.profile.login {
            Ok(held) => held.same_account(login),
            Err(_unreadable) => {
                kept.identity.is_some() && kept.identity.as_ref() == login.identity()
            }
        };
        let names: Vec<_> = self
            .kept
            .values()
            .filter(holds)
            .map(|kept| &kept.profile.name)
            .collect();
        let is_one_of_them = |name: &&ProfileName| names.contains(name);
        preferred
            .filter(is_one_of_them)
            .or(self.active().filter(is_one_of_them))
            .or(names.first().copied())
            .cloned()
    }

    fn is_taken(&self, name: &ProfileName) -> bool {
        let is_folder = |skipped: &str| {
            ProfileName::existing(skipped).is_ok_and(|skipped| skipped.is_same_directory(name))
        };
        self.kept.keys().any(|kept| kept.is_same_directory(name))
            || self.skipped.iter().any(|skipped| is_folder(&skipped.name))
    }
}

/// Whether a person signs in to it, and not a key.
fn is_person(kept: &Kept) -> bool {
    let login = kept.profile.login.as_ref().ok();
    login.and_then(AuthFile::chatgpt).is_some()
}

fn listener_view(listening: Listening) -> CallbackListener {
    match listening {
        Listening::On {
            port,
            first_port_held_by,
        } => CallbackListener::On {
            port,
            first_port_held_by,
        },
        Listening::Nowhere { held_by } => CallbackListener::None { held_by },
    }
}
