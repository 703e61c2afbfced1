//! Each way of adding an account, in the real window on a virtual screen, by the hands of somebody in front of it.

use std::{
    env, ffi::OsString, fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::PathBuf,
    process::Command,
};

use codex_router::simulator::{Account, DeviceReply, Visit};

use crate::support::{Program, Rig, Screen, until};

const TITLE: &str = "Codex Router";
/// The key of the account `own` of the simulator.
const KEY: &str = "key-fake-own";

/// The account `work`, which Codex uses, and `new`, which has no profile yet.
fn rig() -> Rig {
    let rig = Rig::start();
    rig.add("work", Account::chatgpt("work"));
    rig.sim.add(Account::chatgpt("new"));
    rig.sign_in(&rig.sim.auth_json("work"));
    rig
}

/// Where the pretend browser of [`start`] keeps the link that it was given.
fn link_file(rig: &Rig) -> PathBuf {
    rig.scratch().join("link")
}

/// The window, with a browser that keeps the link, and with ports of its own for the way back.
fn start(rig: &Rig, screen: &Screen) -> Program {
    let bin = rig.scratch().join("bin");
    fs::create_dir(&bin).unwrap();
    let browser = bin.join("xdg-open");
    let link = link_file(rig);
    let script = format!(
        "#!/bin/sh\nprintf %s \"$1\" >'{0}.part' && mv '{0}.part' '{0}'\n",
        link.display()
    );
    fs::write(&browser, script).unwrap();
    fs::set_permissions(&browser, fs::Permissions::from_mode(0o700)).unwrap();
    let mut path = OsString::from(&bin);
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    let [first, second] = free_ports();
    let mut command: Command = rig.command(&[]);
    command
        .env("PATH", path)
        .env("CODEX_ROUTER_LOGIN_PORTS", format!("{first}, {second}"));
    let program = rig.spawn(screen.dress(&mut command));
    screen.find("Hide emails");
    program
}

fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn opened_link(rig: &Rig) -> String {
    let link = until("the browser is opened", || {
        fs::read_to_string(link_file(rig)).ok()
    });
    fs::remove_file(link_file(rig)).unwrap();
    link
}

/// The account of the simulator has come home as a profile of this name.
fn has_come(rig: &Rig, name: &str) {
    until("the account is written", || {
        rig.profile_path(name).is_file().then_some(())
    });
    let saved = rig.profile(name);
    assert!(saved["tokens"]["refresh_token"].is_string());
}

#[test]
fn somebody_signs_in_with_the_browser_and_a_second_time_with_a_pasted_address() {
    let rig = rig();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = start(&rig, &screen);
    screen.press("Add account");
    screen.press("Open browser");
    let link = opened_link(&rig);
    screen.find("Waiting for your browser");
    rig.sim.visit_next([Visit::by("new")]);
    let page = rig.get(&link);
    assert_eq!(page.status, 200, "{page:?}");
    has_come(&rig, "new");
    screen.find("Switch to new");
    screen.lose("Waiting for your browser");

    // Again, as the same person: it is said whose login is replaced.
    let before = rig.profile("new");
    screen.press("Add account");
    screen.press("Open browser");
    let link = opened_link(&rig);
    rig.sim.visit_next([Visit::by("new")]);
    let callback = rig.wait_for(async {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let answer = client.get(&link).send().await.unwrap();
        let location = answer.headers().get("location").unwrap();
        location.to_str().unwrap().to_owned()
    });
    screen.focus("Address that the browser ended on");
    screen.type_text(TITLE, &callback);
    screen.key(TITLE, "Return");
    screen.find("This account is here already: new.");
    assert_eq!(rig.profile("new"), before, "nothing is written unasked");
    screen.press("Replace login");
    until("the login is replaced", || {
        (rig.profile("new") != before).then_some(())
    });
    screen.lose("Replace login");
}

#[test]
fn somebody_signs_in_by_a_code() {
    let rig = rig();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    rig.sim
        .device_next([DeviceReply::Pending, DeviceReply::TypedBy("new".to_owned())]);
    let _program = start(&rig, &screen);
    screen.press("Add account");
    screen.press("Code");
    has_come(&rig, "new");
    screen.find("Switch to new");
    screen.lose("Waiting for approval");
}

#[test]
fn a_cancelled_sign_in_leaves_nothing_and_frees_the_port() {
    let rig = rig();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = start(&rig, &screen);
    screen.press("Add account");
    screen.press("Open browser");
    let link = opened_link(&rig);
    let query = link.split_once('?').unwrap().1;
    let back = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "redirect_uri")
        .unwrap();
    let port = back.1.parse::<url::Url>().unwrap().port().unwrap();
    assert!(TcpListener::bind(("127.0.0.1", port)).is_err());
    screen.key(TITLE, "Escape");
    screen.lose("Waiting for your browser");
    until("the port is free again", || {
        TcpListener::bind(("127.0.0.1", port)).ok()
    });
    assert!(!rig.profile_path("new").exists());
}

#[test]
fn somebody_adds_a_key_after_a_look_whether_it_works() {
    let rig = rig();
    rig.sim.add(Account::compatible("own"));
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let program = start(&rig, &screen);
    screen.press("Add account");
    screen.press("API key");
    screen.press("Other");
    screen.focus("Base URL");
    screen.type_text(TITLE, &rig.sim.compatible_base_url());
    screen.focus("Key");
    screen.type_text(TITLE, KEY);
    screen.press("Check whether it works");
    screen.find("Key works");
    for name in screen.names() {
        assert!(!name.contains(KEY), "{name}");
    }
    screen.focus("Key");
    screen.key(TITLE, "Return");
    until("the account is written", || {
        rig.profile_path("server").is_file().then_some(())
    });
    assert_eq!(rig.profile("server")["endpoint"]["api_key"], KEY);
    screen.find("server, Compatible");
    drop(program);
}

#[test]
fn somebody_imports_a_folder_by_its_path_and_then_a_pasted_login() {
    let rig = rig();
    rig.sim.add(Account::chatgpt("other"));
    let folder = rig.scratch().join("old");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("auth.json"), rig.sim.auth_json("new")).unwrap();
    fs::write(folder.join("broken.json"), "{\"tokens\": ").unwrap();
    let Some(screen) = Screen::start(&rig) else {
        return;
    };
    let _program = start(&rig, &screen);
    screen.press("Add account");
    screen.press("Import");
    // The bus of this screen has no portal.
    screen.press("Folder");
    screen.focus("Path of a file or folder");
    screen.type_text(TITLE, &folder.display().to_string());
    screen.key(TITLE, "Return");
    screen.press("Import 1");
    has_come(&rig, "new");
    screen.find("Added 1 account.");
    screen.press("Done");
    screen.find("Switch to new");

    screen.press("Add account");
    screen.press("Import");
    // Some text has to come onto the clipboard of this screen: it is typed and cut.
    screen.press("Folder");
    screen.focus("Path of a file or folder");
    let login: serde_json::Value = serde_json::from_str(&rig.sim.auth_json("other")).unwrap();
    screen.type_text(TITLE, &login.to_string());
    screen.key(TITLE, "ctrl+a");
    screen.key(TITLE, "ctrl+x");
    screen.press("Paste");
    screen.press("Import 1");
    has_come(&rig, "other");
    screen.find("Added 1 account.");
}
