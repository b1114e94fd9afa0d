//! [`Reporter`]: takes samples in, and settles every push in the ledger.
//!
//! Requests share this plain data only, and never a promise, waker or lock. The caller does the
//! I/O:
//!
//! 1. For each call, it uses [`Reporter::refresh`], then [`Reporter::accept`] for each sample, then
//!    [`Reporter::duty`] once.
//! 2. A call that must flush takes pushes with [`Reporter::next_push`] until none is left. It sends
//!    each push to the gateway and ends it with [`Reporter::settle`].

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::buffer::{Buffer, Taken};
use super::flights::{Flight, Flights};
use super::flush::{Flush, Lease, Push};
use super::ledger::{Ledger, add};
use super::policy::{MIN_ATTEMPT_MS, Outcome};
use super::self_metrics::SelfMetrics;
use super::series::{Admission, SeriesIndex};
use crate::config::Config;
use crate::limits::{FLUSH_BUDGET_MS, MAX_BUFFERED_BYTES, SETTLE_GRACE_MS};
use crate::proto::{Entry, frame};
use crate::sample::{Kind, Reason, Refusal, Sample};

/// The state of one isolate.
#[derive(Debug)]
pub struct Reporter {
    pub(super) config: Config,
    ledger: Rc<Ledger>,
    pub(super) buffer: Buffer,
    series: SeriesIndex,
    pub(super) lease: Option<Lease>,
    pub(super) flights: Flights,
    self_metrics: SelfMetrics,
    last_error: Option<String>,
    pub(super) last_id: u64,
}

/// The range of entries that holds a call's samples. Entries between them may belong to other
/// calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    first: u64,
    last: u64,
}

impl Span {
    /// Extends `span` to this sequence number. A sample can fold into an entry that is older than
    /// the entry of the previous sample.
    #[must_use]
    pub fn extended(span: Option<Self>, sequence: u64) -> Self {
        let Self { first, last } = span.unwrap_or(Self {
            first: sequence,
            last: sequence,
        });
        Self {
            first: first.min(sequence),
            last: last.max(sequence),
        }
    }
}

/// Samples of one `push` call, not yet sent.
#[derive(Debug, Default)]
pub struct Direct {
    samples: Buffer,
    /// For each series' hash, the sequence number of its last entry.
    entries: HashMap<u64, u64, FixedState>,
}

/// An event for the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A metric has reached its limit of series, or the isolate the limit for all metrics: new label
    /// sets of this metric fold from now on.
    Overflow {
        /// The metric's name.
        metric: String,
        /// The limit.
        most: usize,
    },
    /// The counts in the gateway's answer do not add up to the number of Metrics sent.
    Miscount {
        /// How many Metrics were sent.
        sent: u64,
        /// How many the gateway reported as applied.
        accepted: u64,
        /// How many the gateway reported as rejected.
        rejected: u64,
    },
}

impl Reporter {
    /// Makes an empty reporter. `seed` is random.
    ///
    /// The Worker's own metrics do not report the counts that the ledger already holds.
    #[must_use]
    pub fn new(config: Config, ledger: Rc<Ledger>, seed: u64) -> Self {
        let series = SeriesIndex::new(seed);
        let self_metrics = SelfMetrics::since(&ledger, &series);
        Self {
            config,
            ledger,
            buffer: Buffer::default(),
            series,
            lease: None,
            flights: Flights::default(),
            self_metrics,
            last_error: None,
            last_id: 0,
        }
    }

    /// The vars in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The ledger.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes a sample into the buffer and returns its entry's sequence number.
    ///
    /// # Errors
    ///
    /// The reason for the refusal, which is also counted. A refused sample is not buffered. A legal
    /// sample that was refused for lack of space still sets the type and the help of its name.
    pub fn accept(
        &mut self,
        sample: Result<Sample<'_>, Refusal>,
        events: &mut Vec<Event>,
    ) -> Result<u64, Refusal> {
        let accepted = sample.and_then(|sample| {
            self.admitted(&sample, events, |reporter, sample, admission| {
                reporter.buffer_up(sample, admission)
            })
        });
        accepted.inspect_err(|refusal| self.count(refusal))
    }

