//! Bringing logins in and taking them out: decisions about what faces ask, and what they see of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::super::event::Effect;
use super::super::importing::{Cancel, ImportEnd, NoPreview, Preview};
use super::AppState;
use super::unsaved::unsaved_in_words;
use crate::desk::{ExportTo, ImportSource, ImportState, ImportView, OlderStore, Outcome};
use crate::profile::ProfileName;
use crate::store::import::Incoming;

/// The import that is under way, or the last one.
#[derive(Debug, Default)]
pub struct Importing {
    /// How many there were.
    count: u64,
    view: Option<Arc<ImportView>>,
    /// What could be written, by the ids in the view.
    logins: HashMap<u32, Incoming>,
    cancel: Cancel,
    writing_since: Option<SystemTime>,
    pub older_store: Option<OlderStore>,
}

/// While an import writes, the disk changes all the time and is read once at its end. Locks may hold it up, so not for ever.
const READ_AFTER: Duration = Duration::from_secs(10);

impl Importing {
    pub fn view(&self) -> Option<Arc<ImportView>> {
        self.view.clone()
    }

    /// Whether a change on disk is our own and not over yet.
    pub fn defers_reading(&self, now: SystemTime) -> bool {
        self.writing_since
            .is_some_and(|since| now < since + READ_AFTER)
    }

    fn edit(&mut self, edit: impl FnOnce(&mut ImportView)) {
        if let Some(view) = &mut self.view {
            edit(Arc::make_mut(view));
        }
    }

    fn is_current(&self, number: u64) -> bool {
        self.view.as_ref().is_some_and(|view| view.number == number)
    }
}

impl AppState {
    pub(super) fn look_for_import(&mut self, source: ImportSource) -> Vec<Effect> {
        if self.importing.writing_since.is_some() {
            return Vec::new(); // it shows, and can be cancelled
        }
        self.importing.cancel.store(true, Ordering::Relaxed);
        let importing = &mut self.importing;
        importing.count += 1;
        importing.cancel = Cancel::default();
        importing.logins.clear();
        importing.view = Some(Arc::new(ImportView {
            number: importing.count,
            state: ImportState::Looking { files: 0 },
            found: Vec::new(),
            notes: Vec::new(),
        }));
        vec![Effect::LookForImport {
            number: importing.count,
            source,
            cancel: importing.cancel.clone(),
        }]
    }

    pub(super) fn note_looking(&mut self, number: u64, files: usize) {
        if self.importing.is_current(number) {
            self.importing.edit(|view| {
                if matches!(view.state, ImportState::Looking { .. }) {
                    view.state = ImportState::Looking { files };
                }
            });
        }
    }

    pub(super) fn note_looked(&mut self, number: u64, result: Result<Preview, NoPreview>) {
        if !self.importing.is_current(number) {
            return;
        }
        match result {
            Ok(preview) => {
                self.importing.logins = preview.logins;
                self.importing.edit(|view| {
                    view.state = ImportState::Ready;
                    view.found = preview.found;
                    view.notes = preview.notes;
                });
            }
            Err(NoPreview::WantsPassphrase { file, refusal }) => self
                .importing
                .edit(|view| view.state = ImportState::WantsPassphrase { file, refusal }),
            Err(NoPreview::Failed(reason)) => self
                .importing
                .edit(|view| view.state = ImportState::Failed(reason)),
            Err(NoPreview::Cancelled) => self.importing.view = None,
        }
    }

    pub(super) fn import(
        &mut self,
        chosen: Vec<(u32, ProfileName)>,
        now: SystemTime,
    ) -> Vec<Effect> {
        let is_ready = |view: &Arc<ImportView>| view.state == ImportState::Ready;
        if !self.importing.view.as_ref().is_some_and(is_ready) {
            return Vec::new();
        }
        let mut refused = Vec::new();
        let mut incoming: Vec<(u32, Incoming)> = Vec::new();
        for (id, name) in chosen {
            let Some(chosen) = self.importing.logins.get(&id) else {
                continue; // not for taking
            };
            if incoming.iter().any(|(other, _)| *other == id) {
                continue; // chosen twice
            }
            match self.unsaved_rival_of(&chosen.login) {
                Some(reason) => refused.push((id, reason)),
                None => {
                    let chosen = chosen.clone();
                    incoming.push((id, Incoming { name, ..chosen }));
                }
            }
        }
        self.importing.cancel = Cancel::default();
        self.importing.writing_since = Some(now);
        let of = incoming.len();
        self.importing.edit(|view| {
            view.state = ImportState::Writing { done: 0, of };
            note_failures(view, refused);
        });
        vec![Effect::Import {
            number: self.importing.count,
            incoming,
            cancel: self.importing.cancel.clone(),
        }]
    }

    pub(super) fn note_writing(&mut self, number: u64, written: usize) {
        if self.importing.is_current(number) {
            self.importing.edit(|view| {
                if let ImportState::Writing { done, .. } = &mut view.state {
                    *done = written;
                }
            });
        }
    }

    pub(super) fn note_import_ended(&mut self, number: u64, end: ImportEnd) -> Vec<Effect> {
        self.importing.writing_since = None;
        if self.importing.is_current(number) {
            self.importing.logins.clear();
            self.importing.edit(|view| {
                note_failures(view, end.failed);
                let failed = view.found.iter().filter(|row| row.failure.is_some());
                view.state = ImportState::Done {
                    added: end.added,
                    updated: end.updated,
                    failed: failed.count(),
                    is_cancelled: end.is_cancelled,
                };
            });
        }
        vec![self.read_disk()]
    }

    pub(super) fn cancel_import(&mut self) {
        self.importing.cancel.store(true, Ordering::Relaxed);
        if self.importing.writing_since.is_none() {
            self.importing.view = None;
            self.importing.logins.clear();
        }
    }

    pub(super) fn export(
        &mut self,
        names: Vec<ProfileName>,
        to: ExportTo,
        now: SystemTime,
    ) -> Vec<Effect> {
        let unsaved = names.iter().find_map(|name| {
            let unsaved = self.kept.get(name)?.refresh.unsaved.as_ref()?;
            (!unsaved.is_on_disk).then(|| unsaved_in_words(name, unsaved))
        });
        match unsaved {
            Some(reason) => {
                self.happen(Outcome::ExportFailed { reason }, now);
                Vec::new()
            }
            None => vec![Effect::Export { names, to }],
        }
    }

    pub(super) fn note_exported(
        &mut self,
        result: Result<(usize, String), String>,
        now: SystemTime,
    ) {
        match result {
            Ok((count, to)) => self.happen(Outcome::Exported { count, to }, now),
            Err(reason) => self.happen(Outcome::ExportFailed { reason }, now),
        }
    }
}

fn note_failures(view: &mut ImportView, failed: Vec<(u32, String)>) {
    for (id, reason) in failed {
        if let Some(row) = view.found.iter_mut().find(|row| row.id == id) {
            row.failure = Some(reason);
        }
    }
}
