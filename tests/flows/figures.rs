//! The figures of the README, measured on the release build and held against their limits. `make bench` runs it.
//!
//! Fails when a limit is missed, and prints a Markdown table either way. The machine should have nothing else to do.

use std::{
    fmt::Write as _,
    fs,
    io::{self, Read, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use codex_router::simulator::Account;

use crate::support::{Program, Rig, Screen, TrayHost, until};

const STARTS: usize = 20;
/// How long an idle program is watched. This is a measurement, so here time has to pass.
const IDLE: Duration = Duration::from_secs(60);
/// After this, what a start sets off (the first poll, the first frames) is done.
const SETTLED: Duration = Duration::from_secs(15);

const MAX_START: f64 = 40.0;
const MAX_SERVE_MIB: f64 = 15.0;
const MAX_IDLE_PERCENT: f64 = 0.2;
const MAX_FIRST_FRAME: f64 = 200.0;

struct Table {
    text: String,
    missed: Vec<String>,
}

#[test]
#[ignore = "measures the release build for minutes; `make bench` runs it"]
fn the_figures_of_the_readme_keep_their_limits() {
    let rig = ten_profiles();
    let mut table = Table {
        text: "| what | figure | limit |\n|---|---|---|\n".to_owned(),
        missed: Vec::new(),
    };

    let starts = (0..STARTS).map(|_| start_to_health(&rig)).collect();
    let start = median(starts);
    table.row(
        "start of `serve` to the first `/health`, 10 profiles, median of 20",
        start,
        "ms",
        MAX_START,
    );

    let mut serve = rig.serve();
    serve.base_url();
    thread::sleep(SETTLED);
    table.row(
        "memory of an idle `serve` (RSS)",
        memory_mib(&serve, "VmRSS:"),
        "MiB",
        MAX_SERVE_MIB,
    );
    table.fact(
        "of it not the program's file and libraries",
        memory_mib(&serve, "RssAnon:"),
        "MiB",
    );
    let idle = cpu_percent(&serve);
    table.row("CPU of an idle `serve`, 60 s", idle, "%", MAX_IDLE_PERCENT);
    drop(serve);

    if let Some(screen) = Screen::start(&rig) {
        on_screen(&rig, &screen, &mut table);
    }
    assert!(table.missed.is_empty(), "missed: {:?}", table.missed);
}

/// A home with ten profiles and an upstream on loopback.
fn ten_profiles() -> Rig {
    let rig = Rig::start();
    for number in 1..=10 {
        let name = format!("profile-{number:02}");
        rig.add(&name, Account::chatgpt(&name));
    }
    rig.sign_in(&rig.sim.auth_json("profile-01"));
    rig
}

fn on_screen(rig: &Rig, screen: &Screen, table: &mut Table) {
    let host = TrayHost::start(&screen.bus);
    let program = opened(rig, screen);
    screen.find("percent left");
    thread::sleep(SETTLED);
    table.row(
        "CPU, window open, idle for 60 s",
        cpu_percent(&program),
        "%",
        MAX_IDLE_PERCENT,
    );
    table.fact(
        "memory, window open (RSS)",
        memory_mib(&program, "VmRSS:"),
        "MiB",
    );

    screen.key("Codex Router", "ctrl+w");
    screen.lose("percent left");
    host.row("the way back", |row| {
        row.label.starts_with("Open Codex Router")
    });
    thread::sleep(SETTLED);
    table.row(
        "CPU, window closed to the tray, idle for 60 s",
        cpu_percent(&program),
        "%",
        MAX_IDLE_PERCENT,
    );
    drop(program);

    let frames = (0..5).map(|_| {
        let program = opened(rig, screen);
        until("the first frame is drawn", || first_frame_ms(&program))
    });
    let first_frame = median(frames.collect());
    table.row(
        "start to the first frame, median of 5",
        first_frame,
        "ms",
        MAX_FIRST_FRAME,
    );
}

fn opened(rig: &Rig, screen: &Screen) -> Program {
    let mut command = rig.command(&[]);
    screen
        .dress(&mut command)
        .env("RUST_LOG", "codex_router=debug");
    rig.spawn(&mut command)
}

fn first_frame_ms(program: &Program) -> Option<f64> {
    let log = program.stderr();
    let (_, after) = log.split_once("first frame after ")?;
    after.split_once(" ms")?.0.parse().ok()
}

/// Milliseconds from the start of the process to the end of the first answer, asked for as soon as it listens.
fn start_to_health(rig: &Rig) -> f64 {
    // A free port that is known before the program starts; nobody else takes it in the meantime.
    let holder = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = holder.local_addr().unwrap().port();
    drop(holder);
    let mut command = rig.command(&["serve"]);
    command.env("CODEX_ROUTER_ADDR", format!("localhost:{port}"));

    let started_at = Instant::now();
    let program = rig.spawn(&mut command);
    let mut answer = String::new();
    while !answer.starts_with("HTTP/1.1 200") {
        assert!(started_at.elapsed() < IDLE, "{}", program.stderr());
        answer.clear();
        // Refused until it listens: asked again at once.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) {
            let request = format!(
                "GET /health HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).unwrap();
            stream.read_to_string(&mut answer).unwrap();
        } else {
            thread::sleep(Duration::from_micros(200));
        }
    }
    let took = started_at.elapsed();
    drop(program);
    took.as_secs_f64() * 1000.0
}

/// One of the figures of proc_pid_status(5).
fn memory_mib(program: &Program, which: &str) -> f64 {
    let status = fs::read_to_string(proc_file(program, "status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<f64>().unwrap() / 1024.0
}

/// Of one core, over [`IDLE`].
fn cpu_percent(program: &Program) -> f64 {
    let before = cpu_time(program);
    thread::sleep(IDLE);
    (cpu_time(program) - before).as_secs_f64() / IDLE.as_secs_f64() * 100.0
}

/// In user and system mode, threads that have ended included: proc(5), fields 14 and 15 of `stat`, in hundredths of a second.
fn cpu_time(program: &Program) -> Duration {
    let stat = fs::read_to_string(proc_file(program, "stat")).unwrap();
    // The name in brackets is the second field and may contain anything.
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = after_name.split(' ').collect();
    let ticks = |field: usize| fields[field - 3].parse::<u64>().unwrap();
    Duration::from_millis((ticks(14) + ticks(15)) * 10)
}

fn proc_file(program: &Program, name: &str) -> PathBuf {
    Path::new("/proc").join(program.id().to_string()).join(name)
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

impl Drop for Table {
    /// What was measured is told even when a later measurement fails.
    fn drop(&mut self) {
        let text = format!("\n{}\n", self.text);
        io::stdout().write_all(text.as_bytes()).unwrap();
    }
}

impl Table {
    fn row(&mut self, what: &str, figure: f64, unit: &str, limit: f64) {
        writeln!(
            self.text,
            "| {what} | {figure:.2} {unit} | {limit} {unit} |"
        )
        .unwrap();
        if figure > limit {
            self.missed.push(what.to_owned());
        }
    }

    fn fact(&mut self, what: &str, figure: f64, unit: &str) {
        writeln!(self.text, "| {what} | {figure:.1} {unit} | |").unwrap();
    }
}
