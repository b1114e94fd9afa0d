//! The core's interface to its platform.

use std::future::Future;
use std::pin::Pin;

use crate::push::PushResult;
use crate::row::Row;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How a call to the reporter ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer<T> {
    Answered(T),
    /// It answered with an unexpected value.
    Nonsense,
    /// The call was not made.
    NotSent(String),
    /// The call was made and failed.
    Failed(String),
}

/// The reporter's binding and one request's context.
pub(crate) trait Platform: Send + Sync {
    /// Runs a task and keeps the request's context alive until it completes.
    fn wait_until(&self, task: BoxFuture<()>);

    /// Completes after some time. Dropping it clears its timer.
    fn sleep(&self, ms: u32) -> BoxFuture<()>;

    /// Sends samples to the reporter's buffer. The answer is the number of accepted samples.
    fn record(&self, rows: &[Row]) -> BoxFuture<Answer<f64>>;

    /// Sends samples to the reporter, which pushes them, and waits for the gateway.
    fn push(&self, rows: &[Row]) -> BoxFuture<Answer<PushResult>>;
}
