//! What a face looks at of past requests: one reading at a time, and of several wishes meanwhile the last.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::super::activity::Wanted;
use super::super::event::Effect;
use super::AppState;
use crate::desk::activity::{Activity, ActivityQuery, Names, Place, RequestsForm};
use crate::desk::{Outcome, words};
use crate::profile::ProfileName;

#[derive(Debug, Default)]
pub struct Looking {
    /// What was read last.
    pub seen: Option<Arc<Activity>>,
    is_reading: bool,
    /// Asked for while something else was read.
    next: Option<(ActivityQuery, Place)>,
}

impl Looking {
    /// An account is called something else by now.
    pub fn rename(&mut self, from: &ProfileName, to: &ProfileName) {
        let Some(seen) = &mut self.seen else { return };
        if !seen.records.iter().any(|record| record.tells_of(from)) {
            return;
        }
        for record in &mut Arc::make_mut(seen).records {
            if record.tells_of(from) {
                Arc::make_mut(record).rename(from, to);
            }
        }
    }
}

impl AppState {
    pub(super) fn show_activity(&mut self, query: ActivityQuery, place: Place) -> Option<Effect> {
        if self.looking.is_reading {
            self.looking.next = Some((query, place));
            return None;
        }
        self.looking.is_reading = true;
        Some(Effect::ReadActivity(Box::new(Wanted {
            query,
            place,
            names: self.names(),
            is_recorded: self.settings.ledger.is_on,
            known: self.looking.seen.clone(),
        })))
    }

    pub(super) fn note_activity(&mut self, activity: Activity) -> Option<Effect> {
        self.looking.is_reading = false;
        self.looking.seen = Some(Arc::new(activity));
        let (query, place) = self.looking.next.take()?;
        self.show_activity(query, place)
    }

    pub(super) fn export_requests(
        &self,
        query: ActivityQuery,
        form: RequestsForm,
        file: PathBuf,
    ) -> Effect {
        Effect::ExportRequests {
            query,
            names: self.names(),
            form,
            file,
        }
    }

    pub(super) fn note_requests_exported(
        &mut self,
        result: Result<(usize, String), String>,
        now: SystemTime,
    ) {
        let outcome = match result {
            Ok((count, to)) => Outcome::RequestsExported { count, to },
            Err(reason) => Outcome::RequestsExportFailed { reason },
        };
        self.happen(outcome, now);
    }

    fn names(&self) -> Names {
        let labelled = self.kept.iter().filter_map(|(name, kept)| {
            let label = kept.about.label.clone()?;
            Some((name.clone(), label))
        });
        let keys = self.keys.keys().iter();
        Names {
            accounts: labelled.collect(),
            keys: keys
                .map(|key| {
                    (
                        key.id.to_string(),
                        words::masked(&key.label, self.hides_emails),
                    )
                })
                .collect(),
            hides_emails: self.hides_emails,
        }
    }
}
