//! Random sequences of all events of the reporter, compared with a simple model.
#![cfg(not(target_family = "wasm"))]
#![allow(
    missing_docs,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unreachable,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and its numbers are small"
)]

mod bytes;
mod chaos;
mod model;
mod samples;
mod schedule;
mod wire;
mod world;
