//! What becomes of a sample: buffered, pushed, settled in the ledger.
//!
//! Deterministic and without I/O: time and chance are arguments.

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
