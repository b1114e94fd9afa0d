//! [`Call`]: one RPC call while it borrows the instance.

use serde::{Deserialize, Deserializer};
use wasm_bindgen::JsValue;
use worker::Context;
use worker::js_sys::TypeError;

use super::arguments::Rows;
use crate::delivery::{Event, Span};
use crate::limits::{MAX_SAMPLES_PER_CALL, MAX_TEXT_PER_CALL};
use crate::log::Line;
use crate::runtime::{Instance, write};
use crate::sample::{Reason, Refusal, Row, Sample, TrustedLabels, Value};

/// The caller's binding, as its owner configured it.
#[derive(Deserialize)]
struct Props {
    #[serde(default, deserialize_with = "owned")]
    labels: Value<'static>,
}

fn owned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value<'static>, D::Error> {
    Value::deserialize(deserializer).map(Value::into_owned)
}

/// The labels that the caller's binding sets, and an error text if some are illegal.
pub(super) fn trusted_labels(context: &Context) -> (TrustedLabels, Option<String>) {
    // Props that are not an object carry no labels.
    let props = context.props::<Option<Props>>().ok().flatten();
    TrustedLabels::new(props.map(|props| props.labels).unwrap_or_default())
}

pub(super) struct Call<'i> {
    pub(super) instance: &'i mut Instance,
    method: &'static str,
    now: f64,
    pub(super) events: Vec<Event>,
    lines: Vec<Line>,
    taken: u32,
    /// The entries that took the call's samples.
    pub(super) entries: Option<Span>,
    rejection: Option<String>,
}

/// The result of a call, after it has released the instance.
pub(super) struct Ended {
    lines: Vec<Line>,
    pub(super) taken: u32,
    pub(super) entries: Option<Span>,
    /// The error that rejects the caller's promise, under `REJECT_INVALID`.
    pub(super) rejection: Result<(), JsValue>,
}

/// A callback for each sample of the list, with its index; a refusal in place of an illegal sample.
type EachSample<'f> = &'f mut dyn FnMut(&mut Call<'_>, usize, Result<Sample<'_>, Refusal>);

impl<'i> Call<'i> {
    pub(super) fn new(
        instance: &'i mut Instance,
        method: &'static str,
        now: f64,
        mistake: Option<String>,
    ) -> Self {
        instance.reporter.refresh(now);
        let mistake = mistake.and_then(|text| instance.throttle.props_invalid(&text, now));
        Self {
            instance,
            method,
            now,
            events: Vec::new(),
            lines: mistake.into_iter().collect(),
            taken: 0,
            entries: None,
            rejection: None,
        }
    }

    pub(super) fn end(self) -> Ended {
        let Self {
            instance,
            now,
            events,
            mut lines,
            ..
        } = self;
        let events = events.iter();
        lines.extend(events.filter_map(|event| instance.throttle.event(event, now)));
        let rejection = self.rejection.map(|message| TypeError::new(&message));
        Ended {
            lines,
            taken: self.taken,
            entries: self.entries,
            rejection: rejection.map_or(Ok(()), |error| Err(error.into())),
        }
    }

    /// Adds a sample to the buffer, or records its refusal.
    pub(super) fn take(&mut self, sample: Result<Sample<'_>, Refusal>) {
        match self.instance.reporter.accept(sample, &mut self.events) {
            Ok(sequence) => {
                self.taken = self.taken.saturating_add(1);
                self.entries = Some(Span::extended(self.entries, sequence));
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    /// Logs a refusal. Under `REJECT_INVALID`, keeps the first one for the caller.
    pub(super) fn refused(&mut self, refusal: &Refusal) {
        let Instance {
            reporter, throttle, ..
        } = self.instance;
        self.lines
            .extend(throttle.refused(self.method, refusal, self.now));
        if reporter.config().reject_invalid && refusal.reason.is_invalid_sample() {
            self.rejection.get_or_insert_with(|| refusal.message());
        }
    }

    /// Calls `f` with each sample up to the limit of one call, and counts the rest as refused.
    pub(super) fn each(&mut self, Rows { rows, excess }: Rows<'_>, f: EachSample<'_>) {
        let mut carried = 0usize;
        let mut excess = excess;
        let mut text = 0usize;
        for row in rows {
            let text_len = row.text_len();
            let Row { series, mut values } = row;
            while carried < MAX_SAMPLES_PER_CALL
                && text <= MAX_TEXT_PER_CALL
                && let Some(value) = values.next()
            {
                let sample = match &series {
                    Ok(series) => value
                        .map_err(|refusal| refusal.of(series.name()))
                        .and_then(|value| Sample::new(series, value)),
                    Err(refusal) => Err(refusal.clone()),
                };
                f(self, carried, sample);
                carried = carried.saturating_add(1);
                text = text.saturating_add(text_len);
            }
            excess = excess.saturating_add(values.left());
        }
        if excess > 0 {
            let refusal = if carried >= MAX_SAMPLES_PER_CALL {
                let total = carried.saturating_add(excess);
                let what = "samples in one call";
                Refusal::limit(Reason::TooLarge, what, total, MAX_SAMPLES_PER_CALL)
            } else {
                Refusal::new(Reason::TooLarge, "more data than one call may carry")
            };
            f(self, carried, Err(refusal));
            // `f` has counted one of them as refused.
            let others = excess.saturating_sub(1);
            self.instance.reporter.count_excess(others);
        }
    }
}

impl Ended {
    pub(super) fn write_lines(&self) {
        self.lines.iter().for_each(write);
    }
}
