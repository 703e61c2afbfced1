//! Makes everything that the window says from a [`Snapshot`] and a moment. No egui in it: here wording is tested.
//!
//! Views draw these values by number and format nothing. Every text that changes with time goes through `telling::Teller`,
//! which remembers when the first of them reads differently, so that the window can sleep until then.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

pub use crate::desk::Sort;
use crate::desk::sort::own_order;
use crate::desk::{Snapshot, Span, words};
use crate::profile::ProfileName;

mod activity;
mod banner;
mod card;
mod chart;
mod client_keys;
mod detail;
mod forecast;
mod found;
mod pool;
mod row;
mod runway;
mod sections;
mod settings;
mod spoken;
mod standing;
mod strength;
mod strip;
mod tab;
mod telling;
#[cfg(test)]
mod tests;

pub use activity::{
    AccountLine, AccountMark, ActivityPage, ActivityWish, Drawer, Entry, EntryState, Figure,
    Figures, Held, List, Nothing, NothingAct, Phase, PhaseKind, period_label,
};
pub use banner::{Banner, BannerAct, BannerIcon, BannerTone};
pub use card::{ActiveCard, Badge, CardAct, CardBody, Footer, WindowBlock};
pub use chart::{Chart, ChartLine, span_label};
pub use client_keys::{
    ClientKeysPage, ClientKeysWish, Code, KeyLeft, KeyRow, Required, Setup, SetupApp, Snippet,
};
pub use detail::{Detail, LoginMark, LoginPart, PoolPart, Priority};
pub use forecast::Forecast;
pub use found::{FoundRow, Tone, import_ended};
pub use pool::{PoolPage, PoolRow, PoolTone, PoolWish, StrategyRow};
pub use row::{Right, Row, sentence};
pub use runway::{Ahead, AxisMark, Course, LaneRow, Lanes, Runway};
pub use sections::{Folds, Group, Section};
pub use settings::{
    Act, Choices, Closing, Control, Field, SettingRow, SettingsPage, SettingsSection, SettingsWish,
    Topic,
};
pub use standing::{Fill, Level, Mark};
pub use strength::Strength;
pub use strip::{LastIcon, Strip, StripFace};
pub use tab::Tab;
use telling::Teller;

/// What the window shows, worded. What belongs to the Accounts page is empty while another one is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub open: OpenPage,
    /// Before the first reading of the disk there is nothing to say yet.
    pub is_loaded: bool,
    pub banner: Option<Banner>,
    /// The card above the list; a wide page has the account in use in its list instead.
    pub active: Option<ActiveCard>,
    /// Shown instead of everything but the strip while there is no account.
    pub first_run: Option<FirstRun>,
    /// One group, or one for each thing to know.
    pub groups: Vec<Group>,
    /// How many accounts the groups hold when nothing is searched for.
    pub listed: usize,
    /// `34 accounts · 20 ready · …`, when there are too many to count.
    pub counts: Option<String>,
    /// Many accounts: compact card, search, lower rows.
    pub is_dense: bool,
    /// Whether the rows are grouped by status; none where that makes no sense.
    pub is_grouped: Option<bool>,
    pub sort: Sort,
    /// Rows can be dragged.
    pub is_own_order: bool,
    /// The user's own order of all accounts, where rows can be dragged.
    pub order: Vec<ProfileName>,
    /// The account that is looked at.
    pub detail: Option<Detail>,
    /// How long the pool lasts, where there is room for that.
    pub runway: Option<Runway>,
    /// Accounts in the trash.
    pub deleted: usize,
    pub strip: Strip,
    /// Whether a refresh that the user asked for is under way.
    pub is_refreshing: bool,
    /// After this time the first text reads differently.
    pub next_change_in: Option<Duration>,
}

/// The open page, and its words where they are its own.
#[derive(Clone, Debug, PartialEq)]
pub enum OpenPage {
    Accounts,
    Pool(Box<PoolPage>),
    Activity(Box<ActivityPage>),
    Keys(ClientKeysPage),
    Settings(SettingsPage),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstRun {
    pub found: Option<Found>,
    /// Accounts of the program that this one descends from.
    pub older: Option<Older>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Older {
    pub title: String,
    pub source: String,
    pub folder: PathBuf,
}

/// The login that Codex uses and that no account holds yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub title: String,
    pub plan: Option<String>,
    pub source: String,
}

/// How the user wants to look at the page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    pub tab: Tab,
    pub pool: PoolWish,
    pub activity: ActivityWish<'a>,
    pub keys: ClientKeysWish<'a>,
    pub settings: SettingsWish,
    pub hides_emails: bool,
    pub sort: Sort,
    pub search: &'a str,
    /// Failures up to this happening have been put away.
    pub dismissed: u64,
    /// There is room for a detail beside the list.
    pub is_wide: bool,
    /// The account to look at.
    pub detail: Option<&'a ProfileName>,
    pub span: Span,
    /// Whether rows are grouped; none: as their number has it.
    pub is_grouped: Option<bool>,
    pub folds: Folds,
    /// The user's own order, where it was changed a moment ago and is not published yet.
    pub order: Option<&'a [ProfileName]>,
    /// Where the forecast is kept between two pages; without one it is made for each.
    pub forecast: Option<&'a Forecast>,
}

/// From this many accounts on the page is dense.
const DENSE_FROM: usize = 8;
/// From this many on groups fold, and the page counts for the user.
const COUNTED_FROM: usize = 20;

