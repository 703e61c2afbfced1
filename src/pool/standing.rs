//! Whether a member may be asked at a moment: its own pauses and those of its path, as the worker published them and as the
//! router has marked them since.

use std::sync::Arc;
use std::time::SystemTime;

use super::cooldown::{Cooldown, Cooldowns, RestCause, Standing};
use super::live::{Live, Probe};
use super::{Access, Member, Pool};
use crate::profile::ProfileName;
use crate::profile::{Network, Proxy};

/// The way to an upstream, which all profiles behind it share.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// As [`Access::path`] calls it.
    pub name: String,
    pub cooldowns: Arc<Cooldowns>,
    pub live: Live,
}

/// The permits of a request that goes first, if it has to.
#[derive(Debug, Default)]
pub struct Permits {
    of_member: Option<Probe>,
    of_path: Option<Probe>,
    /// Whether it had one, and its path has answered since.
    had_path: bool,
}

impl Access {
    /// Where its requests go, and which way if it is not everybody's, in words for people. What a proxy of its own does is no
    /// matter of those who go without it.
    pub fn path(&self, network: &Network) -> String {
        let to = match self {
            Self::ChatGpt { .. } => "ChatGPT",
            Self::ApiKey { .. } => "OpenAI API",
            Self::Endpoint(endpoint) => endpoint.host(),
        };
        match &network.proxy {
            None | Some(Proxy::Unusable(_)) => to.to_owned(),
            Some(Proxy::Direct) => format!("{to} without a proxy"),
            Some(Proxy::System) => format!("{to} through the system's proxy"),
            Some(Proxy::Through(proxy)) => format!("{to} through {}", proxy.place()),
        }
    }
}

impl Member {
    /// Whether it was refused this model a while ago.
    pub fn lacks(&self, model: &str, now: SystemTime) -> bool {
        let known = self.cooldowns.lacks_since(model, now);
        let is_known = known.is_some_and(|since| !self.live.has_proved(Some(model), since, now));
        is_known || self.live.lacks(model, now)
    }

    fn standing(&self, model: &str, now: SystemTime) -> Standing {
        standing(&self.cooldowns, &self.live, model, now)
    }
}

impl Path {
    fn standing(&self, model: &str, now: SystemTime) -> Standing {
        standing(&self.cooldowns, &self.live, model, now)
    }
}

impl Pool {
    pub fn path_of(&self, member: &Member) -> Option<&Path> {
        let name = member.access.path(&member.network);
        self.paths.iter().find(|path| path.name == name)
    }

    /// How a member stands for a request for this model.
    pub fn standing(&self, member: &Member, model: &str, now: SystemTime) -> Standing {
        let of_path = self
            .path_of(member)
            .map_or(Standing::Free, |path| path.standing(model, now));
        member.standing(model, now).or(of_path)
    }

    /// Until when others are kept from finding out about this profile or its path by the one that does; nothing when none is under
    /// way.
    pub fn probe_lapses_at(&self, name: &ProfileName, now: SystemTime) -> Option<SystemTime> {
        let member = self.members.iter().find(|member| member.name == *name)?;
        let path = self.path_of(member);
        let of_path = path.and_then(|path| path.live.probe_lapses_at(now));
        member.live.probe_lapses_at(now).max(of_path)
    }

    /// What a request needs to go to this member now; nothing when another one is finding out, or nobody may.
    pub fn permits(&self, member: &Member, model: &str, now: SystemTime) -> Option<Permits> {
        let path = self.path_of(member);
        let of_member = member.standing(model, now);
        // Before anything is taken that somebody else may need.
        if let Standing::Probing | Standing::Resting { .. } = of_member {
            return None;
        }
        let of_path = match path.map(|path| (path, path.standing(model, now))) {
            None | Some((_, Standing::Free)) => None,
            Some((path, Standing::Due)) => Some(path.live.probe(now)?),
            Some((_, Standing::Probing | Standing::Resting { .. })) => return None,
        };
        let of_member = match of_member {
            Standing::Due => Some(member.live.probe(now)?),
            Standing::Free | Standing::Probing | Standing::Resting { .. } => None,
        };
        Some(Permits {
            of_member,
            of_path,
            had_path: false,
        })
    }

    /// Something came back from where this member is asked, whatever it says about the member: others may go the same way.
    pub fn prove_path(
        &self,
        member: &Member,
        permits: &mut Permits,
        began: SystemTime,
        now: SystemTime,
    ) {
        if let Some(path) = self.path_of(member) {
            path.live.prove_all(began, now);
        }
        permits.had_path |= permits.of_path.take().is_some();
    }

    /// An attempt with this member is answered so far.
    pub fn prove(
        &self,
        member: &Member,
        permits: &mut Permits,
        model: &str,
        began: SystemTime,
        now: SystemTime,
    ) {
        member.live.prove(model, began, now);
        if permits.of_member.is_some() {
            member.live.prove_model(model, began, now);
        }
        if let Some(path) = self.path_of(member) {
            path.live.prove(model, began, now);
            if permits.of_path.is_some() || permits.had_path {
                path.live.prove_model(model, began, now);
            }
        }
        // Only now: the next one must see what was found out.
        *permits = Permits::default();
    }
}

impl Permits {
    /// Whether the request goes first.
    #[cfg(test)]
    pub fn is_probe(&self) -> bool {
        self.of_member.is_some() || self.of_path.is_some()
    }

    /// Whether it finds out about its member, and about its path.
    #[cfg(test)]
    pub fn probes(&self) -> (bool, bool) {
        (self.of_member.is_some(), self.of_path.is_some())
    }
}

