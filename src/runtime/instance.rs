//! The state of a Wasm instance, and the ledger that outlives it.
//!
//! The state is plain data in a `RefCell`. It is never borrowed over an await, or over a call into
//! JavaScript that could call back. The ledger is kept outside it: after a trap, the state may stay
//! borrowed for ever, but the ledger can still be read.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;
use worker::{Env, event};

use super::env::{gateway, read_access, read_vars};
use super::gateway::Gateway;
use super::write;
use crate::delivery::policy::RESET;
use crate::delivery::{Ledger, Reporter};
use crate::log::{self, Throttle};

/// One instance's state.
pub(crate) struct Instance {
    pub(crate) reporter: Reporter,
    pub(crate) throttle: Throttle,
    /// The gateway, if one is bound.
    pub(crate) gateway: Option<Rc<Gateway>>,
    /// Unique to this instance, for `x-push-id`.
    pub(crate) id: String,
}

#[wasm_bindgen]
extern "C" {
    /// The functions that `entrypoint.mjs` provides.
    pub type Host;

    #[wasm_bindgen(method)]
    fn trapped(this: &Host, ledger: &str);

    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    fn random_uuid() -> String;
}

thread_local! {
    static INSTANCE: RefCell<Option<Instance>> = const { RefCell::new(None) };
    static LEDGER: Rc<Ledger> = Rc::default();
    static HOST: RefCell<Option<Host>> = const { RefCell::new(None) };
    /// The number of Metrics that the previous instance had buffered or in flight when it trapped.
    static LOST: RefCell<Option<u64>> = const { RefCell::new(None) };
}

/// Runs once, when the instance starts.
#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// Continues with the ledger of the previous instance; empty if there was none.
#[allow(unreachable_pub, reason = "wasm-bindgen exports public functions only")]
#[wasm_bindgen]
pub fn begin(host: Host, ledger: &str) {
    // `start` is too early: `worker` installs its own handler there, which does not save the
    // ledger.
    wasm_bindgen::handler::set_on_abort(on_abort);
    HOST.replace(Some(host));
    if let Ok(ledger) = serde_json::from_str(ledger) {
        LEDGER.with(|own| own.merge(&ledger));
        LOST.replace(Some(ledger.pending()));
    }
}

/// Saves the ledger. It runs in an instance that has trapped, before `entrypoint.mjs` replaces it.
///
/// It may call JavaScript only once: wasm-bindgen ends a terminated instance when an import
/// returns.
fn on_abort() {
    let ledger = LEDGER.with(|ledger| serde_json::to_string(&**ledger).unwrap_or_default());
    HOST.with(|host| {
        if let Ok(host) = host.try_borrow()
            && let Some(host) = &*host
        {
            host.trapped(&ledger);
        }
    });
}

/// Calls `f` with the instance's state, which the first call makes from `env`.
///
/// `f` must not call this function again. Returns `None` if the state is already borrowed.
pub(crate) fn with<R>(env: &Env, f: impl FnOnce(&mut Instance) -> R) -> Option<R> {
    INSTANCE.with(|cell| {
        let mut slot = cell.try_borrow_mut().ok()?;
        Some(f(slot.get_or_insert_with(|| Instance::new(env))))
    })
}

impl Instance {
    fn new(env: &Env) -> Self {
        let ledger = LEDGER.with(Rc::clone);
        let (config, mut invalid) = read_vars(env);
        let access = read_access(env, &mut invalid);
        for line in invalid {
            write(&line);
        }
        let gateway = gateway(env).map(|binding| {
            let url = &config.gateway_url;
            Rc::new(Gateway::new(binding, url, access))
        });
        // 122 random bits: neither an `x-push-id` nor the hash seed may be predictable.
        let random = random_uuid().replace('-', "");
        let (seed, id) = random.split_at_checked(16).unwrap_or_default();
        let id = id.get(..14).unwrap_or_default();
        let seed = u64::from_str_radix(seed, 16).unwrap_or_default();
        // Counts that the previous instance reported must not be reported again. Its losses were
        // not reported yet.
        let reporter = Reporter::new(config, Rc::clone(&ledger), seed);
        if let Some(lost) = LOST.take() {
            // These Metrics may have arrived: the requests continue, but their result is lost.
            ledger.unknown.add(RESET, lost);
            write(&log::instance_reset(lost));
        }
        Self {
            reporter,
            throttle: Throttle::default(),
            gateway,
            id: id.to_owned(),
        }
    }
}
