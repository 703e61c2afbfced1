//! How a login came here and who renewed it last: two notes in its `router.json`, for people who ask what became of it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::side_file::SideFile;

/// How a login came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Browser,
    Code,
    Key,
    Import,
    /// Saved from the login that Codex used.
    Codex,
}

/// Who got new tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotator {
    Us,
    Codex,
}

const CAME_BY: &str = "came_by";
const ROTATED: &str = "rotated";

impl Origin {
    pub const ALL: [Self; 5] = [
        Self::Browser,
        Self::Code,
        Self::Key,
        Self::Import,
        Self::Codex,
    ];

    /// As it is kept and told to programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Code => "code",
            Self::Key => "key",
            Self::Import => "import",
            Self::Codex => "codex",
        }
    }
}

impl Rotator {
    pub const ALL: [Self; 2] = [Self::Us, Self::Codex];

    /// As it is kept and told to programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Codex => "codex",
        }
    }
}

impl SideFile {
    /// How and when the login came here, where that was noted.
    pub fn came_by(&self) -> Option<(Origin, SystemTime)> {
        let (way, at) = note(self.get(CAME_BY)?, "way")?;
        let way = Origin::ALL.into_iter().find(|it| it.as_str() == way)?;
        Some((way, at))
    }

    pub fn set_came_by(&mut self, way: Origin, at: SystemTime) {
        let note = json!({"way": way.as_str(), "unix_ms": unix_ms(at)});
        self.set(CAME_BY, Some(note));
    }

    /// The last rotation of its tokens that was noticed.
    pub fn rotated(&self) -> Option<(Rotator, SystemTime)> {
        let (by, at) = note(self.get(ROTATED)?, "by")?;
        let by = Rotator::ALL.into_iter().find(|it| it.as_str() == by)?;
        Some((by, at))
    }

    pub fn set_rotated(&mut self, by: Rotator, at: SystemTime) {
        let note = json!({"by": by.as_str(), "unix_ms": unix_ms(at)});
        self.set(ROTATED, Some(note));
    }
}

fn note<'a>(value: &'a Value, key: &str) -> Option<(&'a str, SystemTime)> {
    let since = Duration::from_millis(value.get("unix_ms")?.as_u64()?);
    let at = SystemTime::UNIX_EPOCH.checked_add(since)?;
    Some((value.get(key)?.as_str()?, at))
}

fn unix_ms(at: SystemTime) -> u64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_login_is_from_and_who_renewed_it_survive_a_round_trip() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
        for way in Origin::ALL {
            let mut side = SideFile::default();
            side.set_came_by(way, at);
            let read = SideFile::parse(&side.to_bytes());
            assert_eq!(read.came_by(), Some((way, at)));
            assert_eq!(read.rotated(), None);
        }
        for by in Rotator::ALL {
            let mut side = SideFile::default();
            side.set_rotated(by, at);
            assert_eq!(SideFile::parse(&side.to_bytes()).rotated(), Some((by, at)));
        }
    }

    #[test]
    fn what_nobody_of_us_wrote_is_not_believed() {
        for text in [
            r#"{"came_by": 7, "rotated": null}"#,
            r#"{"came_by": {"way": "magic", "unix_ms": 1}, "rotated": {"by": "us"}}"#,
            r#"{"came_by": {"way": "code", "unix_ms": -1}, "rotated": {"by": 1, "unix_ms": 1}}"#,
        ] {
            let side = SideFile::parse(text.as_bytes());
            assert_eq!((side.came_by(), side.rotated()), (None, None), "{text}");
        }
    }
}
