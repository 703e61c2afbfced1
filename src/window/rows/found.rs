//! The words about logins that could be imported, and about an import that has ended.

use crate::desk::{FoundLogin, LoginKind, Verdict, words};

use super::row::sentence;

/// One login that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRow {
    pub id: u32,
    pub title: String,
    /// What it is, and where it was found; or why it cannot be had.
    pub second: String,
    pub verdict: &'static str,
    pub tone: Tone,
    pub can_be_taken: bool,
    pub spoken: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Plain,
    Bad,
}

impl FoundRow {
    pub fn of(found: &FoundLogin, hides_emails: bool) -> Self {
        let title = match &found.email {
            Some(email) => words::shown_email(email, hides_emails),
            None if hides_emails => words::alias(&found.name),
            None => found.name.to_string(),
        };
        let (verdict, tone) = match &found.verdict {
            _ if found.failure.is_some() => ("Not imported", Tone::Bad),
            Verdict::New => ("New", Tone::Good),
            Verdict::Newer => ("Newer", Tone::Good),
            Verdict::Same => ("Same", Tone::Plain),
            Verdict::Older => ("Older, keep yours", Tone::Plain),
            Verdict::Expired => ("Login expired", Tone::Bad),
            Verdict::Unreadable(_) => ("Unreadable", Tone::Bad),
        };
        let workspace = found.workspace.as_deref();
        let workspace = workspace.map(|title| words::masked(title, hides_emails));
        let second = match (&found.failure, &found.verdict) {
            (Some(reason), _) | (None, Verdict::Unreadable(reason)) => {
                let reason = words::masked(&sentence(reason), hides_emails);
                format!("{}: {reason}", source(found, hides_emails))
            }
            (None, _) => [Some(kind(found)), workspace]
                .into_iter()
                .flatten()
                .chain([from(found, hides_emails)])
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join(" · "),
        };
        Self {
            id: found.id,
            spoken: format!("{title}, {}, {verdict}", second.replace(" · ", ", ")),
            title,
            second,
            verdict,
            tone,
            can_be_taken: found.verdict.can_be_taken() && found.failure.is_none(),
        }
    }
}

fn kind(found: &FoundLogin) -> String {
    match &found.kind {
        LoginKind::ChatGpt => found
            .plan
            .as_deref()
            .map(words::plan_label)
            .unwrap_or_default(),
        LoginKind::ApiKey => "API key".to_owned(),
        LoginKind::Endpoint { kind, host } => {
            format!("{} at {host}", words::endpoint_label(*kind))
        }
        LoginKind::Other(mode) => mode.clone(),
        LoginKind::Unknown => String::new(),
    }
}

fn from(found: &FoundLogin, hides_emails: bool) -> String {
    let source = source(found, hides_emails);
    if source.starts_with("backup") || source == "pasted" || source.is_empty() {
        source
    } else {
        format!("from {source}")
    }
}

/// Some programs call their files after the e-mail.
fn source(found: &FoundLogin, hides_emails: bool) -> String {
    if hides_emails && found.source.contains('@') {
        "a file".to_owned()
    } else {
        found.source.clone()
    }
}

/// What an import did.
pub fn import_ended(added: usize, updated: usize, failed: usize, is_cancelled: bool) -> String {
    let part = |verb: &str, count: usize| {
        (count > 0).then(|| format!("{verb} {}", words::accounts(count)))
    };
    let mut done: Vec<_> = [part("added", added), part("updated", updated)]
        .into_iter()
        .flatten()
        .collect();
    if done.is_empty() {
        done.push("nothing was changed".to_owned());
    }
    let mut told = vec![sentence(&done.join(", "))];
    if failed > 0 {
        told.push(format!("{} did not work.", words::accounts(failed)));
    }
    if is_cancelled {
        told.push("Stopped: the rest was left out.".to_owned());
    }
    told.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::ProfileName;

    fn found(verdict: Verdict) -> FoundLogin {
        FoundLogin {
            id: 7,
            kind: LoginKind::ChatGpt,
            email: Some("ana@lindqvist.dev".into()),
            plan: Some("team".into()),
            workspace: None,
            source: "~/.codex".into(),
            last_refresh_at: None,
            verdict,
            holder: None,
            name: ProfileName::parse("ana").unwrap(),
            failure: None,
        }
    }

    fn told(found: &FoundLogin) -> (String, String, &'static str) {
        let row = FoundRow::of(found, false);
        (row.title, row.second, row.verdict)
    }

    #[test]
    fn a_login_is_told_by_its_email_its_plan_and_its_source() {
        let ana = "ana@lindqvist.dev".to_owned();
        let second = "Team · from ~/.codex".to_owned();
        let row = found(Verdict::New);
        assert_eq!(told(&row), (ana.clone(), second, "New"));
        let row = FoundLogin {
            workspace: Some("Lindqvist AB".into()),
            source: "backup of 2 Nov".into(),
            ..found(Verdict::Older)
        };
        let second = "Team · Lindqvist AB · backup of 2 Nov".to_owned();
        assert_eq!(told(&row), (ana, second, "Older, keep yours"));
    }

    #[test]
    fn what_cannot_be_had_says_why() {
        let row = found(Verdict::Unreadable("it is no JSON".into()));
        let row = FoundRow::of(&row, false);
        assert_eq!(row.second, "~/.codex: It is no JSON.");
        assert!(!row.can_be_taken);
        let failed = FoundLogin {
            failure: Some("the disk is full".into()),
            ..found(Verdict::New)
        };
        let row = FoundRow::of(&failed, false);
        assert_eq!(row.second, "~/.codex: The disk is full.");
        assert_eq!((row.verdict, row.can_be_taken), ("Not imported", false));
    }

    #[test]
    fn hidden_emails_are_hidden_in_titles_sources_and_spoken_names() {
        let row = FoundLogin {
            source: "codex-ana@lindqvist.dev.json".into(),
            ..found(Verdict::New)
        };
        let row = FoundRow::of(&row, true);
        let told = format!("{row:?}");
        assert!(!told.contains("lindqvist"), "{told}");
        assert_eq!(row.second, "Team · from a file");
    }

    #[test]
    fn keys_and_endpoints_are_told_by_what_they_are() {
        let key = FoundLogin {
            kind: LoginKind::ApiKey,
            email: None,
            plan: None,
            ..found(Verdict::Same)
        };
        let expected = (
            "ana".to_owned(),
            "API key · from ~/.codex".to_owned(),
            "Same",
        );
        assert_eq!(told(&key), expected);
    }

    #[test]
    fn an_import_that_ended_says_what_it_did() {
        assert_eq!(
            import_ended(3, 1, 0, false),
            "Added 3 accounts, updated 1 account."
        );
        assert_eq!(
            import_ended(0, 0, 2, true),
            "Nothing was changed. 2 accounts did not work. Stopped: the rest was left out."
        );
    }
}
