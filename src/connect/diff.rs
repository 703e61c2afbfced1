//! What would change, as a unified diff without the values of keys.

use similar::TextDiff;

use crate::redact::redacted;

/// How many lines around a change are shown.
const CONTEXT: usize = 3;
const BLANK: &str = "…";

/// `secrets` are values that may stand in either text and are shown in none.
pub(super) fn diff(name: &str, before: &str, after: &str, secrets: &[String]) -> String {
    let blanked = |text: &str| {
        let mut text = text.to_owned();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret.as_str(), BLANK);
        }
        redacted(&text)
    };
    let (before_shown, after_shown) = (blanked(before), blanked(after));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_shows_lines_and_no_key() {
        let before = "{\n  \"env\": {\n    \"ANTHROPIC_AUTH_TOKEN\": \"my-old-secret\"\n  }\n}\n";
        let after = before.replace("my-old-secret", "crk_FAKEFAKEFAKEFAKEFAKEFAKE");
        let secrets = [
            "my-old-secret".to_owned(),
            "crk_FAKEFAKEFAKEFAKEFAKEFAKE".to_owned(),
        ];
        let shown = diff("settings.json", before, &after, &secrets);
        assert!(
            !shown.contains("my-old-secret") && !shown.contains("crk_"),
            "{shown}"
        );
        assert!(shown.contains("the key changes"), "{shown}");
        let shown = diff("a", "x = 1\n", "x = 1\ny = 2\n", &[]);
        assert_eq!(shown, "--- a\n+++ a\n@@ -1 +1,2 @@\n x = 1\n+y = 2\n");
    }
}
