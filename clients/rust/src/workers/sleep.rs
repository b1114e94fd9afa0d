//! A timer that is cleared when it is dropped. The runtime may refuse a timer; `worker::Delay`
//! panics in that case.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use worker::wasm_bindgen::{self, JsValue, closure::Closure, prelude::wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout, catch)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, ms: u32) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = clearTimeout, catch)]
    fn clear_timeout(timer: &JsValue) -> Result<JsValue, JsValue>;
}

/// Completes after some milliseconds, or never if the runtime refuses another timer.
pub(super) struct Sleep {
    ms: u32,
    shared: Rc<Shared>,
    timer: Option<(JsValue, Closure<dyn FnMut()>)>,
}

#[derive(Default)]
struct Shared {
    over: Cell<bool>,
    waker: Cell<Option<Waker>>,
}

impl Sleep {
    pub(super) fn new(ms: u32) -> Self {
        Self {
            ms,
            shared: Rc::default(),
            timer: None,
        }
    }

    fn start(&mut self) {
        let shared = Rc::clone(&self.shared);
        let callback = Closure::wrap_assert_unwind_safe(Box::new(move || {
            shared.over.set(true);
            if let Some(waker) = shared.waker.take() {
                waker.wake();
            }
        }) as Box<dyn FnMut()>);
        if let Ok(timer) = set_timeout(&callback, self.ms) {
            self.timer = Some((timer, callback));
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.over.get() {
            return Poll::Ready(());
        }
        self.shared.waker.set(Some(cx.waker().clone()));
        if self.timer.is_none() {
            self.start();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((timer, _callback)) = self.timer.take()
            && !self.shared.over.get()
        {
            // The timer would call a closure that no longer exists.
            let _ = clear_timeout(&timer);
        }
    }
}
