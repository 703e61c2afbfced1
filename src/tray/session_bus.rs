//! What the session bus tells: whether a panel shows trays, and whether the desktop is light or dark.
//!
//! One named thread that only waits for signals. The presence of `org.kde.StatusNotifierWatcher` is the sign of a panel: real
//! ones hardcode its property `IsStatusNotifierHostRegistered` to true. The colour scheme is the portal's
//! (<https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.Settings.html>).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use futures_channel::oneshot;
use futures_util::{Stream, StreamExt, future, stream};
use tracing::{debug, warn};
use zbus::zvariant::{OwnedValue, Value};
use zbus::{Connection, MatchRule, MessageStream, fdo};

use super::{PATIENCE, TrayError, join};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColourScheme {
    Dark,
    Light,
    /// The desktop has no portal or no preference.
    Unknown,
}

#[derive(Clone, Debug)]
pub(super) enum BusAddress {
    /// The one that this process was started in.
    OfThisSession,
    #[cfg(test)]
    At(String),
}

/// A connection to the session bus, until dropped.
pub(super) struct SessionBus {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

type HostCallback = Arc<dyn Fn(bool) + Send + Sync>;

#[derive(Default)]
struct Shared {
    has_host: AtomicBool,
    on_host_change: Mutex<Option<HostCallback>>,
}

enum News {
    Host(bool),
    Scheme(ColourScheme),
    /// The bus itself is gone.
    Lost,
}

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PORTAL_PATH: &str = "/org/freedesktop/portal/desktop";
const SETTINGS: &str = "org.freedesktop.portal.Settings";
const APPEARANCE: &str = "org.freedesktop.appearance";
const COLOUR_SCHEME: &str = "color-scheme";

impl SessionBus {
    /// Connects, asks for the host, and goes on listening. The scheme comes later, and only if the desktop tells one.
    pub fn watch(
        address: BusAddress,
        on_scheme: impl Fn(ColourScheme) + Send + 'static,
    ) -> Result<Self, TrayError> {
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let (ready_sender, ready) = mpsc::channel();
        let thread = thread::Builder::new().name("session-bus".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                futures_executor::block_on(async move {
                    let news = match open(&address, &shared).await {
                        Ok(news) => news,
                        // Nobody waits any more: then it was told as silence.
                        Err(err) => return drop(ready_sender.send(Err(err))),
                    };
                    if ready_sender.send(Ok(())).is_err() {
                        return;
                    }
                    let mut news = std::pin::pin!(news.take_until(stopped));
                    while let Some(news) = news.next().await {
                        match news {
                            News::Host(has_host) => shared.note_host(has_host),
                            News::Scheme(scheme) => on_scheme(scheme),
                            News::Lost => {
                                warn!("the session bus is gone");
                                shared.note_host(false);
                            }
                        }
                    }
                });
            }
        })?;
        match ready.recv_timeout(PATIENCE) {
            Ok(Ok(())) => Ok(Self {
                shared,
                stop: Some(stop),
                thread: Some(thread),
            }),
            Ok(Err(err)) => Err(TrayError::NoSessionBus(err)),
            Err(_timeout) => Err(TrayError::Silent),
        }
    }

    pub fn has_host(&self) -> bool {
        self.shared.has_host.load(Ordering::Acquire)
    }

    pub fn on_host_change(&self, callback: impl Fn(bool) + Send + Sync + 'static) {
        let mut slot = self.shared.callback();
        *slot = Some(Arc::new(callback));
    }
}

impl Drop for SessionBus {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            join(thread);
        }
    }
}

impl Shared {
    fn callback(&self) -> std::sync::MutexGuard<'_, Option<HostCallback>> {
        self.on_host_change
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note_host(&self, has_host: bool) {
        if self.has_host.swap(has_host, Ordering::AcqRel) == has_host {
            return;
        }
        debug!(has_host, "a panel for trays came or went");
        let callback = self.callback().clone();
        if let Some(callback) = callback {
            callback(has_host);
        }
    }
}

/// Subscribes first and asks then, so that no change is lost in between.
async fn open(
    address: &BusAddress,
    shared: &Shared,
) -> zbus::Result<impl Stream<Item = News> + use<>> {
    let builder = match address {
        BusAddress::OfThisSession => zbus::connection::Builder::session()?,
        #[cfg(test)]
        BusAddress::At(address) => zbus::connection::Builder::address(address.as_str())?,
    };
    let bus = builder.build().await?;
    let daemon = fdo::DBusProxy::new(&bus).await?;
    let owners = daemon
        .receive_name_owner_changed_with_args(&[(0, WATCHER)])
        .await?;
    let has_host = daemon.name_has_owner(WATCHER.try_into()?).await?;
    shared.has_host.store(has_host, Ordering::Release);
    let changes = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .path(PORTAL_PATH)?
        .interface(SETTINGS)?
        .member("SettingChanged")?
        .arg(0, APPEARANCE)?
        .build();
    let changes = MessageStream::for_match_rule(changes, &bus, None).await?;

    let hosts = owners.filter_map(|change| {
        let args = change.args().ok(); // the daemon's own signal has its own shape
        future::ready(args.map(|args| News::Host(args.new_owner.is_some())))
    });
    let hosts = hosts.chain(stream::once(future::ready(News::Lost)));
    let changes =
        changes.filter_map(|message| future::ready(message.ok().and_then(changed_scheme)));
    let schemes = stream::once(colour_scheme(bus)).chain(changes);
    Ok(stream::select(hosts, schemes.map(News::Scheme)))
}

/// Asks the portal. `Read` is for portals before version 2 of the interface; it wraps the value once more.
async fn colour_scheme(bus: Connection) -> ColourScheme {
    for method in ["ReadOne", "Read"] {
        let answer = bus
            .call_method(
                Some(PORTAL),
                PORTAL_PATH,
                Some(SETTINGS),
                method,
                &(APPEARANCE, COLOUR_SCHEME),
            )
            .await;
        match answer {
            Ok(message) => match message.body().deserialize::<OwnedValue>() {
                Ok(value) => return scheme_of(&value),
                Err(err) => debug!(method, error = %err, "the portal answered something else"),
            },
            Err(err) => debug!(method, error = %err, "no colour scheme from the portal"),
        }
    }
    ColourScheme::Unknown
}

fn changed_scheme(message: zbus::Message) -> Option<ColourScheme> {
    let body = message.body();
    let (_namespace, key, value): (&str, &str, Value<'_>) = body.deserialize().ok()?; // of another shape: not this signal
    (key == COLOUR_SCHEME).then(|| scheme_of(&value))
}

fn scheme_of(value: &Value<'_>) -> ColourScheme {
    match value {
        Value::Value(inner) => scheme_of(inner),
        Value::U32(1) => ColourScheme::Dark,
        Value::U32(2) => ColourScheme::Light,
        _ => ColourScheme::Unknown,
    }
}

#[cfg(test)]
mod tests;
