//! Waiting, within one request, for a signal or for the first of two futures.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

use crate::platform::BoxFuture;

/// An event that happens once, and the task that waits for it.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    given: bool,
    waiting: Option<Waker>,
}

impl Signal {
    pub(crate) fn give(&self) {
        let waiting = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.given = true;
            state.waiting.take()
        };
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }

    /// Waits for the signal. Only the latest waiting task is woken.
    pub(crate) async fn given(&self) {
        poll_fn(|cx| {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if state.given {
                return Poll::Ready(());
            }
            state.waiting = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Returns the output of `first`, or `None` if `second` completes earlier.
pub(crate) async fn first_of<T>(
    first: impl Future<Output = T>,
    mut second: BoxFuture<()>,
) -> Option<T> {
    let mut first = std::pin::pin!(first);
    poll_fn(|cx| {
        if let Poll::Ready(value) = first.as_mut().poll(cx) {
            return Poll::Ready(Some(value));
        }
        second.as_mut().poll(cx).map(|()| None)
    })
    .await
}

/// Waits until all futures are complete.
pub(crate) async fn all(mut futures: Vec<BoxFuture<()>>) {
    poll_fn(|cx| {
        futures.retain_mut(|future| Pin::new(future).poll(cx).is_pending());
        if futures.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}
