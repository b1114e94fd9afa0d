//! What lives as long as the Wasm instance, and what outlives it.
//!
//! The state is plain data behind a `RefCell` that is never borrowed over an await or a call into
//! JavaScript that could come back. The account stands beside it, so that it can still be read
//! after a trap has left the state borrowed for ever.

use std::cell::RefCell;
use std::rc::Rc;

use wasm_bindgen::prelude::*;

use crate::account::Account;
use crate::config::{Config, VARS, access_secret};
use crate::gateway::Endpoint;
use crate::js::{self, Entrypoint, Env};
use crate::log::{self, Line, Throttle};
use crate::policy::RESET;
use crate::reporter::Reporter;
use crate::value::{Reader, Value};

/// One instance's state.
pub(crate) struct Instance {
    pub(crate) reporter: Reporter,
    pub(crate) account: Rc<Account>,
    pub(crate) throttle: Throttle,
    /// The gateway, if one is bound.
    pub(crate) endpoint: Option<Rc<Endpoint>>,
    /// Unique to this instance, for `x-push-id`.
    pub(crate) id: String,
}

thread_local! {
    static INSTANCE: RefCell<Option<Instance>> = const { RefCell::new(None) };
    static ACCOUNT: Rc<Account> = Rc::default();
}

/// Runs once, when the instance starts.
#[wasm_bindgen(start)]
fn start() {
    console_error_panic_hook::set_once();
    wasm_bindgen::handler::set_on_abort(on_abort);
}

/// Runs in an instance that has trapped, before `entrypoint.mjs` has it replaced.
///
/// It may call JavaScript once: wasm-bindgen ends a terminated instance when an import returns.
fn on_abort() {
    let mut lines = String::new();
    ACCOUNT.with(|account| {
        account.save(|key, count| {
            if count == 0 {
                return;
            }
            lines.push_str(key);
            lines.push(' ');
            lines.push_str(&count.to_string());
            lines.push('\n');
        });
    });
    js::save(&lines);
}

/// Calls `f` with the instance's state, made from `entrypoint`'s vars at the first call.
///
/// `f` must not call back into here. `None` if it is borrowed all the same: the caller then has
/// nothing to say.
pub(crate) fn with<R>(entrypoint: &Entrypoint, f: impl FnOnce(&mut Instance) -> R) -> Option<R> {
    INSTANCE.with(|cell| {
        let mut slot = cell.try_borrow_mut().ok()?;
        Some(f(slot.get_or_insert_with(|| Instance::new(entrypoint))))
    })
}

impl Instance {
    fn new(entrypoint: &Entrypoint) -> Self {
        let account = ACCOUNT.with(Rc::clone);
        let lost = restore(&account);
        let env = entrypoint.env();
        let (config, mut slips) = read_vars(&env);
        let access = read_access(&env, &mut slips);
        for line in slips {
            write(&line);
        }
        let seed = js::random().to_bits();
        let endpoint = Endpoint::new(&env, &config.gateway_url, access);
        // What the instance before this one had reported must not be reported again; its loss was
        // not.
        let reporter = Reporter::new(config, Rc::clone(&account), seed);
        if let Some(lost) = lost {
            account.unknown.add(RESET, lost);
            write(&log::instance_reset(lost));
        }
        Self {
            reporter,
            account,
            throttle: Throttle::default(),
            endpoint: endpoint.map(Rc::new),
            id: format!("{:013x}", random_bits()),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "random() is a whole number below 2^53"
)]
fn random_bits() -> u64 {
    js::random() as u64
}

/// Goes on with the account of an instance that trapped, and says how much that one had buffered or
/// in flight: it may have arrived or not, its requests go on, and nobody can hear how they end.
fn restore(account: &Account) -> Option<u64> {
    let saved = js::saved();
    if saved.is_empty() {
        return None;
    }
    for line in saved.lines() {
        if let Some((key, count)) = line.split_once(' ') {
            account.restore(key, count.parse().unwrap_or(0));
        }
    }
    Some(account.pending())
}

fn read_vars(env: &Env) -> (Config, Vec<Line>) {
    let mut config = Config::default();
    let mut slips = Vec::new();
    let bytes = js::encode(&js::vars(env, &VARS.join(" "))).unwrap_or_default();
    if let Some(Value::Array(mut items)) = Reader::new(&bytes).value() {
        while let (Some(Value::Text(name)), Some(value)) = (items.next(), items.next()) {
            let text = value.as_text().unwrap_or_default();
            if let Err(slip) = config.set(name, text) {
                slips.push(log::var_invalid(name, &slip.message()));
            }
        }
    }
    (config, slips)
}

/// The service token of Cloudflare Access, if one is bound.
fn read_access(env: &Env, slips: &mut Vec<Line>) -> Option<(String, String)> {
    let given = [env.access_client_id(), env.access_client_secret()];
    let texts = given.map(|value| match value.as_string() {
        None if value.is_undefined() => Ok(String::new()),
        text => text.ok_or("expected the text of a secret, got another kind of binding"),
    });
    let mut slip = |name, expected| {
        let message = format!("{expected}; pushes carry no service token");
        slips.push(log::var_invalid(name, &message));
        None
    };
    let checked = texts.each_ref().map(|text| match text {
        Ok(text) => access_secret(text),
        Err(expected) => Err(*expected),
    });
    match checked {
        [Err(expected), _] => slip(ACCESS_ID, expected),
        [_, Err(expected)] => slip(ACCESS_SECRET, expected),
        [Ok(Some(id)), Ok(Some(secret))] => Some((id.to_owned(), secret.to_owned())),
        [Ok(None), Ok(None)] => None,
        [Ok(None), _] => slip(ACCESS_ID, MISSING_HALF),
        [_, Ok(None)] => slip(ACCESS_SECRET, MISSING_HALF),
    }
}

const ACCESS_ID: &str = "ACCESS_CLIENT_ID";
const ACCESS_SECRET: &str = "ACCESS_CLIENT_SECRET";
const MISSING_HALF: &str = "expected both secrets of a service token, got the other one alone";

/// Writes a line to the log.
pub(crate) fn write(line: &Line) {
    js::log(line.level.as_str(), &js::decode(&line.fields));
}
