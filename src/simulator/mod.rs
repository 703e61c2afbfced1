//! A pretend upstream on loopback, for `demo` and for tests: the ChatGPT backend, the OpenAI API, the OAuth server, Azure and a
//! server that knows only chats, on one port.
//!
//! It checks what it is asked as strictly as the real ones, as far as is publicly known, so that a test that
//! passes here says something. It starts only when asked, listens on 127.0.0.1 only, and stops when dropped.
//! Never enters: the network beyond loopback, files, any credential that opens something elsewhere.
//!
//! A request comes in at `server`, passes the `door` (whose token is this?), is checked by `checks`, answered by
//! `responses` (over a `socket` as well), `chat`, `oauth`, `sign_in`, `usage` or `models`, and sent by `body`. Scripts ([`Reply`],
//! [`Refresh`], [`UsageReply`]) replace
//! the answer, never the checks. Tests wait at a [`Gate`] or for a count; nobody sleeps.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

mod account;
mod accounts;
mod assistant;
mod body;
mod chat;
mod checks;
mod door;
mod endpoint;
pub mod events;
mod gate;
mod http_reply;
mod models;
mod oauth;
mod platform;
mod record;
mod reply;
mod responses;
mod sample;
mod script;
mod server;
mod sign_in;
mod socket;
mod tokens;
mod turn;
mod usage;
mod window;

#[cfg(test)]
mod tests;

pub use self::{
    account::Account,
    gate::Gate,
    http_reply::HttpReply,
    oauth::Refresh,
    record::Asked,
    reply::{Ending, Reply},
    sign_in::{DeviceReply, Visit},
    socket::Handshake,
    usage::UsageReply,
    window::{Credits, Window},
};
use self::{
    accounts::{Accounts, Entry},
    server::{Shared, TOKEN_PATH, serve},
};

