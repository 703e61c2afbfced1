//! Which rows each section has.

use super::{
    Act, Choices, Closing, Control, OffAt, Scene, SettingRow, Topic, button, choices, plain,
};
use crate::desk::{Notice, Setting};
use crate::window::rows::client_keys::is_open_to_others;

/// In percent of the usual size.
const SIZES: [u16; 7] = [90, 100, 110, 120, 130, 140, 150];

impl Scene<'_> {
    pub(super) fn rows(&self, topic: Topic) -> Vec<SettingRow> {
        match topic {
            Topic::General => self.general(),
            Topic::Usage => self.usage().into_iter().collect(),
            Topic::Router => self.router(),
            Topic::Network => self.network(),
            Topic::Privacy => self.privacy(),
            Topic::Advanced => self.advanced(),
        }
    }

    fn general(&self) -> Vec<SettingRow> {
        let wish = self.wish.settings;
        let theme = self.row(Setting::Theme, "Theme", "", |view| {
            let words = [("system", "System"), ("light", "Light"), ("dark", "Dark")];
            Control::Segment(choices(view, &words, str::to_owned))
        });
        let sizes = SIZES.map(|size| (format!("{size}%"), Act::Zoom(size)));
        let size = Control::Select(Choices {
            options: sizes.to_vec(),
            chosen: SIZES.iter().position(|size| *size == wish.zoom),
            shown: format!("{}%", wish.zoom),
        });
        let closing = match wish.can_hide {
            true => {
                let act = |closing| Act::Close(closing);
                Control::Segment(Choices {
                    options: vec![
                        ("Hide".to_owned(), act(Closing::Hide)),
                        ("Quit".to_owned(), act(Closing::Quit)),
                    ],
                    chosen: Some(usize::from(wish.closing == Closing::Quit)),
                    shown: String::new(),
                })
            }
            false => Control::Text("Quits".to_owned()),
        };
        let why = match wish.can_hide {
            true => "Hidden, the router goes on and the icon stays.",
            false => "No panel shows our icon, so closing stops the router.",
        };
        let hidden = "At the next start only the icon shows.";
        [
            theme,
            Some(plain("Size", "", size)),
            Some(plain("Closing the window", why, closing)),
            self.switch(Setting::NoWindow, "Start hidden", hidden),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn usage(&self) -> Option<SettingRow> {
        const EVERY: [(&str, &str); 4] = [
            ("300", "Every 5m"),
            ("600", "Every 10m"),
            ("900", "Every 15m"),
            ("1800", "Every 30m"),
        ];
        let text = "One request for each account each time.";
        self.timed(
            (Setting::Poll, Setting::PollInterval),
            ("Check usage", text),
            ("By hand", OffAt::Last),
            |view| choices(view, &EVERY, |secs| format!("Every {secs}s")),
        )
    }

    fn router(&self) -> Vec<SettingRow> {
        let address = "localhost:9876, or only a port.";
        let is_open = is_open_to_others(self.snapshot);
        let needs_key = match self.snapshot.keys.is_required {
            true => "On. Who has no key is refused.",
            false if is_open => "On at this address. Who has no key is refused.",
            false => "Off. Any program on this computer can use it.",
        };
        let codex = match self.snapshot.is_codex_on_router {
            true => "Codex uses the router.",
            false => "Codex goes straight to OpenAI.",
        };
        [
            self.field(Setting::Listen, "Address", address, "localhost:9876"),
            self.switch(
                Setting::RouterOn,
                "Start with the app",
                "The router is on when the app starts.",
            ),
            Some(button("Require a key", needs_key, "Keys", Act::OpenKeys)),
            Some(button(
                "Point apps at the router",
                codex,
                "Set up…",
                Act::OpenConnect,
            )),
            self.switch(
                Setting::Websocket,
                "WebSockets",
                "One connection for a whole Codex session.",
            ),
            self.switch(
                Setting::Metrics,
                "Figures for Prometheus",
                "Served at /metrics.",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn network(&self) -> Vec<SettingRow> {
        let text = "For sign-in, usage and requests.";
        let is_custom = self.wish.settings.is_custom_proxy;
        let proxy = self.row(Setting::Proxy, "Proxy", text, |view| {
            let words = [("system", "System"), ("none", "None")];
            let mut all = choices(view, &words, |_address| "Custom".to_owned());
            all.options.push(("Custom…".to_owned(), Act::CustomProxy));
            if is_custom {
                all.shown = "Custom".to_owned();
            }
            if is_custom || all.chosen.is_none() {
                all.chosen = Some(words.len());
            }
            Control::Select(all)
        });
        let is_open = proxy.as_ref().is_some_and(|row| {
            let custom = |all: &Choices| all.shown == "Custom";
            matches!(&row.control, Control::Select(all) if custom(all))
        });
        let address = is_open.then(|| {
            let value = self.settings().value(Setting::Proxy);
            let known = !matches!(value, "" | "system" | "none");
            let hint = if known { value } else { "http://host:3128" };
            let text = "http, https, socks5 or socks5h; user:password@ before the host.";
            let mut row = self.field(Setting::Proxy, "Proxy address", text, hint)?;
            // Its password is not known here, so it is typed anew.
            if let Control::Field(field) = &mut row.control {
                field.value.clear();
            }
            Some(row)
        });
        let roots = "A PEM file, trusted besides what the system trusts.";
        let roots = self.field(Setting::CaFile, "Extra certificate", roots, "none");
        [proxy, address.flatten(), roots]
            .into_iter()
            .flatten()
            .collect()
    }

    fn privacy(&self) -> Vec<SettingRow> {
        let emails = plain(
            "Hide emails",
            "Also in the tray.",
            Control::Switch {
                is_on: self.snapshot.hides_emails,
                on: Act::HideEmails(true),
                off: Act::HideEmails(false),
            },
        );
        let text = match self.settings().value(Setting::PreviewBytes) {
            "" | "0" => "Never prompts or answers.".to_owned(),
            bytes => format!("With the first {bytes} bytes of each request, redacted."),
        };
        const DAYS: [(&str, &str); 2] = [("7", "7 days"), ("30", "30 days")];
        let log = self.timed(
            (Setting::LedgerOn, Setting::KeepDays),
            ("Keep request log", &text),
            ("Off", OffAt::First),
            |view| choices(view, &DAYS, |days| format!("{days} days")),
        );
        [Some(emails), log].into_iter().flatten().collect()
    }

    fn advanced(&self) -> Vec<SettingRow> {
        let accounts = self.snapshot.profiles.iter().map(|it| it.name.clone());
        let accounts: Vec<_> = accounts.collect();
        let elsewhere = self
            .snapshot
            .notices
            .iter()
            .find_map(|notice| match notice {
                Notice::CredentialStore { mode } => Some(mode),
                _ => None,
            });
        let store = match elsewhere {
            Some(mode) => button(
                "How Codex stores its login",
                &format!("In {mode:?}: switching files will not work."),
                "Fix…",
                Act::OpenKeyring,
            ),
            None => plain(
                "How Codex stores its login",
                "In auth.json, where it can be switched.",
                Control::Text("File".to_owned()),
            ),
        };
        [
            Some(plain(
                "Codex folder",
                "CODEX_HOME says where.",
                Control::Code(self.snapshot.home.clone()),
            )),
            Some(store),
            (!accounts.is_empty()).then(|| {
                let text = "All accounts, in one file with a passphrase.";
                let act = Act::OpenExport(accounts);
                button("Encrypted backup", text, "Export…", act)
            }),
            Some(button(
                "Bring accounts back",
                "From a backup, folders or other programs.",
                "Restore…",
                Act::OpenImport,
            )),
            self.switch(
                Setting::LogFile,
                "Keep a log file",
                "In router/logs, without secrets. After a restart.",
            ),
            Some(button(
                "All settings",
                "In a terminal: codex-router config",
                "Copy",
                Act::Copy("codex-router config"),
            )),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
