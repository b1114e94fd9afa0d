//! The heart: takes samples in, and settles every push in the ledger.
//!
//! What is shared between requests is this plain data; no promise, waker or lock ever is. Whoever
//! calls acts on what it is told:
//!
//! 1. [`Reporter::refresh`], [`Reporter::accept`] for each sample, then [`Reporter::duty`] once per
//!    call.
//! 2. Whoever has to flush takes pushes with [`Reporter::next_push`] until there is none; each goes
//!    to the gateway and ends in [`Reporter::settle`].

use std::rc::Rc;

use super::buffer::{Buffer, metric_of};
use super::flights::{Flight, Flights};
use super::flush::{Flush, Lease, Push};
use super::ledger::{Ledger, add};
use super::policy::{MIN_ATTEMPT_MS, Outcome};
use super::self_metrics::SelfMetrics;
use super::series::{Admission, SeriesIndex};
use crate::config::Config;
use crate::limits::{FLUSH_BUDGET_MS, MAX_BATCH_BYTES, MAX_BUFFERED_BYTES, SETTLE_GRACE_MS};
use crate::proto::{Metric, frame, len_in_request};
use crate::sample::{Kind, Reason, Refusal, Sample};

/// Everything that one isolate knows.
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

/// The entries that took a call's samples, and any between them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    first: u64,
    last: u64,
}

impl Span {
    /// `span` extended to this sequence number: a sample can be folded into an entry that is older
    /// than that of the sample before it.
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

/// Samples of one `push` call, not yet sent: a list of Metrics for each PushRequest, and its bytes.
#[derive(Debug, Default)]
pub struct Direct(Vec<(Vec<Metric>, usize)>);

/// Something worth a line in the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A metric has as many series as it may: from now on new label sets fold.
    Overflow {
        /// The metric's name.
        metric: String,
        /// The limit.
        most: usize,
    },
    /// The gateway's counts do not add up to what was sent.
    Miscount {
        /// How many Metrics were sent.
        sent: u64,
        /// How many the gateway says it applied.
        accepted: u64,
        /// How many the gateway says it did not.
        rejected: u64,
    },
}

impl Reporter {
    /// A reporter with nothing in it. `seed` is random.
    ///
    /// The Worker's own metrics say nothing of what the ledger holds by now.
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

    /// The record of every sample.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes a sample into the buffer and returns its entry's sequence number.
    ///
    /// # Errors
    ///
    /// Why it was refused, there or before; that is counted. Nothing is buffered then, but a legal
    /// sample that finds no room has given its name the type and the help all the same.
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

    /// Takes a sample into a push of its own, in its own place.
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

    /// Asks the index for the sample's series, or for the overflow series in its place.
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
        if admission.first_overflow {
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
        let metric = metric_of(sample, help);
        if self.held_bytes().saturating_add(len_in_request(&metric)) > MAX_BUFFERED_BYTES {
            return Err(buffer_full(series.name()));
        }
        let sequence = self.buffer.append(metric);
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
        let Direct(requests) = direct;
        let (metrics, bytes) = requests.iter().fold((0usize, 0usize), |sum, request| {
            let (metrics, bytes) = request;
            (
                sum.0.saturating_add(metrics.len()),
                sum.1.saturating_add(*bytes),
            )
        });
        let metric = metric_of(sample, self.series.help(admission));
        let len = len_in_request(&metric);
        let bytes = self.held_bytes().saturating_add(bytes).saturating_add(len);
        if self.held().saturating_add(metrics) >= self.config.max_buffered_samples
            || bytes > MAX_BUFFERED_BYTES
        {
            return Err(buffer_full(sample.series().name()));
        }
        let most = self.config.max_batch_samples;
        let fits = |(metrics, bytes): &&mut (Vec<Metric>, usize)| {
            metrics.len() < most && bytes.saturating_add(len) <= MAX_BATCH_BYTES
        };
        match requests.last_mut().filter(fits) {
            Some((metrics, bytes)) => {
                metrics.push(metric);
                *bytes = bytes.saturating_add(len);
            }
            None => requests.push((vec![metric], len)),
        }
        add(&self.ledger.taken, 1);
        Ok(())
    }

    /// Puts the samples of one `push` call in flight.
    pub fn launch(&mut self, direct: Direct, now: f64) -> Vec<Push> {
        let expires = now + FLUSH_BUDGET_MS + SETTLE_GRACE_MS;
        let pushes = direct.0.into_iter().map(|(metrics, _)| {
            let id = next_id(&mut self.last_id);
            let count = u64::try_from(metrics.len()).unwrap_or(u64::MAX);
            let body = frame(metrics);
            self.flights.add(Flight {
                id,
                metrics: count,
                bytes: body.len(),
                entries: None,
                expires,
            });
            Push {
                id,
                metrics: count,
                body,
            }
        });
        pushes.collect()
    }

    /// Counts samples beyond what one call may carry.
    pub fn count_excess(&self, samples: usize) {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        self.ledger.refused.add(Reason::TooLarge.as_str(), samples);
    }

    fn count(&self, refusal: &Refusal) {
        self.ledger.refused.add(refusal.reason.as_str(), 1);
    }

    /// Settles a push in the ledger. A push that was given up meanwhile stays as it was counted.
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

    /// The Worker's own metrics, when it is time to push them: after a push of samples, at most
    /// every few seconds, never more than one at a time.
    pub fn take_own(&mut self, flush: &Flush, now: f64) -> Option<Push> {
        if !self.config.self_metrics || now + MIN_ATTEMPT_MS > flush.budget_end {
            return None;
        }
        let expires = flush.budget_end + SETTLE_GRACE_MS;
        // An id of its own: a gateway that knows an id from before applies nothing.
        let id = next_id(&mut self.last_id);
        let metrics = self
            .self_metrics
            .take(id, &self.ledger, &self.series, now, expires)?;
        Some(Push {
            id,
            metrics: u64::try_from(metrics.len()).unwrap_or(u64::MAX),
            body: frame(metrics),
        })
    }

    /// Settles a push of the Worker's own metrics: what was provably not applied is sent again
    /// with the next one.
    pub fn settle_own(&mut self, id: u64, outcome: Outcome) {
        self.self_metrics.settle(id, outcome);
    }

    /// Notes how long a push of samples took, for the Worker's own metrics.
    pub fn note_duration(&mut self, ms: f64) {
        if self.config.self_metrics {
            self.self_metrics.note_duration(ms);
        }
    }

    /// Notes what went wrong last, for `stats()`.
    pub fn note_error(&mut self, message: String) {
        self.last_error = Some(message);
    }

    /// What went wrong last.
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
