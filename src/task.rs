//! Futures without an executor: JavaScript drives them.
//!
//! A task waits for promises, one at a time. So it is polled as far as it goes, and what comes out
//! is the next promise: `drive` in `js/io.mjs` awaits that and calls [`resume`] with what it was
//! settled to. A wait costs one `await` then, and no closures, wakers or task queue: a push costs
//! a tenth less than with wasm-bindgen-futures. And it is JavaScript that notices when the instance
//! behind a task has trapped: the next one does not know the task, and says so.
#![allow(unreachable_pub, reason = "wasm-bindgen exports public functions only")]

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use crate::js::{self, Entrypoint};
use crate::limits::{FLUSH_BUDGET_MS, SETTLE_GRACE_MS};

/// What a task ends with: a value for the caller, or what the caller's promise is rejected with.
type Answer = Result<JsValue, JsValue>;

struct Task {
    id: f64,
    /// When its request is gone for certain, and nobody will resume it.
    expires: f64,
    future: Pin<Box<dyn Future<Output = Answer>>>,
}

#[derive(Default)]
struct Tasks {
    /// Random to begin with: the tasks of an instance that has trapped are not this one's.
    next_id: Option<f64>,
    waiting: Vec<Task>,
}

thread_local! {
    static TASKS: RefCell<Tasks> = RefCell::default();
    /// Between a poll and JavaScript: the promise on the way out, its value on the way in.
    static HAND: Cell<Option<JsValue>> = const { Cell::new(None) };
}

/// Runs `future` to its end, for which the runtime waits even when the caller does not.
///
/// The answer is a promise, if `future` has to wait for one.
pub(crate) fn start(
    entrypoint: &Entrypoint,
    now: f64,
    future: impl Future<Output = Answer> + 'static,
) -> Answer {
    let id = TASKS.with_borrow_mut(|tasks| {
        tasks.waiting.retain(|task| task.expires > now);
        let id = tasks
            .next_id
            .unwrap_or_else(|| (js::random() / 2.0).floor());
        tasks.next_id = Some(id + 1.0);
        id
    });
    let task = Task {
        id,
        expires: now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS,
        future: Box::pin(future),
    };
    match advance(task) {
        Poll::Ready(answer) => answer,
        Poll::Pending => Ok(js::drive(entrypoint, id, &take_hand())),
    }
}

/// Goes on with a task whose promise was settled: the next promise, or the task's answer.
///
/// `undefined` when the task is not known.
#[wasm_bindgen]
pub fn resume(id: f64, settled: JsValue) -> Result<JsValue, JsValue> {
    let task = TASKS.with_borrow_mut(|tasks| {
        let index = tasks.waiting.iter().position(|task| task.id == id)?;
        Some(tasks.waiting.swap_remove(index))
    });
    let Some(task) = task else {
        return Ok(JsValue::UNDEFINED);
    };
    HAND.set(Some(settled));
    match advance(task) {
        Poll::Ready(answer) => answer,
        Poll::Pending => Ok(take_hand()),
    }
}

fn advance(mut task: Task) -> Poll<Answer> {
    let polled = task
        .future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    if polled.is_pending() {
        TASKS.with_borrow_mut(|tasks| tasks.waiting.push(task));
    }
    polled
}

fn take_hand() -> JsValue {
    HAND.take().unwrap_or(JsValue::UNDEFINED)
}

/// What `promise` resolves to. Only for promises that never reject, and only within a task.
pub(crate) async fn settled(promise: Promise) -> JsValue {
    let mut promise = Some(promise);
    poll_fn(|_| match promise.take() {
        Some(promise) => {
            HAND.set(Some(promise.into()));
            Poll::Pending
        }
        None => Poll::Ready(take_hand()),
    })
    .await
}

/// Lets JavaScript resume tasks; `resume` is this module's, as JavaScript sees it.
#[wasm_bindgen]
pub fn install(resume: &JsValue) {
    js::install(resume);
}
