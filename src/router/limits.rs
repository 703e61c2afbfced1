//! Every figure that bounds what a client or an upstream may cost us, in one place.
//!
//! Chosen so that one honest user never meets them and one runaway client cannot take the computer down. Tests shorten them.

use std::time::Duration;

use crate::desk::settings::LimitSettings;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; the soft limit of open files may lower it.
    pub connections: usize,
    /// Requests for a model that are served at once.
    pub in_flight: usize,
    /// Requests that one account serves at once, as long as others can take more.
    pub per_account: usize,
    /// The same for an account that has answered nothing for a while: a burst must not run into its limit as a whole.
    pub per_cold_account: usize,
    /// Requests at once by one client key whose policy says nothing about it.
    pub per_key: usize,
    /// Requests that wait in line for a place, and as many for an account.
    pub queue: usize,
    /// How long they wait before they are told to come back.
    pub queue_wait: Duration,
    /// From the first byte of a request head to its last.
    pub head_read: Duration,
    /// A connection between two requests. Longer than the 90 s for which clients built on reqwest keep theirs.
    pub keep_alive: Duration,
    /// A client that reads nothing.
    pub write_stall: Duration,
    /// The bytes of a request head, names and values together.
    pub head_bytes: usize,
    pub uri_bytes: usize,
    /// A body as it comes over the wire.
    pub wire_bytes: usize,
    /// The same body decompressed.
    pub decoded_bytes: usize,
    /// All bodies that are held at once.
    pub all_bodies_bytes: usize,
    /// Between two pieces of a body.
    pub body_idle: Duration,
    pub body_total: Duration,
    /// From sending a request to the head of the reply, and on to its first event.
    pub answer_head: Duration,
    /// The same for requests that ask for much reasoning.
    pub answer_head_reasoning: Duration,
    /// The same for the endpoint that compacts a conversation: Codex waits as long.
    pub answer_head_compaction: Duration,
    /// Between two events of a stream; long reasoning is silent for minutes.
    pub event_idle: Duration,
    /// Silence after which a client that reads a stream gets a sign of life.
    pub ping: Duration,
    /// How long a streaming client waits for the first real event before it is told that the answer has begun.
    pub handshake: Duration,
    pub handshake_bytes: usize,
    pub handshake_events: usize,
    /// No further attempt begins later than this.
    pub first_byte: Duration,
    /// Profiles that one request may try.
    pub profiles: usize,
    /// Tries of one request after the first.
    pub retries: usize,
    /// After the last event, for the upstream to end the stream so that its connection can be used again.
    pub linger: Duration,
    /// How old a list of models may be.
    pub models_age: Duration,
    /// Between two pings on a client's WebSocket: shorter than what lies between us and a client forgets connections after.
    pub socket_ping: Duration,
    /// What is kept of a request's body for the record; nothing unless the user wants it.
    pub preview_bytes: usize,
    /// Requests that wait on one WebSocket while another is being answered.
    pub socket_queue: usize,
    /// What one WebSocket remembers of its conversation.
    pub socket_history_bytes: usize,
    /// The same of all of them together. Apart from the bodies, so that sockets that only wait never keep a request out.
    pub all_histories_bytes: usize,
    /// For an upstream's WebSocket to answer a ping, if it ever did. Long enough for a network that stumbles.
    pub socket_pong: Duration,
    /// The handshake of a WebSocket with an upstream (Codex itself waits as long).
    pub socket_handshake: Duration,
    /// How long a profile whose upstream refused a WebSocket is asked by POST.
    pub socket_refused: Duration,
}

impl From<&LimitSettings> for Limits {
    fn from(settings: &LimitSettings) -> Self {
        let LimitSettings {
            requests,
            per_account,
            per_key,
            queue,
            queue_wait,
            accounts,
            retries,
            first_event,
            first_event_long,
            idle,
        } = *settings;
        Self {
            in_flight: requests,
            per_account,
            per_key,
            queue,
            queue_wait,
            profiles: accounts,
            retries,
            answer_head: first_event,
            answer_head_reasoning: first_event_long,
            answer_head_compaction: first_event_long.saturating_mul(2),
            event_idle: idle,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            in_flight: 256,
            per_account: 64,
            per_cold_account: 8,
            per_key: 64,
            queue: 256,
            queue_wait: Duration::from_secs(10),
            head_read: Duration::from_secs(10),
            keep_alive: Duration::from_secs(100),
            write_stall: Duration::from_secs(60),
            head_bytes: 64 * KIB,
            uri_bytes: 8 * KIB,
            wire_bytes: 64 * MIB,
            decoded_bytes: 128 * MIB,
            all_bodies_bytes: 512 * MIB,
            body_idle: Duration::from_secs(30),
            body_total: Duration::from_secs(300),
            answer_head: Duration::from_secs(60),
            answer_head_reasoning: Duration::from_secs(600),
            answer_head_compaction: Duration::from_secs(1_200),
            event_idle: Duration::from_secs(300),
            ping: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            handshake_bytes: 64 * KIB,
            handshake_events: 16,
            first_byte: Duration::from_secs(120),
            profiles: 3,
            retries: 2,
            linger: Duration::from_millis(250),
            models_age: Duration::from_secs(300),
            socket_ping: Duration::from_secs(27),
            preview_bytes: 0,
            socket_queue: 8,
            socket_history_bytes: 64 * MIB,
            all_histories_bytes: 256 * MIB,
            socket_pong: Duration::from_secs(30),
            socket_handshake: Duration::from_secs(15),
            socket_refused: Duration::from_secs(600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_is_as_it_is_without_settings() {
        assert_eq!(Limits::from(&LimitSettings::default()), Limits::default());
    }
}
