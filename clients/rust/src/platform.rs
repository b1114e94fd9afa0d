//! What the core needs of the world around it.

use std::future::Future;
use std::pin::Pin;

use crate::push::PushResult;
use crate::row::Row;

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How a call to the reporter ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Answer<T> {
    Answered(T),
    /// It answered with something else.
    Nonsense,
    /// The call was not made.
    NotSent(String),
    /// The call was made, and failed.
    Failed(String),
}

/// The reporter's binding and one request's context.
pub(crate) trait Platform: Send + Sync {
    /// Runs a task, and keeps the request's context alive until it is done.
    fn wait_until(&self, task: BoxFuture<()>);

    /// Is done after some time. Dropping it takes its timer away.
    fn sleep(&self, ms: u32) -> BoxFuture<()>;

    /// Has the reporter buffer samples. The answer is how many it took.
    fn record(&self, rows: &[Row]) -> BoxFuture<Answer<f64>>;

    /// Has the reporter push samples, and wait for the gateway.
    fn push(&self, rows: &[Row]) -> BoxFuture<Answer<PushResult>>;
}
