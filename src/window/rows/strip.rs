//! The router strip at the foot of the window.

use super::standing::{Kind, Standing};
use super::telling::Teller;
use super::{Wish, called};
use crate::desk::{LastRequest, RouterState, Snapshot, words};
use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    pub is_on: bool,
    pub face: StripFace,
    /// `127.0.0.1:9876`.
    pub address: String,
    /// What the copy button copies.
    pub base_url: Option<String>,
    /// The account that the user has chosen for the router.
    pub routed_to: Option<ProfileName>,
    /// The second line.
    pub text: String,
    /// `142 requests`, where there is room for it.
    pub count: Option<String>,
    pub spoken: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripFace {
    Off,
    Starting,
    /// It listens; how the last request went, if there was one.
    On(Option<LastIcon>),
    /// It listens, and no account could answer.
    NothingUsable,
    /// Somebody else listens there; a port that is free, if one was found.
    PortTaken(Option<u16>),
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastIcon {
    Done,
    Limited,
    Failed,
}

pub(super) fn of(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> Strip {
    let router = &snapshot.router;
    let (face, text) = match &router.state {
        RouterState::Off => (
            StripFace::Off,
            "Off. Apps that point here cannot connect.".to_owned(),
        ),
        RouterState::Starting => (StripFace::Starting, "Starting".to_owned()),
        RouterState::PortTaken {
            port,
            holder,
            free_port,
        } => (
            StripFace::PortTaken(*free_port),
            match holder {
                Some(holder) => format!("Port {port} is taken by {holder}."),
                None => format!("Port {port} is taken by another program."),
            },
        ),
        RouterState::Failed(reason) => (StripFace::Failed, super::row::sentence(reason)),
        RouterState::On => match nothing_usable(snapshot, teller) {
            Some(text) => (StripFace::NothingUsable, text),
            None => match &router.last_request {
                Some(last) => (
                    StripFace::On(Some(icon(last))),
                    with_choice(snapshot, wish, told(last, snapshot, wish, teller)),
                ),
                None => (
                    StripFace::On(None),
                    match &router.routed_to {
                        Some(name) => {
                            let title = called(snapshot, name, wish.hides_emails);
                            format!("Uses {title} first, chosen by you.")
                        }
                        None => "Ready. No request yet.".to_owned(),
                    },
                ),
            },
        },
    };
    let is_on = matches!(
        face,
        StripFace::On(_) | StripFace::NothingUsable | StripFace::Starting
    );
    let address = router
        .address
        .map(|address| address.to_string())
        .unwrap_or_default();
    let spoken_address = router
        .address
        .map(|address| format!("{} port {}", address.ip(), address.port()));
    Strip {
        is_on,
        face,
        base_url: router.base_url(),
        routed_to: router.routed_to.clone(),
        spoken: super::spoken::list([
            Some("Router".to_owned()),
            Some(if is_on { "on" } else { "off" }.to_owned()),
            spoken_address,
        ]),
        address,
        text,
        count: match router.requests {
            0 => None,
            1 => Some("1 request".to_owned()),
            count => Some(format!("{count} requests")),
        },
    }
}

/// `spare first · gpt-5.4 via spare · 1.8s`.
fn with_choice(snapshot: &Snapshot, wish: &Wish<'_>, told: String) -> String {
    match &snapshot.router.routed_to {
        Some(name) => {
            let title = called(snapshot, name, wish.hides_emails);
            format!("{title} first · {told}")
        }
        None => told,
    }
}

fn icon(last: &LastRequest) -> LastIcon {
    match last.status {
        200..=399 if last.is_complete => LastIcon::Done,
        429 => LastIcon::Limited,
        _ => LastIcon::Failed,
    }
}

/// `gpt-5.4 via spare · 1.8s · just now`.
fn told(last: &LastRequest, snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> String {
    let via = match &last.profile {
        Some(profile) => {
            let title = called(snapshot, profile, wish.hides_emails);
            format!("{} via {title}", last.model)
        }
        None => last.model.clone(),
    };
    let ended = match (last.status, last.is_complete) {
        (200..=399, true) => words::latency(last.took),
        (200..=399, false) => "cut off".to_owned(),
        (499, _) => "stopped by the app".to_owned(),
        (status, _) => status.to_string(),
    };
    [via, ended, teller.age(last.at)]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" · ")
}

/// Said only when it is certain: every account of the pool is empty or needs the user.
fn nothing_usable(snapshot: &Snapshot, teller: &Teller<'_>) -> Option<String> {
    let mut earliest = None;
    let mut is_any = false;
    for profile in snapshot.profiles.iter().filter(|p| p.is_in_pool) {
        let standing = Standing::of(profile, snapshot, teller);
        if standing.is_usable() {
            return None;
        }
        is_any = true;
        if let Kind::Waiting {
            until: Some(until), ..
        } = standing.kind
        {
            earliest =
                Some(earliest.map_or(until, |known: std::time::SystemTime| known.min(until)));
        }
    }
    is_any.then(|| match earliest {
        Some(at) => format!("No account is usable until {}.", teller.clock(at)),
        None => "No account is usable.".to_owned(),
    })
}
