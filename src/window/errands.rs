//! What takes longer than a frame: handing a link to the browser, and the system's file dialogs.
//!
//! Each goes on a thread of its own; what became of it waits for the next frame. A [`Doors`] is how the world outside is
//! reached, so that tests need none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use egui::Context;

use crate::desk::{ActivityQuery, OnScreen, RequestsForm};
use crate::system::open_link;

/// How the world outside is reached.
#[derive(Clone)]
pub struct Doors {
    /// Whether a program took the link.
    pub open_link: Arc<dyn Fn(&str) -> bool + Send + Sync>,
    pub pick: Arc<dyn Fn(&Pick) -> Picked + Send + Sync>,
    /// What `~` stands for in a path that is typed.
    pub user_home: Option<PathBuf>,
}

/// What the user is to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pick {
    /// Files with logins, or backups.
    Files,
    /// A folder with logins below it.
    Folder,
    /// Where an export goes.
    ExportFolder,
    /// Where a backup is written, and what it is called unless the user says otherwise.
    BackupFile { name: String },
    /// Where these requests are written.
    RequestsFile {
        query: ActivityQuery,
        form: RequestsForm,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picked {
    Paths(Vec<PathBuf>),
    /// The user thought better of it.
    Nothing,
    /// This desktop has no file dialog.
    NoDialog,
}

/// What became of an errand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Return {
    /// No program took the link.
    LinkRefused,
    Picked(Pick, Picked),
}

pub struct Errands {
    doors: Doors,
    sender: Sender<Return>,
    returns: Receiver<Return>,
    /// One file dialog at a time.
    is_picking: Arc<AtomicBool>,
}

impl Doors {
    pub fn of_this_system() -> Self {
        Self {
            open_link: Arc::new(|url| {
                // A launcher of the desktop by its arguments, never a shell; the error would name the link, which is a secret.
                let is_taken = open_link(url);
                if !is_taken {
                    tracing::warn!("no program of this desktop opens links");
                }
                is_taken
            }),
            pick: Arc::new(pick),
            user_home: dirs::home_dir(),
        }
    }

    /// The path in a text that was typed, if it can be one: whole, or below `~`.
    pub fn path_in(&self, text: &str) -> Result<PathBuf, &'static str> {
        let text = text.trim();
        let below_home = text.strip_prefix('~').and_then(|rest| {
            let rest = rest.trim_start_matches(['/', '\\']);
            self.user_home.as_ref().map(|home| home.join(rest))
        });
        let path = below_home.unwrap_or_else(|| Path::new(text).to_owned());
        if text.is_empty() {
            Err("Say where, or choose it.")
        } else if path.is_absolute() {
            Ok(path)
        } else {
            Err("Say the whole path, from the root of the disk or from ~.")
        }
    }
}

impl Errands {
    pub fn new(doors: Doors) -> Self {
        let (sender, returns) = channel();
        Self {
            doors,
            sender,
            returns,
            is_picking: Arc::default(),
        }
    }

    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// What became of errands since the last frame.
    pub fn returned(&self) -> Vec<Return> {
        self.returns.try_iter().collect()
    }

    pub fn open_link(&self, ctx: &Context, url: OnScreen) {
        let open_link = self.doors.open_link.clone();
        self.run(ctx, "open-link", Return::LinkRefused, move || {
            (!open_link(&url)).then_some(Return::LinkRefused)
        });
    }

    pub fn pick(&self, ctx: &Context, pick: Pick) {
        if self.is_picking.swap(true, Ordering::AcqRel) {
            return;
        }
        let choose = self.doors.pick.clone();
        let is_picking = self.is_picking.clone();
        let refused = Return::Picked(pick.clone(), Picked::NoDialog);
        self.run(ctx, "file-dialog", refused, move || {
            let picked = choose(&pick);
            is_picking.store(false, Ordering::Release);
            Some(Return::Picked(pick, picked))
        });
    }

    /// Without a thread it has failed, which `refused` says.
    fn run(
        &self,
        ctx: &Context,
        name: &str,
        refused: Return,
        work: impl FnOnce() -> Option<Return> + Send + 'static,
    ) {
        let (ctx, sender) = (ctx.clone(), self.sender.clone());
        let errand = move || {
            if let Some(told) = work() {
                // Without a window nobody wants to know.
                sender.send(told).ok();
                ctx.request_repaint();
            }
        };
        let started = thread::Builder::new().name(name.into()).spawn(errand);
        if let Err(err) = started {
            tracing::warn!(error = %err, "no thread for {name}");
            self.is_picking.store(false, Ordering::Release);
            // The receiver is ours.
            self.sender.send(refused).ok();
        }
    }
}

