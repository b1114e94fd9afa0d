//! The reference metrics gateway: takes `PushRequest` over gRPC and gRPC-Web, adds the metrics up
//! and serves them as Prometheus text.
//!
//! It has the wire and the rules of the gateway that the Worker pushes to, so that the whole path
//! can be run and tested on one machine. **It is a reference, not a service to run in
//! production:** one process, everything in memory, gone when it stops; no authentication, no
//! TLS, no replicas, and a series stays until the process ends.
//!
//! In scope: the `Push` call, aggregation, `GET /metrics`, `GET /healthz`, and a page at `GET /`
//! that shows what arrived. Not in scope: durable state, expiry of series, gauges, native
//! histograms, exemplars.
//!
//! [`Gateway`] is the core: plain data in and out, no I/O and no clock, so every rule has a test
//! that needs no socket. [`server::serve`] puts it behind a port.

mod account;
mod activity;
pub mod buckets;
mod check;
pub mod cli;
mod clock;
mod code;
mod codec;
mod dedupe;
mod exposition;
mod family;
mod gateway;
pub mod get;
mod grpc;
mod health;
mod http;
mod limiter;
mod log;
mod page;
mod port;
mod quantile;
mod reason;
mod recent;
mod registry;
pub mod server;
mod service;
mod shared;
mod state;

pub use dedupe::{BadPushId, PushId};
pub use gateway::{Answer, Config, Gateway, PushIdReused, Pushed};
pub use reason::{Reason, Rejection};
pub use registry::{Applied, Rejected};

/// The messages of `metrics.proto` and the server side of its service.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated code; metrics.proto is its documentation"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/server/marqo.metrics.v1.rs"));
}
