//! All accounts with their logins and scripts, and which token belongs to whom.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::sync::watch;

use super::{
    account::{Account, Kind},
    body::Presence,
    door::Credential,
    oauth::Refresh,
    reply::Reply,
    script::Script,
    socket::Handshake,
    tokens::{self, Login},
    usage::UsageReply,
};

/// How many prompt cache keys an account remembers.
const MAX_CACHED_PROMPTS: usize = 1000;

/// Every account of the simulator. A name that nobody added becomes a plain [`Account::chatgpt`] when it is first used.
pub(super) struct Accounts {
    issuer: String,
    entries: BTreeMap<String, Entry>,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

/// One account and all that happens to it.
pub(super) struct Entry {
    pub(super) account: Account,
    /// From the oldest to the newest; refreshing moves one on in its place.
    logins: Vec<Login>,
    pub(super) replies: Script<Reply>,
    pub(super) handshakes: Script<Handshake>,
    pub(super) refreshes: Script<Refresh>,
    pub(super) usages: Script<UsageReply>,
    pub(super) tally: Tally,
    /// Prompt cache key -> input tokens of the last request under it.
    cached_prompts: HashMap<String, u64>,
}

/// What tests count and wait for.
pub(super) struct Tally {
    /// Requests for a response.
    pub(super) arrived: Arc<watch::Sender<usize>>,
    pub(super) gone: Arc<watch::Sender<usize>>,
    /// Refresh tokens spent over HTTP.
    pub(super) redeems: usize,
    pub(super) refused_redeems: usize,
}

struct AccessToken {
    account: String,
    expires_at: SystemTime,
    is_revoked: bool,
}

struct RefreshToken {
    account: String,
    login: usize,
    state: RefreshState,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RefreshState {
    Fresh,
    Spent,
    Revoked,
}

/// Why a refresh token is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worthless {
    Spent,
    RevokedOrUnknown,
}

impl Accounts {
    pub(super) fn new(issuer: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            entries: BTreeMap::new(),
            access_tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
        }
    }

    /// An account of the same name and all its tokens are forgotten.
    pub(super) fn add(&mut self, account: Account) {
        let name = &account.name;
        self.access_tokens.retain(|_, token| token.account != *name);
        self.refresh_tokens
            .retain(|_, token| token.account != *name);
        self.entries.insert(name.clone(), Entry::new(account));
    }

    /// Starts another login of the account, independent of the earlier ones.
    pub(super) fn sign_in(&mut self, name: &str, now: SystemTime) -> Login {
        let index = self.entry(name).logins.len();
        let login = self.issue(name, index, now);
        self.entry(name).logins.push(login.clone());
        login
    }

    /// The newest login as it stands; the first use of an account signs it in.
    pub(super) fn newest_login(&mut self, name: &str, now: SystemTime) -> Login {
        match self.entry(name).logins.last() {
            Some(login) => login.clone(),
            None => self.sign_in(name, now),
        }
    }

    /// The newest login with an access token that stopped working a minute ago, and the same refresh token.
    pub(super) fn expired_login(&mut self, name: &str, now: SystemTime) -> Login {
        let mut login = self.newest_login(name, now);
        let account = self.with(name, |entry| entry.account.clone());
        let expires_at = tokens::earlier(now, Duration::from_secs(60));
        let issued_at = tokens::earlier(expires_at, account.access_lifetime);
        login.access_token = tokens::access_token(&self.issuer, &account, issued_at, expires_at);
        login.refreshed_at = issued_at;
        self.remember_access(name, &login.access_token, expires_at);
        login
    }

    /// Spends the refresh token for the next state of its login.
    pub(super) fn redeem(&mut self, token: &str, now: SystemTime) -> Result<Login, Worthless> {
        let (name, index) = self.spendable(token)?;
        let login = self.issue(&name, index, now);
        if let Some(slot) = self.entry(&name).logins.get_mut(index) {
            *slot = login.clone();
        }
        if let Some(token) = self.refresh_tokens.get_mut(token) {
            token.state = RefreshState::Spent;
        }
        Ok(login)
    }

    /// New access and id tokens for the login; its refresh token stays good.
    pub(super) fn renew_access(
        &mut self,
        token: &str,
        now: SystemTime,
    ) -> Result<Login, Worthless> {
        let (name, index) = self.spendable(token)?;
        let account = self.with(&name, |entry| entry.account.clone());
        let mut login = Login::new(&self.issuer, &account, now);
        token.clone_into(&mut login.refresh_token);
        self.remember_access(
            &name,
            &login.access_token,
            tokens::later(now, account.access_lifetime),
        );
        if let Some(slot) = self.entry(&name).logins.get_mut(index) {
            *slot = login.clone();
        }
        Ok(login)
    }

    /// Refuses every access token that was issued to the account so far.
    pub(super) fn revoke_access(&mut self, name: &str) {
        for token in self.access_tokens.values_mut() {
            token.is_revoked |= token.account == name;
        }
    }

    /// Refuses every refresh token of the account that was still good.
    pub(super) fn revoke_refresh(&mut self, name: &str) {
        for token in self.refresh_tokens.values_mut() {
            if token.account == name && token.state == RefreshState::Fresh {
                token.state = RefreshState::Revoked;
            }
        }
    }

