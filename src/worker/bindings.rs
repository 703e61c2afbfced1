//! Where sessions live, from one run to the next: in the ledger, which knows them as text.

use tracing::warn;

use crate::ledger::{self, LedgerError, Reader, Row};
use crate::pool::affinity::{Binding, MOST_SESSIONS, SessionKey};
use crate::store::Home;

/// What the last run kept. Without a ledger that can be read sessions begin anew.
pub fn read(home: &Home) -> Vec<Binding> {
    let kept = Reader::open(&home.ledger()).and_then(|ledger| ledger.bindings(MOST_SESSIONS));
    match kept {
        Ok(kept) => kept.into_iter().filter_map(binding_of).collect(),
        Err(LedgerError::Missing) => Vec::new(),
        Err(err) => {
            warn!(error = %err, "where sessions live is not known any more");
            Vec::new()
        }
    }
}

/// As the ledger keeps it.
pub fn row_of(binding: Binding) -> Row {
    Row::Binding(ledger::Binding {
        session: binding.session.to_string(),
        profile: binding.profile,
        used_at: binding.used_at,
    })
}

/// Nothing for a key that this program did not write.
fn binding_of(kept: ledger::Binding) -> Option<Binding> {
    Some(Binding {
        session: SessionKey::parse(&kept.session)?,
        profile: kept.profile,
        used_at: kept.used_at,
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::ledger::{Keep, Ledger};
    use crate::profile::ProfileName;

    #[test]
    fn where_a_session_lives_is_known_to_the_next_run() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path()).unwrap();
        std::fs::create_dir(home.router_dir()).unwrap();
        assert_eq!(read(&home), []);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let binding = Binding {
            session: SessionKey::named("s"),
            profile: ProfileName::parse("work").unwrap(),
            used_at: now,
        };
        let ledger = Ledger::open(home.ledger(), Keep::default(), now).unwrap();
        ledger.note(row_of(binding.clone()));
        ledger.note(Row::Binding(ledger::Binding {
            session: "not ours".into(),
            profile: binding.profile.clone(),
            used_at: now,
        }));
        ledger.close();
        assert_eq!(read(&home), [binding]);
    }
}
