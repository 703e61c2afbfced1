//! What would change, as a unified diff of our own values: what else stands in the file is nobody's to show, keys of other
//! services above all.

use std::ops::Range;

use similar::TextDiff;
use url::Url;

use super::settings::Setting;
use super::text::{Format, Leaf, Outcome, Reading};
use crate::redact::redacted;

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
const BLANK: &str = "…";

/// Texts that are not of `settings`, keys and comments are blank in it.
pub(super) fn diff(
    name: &str,
    before: &str,
    after: &str,
    format: Format,
    settings: &[Setting],
) -> String {
    let shown = |text: &str| blanked(text, format, settings);
    let (Ok(before_shown), Ok(after_shown)) = (shown(before), shown(after)) else {
        return format!("--- {name}\n+++ {name}\n (what changes cannot be shown)\n");
    };
    if before_shown == after_shown && before != after {
        // Only a key is another one.
        return format!("--- {name}\n+++ {name}\n (the key changes)\n");
    }
    TextDiff::from_lines(before_shown.as_str(), after_shown.as_str())
        .unified_diff()
        .context_radius(CONTEXT)
        .header(name, name)
        .to_string()
}

fn blanked(text: &str, format: Format, settings: &[Setting]) -> Outcome<String> {
    let reading = format.reading(text)?;
    let hidden = reading
        .leaves
        .iter()
        .filter(|leaf| is_hidden(leaf, &reading, settings));
    let mut blanks: Vec<(Range<usize>, String)> = hidden
        .map(|leaf| {
            let quote = text.get(leaf.at.clone()).and_then(|raw| raw.chars().next());
            let quote = match quote {
                Some('"' | '\'') => "\"",
                _ => "",
            };
            (leaf.at.clone(), format!("{quote}{BLANK}{quote}"))
        })
        .collect();
    blanks.extend(reading.comments.iter().map(|at| {
        let words = text.get(at.clone()).unwrap_or_default();
        let mark = if words.starts_with('#') { 1 } else { 2 };
        let mark = words.get(..mark).unwrap_or_default();
        (at.clone(), format!("{mark} {BLANK}"))
    }));
    blanks.sort_by_key(|(at, _)| at.start);
    let mut shown = String::with_capacity(text.len());
    let mut done = 0;
    for (at, blank) in blanks {
        shown.push_str(text.get(done..at.start).unwrap_or_default());
        shown.push_str(&blank);
        done = at.end;
    }
    shown.push_str(text.get(done..).unwrap_or_default());
    Ok(redacted(&shown))
}

fn is_hidden(leaf: &Leaf, reading: &Reading, settings: &[Setting]) -> bool {
    let Some(words) = &leaf.text else {
        return false;
    };
    let shows = |setting: &Setting| {
        let place = setting.place_in(reading);
        place.is_some_and(|place| leaf.path.starts_with(&place))
            && !setting.hides(&leaf.path, words)
    };
    !settings.iter().any(shows) || carries_a_secret(words)
}

/// An address may have a password or a key in it.
fn carries_a_secret(words: &str) -> bool {
    Url::parse(words).is_ok_and(|url| {
        !url.username().is_empty() || url.password().is_some() || url.query().is_some()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::settings::Kind;
    use super::*;

    fn settings() -> Vec<Setting> {
        let setting = |path, kind| Setting {
            path,
            value: json!(""),
            kind,
        };
        vec![
            setting(&["env", "ANTHROPIC_BASE_URL"], Kind::Address),
            setting(&["env", "ANTHROPIC_AUTH_TOKEN"], Kind::Key),
        ]
    }

    #[test]
    fn a_diff_shows_our_lines_and_no_key() {
        let before = "{\n  \"env\": {\n    \"ANTHROPIC_AUTH_TOKEN\": \"my-old-secret\"\n  }\n}\n";
        let after = before.replace("my-old-secret", "crk_FAKEFAKEFAKEFAKEFAKEFAKE");
        let shown = diff("settings.json", before, &after, Format::Json, &settings());
        assert!(
            !shown.contains("my-old-secret") && !shown.contains("crk_"),
            "{shown}"
        );
        assert!(shown.contains("the key changes"), "{shown}");
        let url = "{\"env\": {\"ANTHROPIC_BASE_URL\": \"http://x\"}}\n";
        assert_eq!(
            diff("a", "{}\n", url, Format::Json, &settings()),
            format!("--- a\n+++ a\n@@ -1 +1 @@\n-{{}}\n+{url}")
        );
    }

    #[test]
    fn what_is_not_ours_is_blank_in_every_language() {
        let shown = |text: &str, format| blanked(text, format, &settings()).unwrap();
        assert_eq!(
            shown(
                "{\n  // key: s3cret /* x */\n  \"a\": [\"s3cret\", 1, true, null], /* s3cret */\n  \"env\": { \"ANTHROPIC_BASE_URL\": \"https://me:s3cret@x\", \"b\": \"s3\\\"cret\" }\n}",
                Format::Json
            ),
            "{\n  // …\n  \"a\": [\"…\", 1, true, null], /* …\n  \"env\": { \"ANTHROPIC_BASE_URL\": \"…\", \"b\": \"…\" }\n}"
        );
        assert_eq!(
            shown(
                "a = \"s3#cret\" # s3cret\nb = { c = ['s3cret'] }\n# s3cret\n[d.\"e\"]\nf = \"\"\"\ns3cret\n\"\"\"\n[[g]]\nh = 7\ni = 1979-05-27\n",
                Format::Toml
            ),
            "a = \"…\" # …\nb = { c = [\"…\"] }\n# …\n[d.\"e\"]\nf = \"…\"\n[[g]]\nh = 7\ni = 1979-05-27\n"
        );
        assert_eq!(
            shown(
                "# s3cret\na: s3cret # s3cret\nb: 's3cret'\nc:\n  - s3cret\n  - d: s3cret\n    e: true\nf: |\n  s3cret\n  s3cret\ng: [s3cret]\nh: s3cret\n  s3cret\n",
                Format::Yaml
            ),
            "# …\na: … # …\nb: \"…\"\nc:\n  - …\n  - d: …\n    e: true\nf: …\ng: …\nh: …\n"
        );
    }
}
