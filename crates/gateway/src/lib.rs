//! A metrics gateway: receives `PushRequest` over gRPC and gRPC-Web, adds the metrics up and serves
//! them to Prometheus.
//!
//! It has the same wire format and rules as the gateway that the Worker pushes to. You can run and
//! test the whole path on one machine, and a team without a gateway can deploy this one.
//!
//! In scope: the `Push` call, aggregation in memory, expiry of series, `GET /metrics` as Prometheus
//! text and as OpenMetrics, probes, and a page at `GET /` that shows recent pushes. Not in scope:
//! durable state, authentication, TLS, gauges, native histograms, exemplars. Several gateways can
//! share the load without knowing each other: Prometheus scrapes each, and queries add them up.
//!
//! [`Gateway`] is the core: plain data in and out, no I/O and no clock, so tests of the rules need
//! no socket. [`server::serve`] puts it behind a port.

mod activity;
mod answer;
mod applied;
mod bucket_rules;
pub mod buckets;
mod check;
pub mod cli;
mod clock;
mod code;
mod codec;
mod dedupe;
mod exposition;
mod family;
mod float;
mod gateway;
pub mod get;
mod grpc;
mod health;
mod http;
mod labels;
mod ledger;
mod limiter;
mod log;
mod page;
mod pieces;
mod port;
mod push;
mod quantile;
mod reason;
mod reasons;
mod recent;
mod registry;
pub mod server;
mod service;
mod shared;
mod state;

pub use answer::{Answer, Pushed};
pub use applied::{Applied, Rejected};
pub use bucket_rules::{BucketRule, BucketRules};
pub use dedupe::{BadPushId, PushId};
pub use gateway::{Config, Gateway, PushIdReused};
pub use push::Push;
pub use reason::{Reason, Rejection};

/// The messages of `metrics.proto`.
#[allow(
    missing_docs,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    reason = "generated code; metrics.proto is its documentation"
)]
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/messages/marqo.metrics.v1.rs"));
}
