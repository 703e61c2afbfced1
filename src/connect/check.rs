//! Whether an edit has changed our own values and nothing else.

use super::settings::Setting;
use super::text::{Format, Leaf, Outcome, Reading, Untouchable};

/// Reads both texts anew: whatever is not ours must say what it said, in its order.
pub(super) fn only_ours_differs(
    format: Format,
    before: &str,
    after: &str,
    settings: &[Setting],
) -> Outcome<()> {
    let (old, new) = (format.reading(before)?, format.reading(after)?);
    if foreign(before, &old, settings) == foreign(after, &new, settings) {
        Ok(())
    } else {
        Err(not_alone())
    }
}

/// What an edit that meant well may do to a file that is built in an unusual way.
pub(super) fn not_alone() -> Untouchable {
    Untouchable(
        "is built so that our values could not be written without changing others; edit it by hand"
            .into(),
    )
}

/// What is not ours: where it stands, and how it is written.
fn foreign<'a>(
    text: &'a str,
    reading: &Reading,
    settings: &[Setting],
) -> Vec<(Vec<String>, &'a str)> {
    let ours: Vec<_> = settings
        .iter()
        .filter_map(|setting| setting.place_in(reading))
        .collect();
    let is_ours = |leaf: &Leaf| {
        ours.iter().any(|place| leaf.path.starts_with(place))
            || (leaf.is_empty && settings.iter().any(|setting| setting.is_below(&leaf.path)))
    };
    // An element of ours moves the others by one.
    let is_number = |key: &str| key.bytes().all(|byte| byte.is_ascii_digit());
    let unnumbered = |path: &[String]| {
        let keys = path.iter().filter(|key| !is_number(key));
        keys.cloned().collect()
    };
    let leaves = reading.leaves.iter().filter(|leaf| !is_ours(leaf));
    leaves
        .map(|leaf| {
            let written = text.get(leaf.at.clone()).unwrap_or_default();
            (unnumbered(&leaf.path), written)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::settings::Kind;
    use super::*;

    fn ours() -> Vec<Setting> {
        vec![Setting {
            path: &["env", "URL"],
            value: json!("x"),
            kind: Kind::Address,
        }]
    }

    #[test]
    fn whatever_else_changes_or_moves_is_noticed() {
        let check = |before, after| only_ours_differs(Format::Json, before, after, &ours());
        let before = r#"{ "a": [1, "2"], "b": { "c": null }, "env": {} }"#;
        check(
            before,
            r#"{ "a": [1, "2"], "b": { "c": null }, "env": { "URL": 7 } }"#,
        )
        .unwrap();
        for after in [
            r#"{ "a": [1, 2], "b": { "c": null } }"#,
            r#"{ "a": [1], "b": { "c": null } }"#,
            r#"{ "b": { "c": null }, "a": [1, "2"] }"#,
            r#"{ "a": [1, "2"], "b": { "d": null } }"#,
            r#"{ "a": [1, "2"], "b": { "c": null }, "env": { "OTHER": 1 } }"#,
            r#"{ "a": [1, "2"], "a": 0, "b": { "c": null } }"#,
        ] {
            check(before, after).unwrap_err();
        }
    }
}
