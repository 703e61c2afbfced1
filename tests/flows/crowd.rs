//! Many at one home at once: our own switches, a Codex of the old kind that rewrites the live file in place, and readers.

use std::{
    fs,
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use codex_router::simulator::Account;
use serde_json::Value;

use crate::support::Rig;

fn refresh_token(login: &Value) -> Option<String> {
    let token = login.pointer("/tokens/refresh_token")?.as_str()?;
    Some(token.to_owned())
}

/// As an old Codex saves what it has renewed: the file is emptied first, and written a little later.
fn rewrite_in_place(rig: &Rig, login: &str) {
    let mut file = fs::File::create(rig.live_path()).unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(3) {
        thread::yield_now();
    }
    file.write_all(login.as_bytes()).unwrap();
}

#[test]
fn eight_writers_and_eight_readers_lose_nothing_and_see_nothing_torn() {
    const SWITCHES: usize = 3;
    let rig = Rig::start();
    for name in ["work", "home"] {
        rig.add(name, Account::chatgpt(name));
    }
    rig.sign_in(&rig.sim.auth_json("work"));
    // Every refresh token of `work`, oldest first.
    let first: Value = serde_json::from_str(&rig.sim.auth_json("work")).unwrap();
    let given = Mutex::new(vec![refresh_token(&first).unwrap()]);
    let is_over = AtomicBool::new(false);
    let step = || -> usize {
        let saved = refresh_token(&rig.profile("work")).unwrap();
        let given = given.lock().unwrap();
        given.iter().position(|token| *token == saved).unwrap()
    };

    thread::scope(|scope| {
        let switchers: Vec<_> = (0..7)
            .map(|first| {
                let rig = &rig;
                scope.spawn(move || {
                    for number in first..first + SWITCHES {
                        let to = if number % 2 == 0 { "home" } else { "work" };
                        let ended = rig.run(&["use", to]);
                        let is_told = ended.stderr.contains("another program");
                        assert!(ended.code == Some(0) || is_told, "{ended:?}");
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let Ok(live) = fs::read_to_string(rig.live_path()) else {
                    continue;
                };
                let is_work = live.contains("\"account_id\"") && !is_of(&rig, &live, "home");
                if is_work {
                    // Before anybody can have read it.
                    let mut given = given.lock().unwrap();
                    let renewed = rig.sim.rotate_as_cli("work");
                    let token = refresh_token(&serde_json::from_str(&renewed).unwrap());
                    given.push(token.unwrap());
                    drop(given);
                    rewrite_in_place(&rig, &renewed);
                }
                thread::yield_now();
            }
        });
        for _ in 0..5 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    assert!(is_whole_soon(&rig), "torn for longer than a writer takes");
                    thread::yield_now();
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let listed = rig.run(&["list", "--json"]);
                    let rows: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
                    assert_eq!(rows.len(), 2, "{listed:?}");
                    let is_torn = rows.iter().any(|row| row["health"] == "unreadable");
                    assert!(!is_torn, "{listed:?}");
                }
            });
        }
        scope.spawn(|| {
            let mut last = 0;
            while !is_over.load(Ordering::Relaxed) {
                let now = step();
                assert!(now >= last, "the profile went from {last} back to {now}");
                last = now;
                thread::yield_now();
            }
        });
        let ended = switchers.into_iter().map(|switcher| switcher.join());
        let ended: Vec<_> = ended.collect();
        is_over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok));
    });

    let renewed: Value = serde_json::from_str(&rig.sim.rotate_as_cli("work")).unwrap();
    rig.sign_in(&renewed.to_string());
    let ended = rig.run(&["use", "home"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(rig.profile("work")["tokens"], renewed["tokens"]);
    assert_eq!(rig.live()["tokens"], rig.profile("home")["tokens"]);
}

/// Whether the live file can be read, within as many looks as the program takes.
fn is_whole_soon(rig: &Rig) -> bool {
    const LOOKS: u32 = 5;
    const PAUSE: Duration = Duration::from_millis(40);
    (0..=LOOKS).any(|_| {
        let text = fs::read_to_string(rig.live_path());
        let is_whole = text.is_ok_and(|text| serde_json::from_str::<Value>(&text).is_ok());
        if !is_whole {
            thread::sleep(PAUSE);
        }
        is_whole
    })
}

/// Whether this login file is of the account.
fn is_of(rig: &Rig, login: &str, account: &str) -> bool {
    let account_id = |text: &str| -> Option<Value> {
        let login: Value = serde_json::from_str(text).ok()?;
        login.pointer("/tokens/account_id").cloned()
    };
    account_id(login) == account_id(&rig.sim.auth_json(account))
}
