//! The language between the worker and its faces: what a face may ask, and what it may see.
//!
//! A [`Desk`] is cheap to clone and never blocks. A [`Snapshot`] holds no secret, so no face can leak one.
//! Never enters: how anything is done. That is the worker's business.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

pub mod activity;
pub mod command;
pub mod edit;
pub mod health;
pub mod history;
pub mod import;
mod model_map;
pub mod network;
pub mod record;
pub mod runway;
pub mod settings;
pub mod sign_in;
pub mod snapshot;
pub mod sort;
pub mod tools;
pub mod words;

pub use activity::{
    Activity, ActivityPart, ActivityQuery, ActivitySums, Names, Place, RequestsForm,
};
pub use command::Command;
pub use edit::{BadEdit, Edit, TokenHealth, TrashView};
pub use history::{History, HistoryLine, HistoryPoint, Span};
pub use import::{
    ExportTo, FoundLogin, ImportSource, ImportState, ImportView, OlderStore, Verdict,
};
pub use network::{NetworkView, ProxyView};
pub use runway::PoolRunway;
pub use settings::{Change, Setting, Settings, SettingsView, SwitchWay};
pub use sign_in::{
    CallbackListener, CheckResult, LoginCheck, NewLogin, OnScreen, SignInStep, SignInView,
    SignInWay, SignInWish, SignedIn,
};
pub use snapshot::{
    CodexProcess, Happening, KeyUse, KeyView, KeysView, LastRequest, Live, LockView, LoginKind,
    Notice, Outcome, PathView, ProfileView, PromptCache, RouterState, RouterView, Snapshot,
};
pub use sort::{Sort, sorted};
pub use tools::{Tool, ToolView};

// What stands in the snapshot; a face may not look into `pool`.
pub use crate::pool::{BadTerm, Rest, RestCause, RestSource, Strategy, Term, Terms};
pub use crate::profile::{About, Origin, Rotator};

/// A face's end of the desk.
#[derive(Clone, Debug)]
pub struct Desk {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

/// The worker's end.
#[derive(Debug)]
pub struct DeskBack {
    pub commands: mpsc::Receiver<Command>,
    pub snapshots: watch::Sender<Arc<Snapshot>>,
}

/// More clicks than a person makes while the worker is busy with one.
const COMMANDS: usize = 64;

/// Makes both ends, with an empty snapshot on the desk.
pub fn desk(first: Snapshot) -> (Desk, DeskBack) {
    let (command_sender, command_receiver) = mpsc::channel(COMMANDS);
    let (snapshot_sender, snapshot_receiver) = watch::channel(Arc::new(first));
    let front = Desk {
        commands: command_sender,
        snapshots: snapshot_receiver,
    };
    (
        front,
        DeskBack {
            commands: command_receiver,
            snapshots: snapshot_sender,
        },
    )
}

impl Desk {
    /// Never blocks, so the window may call it in the middle of a frame.
    ///
    /// # Errors
    /// When the worker is swamped or gone; the face says so.
    pub fn ask(&self, command: Command) -> Result<(), DeskError> {
        self.commands.try_send(command).map_err(|err| match err {
            mpsc::error::TrySendError::Full(_) => DeskError::Busy,
            mpsc::error::TrySendError::Closed(_) => DeskError::WorkerGone,
        })
    }

    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.borrow().clone()
    }

    /// Waits for the next snapshot; works on any executor.
    ///
    /// # Errors
    /// When the worker is gone and there will be none.
    pub async fn changed(&mut self) -> Result<Arc<Snapshot>, DeskError> {
        self.snapshots
            .changed()
            .await
            .map_err(|_closed| DeskError::WorkerGone)?;
        Ok(self.snapshots.borrow_and_update().clone())
    }
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    #[error("too much to do at once; try again in a moment")]
    Busy,
    #[error("the background worker has stopped; restart Codex Router")]
    WorkerGone,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_desk_says_busy_and_a_left_one_says_gone() {
        let (front, back) = desk(Snapshot::default());
        for _ in 0..COMMANDS {
            front.ask(Command::RefreshAll).unwrap();
        }
        assert_eq!(front.ask(Command::RefreshAll), Err(DeskError::Busy));
        drop(back);
        assert_eq!(front.ask(Command::RefreshAll), Err(DeskError::WorkerGone));
    }
}