impl Page {
    pub fn of(snapshot: &Snapshot, now: SystemTime, zone: &TimeZone, wish: &Wish<'_>) -> Self {
        let teller = Teller::new(now, zone);
        let open = match wish.tab {
            Tab::Accounts => return Self::accounts(snapshot, wish, &teller),
            Tab::Pool => OpenPage::Pool(Box::new(pool::of(snapshot, wish, &teller))),
            Tab::Activity => OpenPage::Activity(Box::new(activity::of(snapshot, wish, &teller))),
            Tab::Keys => OpenPage::Keys(client_keys::of(snapshot, wish, &teller)),
            Tab::Settings => OpenPage::Settings(settings::of(snapshot, wish, &teller)),
        };
        let around = Self::around(snapshot, wish, &teller);
        Self {
            open,
            next_change_in: teller.next_change_in(),
            ..around
        }
    }

    /// What every page has around it; nothing of a page.
    fn around(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> Self {
        Self {
            open: OpenPage::Accounts,
            is_loaded: snapshot.is_loaded,
            banner: banner::of(snapshot, wish, teller),
            active: None,
            first_run: None,
            groups: Vec::new(),
            listed: 0,
            counts: None,
            is_dense: false,
            is_grouped: None,
            sort: wish.sort,
            is_own_order: false,
            order: Vec::new(),
            detail: None,
            runway: None,
            deleted: snapshot.trash.len(),
            strip: strip::of(snapshot, wish, teller),
            is_refreshing: snapshot.is_refreshing,
            next_change_in: None,
        }
    }

    fn accounts(snapshot: &Snapshot, wish: &Wish<'_>, teller: &Teller<'_>) -> Self {
        let count = snapshot.profiles.len();
        let is_dense = count >= DENSE_FROM;
        let is_own_order = wish.sort == Sort::Own;
        let is_grouped = (!is_own_order).then(|| wish.is_grouped.unwrap_or(is_dense));
        let entries = row::entries(snapshot, wish, teller);
        let active = snapshot.active().filter(|_| !wish.is_wide);
        let around = Self::around(snapshot, wish, teller);
        Self {
            active: active.map(|profile| card::of(snapshot, profile, wish, teller)),
            first_run: (snapshot.is_loaded
                && snapshot.profiles.is_empty()
                && snapshot.lock.is_none())
            .then(|| FirstRun::of(snapshot, wish)),
            listed: entries.len(),
            counts: (count >= COUNTED_FROM).then(|| sections::counts(snapshot, teller)),
            groups: sections::groups(
                entries,
                is_grouped == Some(true),
                (active.is_some(), count >= COUNTED_FROM),
                wish,
            ),
            is_dense,
            is_grouped,
            is_own_order,
            order: match wish.order {
                _ if !is_own_order => Vec::new(),
                Some(order) => order.to_vec(),
                None => own_order(&snapshot.profiles),
            },
            detail: wish
                .detail
                .and_then(|name| snapshot.profile(name))
                .map(|profile| detail::of(snapshot, profile, wish, teller)),
            runway: (count > 0 && !is_dense)
                .then(|| runway::of_accounts(snapshot, wish, teller))
                .flatten(),
            next_change_in: teller.next_change_in(),
            ..around
        }
    }

    pub fn tab(&self) -> Tab {
        match &self.open {
            OpenPage::Accounts => Tab::Accounts,
            OpenPage::Pool(_) => Tab::Pool,
            OpenPage::Activity(_) => Tab::Activity,
            OpenPage::Keys(_) => Tab::Keys,
            OpenPage::Settings(_) => Tab::Settings,
        }
    }

    /// Every row that is not folded away, from top to bottom.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.groups
            .iter()
            .filter(|group| group.is_folded != Some(true))
            .flat_map(|group| &group.rows)
    }

    pub fn row(&self, name: &ProfileName) -> Option<&Row> {
        self.groups
            .iter()
            .flat_map(|group| &group.rows)
            .find(|row| row.name == *name)
    }
}

impl FirstRun {
    fn of(snapshot: &Snapshot, wish: &Wish<'_>) -> Self {
        let found = match &snapshot.live {
            crate::desk::Live::Unsaved { email, plan } => Some(Found {
                title: email
                    .as_deref()
                    .map_or_else(|| "A Codex login".into(), |email| shown_email(email, wish)),
                plan: plan.as_deref().map(words::plan_label),
                source: format!("signed in with Codex, {}/auth.json", snapshot.home),
            }),
            crate::desk::Live::Missing
            | crate::desk::Live::Saved(_)
            | crate::desk::Live::Unreadable(_) => None,
        };
        let older = snapshot.older_store.as_ref().map(|store| Older {
            title: words::accounts(store.accounts),
            source: "of the older codex_router".to_owned(),
            folder: store.folder.clone(),
        });
        Self { found, older }
    }
}

fn shown_email(email: &str, wish: &Wish<'_>) -> String {
    words::shown_email(email, wish.hides_emails)
}

/// What an account is called on screen, by its name.
pub fn called(snapshot: &Snapshot, name: &ProfileName, hides_emails: bool) -> String {
    match snapshot.profile(name) {
        Some(profile) => words::called(profile, hides_emails),
        None if hides_emails => words::alias(name),
        None => name.to_string(),
    }
}

fn masked(text: &str, wish: &Wish<'_>) -> String {
    words::masked(text, wish.hides_emails)
}