/// Asks by the desktop's own dialog, and waits until it is closed.
fn pick(pick: &Pick) -> Picked {
    if !has_file_dialog() {
        return Picked::NoDialog;
    }
    let dialog = rfd::AsyncFileDialog::new();
    let one = |handle: rfd::FileHandle| vec![handle.path().to_owned()];
    let chosen = futures_executor::block_on(async {
        match pick {
            Pick::Files => dialog
                .set_title("Import accounts")
                .pick_files()
                .await
                .map(|handles| handles.iter().map(|file| file.path().to_owned()).collect()),
            Pick::Folder => dialog
                .set_title("Import accounts")
                .pick_folder()
                .await
                .map(one),
            Pick::ExportFolder => dialog
                .set_title("Export accounts")
                .pick_folder()
                .await
                .map(one),
            Pick::BackupFile { name } => dialog
                .set_title("Encrypted backup")
                .set_file_name(name)
                .save_file()
                .await
                .map(one),
            Pick::RequestsFile { form, .. } => dialog
                .set_title("Export requests")
                .set_file_name(match form {
                    RequestsForm::Csv => "requests.csv",
                    RequestsForm::JsonLines => "requests.jsonl",
                })
                .save_file()
                .await
                .map(one),
        }
    });
    match chosen {
        Some(paths) => Picked::Paths(paths),
        None => Picked::Nothing,
    }
}

/// rfd asks the desktop portal, else zenity, and cannot tell "there is neither" from "cancelled".
/// <https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.FileChooser.html>
#[cfg(target_os = "linux")]
fn has_file_dialog() -> bool {
    let version = || -> zbus::Result<u32> {
        let bus = zbus::blocking::Connection::session()?;
        let portal = zbus::blocking::Proxy::new(
            &bus,
            "org.freedesktop.portal.Desktop",
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.FileChooser",
        )?;
        portal.get_property("version")
    };
    version().is_ok()
        || std::process::Command::new("zenity")
            .arg("--version")
            .stdin(std::process::Stdio::null())
            .output()
            .is_ok_and(|output| output.status.success())
}

#[cfg(not(target_os = "linux"))]
fn has_file_dialog() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    /// Much longer than anything here takes; only a failing test waits so long.
    const SOON: Duration = Duration::from_secs(20);

    fn doors() -> Doors {
        Doors {
            open_link: Arc::new(|url| url.starts_with("https://good.test")),
            pick: Arc::new(|_pick| Picked::Nothing),
            user_home: Some(PathBuf::from("/home/ana")),
        }
    }

    #[test]
    fn a_typed_path_is_whole_or_begins_at_home() {
        let doors = doors();
        let path = |text| doors.path_in(text);
        assert_eq!(path(" /srv/logins "), Ok(PathBuf::from("/srv/logins")));
        assert_eq!(path("~/logins"), Ok(PathBuf::from("/home/ana/logins")));
        assert_eq!(path("~"), Ok(PathBuf::from("/home/ana/")));
        assert!(path("logins/old").is_err());
        assert!(path("  ").is_err());
    }

    #[test]
    fn only_a_link_that_nobody_took_is_told() {
        let errands = Errands::new(doors());
        let ctx = Context::default();
        errands.open_link(&ctx, "https://good.test/a".to_owned().into());
        errands.open_link(&ctx, "https://bad.test/b".to_owned().into());
        let told = errands.returns.recv_timeout(SOON).unwrap();
        assert_eq!(told, Return::LinkRefused);
        assert_eq!(errands.returned(), []);
    }

    #[test]
    fn one_file_dialog_is_open_at_a_time() {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let (opened, opens) = channel();
        let opened = Mutex::new(opened);
        let waited = gate.clone();
        let errands = Errands::new(Doors {
            pick: Arc::new(move |pick| {
                opened.lock().unwrap().send(pick.clone()).unwrap();
                let (is_open, door) = &*waited;
                let mut guard = is_open.lock().unwrap();
                while !*guard {
                    guard = door.wait(guard).unwrap();
                }
                Picked::Paths(vec![PathBuf::from("/a")])
            }),
            ..doors()
        });
        let ctx = Context::default();
        errands.pick(&ctx, Pick::Files);
        assert_eq!(opens.recv_timeout(SOON).unwrap(), Pick::Files);
        errands.pick(&ctx, Pick::Folder);
        *gate.0.lock().unwrap() = true;
        gate.1.notify_all();
        let told = errands.returns.recv_timeout(SOON).unwrap();
        let paths = Picked::Paths(vec![PathBuf::from("/a")]);
        assert_eq!(told, Return::Picked(Pick::Files, paths));
        errands.pick(&ctx, Pick::Folder);
        assert_eq!(opens.recv_timeout(SOON).unwrap(), Pick::Folder);
    }
}