/// A running simulator. Dropping it closes the port and every connection.
///
/// Accounts go by name. A name that was never added stands for a plain [`Account::chatgpt`], so no method here fails.
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens on 127.0.0.1, at a port that the system chooses.
    ///
    /// # Errors
    /// Only when loopback gives no port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(&format!("http://{address}")));
        let server = tokio::spawn(serve(listener, shared.clone()));
        Ok(Self {
            address,
            shared,
            server,
        })
    }

    /// Stops, and returns when the port is closed.
    pub async fn shutdown(mut self) {
        self.server.abort();
        // The only way it ends is this abort, and that is what the error would say.
        drop((&mut self.server).await);
    }

    // Where it is.

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// In place of `https://chatgpt.com/backend-api`.
    pub fn chatgpt_base_url(&self) -> String {
        format!("http://{}/backend-api", self.address)
    }

    /// In place of `https://api.openai.com/v1`.
    pub fn openai_base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// In place of `https://<resource>.openai.azure.com`.
    pub fn azure_base_url(&self) -> String {
        format!("http://{}/azure", self.address)
    }

    /// A base URL like those of other servers: chats, embeddings and a list of models.
    pub fn compatible_base_url(&self) -> String {
        format!("http://{}/compatible/v1", self.address)
    }

    /// In place of `https://auth.openai.com`.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn refresh_url(&self) -> String {
        format!("{}{TOKEN_PATH}", self.issuer())
    }

    // Accounts and their logins.

    /// Adds an account. One of the same name is replaced, and its tokens stop working.
    pub fn add(&self, account: Account) {
        self.accounts(|accounts| accounts.add(account));
    }

    /// Changes an account and keeps its logins: `sim.change("work", |work| work.plan("pro"))`.
    pub fn change(&self, name: &str, change: impl FnOnce(Account) -> Account) {
        // The change runs outside the lock: it may ask the simulator something.
        let changed = change(self.entry(name, |entry| entry.account.clone()));
        self.entry(name, |entry| entry.account = changed);
    }

    /// The `auth.json` of the account's newest login as it stands, as the Codex CLI would have it.
    pub fn auth_json(&self, name: &str) -> String {
        self.accounts(|accounts| {
            let login = accounts.newest_login(name, SystemTime::now());
            accounts.auth_json(name, &login)
        })
    }

    /// The same, with an access token that stopped working a minute ago. The refresh token is good.
    pub fn auth_json_expired(&self, name: &str) -> String {
        self.accounts(|accounts| {
            let login = accounts.expired_login(name, SystemTime::now());
            accounts.auth_json(name, &login)
        })
    }

    /// Another login of the account; the earlier ones live on. Returns its `auth.json`.
    pub fn sign_in(&self, name: &str) -> String {
        self.accounts(|accounts| {
            let login = accounts.sign_in(name, SystemTime::now());
            accounts.auth_json(name, &login)
        })
    }

    /// Refreshes the newest login as the CLI would, behind everybody's back: the refresh token that was good before is
    /// spent. Returns the `auth.json` after it, unchanged when the token was good no more. Not counted as a redeem.
    pub fn rotate_as_cli(&self, name: &str) -> String {
        self.accounts(|accounts| {
            let now = SystemTime::now();
            let before = accounts.newest_login(name, now);
            let after = accounts
                .redeem(&before.refresh_token, now)
                .unwrap_or(before);
            accounts.auth_json(name, &after)
        })
    }

    /// From now on the account's access tokens are refused with 401; refreshing gives one that works.
    pub fn revoke_access(&self, name: &str) {
        self.accounts(|accounts| accounts.revoke_access(name));
    }

    /// From now on the account's refresh tokens are refused as invalidated, as after a sign-out elsewhere.
    pub fn revoke_refresh(&self, name: &str) {
        self.accounts(|accounts| accounts.revoke_refresh(name));
    }

    // Scripts.

    /// What the account answers to its next requests for a response, one reply each.
    pub fn reply_next(&self, name: &str, replies: impl IntoIterator<Item = Reply>) {
        self.entry(name, |entry| entry.replies.push(replies));
    }

    /// What it answers when [`Simulator::reply_next`] has run out, for ever.
    pub fn reply_always(&self, name: &str, reply: Reply) {
        self.entry(name, |entry| entry.replies.always(reply));
    }

    /// What the account does with the next handshakes of WebSockets, one each.
    pub fn handshake_next(&self, name: &str, handshakes: impl IntoIterator<Item = Handshake>) {
        self.entry(name, |entry| entry.handshakes.push(handshakes));
    }

    pub fn handshake_always(&self, name: &str, handshake: Handshake) {
        self.entry(name, |entry| entry.handshakes.always(handshake));
    }

    /// What happens when a refresh token of the account is presented next, one each.
    pub fn refresh_next(&self, name: &str, refreshes: impl IntoIterator<Item = Refresh>) {
        self.entry(name, |entry| entry.refreshes.push(refreshes));
    }

    pub fn refresh_always(&self, name: &str, refresh: Refresh) {
        self.entry(name, |entry| entry.refreshes.always(refresh));
    }

    /// What the account's next usage reports are.
    pub fn usage_next(&self, name: &str, replies: impl IntoIterator<Item = UsageReply>) {
        self.entry(name, |entry| entry.usages.push(replies));
    }

    pub fn usage_always(&self, name: &str, reply: UsageReply) {
        self.entry(name, |entry| entry.usages.always(reply));
    }

    /// Who opens the page of a sign-in next, one each. Without any the page asks.
    pub fn visit_next(&self, visits: impl IntoIterator<Item = Visit>) {
        self.shared.sign_ins().visits.push(visits);
    }

    pub fn visit_always(&self, visit: Visit) {
        self.shared.sign_ins().visits.always(visit);
    }

    /// What is answered to the next questions whether a code was typed.
    pub fn device_next(&self, replies: impl IntoIterator<Item = DeviceReply>) {
        self.shared.sign_ins().device_replies.push(replies);
    }

    /// What is sent instead of tokens for the next codes.
    pub fn exchange_next(&self, replies: impl IntoIterator<Item = HttpReply>) {
        self.shared.sign_ins().exchanges.push(replies);
    }

    /// Whether codes are given that are typed elsewhere.
    pub fn set_device_codes(&self, has_them: bool) {
        self.shared.sign_ins().has_device_codes = has_them;
    }

    /// What is said of the pause between two questions, and of how long a code is good.
    pub fn set_device_times(&self, interval: impl Into<Value>, life: Option<Duration>) {
        let mut sign_ins = self.shared.sign_ins();
        sign_ins.device_interval = interval.into();
        sign_ins.device_life = life;
    }

    /// The account behaves by itself again.
    pub fn clear_scripts(&self, name: &str) {
        self.entry(name, Entry::clear_scripts);
    }

    /// Whether the ChatGPT backend has `/responses/compact`. It has not, until set; the API always has it.
    pub fn set_compacts(&self, compacts: bool) {
        self.shared.set_compacts(compacts);
    }

    /// Between two events of a stream; zero until set. It is a real pause: for a demo, not for tests.
    pub fn set_pause(&self, pause: Duration) {
        self.shared.set_pause(pause);
    }

    // What happened.

    /// The requests so far, oldest first, at most the last 10,000.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.record().all()
    }

    /// How many of [`Simulator::asked`] went to this path.
    pub fn count(&self, path: &str) -> usize {
        self.shared.record().count(path)
    }

    /// How many refresh tokens of the account were spent over HTTP.
    pub fn redeems(&self, name: &str) -> usize {
        self.entry(name, |entry| entry.tally.redeems)
    }

    /// How many times a spent or revoked refresh token of the account was presented.
    pub fn refused_redeems(&self, name: &str) -> usize {
        self.entry(name, |entry| entry.tally.refused_redeems)
    }

    /// Returns once `count` requests for a response have come from this account.
    pub async fn arrived(&self, name: &str, count: usize) {
        let arrived = self.entry(name, |entry| entry.tally.arrived.clone());
        gate::until(&arrived, |arrived| *arrived >= count).await;
    }

    /// Returns once a client of this account has left before its answer was complete.
    pub async fn client_gone(&self, name: &str) {
        let gone = self.entry(name, |entry| entry.tally.gone.clone());
        gate::until(&gone, |gone| *gone >= 1).await;
    }

    /// How many clients of this account have left before their answers were complete.
    pub fn clients_gone(&self, name: &str) -> usize {
        self.entry(name, |entry| *entry.tally.gone.borrow())
    }

    /// Forgets what happened, counts included. Accounts, logins and scripts stay.
    pub fn clear_record(&self) {
        self.shared.record().clear();
        self.accounts(Accounts::clear_tallies);
    }

    fn accounts<T>(&self, look: impl FnOnce(&mut Accounts) -> T) -> T {
        look(&mut self.shared.accounts())
    }

    fn entry<T>(&self, name: &str, look: impl FnOnce(&mut Entry) -> T) -> T {
        self.accounts(|accounts| accounts.with(name, look))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl fmt::Debug for Simulator {
    /// Address and names; tokens stay inside.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulator")
            .field("address", &self.address)
            .field("accounts", &self.accounts(|accounts| accounts.names()))
            .finish()
    }
}
