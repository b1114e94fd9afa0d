//! Counters and histograms from a Rust Worker on Cloudflare, one line each, sent once per request to
//! a `MetricsReporter` service binding, and never at the request's expense.
//!
//! A request may call other Workers 32 times, and a call that nobody waits for is cut off with the
//! response. A [`Reporter`] therefore collects what a request records, adds up counters with the same
//! name and labels, and makes one call, which `ctx.wait_until` waits for. It never panics, never
//! fails and never makes a response wait.
//!
//! ```no_run
//! # #[cfg(target_family = "wasm")] mod shown {
//! use metrics_reporter_client::Reporter;
//! use worker::{Context, Env, Request, Response, Result, event};
//!
//! #[event(fetch)]
//! async fn fetch(_: Request, env: Env, ctx: Context) -> Result<Response> {
//!     let metrics = Reporter::new(env.service("METRICS"), &ctx);
//!     metrics.incr("requests_total", [("route", "/")]);
//!     Response::ok("hello")
//! }
//! # }
//! ```
//!
//! The same natively, in a unit test:
//!
//! ```
//! use metrics_reporter_client::testing::TestReporter;
//!
//! let test = TestReporter::new();
//! let metrics = test.reporter();
//! metrics.incr("requests_total", [("route", "/")]);
//! metrics.incr_by("requests_total", 2, [("route", "/")]);
//! metrics.observe("body_bytes", 512, ());
//! drop(metrics); // the end of the handler
//!
//! assert_eq!(test.calls().len(), 1);
//! assert_eq!(test.counter("requests_total", [("route", "/")]), 3.0);
//! assert_eq!(test.observations("body_bytes", ()), [512.0]);
//! ```
//!
//! What needs a Worker, [`Reporter`]'s constructors among it, is there for
//! `wasm32-unknown-unknown` only, and `testing` for every other target: `cargo doc` shows either,
//! by its `--target`.
//!
//! In scope: collecting, adding up, timing, sending, and the [`metrics`](facade) facade. Not in
//! scope: whether a name, label or value is legal, retries, and delivery to the gateway; those are
//! the reporter's.

mod account;
mod batch;
mod clock;
mod define;
mod labels;
mod limits;
mod number;
mod options;
#[cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "a test double takes samples as they are")
)]
mod pack;
mod platform;
mod problem;
mod push;
mod reporter;
mod sender;
mod series;
mod signal;
mod timer;
mod warn;

#[cfg(feature = "facade")]
pub mod facade;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
#[cfg(target_family = "wasm")]
mod workers;

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod properties;

pub use account::Account;
pub use labels::Labels;
pub use number::Value;
pub use options::Options;
pub use push::{Outcome, PushError, PushResult, Refused, Sample};
pub use reporter::Reporter;
pub use timer::Timer;
#[cfg(target_family = "wasm")]
pub use workers::{Binding, RequestContext};
