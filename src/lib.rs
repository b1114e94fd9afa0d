//! metrics-gateway-worker: takes Prometheus counters and histograms over Workers RPC, adds them up
//! in the isolate, and pushes them as gRPC-Web to a metrics gateway on a private network.
//!
//! Imports point down only:
//!
//! | layer | modules | may use |
//! | --- | --- | --- |
//! | JS boundary | `rpc` (Wasm only) | everything below |
//! | Workers I/O | `gateway`, `instance`, `task`, `js` (Wasm only) | the core |
//! | core | the rest: deterministic, time is an argument | `grpc-web-unary` |
//!
//! The core is what is public here, for tests, benchmarks and fuzzing; it promises no stability.
//! The Worker's interface is its RPC methods, see the README.

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "tests know their sizes"
    )
)]

pub mod account;
pub mod args;
pub mod buffer;
pub mod config;
pub mod json;
pub mod labels;
pub mod limits;
pub mod log;
pub mod number;
mod own;
pub mod policy;
mod proto;
pub mod refusal;
pub mod report;
pub mod reporter;
pub mod rows;
pub mod sample;
pub mod series;
mod spellings;
pub mod value;
pub mod wire;

#[cfg(target_family = "wasm")]
mod gateway;
#[cfg(target_family = "wasm")]
mod instance;
#[cfg(target_family = "wasm")]
mod js;
#[cfg(target_family = "wasm")]
mod rpc;
#[cfg(target_family = "wasm")]
mod task;
