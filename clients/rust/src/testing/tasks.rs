//! Runs futures without a runtime, on the thread that wakes them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake};
use std::thread::Thread;

use crate::clock;
use crate::platform::BoxFuture;

/// Runs a future to completion on this thread, for tests of `async` code.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Polls a task until it waits, and again each time it is woken.
pub(super) fn spawn(task: BoxFuture<()>) {
    let task = Task {
        state: Mutex::new(TaskState::Waiting(task)),
    };
    Arc::new(task).wake();
}

struct Task {
    state: Mutex<TaskState>,
}

enum TaskState {
    Waiting(BoxFuture<()>),
    Running,
    /// Woken while it ran, so it runs once more.
    Woken,
    Done,
}

impl Task {
    fn replace(
        &self,
        change: impl FnOnce(TaskState) -> (TaskState, Option<BoxFuture<()>>),
    ) -> Option<BoxFuture<()>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, future) = change(std::mem::replace(&mut *state, TaskState::Done));
        *state = next;
        future
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        let mut next = self.replace(|state| match state {
            TaskState::Waiting(future) => (TaskState::Running, Some(future)),
            TaskState::Running | TaskState::Woken => (TaskState::Woken, None),
            TaskState::Done => (TaskState::Done, None),
        });
        let waker = Arc::clone(&self).into();
        let mut context = Context::from_waker(&waker);
        while let Some(mut future) = next {
            let waits = future.as_mut().poll(&mut context).is_pending();
            next = self.replace(|state| match state {
                _ if !waits => (TaskState::Done, None),
                TaskState::Woken => (TaskState::Running, Some(future)),
                _ => (TaskState::Waiting(future), None),
            });
        }
    }
}

/// Completes when the test's clock has reached a time.
pub(crate) fn sleep(ms: u32) -> BoxFuture<()> {
    let at = clock::now_ms() + f64::from(ms);
    Box::pin(poll_fn(move |context| {
        if clock::now_ms() >= at {
            return Poll::Ready(());
        }
        clock::wake_at(at, context.waker());
        Poll::Pending
    }))
}
