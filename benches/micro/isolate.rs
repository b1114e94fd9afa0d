//! A reporter with the default vars, and the rows of a call.

use std::rc::Rc;

use metrics_gateway_worker::config::Config;
use metrics_gateway_worker::delivery::policy::Outcome;
use metrics_gateway_worker::delivery::{Drain, Event, Ledger, Push, Reporter, Take};
use metrics_gateway_worker::sample::{
    Kind, Row, Sample, Series, TrustedLabels, read_packed, rows_of_packed,
};

/// The clock stands still, so nothing expires.
const NOW: f64 = 0.0;

pub(crate) struct Isolate {
    reporter: Reporter,
    ledger: Rc<Ledger>,
    events: Vec<Event>,
}

/// Packed text with one sample for each of this many series, with two labels each.
pub(crate) fn packed(kind: Kind, series: usize) -> String {
    let kind = kind as u8;
    let row = |i| format!(r#"["requests",{kind},1.5,["route","/route/{i}","status",200]]"#);
    let rows: Vec<_> = (0..series).map(row).collect();
    format!("1[{}]", rows.join(","))
}

/// The rows of packed text.
pub(crate) fn rows<'a>(text: &'a str, trusted: &'a TrustedLabels) -> Vec<Row<'a>> {
    let list = read_packed(text).expect("packed samples");
    rows_of_packed(list, trusted).0
}

/// The series of these rows.
pub(crate) fn series<'a>(text: &'a str, trusted: &'a TrustedLabels) -> Vec<Series<'a>> {
    let rows = rows(text, trusted).into_iter();
    rows.map(|row| row.series.expect("legal")).collect()
}

impl Isolate {
    pub(crate) fn new() -> Self {
        let mut config = Config::default();
        config
            .set("MAX_SERIES_PER_METRIC", "100000")
            .expect("a number");
        let ledger = Rc::new(Ledger::default());
        Self {
            reporter: Reporter::new(config, Rc::clone(&ledger), 1),
            ledger,
            events: Vec::new(),
        }
    }

    pub(crate) fn accept(&mut self, series: &[Series<'_>]) {
        for series in series {
            let sample = Sample::new(series, 1.0);
            self.reporter
                .accept(sample, &mut self.events)
                .expect("there is room");
        }
    }

    /// Pushes everything; each push is delivered.
    pub(crate) fn drain(&mut self) -> Vec<Push> {
        let mut drain = Drain::from(self.reporter.flush_now(NOW));
        let mut pushes = Vec::new();
        while let Take::Push(push) = self.reporter.next_push(&mut drain, NOW) {
            let outcome = Outcome::Delivered {
                accepted: push.metrics,
                rejected: 0,
            };
            self.reporter.settle(push.id, outcome, 0, &mut self.events);
            pushes.push(push);
        }
        pushes
    }

    /// The number of samples taken, of samples added up, and of buffered entries.
    pub(crate) fn counts(&self) -> (u64, u64, usize) {
        let Ledger {
            taken, coalesced, ..
        } = &*self.ledger;
        (taken.get(), coalesced.get(), self.reporter.buffered())
    }
}
