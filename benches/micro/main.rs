//! Native micro-benchmarks of the core: each step of a sample on its way to a push, and the
//! gateway's response.
//!
//! Each bench first asserts that it does what its name says, because a refusal is fast too.

#![cfg_attr(target_family = "wasm", no_main)]
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a bench that does not do what its name says must stop"
)]

mod isolate;
mod response;
mod samples;

use std::time::Duration;

/// The command line (`--max-time 5`) takes precedence.
fn main() {
    // A hundred samples of a fast operation take a millisecond, so any other work on the machine
    // would distort them. Benches with costly inputs stop after one second.
    divan::Divan::default()
        .min_time(Duration::from_millis(250))
        .max_time(Duration::from_secs(1))
        .config_with_args()
        .main();
}
