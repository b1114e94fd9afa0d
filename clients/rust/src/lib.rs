//! Counters and histograms from a Rust Worker on Cloudflare, one line each. The client sends them
//! to a `MetricsReporter` service binding in about one call a second, and never delays or fails a
//! request.
//!
//! A request may call other Workers 32 times, and the runtime cancels a call that is not awaited
//! when the response ends. A [`Reporter`] therefore only stores the samples of a request. All
//! requests of an isolate share one buffer, which adds up counters with the same name and labels.
//! One of the requests sends the buffer in `ctx.wait_until`. The client never panics, never fails
//! a request and never delays a response.
//!
//! ```no_run
//! # mod shown {
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
//! # fn main() {}
//! ```
//!
//! The same in a unit test, which runs natively:
//!
//! ```
//! use metrics_reporter_client::testing::TestReporter;
//!
//! let test = TestReporter::new();
//! let metrics = test.reporter();
//! metrics.incr("requests_total", [("route", "/")]);
//! metrics.incr_by("requests_total", 2, [("route", "/")]);
//! metrics.observe("basket_items", 3, ());
//!
//! assert_eq!(test.calls().len(), 1);
//! assert_eq!(test.counter("requests_total", [("route", "/")]), 3.0);
//! assert_eq!(test.observations("basket_items", ()), [3.0]);
//! ```
//!
//! `testing` exists on every target except Wasm.
//!
//! In scope: collecting, adding up, timing, sending, and the [`metrics`](facade) facade. Not in
//! scope: retries and delivery to the gateway. The reporter does these.

mod batch;
mod call;
mod clock;
mod debug;
mod define;
mod isolate;
mod json;
mod labels;
mod ledger;
mod limits;
mod number;
mod options;
mod outbox;
mod pack;
mod platform;
mod pool;
mod problem;
mod push;
mod push_call;
mod reporter;
mod request;
mod row;
mod rules;
mod sender;
mod series;
mod signal;
mod timer;
mod unit;
mod value;
mod warn;
mod workers;

#[cfg(feature = "facade")]
mod unscoped;

#[cfg(feature = "facade")]
pub mod facade;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod properties;

pub use labels::Labels;
pub use ledger::Account;
pub use options::{Options, Scope};
pub use push::{Outcome, PushError, PushResult, Refused, Sample};
pub use reporter::Reporter;
pub use timer::Timer;
pub use value::Value;
pub use workers::{Binding, RequestContext};
