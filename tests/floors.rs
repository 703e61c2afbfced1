//! The house has floors: a room may look down, not up, and on its own floor only where this table says so.
//!
//! Reads the paths that begin with `crate::` (and `codex_router::` in `main.rs`) in every file below `src/`, without comments,
//! strings and test modules, and fails with sentences such as "translate may not look up to router".

#![expect(clippy::unwrap_used, reason = "the helpers of tests may fail a test")]

use std::{collections::BTreeMap, fs, path::Path};

/// What a room may look at. A whole room is its name alone; a part of it is `room::part`.
#[rustfmt::skip]
const ROOMS: &[Room] = &[
    // Floor 0: values.
    Room { name: "profile", floor: 0, may: &[] },
    Room { name: "import_text", floor: 0, may: &["profile"] },
    Room { name: "usage", floor: 0, may: &[] },
    Room { name: "pattern", floor: 0, may: &[] },
    Room { name: "period", floor: 0, may: &[] },
    Room { name: "translate", floor: 0, may: &[] },
    Room { name: "price", floor: 0, may: &["pattern"] },
    Room { name: "redact", floor: 0, may: &[] },
    Room { name: "client_key", floor: 0, may: &["profile", "pattern", "period", "price", "pool::Strategy"] },
    Room { name: "pool", floor: 0, may: &["profile", "usage", "pattern", "period", "price"] },
    // Floor 1: the language between the worker and its faces.
    Room { name: "desk", floor: 1, may: &["profile", "usage", "translate", "price", "client_key", "pool", "pattern", "period"] },
    // Floor 2: hands.
    Room { name: "store", floor: 2, may: &["profile", "import_text", "usage", "client_key", "desk::settings", "desk::Settings"] },
    Room { name: "ledger", floor: 2, may: &["client_key", "usage", "price", "profile", "redact", "desk::record", "desk::activity"] },
    Room { name: "upstream", floor: 2, may: &["profile", "usage", "translate", "system::system_proxy"] },
    Room { name: "login", floor: 2, may: &["profile", "upstream::oauth", "upstream::Outlet", "system::port_holder"] },
    Room { name: "connect", floor: 2, may: &["client_key", "profile", "redact", "desk", "store"] },
    Room { name: "system", floor: 2, may: &["desk"] },
    Room { name: "simulator", floor: 2, may: &["translate"] },
    // Floor 3: services.
    Room { name: "router", floor: 3, may: &[
        "profile", "usage", "pattern", "period", "price", "pool", "translate", "upstream", "client_key", "desk::settings", "desk::Settings",
        "system::port_holder",
    ] },
    Room { name: "worker", floor: 3, may: &[
        "profile", "import_text", "usage", "pattern", "period", "translate", "price", "client_key", "pool", "redact", "desk",
        "store", "ledger", "upstream", "login", "connect", "system", "router",
    ] },
    // Floor 4: faces. Of the pool they get only the plain words that stand in a snapshot. The CLI opens the other two.
    Room { name: "window", floor: 4, may: &[
        "desk", "profile", "usage", "client_key", "pattern", "period", "pool::Rest", "pool::Strategy", "system::open_link",
        "worker::start",
    ] },
    Room { name: "tray", floor: 4, may: &["desk", "profile", "usage", "pool::Rest", "pool::Strategy", "worker::start"] },
    Room { name: "cli", floor: 4, may: &[
        "desk", "profile", "usage", "client_key", "pattern", "period", "pool::Rest", "pool::Strategy", "price", "redact",
        "store", "ledger", "login", "connect", "simulator", "system", "worker", "window", "tray",
    ] },
    Room { name: "main", floor: 5, may: &["cli"] },
];

struct Room {
    name: &'static str,
    floor: u8,
    may: &'static [&'static str],
}

/// A path from one room into another: `router` + `Some("start")`. A bare or globbed room has no part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    room: String,
    part: Option<String>,
}

