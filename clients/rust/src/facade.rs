//! The `metrics` facade: `counter!` and `histogram!` in this Worker and in its dependencies.
//!
//! # Which request does a sample belong to?
//!
//! An isolate has one thread. It serves many requests, and at each `.await` another request may
//! continue. A global variable for "the current request" would therefore often hold the wrong one.
//! [`Reporter::scope`] sets the current reporter only while the wrapped future is polled or
//! dropped. A sample recorded in that time belongs to that reporter: it gets the reporter's labels
//! and is in its ledger.
//!
//! A sample recorded outside every scope belongs to no request. Examples are samples from
//! `#[event(start)]`, from a task of `spawn_local`, and from a future given to `wait_until` without
//! its own scope. After [`install`], such samples wait in the isolate. The next request whose last
//! [`Reporter`] is dropped sends them. They do not get that reporter's labels. They are lost if the
//! isolate ends before such a request. At most 4,000 of them wait; more are dropped, with a
//! warning. Without [`install`] they are not recorded.
//!
//! Scopes nest, and the inner one counts. You may keep a `Counter` or `Histogram` in a `static`: it
//! looks up the scope each time it is used. One that was created before [`install`] and outside
//! every scope never records anything.
//!
//! # How facade calls are recorded
//!
//! | facade | reporter |
//! | --- | --- |
//! | `counter!(…).increment(n)` | an increment |
//! | `counter!(…).absolute(n)` | an increment by the difference to the last `absolute` of this series in the isolate; do not mix the two on one series |
//! | `histogram!(…).record(x)` | an observation, in the unit of the metric's name; see below |
//! | `histogram!(…).record_many(x, n)` | n observations |
//! | `gauge!(…)` | ignored, with one warning: a sum over many isolates cannot be set |
//! | `describe_counter!`, `describe_histogram!` | the help; the unit is not sent, because it belongs in the name |
//!
//! # Units
//!
//! The facade converts a `Duration` to seconds before this crate gets it. Name such a histogram
//! `…_seconds`. For a name such as `…_ms`, describe the histogram with the recorded unit. This
//! crate then converts the values to the unit of the name:
//!
//! ```
//! # use metrics_reporter_client::testing::{TestReporter, block_on};
//! use metrics::{Unit, describe_histogram, histogram};
//! # use std::time::Duration;
//!
//! # let test = TestReporter::new();
//! # let reporter = test.reporter();
//! # block_on(reporter.scope(async {
//! describe_histogram!("query_ms", Unit::Seconds, "How long a query takes.");
//! histogram!("query_ms").record(Duration::from_millis(250)); // the facade says 0.25
//! # }));
//! assert_eq!(test.observations("query_ms", ()), [250.0]);
//! ```
//!
//! # Names
//!
//! In the facade, names of metrics and labels may contain any character. On the wire, they contain
//! letters, digits and `_`. Every other character becomes `_`, and a name that starts with a digit
//! gets a leading `_`: `http.requests` arrives as `http_requests`. Two names with the same result
//! are one metric. The methods of [`Reporter`] refuse such a name and suggest a valid one, because
//! there it is usually a mistake. In the facade it is common.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, LocalRecorderGuard, Metadata,
    Recorder, SharedString, Unit,
};

use crate::labels;
use crate::reporter::Reporter;
use crate::row::Entry;
use crate::rules::legal;
use crate::series::{Kind, LabelPairs, Series};
use crate::unit::TimeUnit;
use crate::unscoped;
use crate::warn::{clip, warn};

/// Most names with a description, and most series of `absolute`, in one isolate.
const MAX_REMEMBERED: usize = 2_000;
/// Longest help that the reporter accepts, in bytes.
const MAX_HELP_BYTES: usize = 1_024;

static FACADE: Facade = Facade;
static INSTALLED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static CURRENT: RefCell<Option<Reporter>> = const { RefCell::new(None) };
    static DESCRIBED: RefCell<HashMap<Box<str>, Description>> = RefCell::default();
    static ABSOLUTE: RefCell<HashMap<Series, u64>> = RefCell::default();
    static WARNED_OF_GAUGES: Cell<bool> = const { Cell::new(false) };
}

