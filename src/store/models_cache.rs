//! Which models each profile offered in the last run, so that a start has a list at once.
//!
//! `router/models.json`: nothing in it is secret or precious; what cannot be read counts as empty.

use serde::{Deserialize, Serialize};

use super::home::Home;
use super::{StoreError, kept_list};
use crate::profile::ProfileName;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct KeptModel {
    pub id: String,
    /// Whether a list shows it.
    #[serde(default)]
    pub is_listed: bool,
    /// How much it can be told to think.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub efforts: Vec<String>,
}

#[derive(Deserialize, Serialize)]
struct Kept {
    profile: String,
    models: Vec<KeptModel>,
}

/// Reads what was kept; anything unexpected counts as nothing.
pub fn read(home: &Home) -> Vec<(ProfileName, Vec<KeptModel>)> {
    let kept: Vec<Kept> = kept_list::read(&home.models_cache());
    kept.into_iter()
        .filter_map(|kept| Some((ProfileName::existing(&kept.profile).ok()?, kept.models)))
        .collect()
}

/// # Errors
/// When the file cannot be written; the lists are then simply asked for again at the next start.
pub fn write(home: &Home, offers: Vec<(ProfileName, Vec<KeptModel>)>) -> Result<(), StoreError> {
    let kept: Vec<_> = offers
        .into_iter()
        .map(|(profile, models)| Kept {
            profile: profile.as_str().to_owned(),
            models,
        })
        .collect();
    kept_list::write(&home.models_cache(), &kept)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::safe_file;
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        super::super::home::prepare(&home, SystemTime::now()).unwrap();
        (dir, home)
    }

    #[test]
    fn lists_come_back_in_their_order() {
        let (_dir, home) = home();
        let model = |id: &str, is_listed| KeptModel {
            id: id.to_owned(),
            is_listed,
            efforts: vec!["low".to_owned()],
        };
        let name = |text: &str| ProfileName::parse(text).unwrap();
        let offers = vec![
            (name("work"), vec![model("b", true), model("a", false)]),
            (name("home"), vec![]),
        ];
        write(&home, offers.clone()).unwrap();
        assert_eq!(read(&home), offers);
    }

    #[test]
    fn what_cannot_be_read_counts_as_nothing() {
        let (_dir, home) = home();
        assert_eq!(read(&home), []);
        for text in [
            &b"{"[..],
            b"[{}]",
            br#"[{"profile":"../x","models":[]}]"#,
            br#"[{"profile":"work","models":[{}]}]"#,
        ] {
            safe_file::replace(&home.models_cache(), text).unwrap();
            assert_eq!(read(&home), []);
        }
    }
}