#[test]
fn no_room_looks_where_it_may_not() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&source);
    assert!(files.len() > 20, "only {} files were found", files.len());

    let offences = offences(&files);
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn a_bad_house_is_told_room_by_room() {
    let told = |file: &str, text: &str| offences(&[(file.to_owned(), text.to_owned())]);

    assert_eq!(
        told("translate/chat.rs", "use crate::router::start;"),
        ["translate/chat.rs: translate may not look up to router"]
    );
    assert_eq!(
        told(
            "window/mod.rs",
            "use crate::{desk::Desk, store::{self, Home}};"
        ),
        ["window/mod.rs: window may not look at store"]
    );
    assert_eq!(
        told(
            "login/mod.rs",
            "fn f() { crate::upstream::Upstream::new() }"
        ),
        ["login/mod.rs: login may not look at upstream::Upstream"]
    );
    assert_eq!(
        told("usage.rs", "use super::profile::ProfileName;"),
        ["usage.rs: usage may not look at profile"]
    );
    assert_eq!(
        told("router/chat/tools.rs", "use super::super::super::worker;"),
        ["router/chat/tools.rs: router may not look at worker"]
    );
    assert_eq!(
        told("main.rs", "use codex_router::{cli, router};"),
        ["main.rs: main may not look at router"]
    );
    assert_eq!(
        told("attic/mod.rs", "use crate::desk::Desk;"),
        ["attic/mod.rs: attic has no line in the table of tests/floors.rs"]
    );
    assert_eq!(
        told("profile/mod.rs", "use crate::attic;"),
        ["profile/mod.rs: attic has no line in the table of tests/floors.rs"]
    );
}

#[test]
fn comments_strings_and_tests_may_speak_of_any_room() {
    let text = r####"
        //! Not for crate::router.
        /* crate::router /* crate::window */ crate::tray */
        const WORDS: &str = "crate::router \" crate::window";
        const RAW: &str = r#"crate::router " crate::window"#;
        const QUOTE: char = '"';
        fn f<'a>(_: &'a str) -> char { '\'' }
        use crate::translate::raw;
        #[cfg(test)]
        use crate::simulator::Simulator;
        #[cfg(test)]
        mod tests { use crate::router; fn f() { if true { crate::window::run() } } }
        #[cfg(test)]
        #[path = "far/away.rs"]
        mod more_tests;
    "####;
    let files = [("translate/mod.rs".to_owned(), text.to_owned())];
    assert_eq!(offences(&files), Vec::<String>::new());
    assert!(is_test_file("translate/chat/tests.rs"));
    assert!(is_test_file("router/tests/guard.rs"));
    assert!(!is_test_file("router/attestation.rs"));
}

/// Every file below `source` that is not a test, as its path and text, in the order of their paths.
fn rust_files(source: &Path) -> Vec<(String, String)> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![source.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
                continue;
            }
            let name = path.strip_prefix(source).unwrap();
            let name = name.to_string_lossy().replace('\\', "/");
            if name.ends_with(".rs") && !is_test_file(&name) {
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    files.into_iter().collect()
}

fn is_test_file(name: &str) -> bool {
    name.split('/')
        .any(|part| part == "tests" || part == "tests.rs")
}

/// One sentence for every room that a file may not look at.
fn offences(files: &[(String, String)]) -> Vec<String> {
    let mut sentences = Vec::new();
    for (file, text) in files {
        if file == "lib.rs" {
            continue;
        }
        let mut told: Vec<String> = looks(file, text)
            .iter()
            .filter_map(|look| offence(room_of(file), look))
            .map(|sentence| format!("{file}: {sentence}"))
            .collect();
        told.sort();
        told.dedup();
        sentences.extend(told);
    }
    sentences
}

fn offence(from: &str, look: &Look) -> Option<String> {
    if look.room == from {
        return None;
    }
    let unlisted = |name: &str| format!("{name} has no line in the table of tests/floors.rs");
    let find = |name: &str| ROOMS.iter().find(|room| room.name == name);
    let Some(room) = find(from) else {
        return Some(unlisted(from));
    };
    let Some(target) = find(&look.room) else {
        return Some(unlisted(&look.room));
    };
    if room.may.contains(&target.name) {
        return None;
    }
    let verb = if target.floor > room.floor {
        "look up to"
    } else {
        "look at"
    };
    let parts_of = format!("{}::", target.name);
    let may_see_parts = room.may.iter().any(|may| may.starts_with(&parts_of));
    let whole = match &look.part {
        Some(part) if may_see_parts => format!("{parts_of}{part}"),
        _ => target.name.to_owned(),
    };
    let is_allowed = room.may.contains(&whole.as_str());
    (!is_allowed).then(|| format!("{from} may not {verb} {whole}"))
}

/// `router` for `router/chat.rs` and for `router.rs`.
fn room_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// How many `super::` lead from the module of this file to the root of the crate.
fn depth_of(file: &str) -> usize {
    let parts = file.split('/').count();
    if file.ends_with("/mod.rs") {
        parts - 1
    } else {
        parts
    }
}

