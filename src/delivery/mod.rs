//! The delivery of samples: buffered, pushed, and settled in the ledger.
//!
//! This module is deterministic and does no I/O: the time and random numbers are arguments.

mod buffer;
mod flights;
mod flush;
mod ledger;
pub mod policy;
mod rejections;
mod reporter;
mod result;
mod self_metrics;
mod series;
#[cfg(test)]
mod tests;

pub use flush::{Drain, Duty, Flush, Push, Take};
pub use ledger::{Ledger, Pushes, Reasons, add};
pub use rejections::read_rejections;
pub use reporter::{Direct, Event, Reporter, Span};
pub use result::{Ended, PushResult, Stats};
