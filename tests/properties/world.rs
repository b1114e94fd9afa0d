//! The reporter, its callers and a gateway, on a clock that the test controls. After every move the
//! ledger must balance, and every limit must hold.

use std::collections::BTreeMap;
use std::rc::Rc;

use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::delivery::policy::{CANCELLED, MIN_ATTEMPT_MS, Outcome};
use metrics_gateway_worker::delivery::{
    Direct, Drain, Duty, Event, Flush, Ledger, Push, Reasons, Reporter, Span, Stats, Take,
};
use metrics_gateway_worker::limits::{
    FLUSH_BUDGET_MS, MAX_BATCH_BYTES, MAX_FLUSHES_IN_FLIGHT, SETTLE_GRACE_MS,
};
use metrics_gateway_worker::sample::Reason;
use serde_json::{Map, Value};

use crate::model::{Model, Taken, Totals as SeriesTotals};
use crate::samples::{Spec, trusted};
use crate::wire::{Metric, Series, decode};

/// How the gateway, or a proxy before it, ends a push.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verdict {
    /// Everything is applied.
    Applied,
    /// Only the first this many Metrics are applied.
    Rejected(u64),
    /// Everything is applied, but the answer has wrong counts.
    Miscounted { accepted: u64, rejected: u64 },
    /// Provably nothing is applied.
    Dropped,
    /// The outcome is unknown.
    Unknown { applied: bool },
}

/// One active request: a call's flush, or a `push` call with its pushes.
#[derive(Debug)]
pub(crate) struct Flusher {
    pub(crate) flush: Flush,
    drain: Drain,
    pub(crate) state: State,
}

#[derive(Debug)]
pub(crate) enum State {
    /// Sleeps until this time.
    Waiting { due: f64 },
    /// Takes a push next.
    Draining,
    /// Checks again at this time.
    Busy { again: f64 },
    /// Waits for the gateway.
    Pushing(u64),
    /// Waits for the gateway, with the Worker's own metrics.
    PushingOwn(u64),
    /// A `push` call with pushes that are not settled yet.
    Direct(Vec<u64>),
}

/// A push that was sent.
#[derive(Debug)]
struct Sent {
    metrics: Vec<Metric>,
    /// The sequence number of the first entry, for a push from the buffer.
    first: Option<u64>,
    settled: bool,
}

