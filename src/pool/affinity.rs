//! Which profile a session lives at: prompt cache and encrypted reasoning are with the account that answered before.
//!
//! A session keeps its profile as long as that one will be of use again soon. When it only has to wait (throttled, failing, a
//! limit that ends in minutes) another one stands in, and the session comes back; when it is gone for long the session moves,
//! and stays where it moved.
//!
//! Nobody's own word for a session is kept here: a [`SessionKey`] is a hash, and whose key the client has is part of it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::{Choice, WhyNot};
use crate::profile::ProfileName;

/// A session of one client key. Two keys never share one, whatever their clients call it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey([u8; 16]);

impl SessionKey {
    /// By the client's own word for it.
    pub fn named(name: &str) -> Self {
        Self::of(["name", name])
    }

    /// By how its conversation begins.
    pub fn opened(opening: &str) -> Self {
        Self::of(["opening", opening])
    }

    /// The same session as the own one of the client key with this id: what another key's client calls the same is another one.
    #[must_use]
    pub fn of_owner(self, owner: &str) -> Self {
        Self::of(["owner", owner, &self.to_string()])
    }

    fn of<const PARTS: usize>(parts: [&str; PARTS]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            // The length in front: no two lists of parts are the same bytes.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut key = [0; 16];
        for (byte, of_hash) in key.iter_mut().zip(hash.finalize()) {
            *byte = of_hash;
        }
        Self(key)
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u128::from_str_radix(text, 16).ok())?; // checked: hexadecimal digits
        Some(Self(number?.to_be_bytes()))
    }
}

/// 32 hexadecimal digits.
impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({self})")
    }
}

/// Where a session lives, as it is kept from one run to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub session: SessionKey,
    pub profile: ProfileName,
    pub used_at: SystemTime,
}

/// Who has answered a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Where it lives.
    pub home: ProfileName,
    /// Who answered while its home could not.
    pub stand_in: Option<ProfileName>,
    /// Who answered last: one of the two.
    pub last: ProfileName,
}

/// Whether a session may leave its home for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// Its home is there, or will be again soon.
    Holds,
    /// Its home is lost, or nobody keeps to homes.
    Loose,
}

/// All sessions of the last time; the one that was used longest ago makes room for the next.
#[derive(Debug)]
pub struct Bindings {
    most: usize,
    homes: HashMap<SessionKey, Home>,
    /// The same by their last use, the oldest first.
    by_use: BTreeMap<u64, SessionKey>,
    uses: u64,
}

#[derive(Debug)]
struct Home {
    at: Whereabouts,
    used_at: SystemTime,
    /// Of the use that was told to be kept.
    told_at: SystemTime,
    use_number: u64,
}

/// More sessions than a team has in a week; 200 bytes each.
pub const MOST_SESSIONS: usize = 20_000;
/// An account that is back within this time still has the session's prompt in its cache: OpenAI keeps one for five to ten
/// minutes without use.
pub const WORTH_WAITING: Duration = Duration::from_secs(600);
/// How far the kept time of a session's last use may lie back.
const TOLD_EVERY: Duration = Duration::from_secs(600);

impl Default for Bindings {
    fn default() -> Self {
        Self::new(MOST_SESSIONS)
    }
}

