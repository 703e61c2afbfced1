//! What holds for every dialect at once, tried on answers, streams and documents that are made up at random.
//!
//! The cases of one run are drawn anew each time; a failing one is printed in its smallest form. `PROPTEST_RNG_SEED` repeats a
//! run, `PROPTEST_CASES` makes it longer.

use proptest::test_runner::{Config, RngSeed};

mod any_json;
mod interleavings;
mod splits;
mod upstream;

/// As many cases as a second allows, and no file of failures in the tree.
fn config(cases: u32) -> Config {
    Config {
        cases: std::env::var("PROPTEST_CASES").map_or(cases, |cases| cases.parse().unwrap()),
        rng_seed: match std::env::var("PROPTEST_RNG_SEED") {
            Ok(seed) => RngSeed::Fixed(seed.parse().unwrap()),
            Err(_) => RngSeed::Fixed(0x00c0_de00),
        },
        failure_persistence: None,
        ..Config::default()
    }
}