/// The Metrics that were sent, by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Totals {
    delivered: u64,
    rejected: u64,
    dropped: u64,
    unknown: u64,
    /// Not ended yet, or ended after the ledger gave them up.
    open: u64,
    /// All Metrics that were sent.
    sent: u64,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) reporter: Reporter,
    ledger: Rc<Ledger>,
    pub(crate) config: Config,
    pub(crate) now: f64,
    pub(crate) model: Model,
    pub(crate) flushers: Vec<Flusher>,
    sent: BTreeMap<u64, Sent>,
    totals: Totals,
    /// The gateway's counts.
    applied: SeriesTotals,
    /// The Worker's own metrics that were sent, by push.
    own: BTreeMap<u64, Vec<Metric>>,
    /// The push of them in flight, and when it expires.
    own_flight: Option<(u64, f64)>,
    /// Those that arrived, or may have arrived.
    own_reported: BTreeMap<String, f64>,
    refused: u64,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let ledger = Rc::new(Ledger::default());
        Self {
            reporter: Reporter::new(config.clone(), Rc::clone(&ledger), 7),
            ledger,
            config,
            now: 1_700_000_000_000.0,
            model: Model::default(),
            flushers: Vec::new(),
            sent: BTreeMap::new(),
            totals: Totals::default(),
            applied: SeriesTotals::default(),
            own: BTreeMap::new(),
            own_flight: None,
            own_reported: BTreeMap::new(),
            refused: 0,
        }
    }

    fn held(&self) -> usize {
        self.reporter.buffered() + self.reporter.in_flight() as usize
    }

    /// Calls `incr`, `observe` or `record`. Returns whether the call must flush.
    pub(crate) fn call(&mut self, samples: &[Spec], trusted_labels: usize) -> bool {
        self.reporter.refresh(self.now);
        let (trusted, labels) = trusted(trusted_labels);
        let mut last = None;
        for spec in samples {
            let in_flight = self.reporter.in_flight() as usize;
            let room = self.config.max_buffered_samples.saturating_sub(in_flight);
            let expected = self
                .model
                .check(spec, &labels, &self.config)
                .and_then(|metric| self.model.add(metric, room));
            let mut events = Vec::new();
            let reporter = &mut self.reporter;
            let taken = spec.give(&trusted, |sample| reporter.accept(sample, &mut events));
            let sequence = expected.map(|taken| match taken {
                Taken::Folded(sequence) | Taken::Appended(sequence) => sequence,
            });
            assert_eq!(taken.map_err(|r| r.reason), sequence, "{spec:?}");
            self.refused += u64::from(sequence.is_err());
            last = sequence.ok().or(last);
        }
        let now = self.now;
        let (state, flush) = if self.config.flush_interval_ms == 0 && last.is_some() {
            (State::Draining, self.reporter.flush_now(now))
        } else {
            match self.reporter.duty(now) {
                Duty::None => return false,
                Duty::Flush(flush) => (State::Draining, flush),
                Duty::FlushLater { delay_ms, flush } => {
                    let due = now + delay_ms;
                    (State::Waiting { due }, flush)
                }
            }
        };
        self.flush_by(flush, state);
        true
    }

    fn flush_by(&mut self, flush: Flush, state: State) {
        let drain = Drain::from(flush);
        self.flushers.push(Flusher {
            flush,
            drain,
            state,
        });
    }

    /// Calls `push`.
    pub(crate) fn push(&mut self, samples: &[Spec], trusted_labels: usize) {
        self.reporter.refresh(self.now);
        let (trusted, labels) = trusted(trusted_labels);
        let mut direct = Direct::default();
        let mut expected = Vec::new();
        for spec in samples {
            let room = self.held() + expected.len() < self.config.max_buffered_samples;
            let metric = self.model.check(spec, &labels, &self.config);
            let metric = metric.and_then(|metric| room.then_some(metric).ok_or(Reason::BufferFull));
            let mut events = Vec::new();
            let reporter = &mut self.reporter;
            let taken = spec.give(&trusted, |sample| {
                reporter.accept_direct(sample, &mut direct, &mut events)
            });
            assert_eq!(
                taken.map_err(|r| r.reason),
                metric.as_ref().map(|_| ()).map_err(|reason| *reason),
                "{spec:?}"
            );
            self.refused += u64::from(metric.is_err());
            if let Ok(metric) = metric {
                self.model.taken.note(&metric);
                expected.push(metric);
            }
        }
        let pushes = self.reporter.launch(direct, self.now);
        let mut ids = Vec::new();
        for push in pushes {
            let rest = expected.split_off(expected.len().min(self.config.max_batch_samples));
            ids.push(self.send(&push, std::mem::replace(&mut expected, rest), None));
        }
        assert_eq!(expected, [], "every sample that was let in is sent");
        if !ids.is_empty() {
            ids.reverse();
            let flush = self.reporter.flush_now(self.now);
            let state = State::Direct(ids);
            self.flush_by(flush, state);
        }
    }

    /// Calls `flush`.
    pub(crate) fn flush(&mut self) {
        let flush = self.reporter.flush_now(self.now);
        self.flush_by(flush, State::Draining);
    }

    /// Compares a push with its expected contents.
    fn send(&mut self, push: &Push, expected: Vec<Metric>, first: Option<u64>) -> u64 {
        let metrics = decode(&push.body);
        assert_eq!(metrics, expected);
        assert_eq!(push.metrics, metrics.len() as u64);
        assert!(!metrics.is_empty());
        assert!(metrics.len() <= self.config.max_batch_samples);
        assert!(push.body.len() <= MAX_BATCH_BYTES + 5);
        self.totals.open += push.metrics;
        self.totals.sent += push.metrics;
        let sent = Sent {
            metrics,
            first,
            settled: false,
        };
        assert!(self.sent.insert(push.id, sent).is_none(), "an id twice");
        push.id
    }

    /// Lets one flusher take its next step. `verdict` applies if that ends a push.
    pub(crate) fn step(&mut self, index: usize, verdict: Verdict) {
        let now = self.now;
        let flusher = &mut self.flushers[index];
        let flush = flusher.flush;
        match &mut flusher.state {
            State::Waiting { due } => {
                if now >= *due {
                    flusher.state = State::Draining;
                }
            }
            State::Busy { again } => {
                if now >= *again {
                    flusher.state = State::Draining;
                }
            }
            State::Draining => match self.reporter.next_push(&mut flusher.drain, now) {
                Take::Done => {
                    self.flushers.swap_remove(index);
                }
                Take::Busy { delay_ms } => {
                    let again = now + delay_ms;
                    flusher.state = State::Busy { again };
                }
                Take::Push(push) => {
                    flusher.state = State::Pushing(push.id);
                    let (first, expected) = self.model.take(self.config.max_batch_samples);
                    self.send(&push, expected, Some(first));
                }
            },
            State::Pushing(id) => {
                let id = *id;
                flusher.state = State::Draining;
                self.settle(id, verdict);
                self.reporter.note_duration(1.5);
                let own = self.reporter.take_own(&flush, now);
                let has_time = now + MIN_ATTEMPT_MS <= flush.budget_end;
                if let (Some((_, expires)), true) = (&mut self.own_flight, has_time) {
                    *expires = expires.min(now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS);
                    self.own_flight.take_if(|(_, expires)| now > *expires);
                }
                if let Some(push) = own {
                    self.send_own(&push);
                    let expires = flush.budget_end + SETTLE_GRACE_MS;
                    assert_eq!(self.own_flight.replace((push.id, expires)), None);
                    self.flushers[index].state = State::PushingOwn(push.id);
                }
            }
            State::PushingOwn(id) => {
                let id = *id;
                flusher.state = State::Draining;
                self.settle_own(id, verdict);
            }
            State::Direct(ids) => {
                let id = ids.pop();
                if ids.is_empty() {
                    self.flushers.swap_remove(index);
                }
                if let Some(id) = id {
                    self.settle(id, verdict);
                }
            }
        }
    }

    fn settle(&mut self, id: u64, verdict: Verdict) {
        let sent = self.sent.get_mut(&id).unwrap();
        assert!(!sent.settled, "settled twice");
        let metrics = sent.metrics.len() as u64;
        let (outcome, rejected, applied) = match verdict {
            Verdict::Applied => (delivered(metrics, 0), 0, metrics),
            Verdict::Rejected(n) => {
                let rejected = n.min(metrics);
                let applied = metrics - rejected;
                (delivered(applied, rejected), rejected, applied)
            }
            Verdict::Miscounted { accepted, rejected } => (
                delivered(accepted, rejected),
                rejected.min(metrics),
                metrics,
            ),
            Verdict::Dropped => (Outcome::Dropped("dns_error"), 0, 0),
            Verdict::Unknown { applied } => {
                let applied = if applied { metrics } else { 0 };
                (Outcome::Unknown("connection_lost"), 0, applied)
            }
        };
        for metric in sent.metrics.iter().rev().take(applied as usize) {
            self.applied.add(metric, &self.model.taken);
        }
        let before = self.reporter.in_flight();
        let mut events = Vec::new();
        self.reporter.settle(id, outcome, 0, &mut events);
        let in_time = self.reporter.in_flight() + metrics == before;
        sent.settled = true;
        if in_time {
            self.totals.open -= metrics;
            match outcome {
                Outcome::Delivered { .. } => {
                    self.totals.delivered += metrics - rejected;
                    self.totals.rejected += rejected;
                }
                Outcome::Dropped(_) => self.totals.dropped += metrics,
                Outcome::Unknown(_) => self.totals.unknown += metrics,
            }
        }
        let miscounted = matches!(outcome, Outcome::Delivered { accepted, rejected }
            if accepted.checked_add(rejected) != Some(metrics));
        let warned = matches!(events[..], [Event::Miscount { .. }]);
        assert_eq!(warned, miscounted && in_time);
    }

    fn send_own(&mut self, push: &Push) {
        let metrics = decode(&push.body);
        assert_eq!(push.metrics, metrics.len() as u64);
        for metric in &metrics {
            assert!(metric.series.name.starts_with("metrics_reporter_"));
        }
        assert!(!self.sent.contains_key(&push.id), "an id twice");
        assert!(self.own.insert(push.id, metrics).is_none(), "an id twice");
    }

    fn settle_own(&mut self, id: u64, verdict: Verdict) {
        let outcome = match verdict {
            Verdict::Dropped => Outcome::Dropped("dns_error"),
            Verdict::Unknown { .. } => Outcome::Unknown("connection_lost"),
            _ => delivered(self.own[&id].len() as u64, 0),
        };
        // A push that comes back after it was given up is not sent again either.
        let given_up = self.own_flight.take_if(|(own, _)| *own == id).is_none();
        if given_up || !matches!(outcome, Outcome::Dropped(_)) {
            self.note_own(id);
        }
        self.reporter.settle_own(id, outcome);
    }

    /// Counts the values that a push of the Worker's own metrics reported.
    fn note_own(&mut self, id: u64) {
        for metric in self.own[&id].iter().filter(|m| m.series.kind == 1) {
            let key = own_key(&metric.series);
            let most = self.own_count(&key);
            let reported = self.own_reported.entry(key).or_default();
            *reported += metric.value;
            assert!(*reported <= most, "{metric:?}: {reported} of {most}");
        }
    }

    /// Cancels the flusher's request, whatever its state. A push in flight arrives.
    pub(crate) fn vanish(&mut self, index: usize) {
        let flusher = self.flushers.swap_remove(index);
        let ids = match flusher.state {
            State::Pushing(id) => vec![id],
            State::Direct(ids) => ids,
            State::PushingOwn(id) => {
                self.note_own(id);
                return;
            }
            _ => return,
        };
        for metric in ids.iter().flat_map(|id| &self.sent[id].metrics) {
            self.applied.add(metric, &self.model.taken);
        }
    }

    /// The counts of `stats()`: `taken`, `dropped.dns_error` and so on.
    pub(crate) fn stats(&mut self) -> BTreeMap<String, f64> {
        self.reporter.refresh(self.now);
        let stats = serde_json::to_value(Stats::of(&self.reporter)).unwrap();
        let Value::Object(properties) = stats else {
            panic!("stats() is an object")
        };
        let mut stats = BTreeMap::new();
        numbers("", &properties, &mut stats);
        stats
    }

    /// Everything that must hold at every moment.
    pub(crate) fn check(&mut self) {
        let held = self.held();
        assert!(held <= self.config.max_buffered_samples, "{held} held");
        assert_eq!(self.reporter.buffered(), self.model.buffer.len());

        let stats = self.stats();
        let sum = |key: &str| {
            let below = format!("{key}.");
            let parts = stats
                .iter()
                .filter(|(k, _)| *k == key || k.starts_with(&below));
            parts.map(|(_, n)| n).sum::<f64>() as u64
        };
        let placed = ["coalesced", "delivered", "rejected", "dropped", "unknown"]
            .map(sum)
            .iter()
            .sum::<u64>()
            + sum("buffered")
            + sum("in_flight");
        assert_eq!(sum("taken"), placed, "{stats:?}");
        assert_eq!(sum("refused"), self.refused);

        // The ledger's terms agree with the outcomes of the pushes.
        let given_up = sum(&format!("unknown.{CANCELLED}"));
        let seen = Totals {
            delivered: sum("delivered"),
            rejected: sum("rejected"),
            dropped: sum("dropped"),
            unknown: sum("unknown") - given_up,
            open: sum("in_flight") + given_up,
            sent: sum("taken") - sum("coalesced") - sum("buffered"),
        };
        assert_eq!(seen, self.totals);

        // A call that waits for an entry sees it as settled exactly when it is.
        let first = self.model.first();
        for sequence in first..first + self.model.buffer.len() as u64 {
            assert!(!self.reporter.is_settled(Span::extended(None, sequence)));
        }
        for sent in self.sent.values().rev().take(4) {
            let Some(first) = sent.first else { continue };
            let settled = self.reporter.is_settled(Span::extended(None, first));
            assert!(settled || !sent.settled);
            let under_way = !sent.settled && given_up == 0;
            assert!(!settled || !under_way);
        }

        let flushes = self.flushers.iter().filter(|f| match f.state {
            State::Pushing(_) => f.flush.budget_end >= self.now,
            _ => false,
        });
        // (A flusher that was given up may still be running.)
        assert!(given_up > 0 || flushes.count() <= MAX_FLUSHES_IN_FLIGHT);
    }

    /// The expected final sum of one of the Worker's own series.
    fn own_count(&self, key: &str) -> f64 {
        let ledger = &self.ledger;
        let (name, labels) = key.split_once(' ').unwrap();
        let mut parts = labels.split('/');
        let outcome = parts.next().unwrap_or_default();
        let reason = parts.next().unwrap_or_default();
        let by_reason = |counts: &Reasons| {
            let mut count = 0;
            counts.for_each(|r, n| count += if r == reason { n } else { 0 });
            count
        };
        let count = match (name, outcome) {
            ("metrics_reporter_samples_total", "coalesced") => ledger.coalesced.get(),
            ("metrics_reporter_samples_total", "delivered") => ledger.delivered.get(),
            ("metrics_reporter_samples_total", "rejected") => ledger.rejected.get(),
            ("metrics_reporter_samples_total", "dropped") => by_reason(&ledger.dropped),
            ("metrics_reporter_samples_total", "unknown") => by_reason(&ledger.unknown),
            ("metrics_reporter_samples_total", "refused") => by_reason(&ledger.refused),
            ("metrics_reporter_pushes_total", "delivered") => ledger.pushes.delivered.get(),
            ("metrics_reporter_pushes_total", "dropped") => ledger.pushes.dropped.get(),
            ("metrics_reporter_pushes_total", "unknown") => ledger.pushes.unknown.get(),
            ("metrics_reporter_pushes_total", "retried") => ledger.pushes.retried.get(),
            // Refused samples may have been folded first, so these have only a bound.
            ("metrics_reporter_overflow_samples_total", _) => ledger.taken.get() + self.refused,
            other => panic!("{other:?}"),
        };
        count as f64
    }

    /// The Worker's own series that were not reported in full.
    pub(crate) fn unreported(&self) -> Vec<String> {
        let full =
            |key: &str, reported: f64| key.contains("overflow") || reported == self.own_count(key);
        let reported = self.own_reported.iter();
        reported
            .filter(|(key, reported)| !full(key, **reported))
            .map(|(key, reported)| format!("{key}: {reported} of {}", self.own_count(key)))
            .collect()
    }

    /// The number of pushes sent.
    pub(crate) fn pushes(&self) -> usize {
        self.sent.len()
    }

    /// Whether the pushes hold exactly the accepted samples, for each series, once nothing is
    /// buffered.
    pub(crate) fn assert_all_sent(&self) {
        let mut sent = SeriesTotals::default();
        for metric in self.sent.values().flat_map(|sent| &sent.metrics) {
            sent.note(metric);
        }
        assert_eq!(sent, self.model.taken);
    }

    /// Runs the newest flusher alone until it ends; every push is applied at once.
    pub(crate) fn run_last(&mut self) {
        let alone = self.flushers.len();
        while self.flushers.len() == alone {
            let last = alone - 1;
            match self.flushers[last].state {
                State::Waiting { due } => self.now = self.now.max(due),
                State::Busy { again } => self.now = self.now.max(again),
                _ => {}
            }
            self.step(last, Verdict::Applied);
            self.check();
        }
    }
}

fn delivered(accepted: u64, rejected: u64) -> Outcome {
    Outcome::Delivered { accepted, rejected }
}

/// The name, the outcome and the reason of one of the Worker's own series.
fn own_key(series: &Series) -> String {
    let label = |name: &str| series.labels.get(name).map_or("", String::as_str);
    format!("{} {}/{}", series.name, label("outcome"), label("reason"))
}

fn numbers(prefix: &str, properties: &Map<String, Value>, into: &mut BTreeMap<String, f64>) {
    for (key, value) in properties {
        match value {
            Value::Number(number) => {
                let number = number.as_f64().expect("a count");
                into.insert(format!("{prefix}{key}"), number);
            }
            Value::Object(inner) if key != "config" => {
                numbers(&format!("{prefix}{key}."), inner, into);
            }
            _ => {}
        }
    }
}