fn standing(cooldowns: &Cooldowns, live: &Live, model: &str, now: SystemTime) -> Standing {
    let is_lifted = |model: Option<&str>, cooldown: &Cooldown| {
        // What failed often is believed when it has gone well more than once, which the worker counts.
        cooldown.cause != RestCause::Failing && live.has_proved(model, cooldown.since, now)
    };
    let standing = cooldowns
        .standing(model, now, is_lifted)
        .or(live.standing(model, now));
    match standing {
        Standing::Due if live.is_probing(now) => Standing::Probing,
        standing => standing,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::pool::cooldown::{Refused, Told};
    use crate::pool::{RestSource, choose};
    use crate::profile::Secret;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + secs)
    }

    fn refused(now: SystemTime) -> Refused<'static> {
        Refused {
            began: now,
            now,
            salt: "work",
            is_polled: true,
        }
    }

    fn member(name: &str) -> Member {
        let access = Access::ApiKey {
            key: Secret::new("sk-fake"),
        };
        Member::new(ProfileName::parse(name).unwrap(), access)
    }

    /// One that was told at second 0 to wait until second 60.
    fn limited(name: &str) -> Member {
        let mut cooldowns = Cooldowns::default();
        let told = Told {
            until: at(60),
            source: RestSource::ResetsAt,
        };
        cooldowns.note(None, RestCause::UsageLimit, Some(told), refused(at(0)));
        Member {
            cooldowns: Arc::new(cooldowns),
            ..member(name)
        }
    }

    fn pool(members: Vec<Member>) -> Pool {
        Pool {
            members: members.into_iter().map(Arc::new).collect(),
            paths: vec![Path {
                name: "OpenAI API".into(),
                ..Path::default()
            }],
            ..Pool::default()
        }
    }

    #[test]
    fn at_a_reset_one_request_goes_first_and_the_others_follow_its_answer() {
        let pool = pool(vec![limited("work")]);
        let work = &pool.members[0];
        assert!(pool.permits(work, "m", at(59)).is_none());
        let now = at(70);
        let mut first = pool.permits(work, "m", now).unwrap();
        assert!(first.is_probe());
        assert_eq!(pool.standing(work, "m", now), Standing::Probing);
        assert!(pool.permits(work, "m", now).is_none());
        assert!(choose(&pool, now).candidates.is_empty());

        pool.prove(work, &mut first, "m", now, now);
        assert_eq!(pool.standing(work, "m", now), Standing::Free);
        assert!(!pool.permits(work, "m", now).unwrap().is_probe());
    }

    #[test]
    fn a_probe_that_ends_without_an_answer_lets_the_next_one() {
        let pool = pool(vec![limited("work")]);
        let work = &pool.members[0];
        drop(pool.permits(work, "m", at(70)).unwrap());
        assert!(pool.permits(work, "m", at(70)).unwrap().is_probe());
    }

    #[test]
    fn what_is_marked_counts_before_the_worker_has_heard_of_it() {
        let pool = pool(vec![member("work"), member("home")]);
        let work = &pool.members[0];
        work.live.mark(None, RestCause::UsageLimit, at(60), at(0));
        let choice = choose(&pool, at(1));
        assert_eq!(choice.candidates.len(), 1);
        assert_eq!(choice.left_out[0].until, Some(at(60)));
    }

    #[test]
    fn a_closed_path_is_closed_for_everybody_behind_it() {
        let pool = pool(vec![member("work"), member("home")]);
        let live = &pool.paths[0].live;
        live.mark(None, RestCause::Challenged, at(15), at(0));
        live.mark(Some("m"), RestCause::Overloaded, at(20), at(0));
        assert!(choose(&pool, at(1)).candidates.is_empty());
        let now = at(15);
        assert!(matches!(
            pool.standing(&pool.members[1], "m", now),
            Standing::Resting { .. }
        ));
        let first = pool.permits(&pool.members[0], "other", now).unwrap();
        assert!(first.is_probe());
        let second = pool.permits(&pool.members[1], "other", now);
        assert!(second.is_none(), "one for all of them");
    }

    #[test]
    fn a_failing_member_is_asked_one_by_one_until_the_worker_believes_it() {
        let mut failing = member("work");
        let mut cooldowns = Cooldowns::default();
        cooldowns.note(None, RestCause::Failing, None, refused(at(0)));
        failing.cooldowns = Arc::new(cooldowns);
        let pool = pool(vec![failing]);
        let work = &pool.members[0];
        for _ in 0..2 {
            let mut probe = pool.permits(work, "m", at(40)).unwrap();
            assert!(probe.is_probe());
            assert!(pool.permits(work, "m", at(40)).is_none());
            pool.prove(work, &mut probe, "m", at(40), at(40));
        }
    }

    #[test]
    fn who_goes_through_a_proxy_of_its_own_goes_another_way() {
        let key = Secret::new("fake");
        let access = Access::ApiKey { key };
        let path = |proxy: Option<&str>| {
            access.path(&Network {
                proxy: proxy.map(|text| Proxy::parse(text).unwrap()),
                headers: vec![],
            })
        };
        assert_eq!(path(None), "OpenAI API");
        assert_eq!(path(Some("none")), "OpenAI API without a proxy");
        let own = path(Some("http://ana:canary@gate.test:1"));
        assert_eq!(own, "OpenAI API through gate.test:1");
        assert_ne!(own, path(Some("http://gate.test:2")));
    }
}
