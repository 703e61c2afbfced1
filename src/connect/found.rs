//! The settings of one program as they are found: whether they lead to the router, and what they are without us.

use std::path::PathBuf;

use super::address::{Router, leads_to};
use super::check;
use super::record::Record;
use super::settings::{self, Setting};
use super::text::{Format, Untouchable};
use super::{Change, ConnectError, Places, codex, diff, name_of, untouchable};
use crate::desk::Tool;
use crate::profile::Secret;
use crate::store::{Home, foreign_file};

#[derive(Clone, Debug)]
pub(super) struct Found {
    pub tool: Tool,
    pub file: PathBuf,
    pub present: Option<String>,
    pub record: Option<Record>,
}

/// Where the program sends its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    AtRouter,
    /// Where the router was when it was pointed there.
    AtEarlierAddress,
    Elsewhere,
}

impl Found {
    pub fn of(home: &Home, places: &Places, tool: Tool) -> Result<Self, ConnectError> {
        let file = settings::file(tool, places, &home.cli_config())
            .ok_or(ConnectError::NoPlace(tool.title()))?;
        Ok(Self {
            tool,
            present: foreign_file::read(&file)?,
            record: Record::read(home, tool, &file)?,
            file,
        })
    }

    pub fn standing(&self, router: &Router) -> Standing {
        match self.address() {
            Some(address) if router.is_at(&address) => Standing::AtRouter,
            Some(address) if self.was_at(&address) => Standing::AtEarlierAddress,
            Some(_) | None => Standing::Elsewhere,
        }
    }

    /// What the file is without us: as it was, where nobody has touched it since; else with our own values taken out, or put
    /// back to what they were.
    pub fn without_ours(&self, router: &Router) -> Result<Option<String>, ConnectError> {
        let Some(present) = &self.present else {
            return Ok(None);
        };
        if let Some(record) = &self.record
            && record.is_untouched(Some(present))
        {
            return Ok(record.before.clone());
        }
        if self.record.is_none() && self.standing(router) == Standing::Elsewhere {
            return Ok(Some(present.clone()));
        }
        let settings = settings::wanted(self.tool, router, None);
        let without = |text: String, setting| self.without(&text, setting, router);
        let text = settings
            .iter()
            .try_fold(present.clone(), without)
            .and_then(|text| {
                check::only_ours_differs(self.format(), present, &text, &settings)?;
                Ok(text)
            });
        Ok(Some(text.map_err(|why| untouchable(&self.file, why))?))
    }

    /// The text with everything of ours in it.
    pub fn with_ours(
        &self,
        text: &str,
        router: &Router,
        key: Option<&Secret>,
    ) -> Result<String, ConnectError> {
        let format = self.format();
        let settings = settings::wanted(self.tool, router, key);
        let write = |text: String, setting: &Setting| setting.write(format, &text, &setting.value);
        let after = settings
            .iter()
            .try_fold(text.to_owned(), write)
            .and_then(|after| {
                check::only_ours_differs(format, text, &after, &settings)?;
                for setting in &settings {
                    if setting.read(format, &after)?.as_ref() != Some(&setting.value) {
                        return Err(check::not_alone());
                    }
                }
                Ok(after)
            });
        after.map_err(|why| untouchable(&self.file, why))
    }

    /// The value of the key that the program shows now.
    pub fn key(&self) -> Option<String> {
        let present = self.present.as_deref()?;
        let mut settings = any(self.tool).into_iter();
        settings.find_map(|setting| {
            let value = setting.read(self.format(), present).ok()??; // said where it is edited
            setting.key(&value)
        })
    }

    /// This file with another text in it.
    pub fn changed(self, before: Option<String>, after: Option<String>) -> Change {
        Change {
            tool: self.tool,
            diff: diff::diff(
                &name_of(&self.file),
                self.present.as_deref().unwrap_or_default(),
                after.as_deref().unwrap_or_default(),
                self.format(),
                &any(self.tool),
            ),
            file: self.file,
            present: self.present,
            before,
            after,
            record: self.record,
            key_id: None,
        }
    }

    pub fn format(&self) -> Format {
        settings::format(self.tool)
    }

    fn address(&self) -> Option<String> {
        let text = self.present.as_deref()?;
        if self.tool == Tool::Codex {
            return codex::address(text);
        }
        let mut settings = any(self.tool).into_iter();
        settings.find_map(|setting| {
            let value = setting.read(self.format(), text).ok()??; // said where it is edited
            setting.address(&value)
        })
    }

    fn was_at(&self, address: &str) -> bool {
        let roots = self.record.iter().flat_map(|record| &record.roots);
        roots.into_iter().any(|root| leads_to(address, root))
    }

    /// The text without this value, where it is ours.
    fn without(
        &self,
        text: &str,
        setting: &Setting,
        router: &Router,
    ) -> Result<String, Untouchable> {
        let format = self.format();
        let here = setting.read(format, text)?;
        let is_address = |address: &str| router.is_at(address) || self.was_at(address);
        if !here.is_some_and(|here| setting.is_ours(&here, is_address)) {
            return Ok(text.to_owned());
        }
        let before = self
            .record
            .as_ref()
            .and_then(|record| record.before.as_deref());
        let before = before.unwrap_or_default();
        // What cannot be understood any more holds nothing to go back to.
        match setting.read(format, before).ok().flatten() {
            Some(value) => setting.write(format, text, &value),
            None => setting.remove(format, text, before),
        }
    }
}

/// Our settings wherever the router is, to find them.
fn any(tool: Tool) -> Vec<Setting> {
    let anywhere = Router::at(([127, 0, 0, 1], 0).into(), false);
    settings::wanted(tool, &anywhere, None)
}