    /// Adds a sample to the push of a `push` call, without buffering it.
    ///
    /// # Errors
    ///
    /// As [`Reporter::accept`].
    pub fn accept_direct(
        &mut self,
        sample: Result<Sample<'_>, Refusal>,
        direct: &mut Direct,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        let accepted = sample.and_then(|sample| {
            self.admitted(&sample, events, |reporter, sample, admission| {
                reporter.put_direct(sample, admission, direct)
            })
        });
        accepted.inspect_err(|refusal| self.count(refusal))
    }

    /// Asks the index to admit the sample's series, or the overflow series instead.
    fn admitted<R>(
        &mut self,
        sample: &Sample<'_>,
        events: &mut Vec<Event>,
        take: impl FnOnce(&mut Self, &Sample<'_>, Admission) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let most = self.config.max_series_per_metric;
        let series = sample.series();
        let admission = self.series.admit(series, most)?;
        if !admission.overflow {
            return take(self, sample, admission);
        }
        if let Some(most) = admission.first_overflow {
            let metric = series.name().to_owned();
            events.push(Event::Overflow { metric, most });
        }
        let overflow = series.folded();
        let admission = self.series.fold(admission, &overflow);
        take(self, &Sample::new(&overflow, sample.value())?, admission)
    }

    fn buffer_up(&mut self, sample: &Sample<'_>, admission: Admission) -> Result<u64, Refusal> {
        let series = sample.series();
        let help = self.series.help(admission);
        if let (Kind::Counter, Some(entry)) = (series.kind(), admission.entry) {
            match self.buffer.fold(entry, sample, help) {
                Ok(true) => {
                    add(&self.ledger.taken, 1);
                    add(&self.ledger.coalesced, 1);
                    return Ok(entry);
                }
                Ok(false) => {}
                Err(_) => {
                    let detail = "the buffered sum would not be finite";
                    return Err(Refusal::new(Reason::SumOverflow, detail).of(series.name()));
                }
            }
        }
        if self.held() >= self.config.max_buffered_samples {
            return Err(buffer_full(series.name()));
        }
        let (entry, bytes) = self.buffer.entry_of(admission.entry, sample, help);
        if self.held_bytes().saturating_add(bytes) > MAX_BUFFERED_BYTES {
            return Err(buffer_full(series.name()));
        }
        let sequence = self.buffer.append(entry, bytes);
        self.series.note_entry(admission.series, sequence);
        add(&self.ledger.taken, 1);
        Ok(sequence)
    }

    fn put_direct(
        &mut self,
        sample: &Sample<'_>,
        admission: Admission,
        direct: &mut Direct,
    ) -> Result<(), Refusal> {
        let Direct { samples, entries } = direct;
        let entry = entries.get(&admission.series).copied();
        let (entry, bytes) = samples.entry_of(entry, sample, self.series.help(admission));
        let held = self.held().saturating_add(samples.len());
        let held_bytes = self.held_bytes().saturating_add(samples.bytes());
        if held >= self.config.max_buffered_samples
            || held_bytes.saturating_add(bytes) > MAX_BUFFERED_BYTES
        {
            return Err(buffer_full(sample.series().name()));
        }
        entries.insert(admission.series, samples.append(entry, bytes));
        add(&self.ledger.taken, 1);
        Ok(())
    }

    /// Puts the samples of one `push` call in flight.
    pub fn launch(&mut self, mut direct: Direct, now: f64) -> Vec<Push> {
        let expires = now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS;
        let mut pushes = Vec::new();
        while !direct.samples.is_empty() {
            let taken = direct.samples.take(self.config.max_batch_samples);
            pushes.push(self.put_in_flight(&taken, false, expires));
        }
        pushes
    }

    /// Encodes entries and puts them in flight.
    pub(super) fn put_in_flight(&mut self, taken: &Taken, buffered: bool, expires: f64) -> Push {
        let id = next_id(&mut self.last_id);
        let metrics = u64::try_from(taken.entries.len()).unwrap_or(u64::MAX);
        let body = frame(&taken.entries);
        self.flights.add(Flight {
            id,
            metrics,
            bytes: body.len(),
            entries: buffered.then(|| (taken.first, taken.first.saturating_add(metrics))),
            expires,
        });
        Push { id, metrics, body }
    }

    /// Counts the samples beyond the limit of one call.
    pub fn count_excess(&self, samples: usize) {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.ledger.refused.add(Reason::TooLarge.as_str(), samples);
    }

    fn count(&self, refusal: &Refusal) {
        self.ledger.refused.add(refusal.reason.as_str(), 1);
    }

    /// Settles a push in the ledger. A push that was given up before keeps its count.
    pub fn settle(&mut self, id: u64, outcome: Outcome, retried: u32, events: &mut Vec<Event>) {
        add(&self.ledger.pushes.retried, u64::from(retried));
        let Some(flight) = self.flights.remove(id) else {
            return;
        };
        match outcome {
            Outcome::Delivered { accepted, rejected } => {
                let sent = flight.metrics;
                if accepted.checked_add(rejected) != Some(sent) {
                    events.push(Event::Miscount {
                        sent,
                        accepted,
                        rejected,
                    });
                }
                let rejected = rejected.min(sent);
                add(&self.ledger.rejected, rejected);
                add(&self.ledger.delivered, sent.saturating_sub(rejected));
                add(&self.ledger.pushes.delivered, 1);
            }
            Outcome::Dropped(reason) => {
                self.ledger.dropped.add(reason, flight.metrics);
                add(&self.ledger.pushes.dropped, 1);
            }
            Outcome::Unknown(reason) => self.lose_track(&flight, reason),
        }
    }

    pub(super) fn lose_track(&self, flight: &Flight, reason: &'static str) {
        self.ledger.unknown.add(reason, flight.metrics);
        add(&self.ledger.pushes.unknown, 1);
    }

    /// Whether every entry of `span` has been pushed and settled.
    #[must_use]
    pub fn is_settled(&self, span: Span) -> bool {
        let Span { first, last } = span;
        last < self.buffer.first_sequence() && !self.flights.carry(first, last)
    }

    /// Returns the Worker's own metrics when they are due: after a push of samples, at most every
    /// few seconds, and never two at a time.
    pub fn take_own(&mut self, flush: &Flush, now: f64) -> Option<Push> {
        if !self.config.self_metrics || now + MIN_ATTEMPT_MS > flush.budget_end {
            return None;
        }
        let expires = flush.budget_end + SETTLE_GRACE_MS;
        // It needs its own id: a gateway applies nothing for an id that it already knows.
        let id = next_id(&mut self.last_id);
        let metrics = self
            .self_metrics
            .take(id, &self.ledger, &self.series, now, expires)?;
        let entries: Vec<_> = metrics.into_iter().map(Entry::from).collect();
        Some(Push {
            id,
            metrics: u64::try_from(entries.len()).unwrap_or(u64::MAX),
            body: frame(&entries),
        })
    }

    /// Settles a push of the Worker's own metrics. Counts that were provably not applied are sent
    /// again with the next push.
    pub fn settle_own(&mut self, id: u64, outcome: Outcome) {
        self.self_metrics.settle(id, outcome);
    }

    /// Records how long a push of samples took, for the Worker's own metrics.
    pub fn note_duration(&mut self, ms: f64) {
        if self.config.self_metrics {
            self.self_metrics.note_duration(ms);
        }
    }

    /// Records the last error, for `stats()`.
    pub fn note_error(&mut self, message: String) {
        self.last_error = Some(message);
    }

    /// The last error.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// How many Metrics are buffered.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// How many Metrics are in flight.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.flights.metrics()
    }

    /// Metrics that are buffered or in flight.
    fn held(&self) -> usize {
        let in_flight = usize::try_from(self.in_flight()).unwrap_or(usize::MAX);
        self.buffer.len().saturating_add(in_flight)
    }

    fn held_bytes(&self) -> usize {
        self.buffer.bytes().saturating_add(self.flights.bytes())
    }
}

fn buffer_full(name: &str) -> Refusal {
    let detail = "the buffer is full and this would need a new entry";
    Refusal::new(Reason::BufferFull, detail).of(name)
}

pub(super) fn next_id(last: &mut u64) -> u64 {
    *last = last.saturating_add(1);
    *last
}