/// The content of `describe_counter!` and `describe_histogram!`.
#[derive(Clone, Default)]
struct Description {
    help: Option<Arc<str>>,
    unit: Option<Unit>,
}

/// Installs this crate as the facade's recorder for samples outside every [scope](Reporter::scope).
/// Call it in `#[event(start)]`, or in each request: later calls do nothing.
///
/// Returns whether this crate is the recorder. A recorder that was installed earlier stays.
pub fn install() -> bool {
    if INSTALLED.load(Ordering::Relaxed) {
        return true;
    }
    let installed = metrics::set_global_recorder(&FACADE).is_ok();
    if installed {
        INSTALLED.store(true, Ordering::Relaxed);
    } else {
        warn(
            "facade",
            "",
            "another recorder is installed in the metrics facade; what is recorded outside of a scope goes there",
        );
    }
    installed
}

impl Reporter {
    /// Runs a future, such as a request's handler. Samples that it and its callees record with the
    /// macros of the `metrics` crate belong to this reporter.
    ///
    /// Wrap a future for `wait_until` or `spawn_local` in its own scope, with a clone. See
    /// [`facade`](crate::facade) for the assignment of samples to requests, and for the supported
    /// calls.
    ///
    /// ```
    /// use metrics_reporter_client::testing::TestReporter;
    ///
    /// async fn handle() {
    ///     metrics::counter!("orders_total", "country" => "PT").increment(1);
    /// }
    ///
    /// let test = TestReporter::new();
    /// let reporter = test.reporter();
    /// # let block_on = metrics_reporter_client::testing::block_on;
    /// block_on(reporter.scope(handle()));
    /// assert_eq!(test.counter("orders_total", [("country", "PT")]), 1.0);
    /// ```
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        let mut scoped = Scoped {
            reporter: self,
            future: pin!(Some(future)),
        };
        poll_fn(|cx| {
            let _turn = Turn::begin(self.clone());
            match scoped.future.as_mut().as_pin_mut() {
                Some(future) => future.poll(cx),
                None => Poll::Pending,
            }
        })
        .await
    }
}

/// A scope's future. It is also dropped in the scope, because a guard in it may record then, for
/// example when a time-out drops the future.
struct Scoped<'a, F> {
    reporter: &'a Reporter,
    future: Pin<&'a mut Option<F>>,
}

impl<F> Drop for Scoped<'_, F> {
    fn drop(&mut self) {
        let _turn = Turn::begin(self.reporter.clone());
        self.future.set(None);
    }
}

/// The time in which one scope's future is polled or dropped.
struct Turn {
    outer: Option<Reporter>,
    _recorder: LocalRecorderGuard<'static>,
}

impl Turn {
    fn begin(reporter: Reporter) -> Self {
        let outer = CURRENT.try_with(|current| current.replace(Some(reporter)));
        Self {
            outer: outer.unwrap_or_default(),
            _recorder: metrics::set_default_local_recorder(&FACADE),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let outer = self.outer.take();
        // Take it out of the cell first: dropping a reporter may record.
        let ended = CURRENT.try_with(|current| current.replace(outer));
        drop(ended);
    }
}

/// Clears the state of an earlier test on this thread.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn forget() {
    let _ = unscoped::take();
    let _ = WARNED_OF_GAUGES.try_with(Cell::take);
}

struct Facade;

impl Recorder for Facade {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        describe(&name, unit, &help);
    }

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, help: SharedString) {
        describe(&name, unit, &help);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Metric::new(key)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if !WARNED_OF_GAUGES
            .try_with(|warned| warned.replace(true))
            .unwrap_or(true)
        {
            warn(
                "gauge",
                "",
                &format!(
                    "gauge {:?} is ignored, and so is every other: a reporter takes counters and histograms",
                    clip(key.name()),
                ),
            );
        }
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Metric::new(key)))
    }
}

