//! The core's platform in a Worker: the binding, the request's context, timers.
//!
//! It also compiles natively, because a Worker and its unit tests are one crate. Native code never
//! calls it.

mod answer;
mod sleep;

use std::cell::RefCell;
use std::future::{Future, ready};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use worker::js_sys::{self, futures::JsFuture};
use worker::send::{SendFuture, SendWrapper};
use worker::wasm_bindgen::{self, JsValue, prelude::wasm_bindgen};
use worker::{Fetcher, ScheduleContext};

use crate::clock::now_ms;
use crate::options::{Options, Scope};
use crate::outbox::SharedPool;
use crate::pack::pack;
use crate::platform::{Answer, BoxFuture, Platform};
use crate::pool::Pool;
use crate::push::PushResult;
use crate::reporter::Reporter;
use crate::row::Row;
use crate::warn::warn;

use answer::text_of;
use sleep::Sleep;

#[wasm_bindgen]
extern "C" {
    // A binding is a proxy without own properties: a method exists only while it is called on it.
    // The call does not return a real promise, but an object with `then`.
    #[wasm_bindgen(extends = js_sys::Object)]
    type MetricsReporter;

    #[wasm_bindgen(method, catch)]
    fn record(this: &MetricsReporter, samples: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn push(this: &MetricsReporter, samples: &str) -> Result<JsValue, JsValue>;

    /// An `ExecutionContext` or a `DurableObjectState`.
    #[wasm_bindgen(extends = js_sys::Object)]
    type WaitUntil;

    #[wasm_bindgen(method, catch, js_name = waitUntil)]
    fn wait_until(this: &WaitUntil, promise: &js_sys::Promise) -> Result<(), JsValue>;
}

/// A service binding to the entrypoint `MetricsReporter`, or a missing one.
///
/// It is made from `env.service("METRICS")`, with or without `?`, or from an `Option<Fetcher>`.
/// `None` means that the binding is missing on purpose.
#[derive(Debug)]
pub struct Binding(Option<Fetcher>);

impl From<Fetcher> for Binding {
    fn from(fetcher: Fetcher) -> Self {
        Self(Some(fetcher))
    }
}

impl From<Option<Fetcher>> for Binding {
    fn from(fetcher: Option<Fetcher>) -> Self {
        Self(fetcher)
    }
}

impl From<worker::Result<Fetcher>> for Binding {
    fn from(found: worker::Result<Fetcher>) -> Self {
        if let Err(error) = &found {
            let why = format!("there is no reporter binding, so no metrics are recorded: {error}");
            warn("unbound", "", &why);
        }
        Self(found.ok())
    }
}

/// A context that lasts for a request: [`worker::Context`] or [`ScheduleContext`]. Or the
/// [`worker::State`] of a Durable Object: its reporter may outlive a request and sends every
/// second.
pub trait RequestContext: sealed::Sealed {}

impl RequestContext for worker::Context {}
impl RequestContext for ScheduleContext {}
impl RequestContext for worker::State {}

mod sealed {
    use super::{Keeper, Kept, SendWrapper};
    use worker::wasm_bindgen::{JsCast, JsValue};

    pub trait Sealed {
        fn keeper(&self) -> Keeper;
        fn outlives_requests(&self) -> bool {
            false
        }
    }

    impl Sealed for worker::Context {
        fn keeper(&self) -> Keeper {
            let context: &JsValue = self.as_ref().as_ref();
            Keeper(Kept::Js(SendWrapper::new(context.clone().unchecked_into())))
        }
    }

    impl Sealed for worker::State {
        fn keeper(&self) -> Keeper {
            let state: &JsValue = self.as_raw().as_ref();
            Keeper(Kept::Js(SendWrapper::new(state.clone().unchecked_into())))
        }
        fn outlives_requests(&self) -> bool {
            true
        }
    }

    impl Sealed for worker::ScheduleContext {
        fn keeper(&self) -> Keeper {
            Keeper(Kept::Schedule(SendWrapper::new(self.clone())))
        }
    }
}

/// Keeps a request alive.
pub struct Keeper(Kept);

enum Kept {
    Js(SendWrapper<WaitUntil>),
    Schedule(SendWrapper<ScheduleContext>),
}

impl Reporter {
    /// Creates the reporter of one request.
    ///
    /// `binding` is `env.service("METRICS")`. Without a binding nothing is recorded, and a warning
    /// is logged at most once a minute. `ctx` keeps the request alive for the call after the
    /// response.
    ///
    /// It compiles natively, so that unit tests can be in the same crate. A binding exists only in
    /// a Worker: tests get their reporters from `testing::TestReporter`.
    pub fn new(binding: impl Into<Binding>, ctx: &impl RequestContext) -> Self {
        Self::with_options(binding, ctx, Options::new())
    }

    /// Creates the reporter of one request, with options such as labels, help and limits.
    pub fn with_options(
        binding: impl Into<Binding>,
        ctx: &impl RequestContext,
        options: impl Into<Arc<Options>>,
    ) -> Self {
        let Binding(Some(fetcher)) = binding.into() else {
            return Self::disabled();
        };
        let options = options.into();
        let binding: MetricsReporter = fetcher.into_rpc();
        let new = || Arc::new(Mutex::new(Pool::new(options.max_batch)));
        let pool = match options.scope {
            Scope::Isolate => pool_of(&binding, new),
            Scope::Request => new(),
        };
        let platform = Workers {
            binding: SendWrapper::new(binding),
            keeper: ctx.keeper(),
        };
        Self::on(Box::new(platform), options, ctx.outlives_requests(), pool)
    }
}

/// Most bindings in one isolate with their own pool.
const MAX_POOLS: usize = 16;

thread_local! {
    // A binding belongs to the isolate, not to a request.
    static POOLS: RefCell<Vec<(JsValue, SharedPool)>> = const { RefCell::new(Vec::new()) };
}

/// Returns the pool that all requests of the isolate share for this binding. Samples recorded for
/// one reporter must not go to another.
fn pool_of(binding: &JsValue, new: impl Fn() -> SharedPool) -> SharedPool {
    let shared = POOLS.try_with(|pools| {
        let mut pools = pools.try_borrow_mut().ok()?;
        if let Some((_, pool)) = pools.iter().find(|(known, _)| known == binding) {
            return Some(Arc::clone(pool));
        }
        if pools.len() >= MAX_POOLS {
            let now = now_ms();
            pools.retain(|(_, pool)| {
                let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
                !pool.is_idle(now)
            });
        }
        if pools.len() >= MAX_POOLS {
            return None;
        }
        let pool = new();
        pools.push((binding.clone(), Arc::clone(&pool)));
        Some(pool)
    });
    // Too many bindings: this request gets its own pool.
    shared.ok().flatten().unwrap_or_else(new)
}

struct Workers {
    binding: SendWrapper<MetricsReporter>,
    keeper: Keeper,
}

impl Workers {
    fn call<T: Send + 'static>(
        &self,
        method: fn(&MetricsReporter, &str) -> Result<JsValue, JsValue>,
        rows: &[Row],
        read: fn(&JsValue) -> Option<T>,
    ) -> BoxFuture<Answer<T>> {
        // Called here, outside the future: an error thrown here means that nothing was sent.
        match method(&self.binding, &pack(rows)) {
            Err(error) => Box::pin(ready(Answer::NotSent(text_of(&error)))),
            Ok(answering) => {
                let answering = JsFuture::from(js_sys::Promise::resolve(&answering));
                Box::pin(SendFuture::new(async move {
                    match answering.await {
                        Ok(answer) => read(&answer).map_or(Answer::Nonsense, Answer::Answered),
                        Err(error) => Answer::Failed(text_of(&error)),
                    }
                }))
            }
        }
    }
}

impl Platform for Workers {
    fn wait_until(&self, task: BoxFuture<()>) {
        match &self.keeper.0 {
            Kept::Js(context) => {
                let task = promise(task);
                if let Err(error) = context.wait_until(&task) {
                    // The task runs anyway.
                    let why = text_of(&error);
                    warn(
                        "wait_until",
                        &why,
                        &format!("ctx.waitUntil failed, so metrics may be cut off: {why}"),
                    );
                }
            }
            Kept::Schedule(context) => context.wait_until(task),
        }
    }

    fn sleep(&self, ms: u32) -> BoxFuture<()> {
        Box::pin(SendFuture::new(Sleep::new(ms)))
    }

    fn record(&self, rows: &[Row]) -> BoxFuture<Answer<f64>> {
        self.call(MetricsReporter::record, rows, JsValue::as_f64)
    }

    fn push(&self, rows: &[Row]) -> BoxFuture<Answer<PushResult>> {
        self.call(MetricsReporter::push, rows, answer::push_result)
    }
}

fn promise(task: impl Future<Output = ()> + 'static) -> js_sys::Promise {
    js_sys::futures::future_to_promise(AssertUnwindSafe(async {
        task.await;
        Ok(JsValue::UNDEFINED)
    }))
}
