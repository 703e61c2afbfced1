//! Client keys that name an account, when the account gets another name.

use serde_json::{Map, Value, json};

use super::document::KeyDocument;
use crate::pattern;

impl KeyDocument {
    /// Every key that names the account `from` names `to` instead; where a group is called the same, `from` stays beside it. Says in
    /// sentences what was changed, and which keys meant the account by a pattern that does not fit its new name.
    pub fn follow_account(&mut self, from: &str, to: &str, is_group: bool) -> Vec<String> {
        let mut changed = 0_usize;
        let mut notes = Vec::new();
        for item in self.items_mut() {
            let label = item.get("label").and_then(Value::as_str);
            let label = label.unwrap_or("without a label").to_owned();
            match follow(item, from, to, is_group) {
                Followed::Not => {}
                Followed::Changed => changed += 1,
                Followed::Lost(pattern) => notes.push(format!(
                    "the client key {label:?} means it by {pattern:?}, which does not fit the new name; change the key if it is to reach this account"
                )),
            }
        }
        if changed > 0 {
            let keys = match changed {
                1 => "1 client key names".to_owned(),
                many => format!("{many} client keys name"),
            };
            notes.insert(0, format!("{keys} the new name now"));
        }
        notes
    }
}

enum Followed {
    Not,
    Changed,
    /// By this pattern it was meant.
    Lost(String),
}

fn follow(item: &mut Map<String, Value>, from: &str, to: &str, is_group: bool) -> Followed {
    let Some(Value::Array(accounts)) = item.get_mut("accounts") else {
        return Followed::Not;
    };
    let texts = |accounts: &[Value]| -> Vec<String> {
        let texts = accounts.iter().filter_map(Value::as_str);
        texts.map(|text| text.trim().to_owned()).collect()
    };
    let before = texts(accounts);
    if before.iter().any(|text| text == from) {
        if !before.iter().any(|text| text == to) {
            accounts.push(json!(to));
        }
        if !is_group {
            accounts.retain(|account| account.as_str().map(str::trim) != Some(from));
        }
        return Followed::Changed;
    }
    let meant = before.iter().find(|text| pattern::fits(text, from));
    match meant {
        Some(meant) if !before.iter().any(|text| pattern::fits(text, to)) => {
            Followed::Lost(meant.clone())
        }
        Some(_) | None => Followed::Not,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(accounts: &[&[&str]]) -> KeyDocument {
        let key = |(number, accounts): (usize, &&[&str])| json!({"label": format!("k{number}"), "accounts": accounts, "zz": 1});
        let keys: Vec<_> = accounts.iter().enumerate().map(key).collect();
        KeyDocument::parse(json!({"keys": keys}).to_string().as_bytes()).unwrap()
    }

    fn accounts(document: &KeyDocument) -> Vec<Value> {
        let json: Value = serde_json::from_slice(&document.to_bytes()).unwrap();
        let keys = json["keys"].as_array().unwrap();
        keys.iter().map(|key| key["accounts"].clone()).collect()
    }

    #[test]
    fn keys_that_name_an_account_follow_it_and_others_stay() {
        let mut all = document(&[&["work", "spare"], &["spare"], &["*"], &["wo*"], &[]]);
        let notes = all.follow_account("work", "team", false);
        assert_eq!(
            accounts(&all),
            [
                json!(["spare", "team"]),
                json!(["spare"]),
                json!(["*"]),
                json!(["wo*"]),
                json!([])
            ]
        );
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[0], "1 client key names the new name now");
        assert!(
            notes[1].starts_with("the client key \"k3\" means it by \"wo*\""),
            "{notes:?}"
        );
        assert_eq!(all.follow_account("work", "team", false), notes[1..]);
    }

    #[test]
    fn a_group_of_the_old_name_is_still_meant() {
        let mut all = document(&[&["work"], &["team", "work"]]);
        let notes = all.follow_account("work", "team", true);
        assert_eq!(
            accounts(&all),
            [json!(["work", "team"]), json!(["team", "work"])]
        );
        assert_eq!(notes, ["2 client keys name the new name now"]);
    }
}
