//! Micro-benchmarks of the core, native: each step of a sample on its way to a push, and the
//! gateway's response.
//!
//! A bench asserts beforehand that it does what its name says: a refusal is fast, too.

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

/// What the command line says (`--max-time 5`) wins.
fn main() {
    // A hundred samples of something fast are over in a millisecond: whatever else the machine does
    // in that millisecond would be the result. What has costly inputs ends with the second.
    divan::Divan::default()
        .min_time(Duration::from_millis(250))
        .max_time(Duration::from_secs(1))
        .config_with_args()
        .main();
}
