//! Proofs that no login is lost: the program is killed before every system call on its home, and every such call is made to
//! fail in every way, while it switches, refreshes, saves, imports, restores a backup, renames, deletes, puts back and turns
//! encryption on and off.
//!
//! In `make test` a sample of the points is taken; `make proofs` (`CODEX_ROUTER_TEST_PROOFS=1`) takes all and tells how many.

use std::{
    env, io,
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

mod backup;
mod call;
mod disk;
mod durability;
mod encrypting;
mod holding;
mod importing;
mod organising;
mod points;
mod refreshing;
mod saving;
mod stage;
mod switching;
mod tracer;

/// Whether everything is tried, not a sample.
fn is_whole() -> bool {
    env::var_os("CODEX_ROUTER_TEST_PROOFS").is_some()
}

/// Tells a figure where all is tried.
fn tell(figure: &str) {
    if is_whole() {
        // Not `println!`: the test harness would swallow it.
        let line = format!("proved: {figure}\n");
        io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

/// Does the same with every item, and gives what came of each. On more threads than the machine has cores: who syncs a disk waits.
fn each<T: Sync, R: Send>(items: &[T], act: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let threads = 3 * thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = act(item);
                    results.lock().unwrap().push(result);
                }
            });
        }
    });
    results.into_inner().unwrap()
}