    /// Whom a bearer token or API key belongs to, and whether it works at `now`.
    pub(super) fn credential(&self, token: &str, now: SystemTime) -> Credential {
        if let Some(issued) = self.access_tokens.get(token) {
            let name = issued.account.clone();
            return if issued.is_revoked {
                Credential::Revoked(name)
            } else if issued.expires_at <= now {
                Credential::Expired(name)
            } else {
                Credential::Access(name)
            };
        }
        self.entries
            .values()
            .find(|entry| entry.account.kind.opens_with(token))
            .map_or(Credential::Unknown, |entry| {
                let name = entry.account.name.clone();
                match entry.account.kind {
                    Kind::Endpoint(side, _) => Credential::Key(side, name),
                    Kind::ApiKey(_) | Kind::ChatGpt => Credential::ApiKey(name),
                }
            })
    }

    /// The account that was given this refresh token, spent or not.
    pub(super) fn holder_of_refresh(&self, token: &str) -> Option<&str> {
        self.refresh_tokens
            .get(token)
            .map(|token| token.account.as_str())
    }

    pub(super) fn auth_json(&mut self, name: &str, login: &Login) -> String {
        let issuer = self.issuer.clone();
        self.with(name, |entry| match &entry.account.kind {
            Kind::ChatGpt => login.auth_json(&entry.account),
            Kind::ApiKey(key) => tokens::api_key_auth_json(key),
            Kind::Endpoint(side, key) => tokens::endpoint_auth_json(&issuer, *side, key),
        })
    }

    /// Reads or changes one account.
    pub(super) fn with<T>(&mut self, name: &str, look: impl FnOnce(&mut Entry) -> T) -> T {
        look(self.entry(name))
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Everybody who can sign in: name and e-mail.
    pub(super) fn people(&self) -> Vec<(String, String)> {
        let entries = self.entries.iter();
        entries
            .filter(|(_, entry)| entry.account.kind == Kind::ChatGpt)
            .map(|(name, entry)| (name.clone(), entry.account.email.clone()))
            .collect()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    pub(super) fn clear_tallies(&mut self) {
        for entry in self.entries.values_mut() {
            entry.tally.clear();
        }
    }

    fn entry(&mut self, name: &str) -> &mut Entry {
        self.entries
            .entry(name.to_owned())
            .or_insert_with(|| Entry::new(Account::chatgpt(name)))
    }

    fn spendable(&self, token: &str) -> Result<(String, usize), Worthless> {
        let known = self
            .refresh_tokens
            .get(token)
            .ok_or(Worthless::RevokedOrUnknown)?;
        match known.state {
            RefreshState::Fresh => Ok((known.account.clone(), known.login)),
            RefreshState::Spent => Err(Worthless::Spent),
            RefreshState::Revoked => Err(Worthless::RevokedOrUnknown),
        }
    }

    /// Makes tokens for the login at `index` and remembers whose they are.
    fn issue(&mut self, name: &str, index: usize, now: SystemTime) -> Login {
        let account = self.with(name, |entry| entry.account.clone());
        let login = Login::new(&self.issuer, &account, now);
        self.remember_access(
            name,
            &login.access_token,
            tokens::later(now, account.access_lifetime),
        );
        self.refresh_tokens.insert(
            login.refresh_token.clone(),
            RefreshToken {
                account: name.to_owned(),
                login: index,
                state: RefreshState::Fresh,
            },
        );
        login
    }

    fn remember_access(&mut self, name: &str, token: &str, expires_at: SystemTime) {
        self.access_tokens.insert(
            token.to_owned(),
            AccessToken {
                account: name.to_owned(),
                expires_at,
                is_revoked: false,
            },
        );
    }
}

impl Entry {
    fn new(account: Account) -> Self {
        Self {
            account,
            logins: Vec::new(),
            replies: Script::default(),
            handshakes: Script::default(),
            refreshes: Script::default(),
            usages: Script::default(),
            tally: Tally::new(),
            cached_prompts: HashMap::new(),
        }
    }

    pub(super) fn clear_scripts(&mut self) {
        self.replies = Script::default();
        self.handshakes = Script::default();
        self.refreshes = Script::default();
        self.usages = Script::default();
    }

    /// How much of a prompt of `input_tokens` the cache holds: all that came under this key before, in blocks of 128.
    pub(super) fn cached_tokens(&mut self, cache_key: &str, input_tokens: u64) -> u64 {
        if self.cached_prompts.len() >= MAX_CACHED_PROMPTS {
            self.cached_prompts.clear();
        }
        let before = self
            .cached_prompts
            .insert(cache_key.to_owned(), input_tokens)
            .unwrap_or(0);
        before.min(input_tokens) / 128 * 128
    }
}

impl Tally {
    fn new() -> Self {
        Self {
            arrived: Arc::new(watch::Sender::new(0)),
            gone: Arc::new(watch::Sender::new(0)),
            redeems: 0,
            refused_redeems: 0,
        }
    }

    /// Stands for a client from now until its answer is complete.
    pub(super) fn presence(&self) -> Presence {
        Presence::watched(self.gone.clone())
    }

    fn clear(&mut self) {
        self.arrived.send_replace(0);
        self.gone.send_replace(0);
        self.redeems = 0;
        self.refused_redeems = 0;
    }
}
