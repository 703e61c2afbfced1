//! The text of `config.toml` with some of its values changed, and everything else as it was.

use toml_edit::{DocumentMut, Item, Table, TableLike, Value, value};

use crate::desk::settings::{BadChange, Change, Setting};

/// # Errors
/// When the text cannot be understood, or holds something else where a table of settings belongs.
pub fn changed(text: &str, changes: &[Change]) -> Result<String, BadChange> {
    let mut document: DocumentMut = text.parse().map_err(|err: toml_edit::TomlError| {
        let line = err
            .span()
            .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        let line = line.map_or_else(String::new, |line| format!(" (line {line})"));
        bad(format!(
            "config.toml cannot be understood{line}; mend it first"
        ))
    })?;
    for change in changes {
        // Every key has a table and a name in it.
        let Some((section, name)) = change.setting.key().split_once('.') else {
            continue;
        };
        match &change.to {
            Some(to) => {
                let table = table(document.as_table_mut(), section)?;
                put(table, name, literal(change.setting, to.expose().trim()));
            }
            None => take_out(document.as_table_mut(), section, name),
        }
    }
    Ok(document.to_string())
}

fn table<'a>(root: &'a mut Table, section: &str) -> Result<&'a mut dyn TableLike, BadChange> {
    let item = root
        .entry(section)
        .or_insert_with(|| Item::Table(Table::new()));
    item.as_table_like_mut().ok_or_else(|| {
        bad(format!(
            "config.toml has a {section} that is no table; mend it first"
        ))
    })
}

/// A value that is there is exchanged in its place, and keeps the comment behind it.
fn put(table: &mut dyn TableLike, name: &str, mut to: Value) {
    match table.get_mut(name) {
        Some(Item::Value(old)) => {
            *to.decor_mut() = old.decor().clone();
            *old = to;
        }
        Some(other) => *other = value(to),
        None => {
            table.insert(name, value(to));
        }
    }
}

fn take_out(root: &mut Table, section: &str, name: &str) {
    if let Some(table) = root.get_mut(section).and_then(Item::as_table_like_mut) {
        table.remove(name);
    }
}

/// Switches and numbers as such, everything else as text.
fn literal(setting: Setting, text: &str) -> Value {
    let as_text = || Value::from(text);
    if setting.is_switch() {
        let text = text.to_ascii_lowercase();
        return Value::from(!matches!(text.as_str(), "0" | "false" | "no" | "off"));
    }
    match setting.is_number() {
        true => text
            .parse::<i64>()
            .map_or_else(|_odd| as_text(), Value::from),
        false => as_text(),
    }
}

fn bad(reason: String) -> BadChange {
    BadChange {
        setting: None,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str, changes: &[Change]) -> String {
        changed(text, changes).unwrap()
    }

    #[test]
    fn a_value_is_written_as_what_it_is() {
        let changes = [
            Change::to(Setting::Listen, "localhost:7"),
            Change::to(Setting::Websocket, "OFF"),
            Change::to(Setting::KeepDays, "7"),
            Change::to(Setting::NoWindow, "1"),
            Change::to(Setting::Models, "claude-*=gpt-b"),
        ];
        assert_eq!(
            after("", &changes),
            "[router]\naddr = \"localhost:7\"\nwebsocket = false\n\n[ledger]\nkeep_days = 7\n\n[window]\nhidden = true\n\n[models]\nmap = \"claude-*=gpt-b\"\n"
        );
    }

    #[test]
    fn whatever_way_a_table_is_written_its_value_is_found() {
        let change = [Change::to(Setting::Strategy, "active")];
        for (before, expected) in [
            (
                "router.strategy = 'x' # why\n",
                "router.strategy = \"active\" # why\n",
            ),
            (
                "router = { strategy = \"x\", addr = \"1\" }\n",
                "router = { strategy = \"active\", addr = \"1\" }\n",
            ),
            (
                "[router]\naddr = \"1\"\n\n# below\n[usage]\npoll = true\n",
                "[router]\naddr = \"1\"\nstrategy = \"active\"\n\n# below\n[usage]\npoll = true\n",
            ),
            (
                "[models.map]\na = \"b\"\n",
                "[models.map]\na = \"b\"\n\n[router]\nstrategy = \"active\"\n",
            ),
        ] {
            assert_eq!(after(before, &change), expected);
        }
    }

    #[test]
    fn a_setting_that_goes_back_to_its_default_leaves_the_others() {
        let text = "[router]\nstrategy = \"active\"\n# kept\nzz = 1\n";
        let back = [Change::back(Setting::Strategy)];
        assert_eq!(after(text, &back), "[router]\n# kept\nzz = 1\n");
        assert_eq!(after("zz = 1\n", &back), "zz = 1\n");
    }

    #[test]
    fn a_broken_file_is_told_with_its_line() {
        let change = [Change::to(Setting::Strategy, "active")];
        let told = changed("a = 1\n[router\n", &change).unwrap_err().reason;
        assert_eq!(
            told,
            "config.toml cannot be understood (line 2); mend it first"
        );
    }
}
