//! The settings of one program as they are found: whether they lead to the router, and what they are without us.

use std::path::PathBuf;

use serde_json::Value;

use super::address::{Router, leads_to};
use super::record::Record;
use super::settings::{self, Kind, Setting};
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
        let mut text = present.clone();
        if self.record.is_some() || self.standing(router) != Standing::Elsewhere {
            for setting in settings::wanted(self.tool, router, None) {
                let without = self.without(&text, &setting, router);
                text = without.map_err(|why| untouchable(&self.file, why))?;
            }
        }
        Ok(Some(text))
    }

    /// The value of the key that the program shows now.
    pub fn key(&self) -> Option<String> {
        let present = self.present.as_deref()?;
        let any = Router::at(([127, 0, 0, 1], 0).into(), false);
        let wanted = settings::wanted(self.tool, &any, None);
        let key = wanted.iter().find(|setting| setting.kind == Kind::Key)?;
        let value = self.format().get(present, key.path).ok()??; // said where it is edited
        value.as_str().map(str::to_owned)
    }

    /// This file with another text in it.
    pub fn changed(
        self,
        before: Option<String>,
        after: Option<String>,
        key: Option<&Secret>,
    ) -> Change {
        let secrets = secrets(self.tool, &[self.present.as_deref(), after.as_deref()], key);
        Change {
            tool: self.tool,
            diff: diff::diff(
                &name_of(&self.file),
                self.present.as_deref().unwrap_or_default(),
                after.as_deref().unwrap_or_default(),
                &secrets,
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
        let address = self.format().get(text, settings::address_path(self.tool));
        address.ok()??.as_str().map(str::to_owned) // said where it is edited
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
        let here = format.get(text, setting.path)?;
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
        match format.get(before, setting.path).ok().flatten() {
            Some(value) => format.set(text, setting.path, &value),
            None => removed(format, text, before, setting.path),
        }
    }
}

/// Without the value, and without the objects that hold nothing else and were not there before.
fn removed(format: Format, text: &str, before: &str, path: &[&str]) -> Result<String, Untouchable> {
    let mut text = format.remove(text, path)?;
    let mut path = path;
    while let Some((_last, parents)) = path.split_last()
        && !parents.is_empty()
    {
        let is_empty = |value: Value| value.as_object().is_some_and(serde_json::Map::is_empty);
        let was_there = format.get(before, parents).ok().flatten().is_some();
        if was_there || !format.get(&text, parents)?.is_some_and(is_empty) {
            break;
        }
        text = format.remove(&text, parents)?;
        path = parents;
    }
    Ok(text)
}
/// Values of keys in these texts, and the one that is to come.
fn secrets(tool: Tool, texts: &[Option<&str>], key: Option<&Secret>) -> Vec<String> {
    let format = settings::format(tool);
    let any = Router::at(([127, 0, 0, 1], 0).into(), false);
    let mut paths: Vec<&[&str]> = settings::wanted(tool, &any, None)
        .iter()
        .filter(|setting| setting.kind == Kind::Key)
        .map(|setting| setting.path)
        .collect();
    if tool == Tool::OpenCode {
        paths.push(&["provider", "codex-router", "options", "apiKey"]);
    }
    let found = texts.iter().flatten().flat_map(|text| {
        let values = paths.iter().filter_map(|path| format.get(text, path).ok()?);
        values.filter_map(|value| value.as_str().map(str::to_owned))
    });
    found
        .filter(|value| value != "unused")
        .chain(key.map(|key| key.expose().to_owned()))
        .collect()
}
