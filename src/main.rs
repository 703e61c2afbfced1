//! The program. Everything it does is in the library; see its map.

use std::process::ExitCode;

fn main() -> ExitCode {
    codex_router::cli::run()
}
