//! metrics-gateway-worker: takes Prometheus counters and histograms over Workers RPC, adds them up
//! in the isolate, and pushes them as gRPC-Web to a metrics gateway on a private network.
//!
//! A call passes through these modules from top to bottom. Imports point down only:
//!
//! | module | what it does |
//! | --- | --- |
//! | `entrypoint.mjs` | names the entrypoint, and replaces a Wasm instance that trapped |
//! | `rpc` | the six methods: JavaScript arguments in, answers out |
//! | `runtime` | workers-rs: vars, the fetch to the gateway, flushes under `waitUntil`, the log |
//! | [`log`] | what a line in the log says, and how many there are |
//! | [`delivery`] | the buffer, the lease, retries, the ledger |
//! | [`sample`] | what a legal sample is |
//! | [`config`], [`limits`], [`proto`] | vars, fixed limits, the messages on the wire |
//!
//! `rpc` and `runtime` exist on Wasm only. The other modules are deterministic, take the time as an
//! argument, and are public for tests, benchmarks and fuzzing. They promise no stability. The
//! Worker's public interface is its RPC methods; see the README.

#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "tests know their sizes"
    )
)]

pub mod config;
pub mod delivery;
pub mod limits;
pub mod log;
pub mod proto;
#[cfg(target_family = "wasm")]
mod rpc;
#[cfg(target_family = "wasm")]
mod runtime;
pub mod sample;