/// Every path of the text that leaves through the root of the crate.
fn looks(file: &str, text: &str) -> Vec<Look> {
    let words = without_tests(words(text));
    let root: &[&str] = if file == "main.rs" {
        &["codex_router"]
    } else {
        &["crate"]
    };
    let up: Vec<&str> = vec!["super"; depth_of(file)];
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let begins_a_path = at == 0 || words[at - 1] != "::";
        if !begins_a_path {
            continue;
        }
        let start = if root.contains(&word.as_str()) {
            Some(at + 1)
        } else {
            after_path(&words, at, &up)
        };
        if let Some(start) = start.filter(|start| is(&words, *start, "::")) {
            found.extend(uses(&words, start + 1));
        }
    }
    found
}

/// Where the words go on after `super::super`, if that is what stands at `at`.
fn after_path(words: &[String], at: usize, segments: &[&str]) -> Option<usize> {
    let mut next = at;
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            next = is(words, next, "::").then_some(next + 1)?;
        }
        next = is(words, next, segment).then_some(next + 1)?;
    }
    (!segments.is_empty()).then_some(next)
}

/// Reads `room::part`, `room::{a, b}` or `{room::a, other}` at `at`.
fn uses(words: &[String], at: usize) -> Vec<Look> {
    if is(words, at, "{") {
        return group(words, at)
            .into_iter()
            .flat_map(|item| uses(words, item))
            .collect();
    }
    let Some(room) = words.get(at) else {
        return Vec::new();
    };
    let look = |part: Option<&String>| Look {
        room: room.clone(),
        part: part
            .filter(|part| !["self", "*"].contains(&part.as_str()))
            .cloned(),
    };
    if !is(words, at + 1, "::") {
        return vec![look(None)];
    }
    if is(words, at + 2, "{") {
        return group(words, at + 2)
            .into_iter()
            .map(|item| look(words.get(item)))
            .collect();
    }
    vec![look(words.get(at + 2))]
}

/// Where the items of the braces at `open` begin.
fn group(words: &[String], open: usize) -> Vec<usize> {
    let mut items = vec![open + 1];
    let mut depth = 0;
    for (at, word) in words.iter().enumerate().skip(open) {
        match word.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," if depth == 1 && !is(words, at + 1, "}") => items.push(at + 1),
            _ => {}
        }
    }
    items
}

/// Drops every item that stands under `#[cfg(test)]`: up to its `;`, or to the brace that closes it.
fn without_tests(words: Vec<String>) -> Vec<String> {
    let attribute = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let is_test = words[at..].iter().take(attribute.len()).eq(attribute);
        if !is_test {
            kept.push(words[at].clone());
            at += 1;
            continue;
        }
        at += attribute.len();
        let mut depth = 0;
        let is_use = is(&words, at, "use");
        while at < words.len() {
            let word = words[at].as_str();
            at += 1;
            match word {
                "{" => depth += 1,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => continue,
            }
            if depth == 0 && !is_use {
                break;
            }
        }
    }
    kept
}

fn is(words: &[String], at: usize, word: &str) -> bool {
    words.get(at).is_some_and(|found| found == word)
}

/// Names, `::` and single signs; comments, strings and characters are left out.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest)
            .or_else(|| raw_string(rest))
            .or_else(|| string(rest))
            .or_else(|| character(rest));
        if let Some(skipped) = skipped {
            rest = &rest[skipped..];
            continue;
        }
        let length = if first.is_alphanumeric() || first == '_' {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        if !first.is_whitespace() {
            words.push(rest[..length].to_owned());
        }
        rest = &rest[length..];
    }
    words
}

/// The length of the comment that begins here. Block comments nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        let step = if rest.starts_with(b"/*") {
            depth += 1;
            2
        } else if rest.starts_with(b"*/") {
            depth -= 1;
            2
        } else {
            1
        };
        at += step;
        if depth == 0 {
            return Some(at);
        }
    }
    Some(text.len())
}

/// `r"…"`, `r#"…"#`, `br"…"`.
fn raw_string(text: &str) -> Option<usize> {
    let after_r = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let fence = after_r.len() - after_r.trim_start_matches('#').len();
    let body = after_r[fence..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(fence));
    let before = text.len() - body.len();
    Some(
        body.find(&end)
            .map_or(text.len(), |at| before + at + end.len()),
    )
}

fn string(text: &str) -> Option<usize> {
    let before = if text.starts_with("b\"") { 2 } else { 1 };
    if before == 1 && !text.starts_with('"') {
        return None;
    }
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(before) {
        match c {
            '"' if !is_escaped => return Some(at + 1),
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    Some(text.len())
}

/// `'x'` and `'\u{1f600}'`; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    if let Some(escaped) = body.strip_prefix('\\') {
        let first = escaped.chars().next()?.len_utf8();
        return escaped[first..].find('\'').map(|at| 2 + first + at + 1);
    }
    let first = body.chars().next()?.len_utf8();
    body[first..].starts_with('\'').then_some(1 + first + 1)
}