fn describe(name: &KeyName, unit: Option<Unit>, help: &str) {
    let help = help.trim();
    let help = help
        .get(..help.floor_char_boundary(MAX_HELP_BYTES))
        .unwrap_or_default();
    let help = (!help.is_empty()).then(|| help.into());
    let _ = DESCRIBED.try_with(|known| {
        let mut known = known.borrow_mut();
        if known.len() < MAX_REMEMBERED {
            known.insert(legal(name.as_str()), Description { help, unit });
        }
    });
}

/// The number of seconds in one of a unit of time.
fn seconds_in(unit: Unit) -> Option<f64> {
    match unit {
        Unit::Seconds => Some(1.0),
        Unit::Milliseconds => Some(1e-3),
        Unit::Microseconds => Some(1e-6),
        Unit::Nanoseconds => Some(1e-9),
        _ => None,
    }
}

impl Description {
    /// Converts a time from the described unit to the unit of the name.
    fn converted(&self, name: &str, value: f64) -> f64 {
        let described = self.unit.and_then(seconds_in);
        match (described, TimeUnit::said_by(name)) {
            (Some(seconds), Some(unit)) if unit.scale_seconds(seconds) != 1.0 => {
                unit.scale_seconds(value * seconds)
            }
            _ => value,
        }
    }
}

/// A counter or histogram that looks up its request each time it is used.
struct Metric(Series);

impl Metric {
    fn new(key: &Key) -> Self {
        let mut labels = LabelPairs::new();
        for label in key.labels() {
            labels::put(&mut labels, &legal(label.key()), label.value().into());
        }
        let name = legal(key.name());
        Self(Series { name, labels })
    }

    fn add(&self, kind: Kind, value: f64, times: usize) {
        let Series { name, labels } = &self.0;
        let described = DESCRIBED.try_with(|known| known.borrow().get(name).cloned());
        let described = described.ok().flatten().unwrap_or_default();
        let value = described.converted(name, value);
        let help = described.help;
        // Clone it out of the cell: the next call may drop a reporter.
        let current = CURRENT.try_with(|current| current.borrow().clone());
        match current.unwrap_or_default() {
            Some(reporter) => {
                reporter.sample_many(kind, name, value, times, labels, help.as_deref());
            }
            None => self.add_unscoped(kind, value, times, help),
        }
    }

    fn add_unscoped(&self, kind: Kind, value: f64, times: usize, help: Option<Arc<str>>) {
        let name = clip(&self.0.name);
        let entry = match Entry::new(self.0.clone(), kind, value, help) {
            Ok(entry) => entry,
            Err(problem) => {
                unscoped::drop_samples(times);
                return warn("dropped", name, &format!("{name:?} dropped: {problem}"));
            }
        };
        if unscoped::add(&entry, times) {
            warn(
                "full",
                name,
                &format!(
                    "{name:?} dropped: too much was recorded outside of a scope since a request ended"
                ),
            );
        }
    }
}

impl CounterFn for Metric {
    fn increment(&self, value: u64) {
        let _ = ABSOLUTE.try_with(|known| {
            if let Some(known) = known.borrow_mut().get_mut(&self.0) {
                *known = known.saturating_add(value);
            }
        });
        self.add(Kind::Counter, value as f64, 1);
    }

    fn absolute(&self, value: u64) {
        let new = ABSOLUTE.try_with(|known| {
            let mut known = known.borrow_mut();
            if let Some(known) = known.get_mut(&self.0) {
                let new = value.saturating_sub(*known);
                *known = (*known).max(value);
                return Some(new);
            }
            let room = known.len() < MAX_REMEMBERED;
            if room {
                known.insert(self.0.clone(), value);
            }
            room.then_some(value)
        });
        let name = &self.0.name;
        match new {
            Ok(Some(new)) => self.add(Kind::Counter, new as f64, 1),
            _ => warn(
                "absolute",
                name,
                &format!(
                    "{:?} is ignored: too many series are set with absolute()",
                    clip(name)
                ),
            ),
        }
    }
}

impl HistogramFn for Metric {
    fn record(&self, value: f64) {
        self.add(Kind::Histogram, value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.add(Kind::Histogram, value, count);
    }
}