impl Bindings {
    /// Room for `most` sessions.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            homes: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
        }
    }

    /// What an earlier run knew, in any order. What was learned since stays, and counts as newer.
    pub fn restore(&mut self, mut bindings: Vec<Binding>) {
        let order = std::mem::take(&mut self.by_use);
        let mut known = std::mem::take(&mut self.homes);
        bindings.sort_by_key(|binding| binding.used_at);
        for Binding {
            session,
            profile,
            used_at,
        } in bindings
        {
            if !known.contains_key(&session) {
                self.put(session, Whereabouts::new(profile), used_at, used_at);
            }
        }
        for session in order.into_values() {
            if let Some(home) = known.remove(&session) {
                self.put(session, home.at, home.used_at, home.told_at);
            }
        }
    }

    /// A profile has answered. Gives back what is to be kept of it for the next run, unless that is known already.
    pub fn served(
        &mut self,
        session: SessionKey,
        by: &ProfileName,
        tie: Tie,
        now: SystemTime,
    ) -> Option<Binding> {
        let known = self.forget(session);
        let told_at = known.as_ref().map(|home| home.told_at);
        let (at, is_new) = match known {
            Some(Home { mut at, .. }) if at.home == *by => {
                at.stand_in = None;
                at.last = by.clone();
                (at, false)
            }
            Some(Home { mut at, .. }) if tie == Tie::Holds => {
                at.stand_in = Some(by.clone());
                at.last = by.clone();
                (at, false)
            }
            Some(_) | None => (Whereabouts::new(by.clone()), true),
        };
        let is_old =
            told_at.is_none_or(|at| now.duration_since(at).is_ok_and(|age| age >= TOLD_EVERY));
        let told = (is_new || is_old).then(|| Binding {
            session,
            profile: at.home.clone(),
            used_at: now,
        });
        let told_at = told_at.filter(|_| told.is_none()).unwrap_or(now);
        self.put(session, at, now, told_at);
        told
    }

    /// A profile is called something else.
    pub fn rename(&mut self, from: &ProfileName, to: &ProfileName) {
        for home in self.homes.values_mut() {
            let Whereabouts {
                home,
                stand_in,
                last,
            } = &mut home.at;
            for name in [home, last].into_iter().chain(stand_in) {
                if name == from {
                    name.clone_from(to);
                }
            }
        }
    }

    pub fn find(&self, session: SessionKey) -> Option<&Whereabouts> {
        Some(&self.homes.get(&session)?.at)
    }

    pub fn len(&self) -> usize {
        self.homes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.homes.is_empty()
    }

    /// All of them as they would be kept, the one that was used longest ago first.
    pub fn all(&self) -> Vec<Binding> {
        let kept = |session: &SessionKey| {
            let home = self.homes.get(session)?;
            Some(Binding {
                session: *session,
                profile: home.at.home.clone(),
                used_at: home.used_at,
            })
        };
        self.by_use.values().filter_map(kept).collect()
    }

    fn put(
        &mut self,
        session: SessionKey,
        at: Whereabouts,
        used_at: SystemTime,
        told_at: SystemTime,
    ) {
        self.uses += 1;
        let home = Home {
            at,
            used_at,
            told_at,
            use_number: self.uses,
        };
        self.homes.insert(session, home);
        self.by_use.insert(self.uses, session);
        while self.homes.len() > self.most {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                return;
            };
            self.homes.remove(&oldest);
        }
    }

    fn forget(&mut self, session: SessionKey) -> Option<Home> {
        let home = self.homes.remove(&session)?;
        self.by_use.remove(&home.use_number);
        Some(home)
    }
}

impl Whereabouts {
    fn new(home: ProfileName) -> Self {
        Self {
            last: home.clone(),
            stand_in: None,
            home,
        }
    }
}

impl Choice {
    /// Puts a session's home in front, behind it whoever stood in for it, and says whether the session still belongs there.
    pub fn keep_home(&mut self, at: &Whereabouts, now: SystemTime) -> Tie {
        if let Some(stand_in) = &at.stand_in {
            self.keep_to(stand_in);
        }
        self.keep_to(&at.home);
        let is_home = |name: &ProfileName| *name == at.home;
        let place = self
            .candidates
            .iter()
            .position(|it| is_home(&it.member.name));
        match place {
            Some(0) => return Tie::Holds,
            // It may not go in front of others: it costs money where they do not.
            Some(_) => return Tie::Loose,
            None => {}
        }
        let Some(out) = self.left_out.iter().find(|out| is_home(&out.name)) else {
            return Tie::Loose;
        };
        let is_soon = match out.why {
            // Of this request, not of the profile.
            WhyNot::NoKey | WhyNot::OtherModels | WhyNot::LacksModel => true,
            // An allowance may last for days, and nobody knows until when one does that tells no time.
            WhyNot::Empty | WhyNot::Reserve(_) | WhyNot::Limit(_) => {
                out.until.is_some_and(|until| until <= now + WORTH_WAITING)
            }
            why => why.ends_by_itself(),
        };
        if is_soon { Tie::Holds } else { Tie::Loose }
    }
}

#[cfg(test)]
mod tests;
