//! The name of a profile, which is also the name of its directory.

use std::fmt;
use std::sync::Arc;

use super::about::is_deceptive;

/// A directory name below `profiles/` that cannot lead anywhere else. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileName(Arc<str>);

/// Longest name we create.
const MAX_CHARS: usize = 64;

impl ProfileName {
    /// Accepts a name that *we* create: 1 to 64 of `A-Z a-z 0-9 . _ -`, first one a letter or digit, no trailing dot, no
    /// device name of Windows.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn parse(text: &str) -> Result<Self, InvalidProfileName> {
        let is_allowed =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let refuse = |rule| {
            Err(InvalidProfileName {
                text: printable(text),
                rule,
            })
        };
        let Some(first) = text.bytes().next() else {
            return refuse("a name needs at least one character");
        };
        if text.len() > MAX_CHARS {
            return refuse("a name has at most 64 characters");
        }
        if !text.bytes().all(is_allowed) {
            return refuse("only letters, digits, dot, underscore and hyphen are allowed");
        }
        if !first.is_ascii_alphanumeric() {
            return refuse("the first character must be a letter or a digit");
        }
        if text.ends_with('.') {
            return refuse("a name may not end with a dot");
        }
        if is_windows_device(text) {
            return refuse("this name is reserved by Windows");
        }
        Ok(Self(text.into()))
    }

    /// Accepts the name of a directory that is already there: any Unicode without separators, control or bidirectional
    /// characters, and not hidden (`.trash`, `..`).
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn existing(text: &str) -> Result<Self, InvalidProfileName> {
        let refuse = |rule| {
            Err(InvalidProfileName {
                text: printable(text),
                rule,
            })
        };
        if text.is_empty() || text.starts_with('.') {
            return refuse("names that start with a dot are left alone");
        }
        if text
            .chars()
            .any(|c| c == '/' || c == '\\' || is_deceptive(c))
        {
            return refuse("it contains a separator, control or direction character");
        }
        Ok(Self(text.into()))
    }

    /// A name that is not taken, made from an e-mail or a wish: its letters as far as names have them, and a number if need be.
    pub fn free(wish: &str, is_taken: impl Fn(&Self) -> bool) -> Self {
        let stem: String = wish
            .split('@')
            .next()
            .unwrap_or_default()
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                    c
                } else {
                    '-'
                }
            })
            .take(48)
            .collect();
        let stem = stem.trim_matches(['.', '-', '_']);
        let stem = if stem.is_empty() { "account" } else { stem };
        std::iter::once(stem.to_owned())
            .chain((2..).map(|n| format!("{stem}-{n}")))
            .filter_map(|text| Self::parse(&text).ok())
            .find(|name| !is_taken(name))
            .unwrap_or_else(|| unreachable!("the numbers do not end before the profiles do"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both would be the same directory where case does not matter (Windows, most of macOS).
    pub fn is_same_directory(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Why a text is no profile name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no account name: {rule}")]
pub struct InvalidProfileName {
    text: String,
    rule: &'static str,
}

/// At most 80 characters of somebody's text, for a message.
fn printable(text: &str) -> String {
    text.chars()
        .take(80)
        .filter(|c| !is_deceptive(*c))
        .collect()
}

/// <https://learn.microsoft.com/windows/win32/fileio/naming-a-file>: reserved with any extension, too.
fn is_windows_device(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).to_ascii_lowercase();
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4
            && (stem.starts_with("com") || stem.starts_with("lpt"))
            && stem.ends_with(|c: char| c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_names_are_accepted() {
        for text in ["work", "a", "team_R-D.2", "0"] {
            assert_eq!(ProfileName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn names_that_could_escape_or_confuse_are_refused() {
        for text in [
            "",
            "..",
            ".",
            "../x",
            "a/b",
            "a\\b",
            "a\0",
            "con",
            "COM1.txt",
            "x.",
            "-rf",
            "a b",
            "日本",
            &"a".repeat(65),
        ] {
            assert!(ProfileName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_directory_that_is_already_there_may_have_a_unicode_name() {
        assert_eq!(
            ProfileName::existing("開発 チーム").unwrap().as_str(),
            "開発 チーム"
        );
        for text in ["..", ".displaced", "a/b", "a\u{202e}b", "a\nb"] {
            assert!(ProfileName::existing(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_accepted_name_is_one_path_component(text in "\\PC{0,70}") {
            for name in [ProfileName::parse(&text), ProfileName::existing(&text)].into_iter().flatten() {
                let path = std::path::Path::new("profiles").join(name.as_str());
                prop_assert_eq!(path.parent(), Some(std::path::Path::new("profiles")));
            }
        }
    }
}
