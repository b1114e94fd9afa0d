//! Legal samples: checks a caller's input and returns a [`Sample`] or a [`Refusal`].

mod arguments;
mod labels;
mod names;
mod packed;
mod refusal;
mod value;

use std::borrow::Cow;

pub use arguments::{Given, Row, Values};
pub use labels::{Labels, TrustedLabels};
pub use packed::{read_packed, rows_of_packed, without_lone_surrogates};
pub use refusal::{Reason, Refusal};
pub use value::{Array, TOO_MANY_PROPERTIES, Value, number_text};

use crate::limits::MAX_HELP_BYTES;

/// The type of a metric. The numbers are those of `MetricType` on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// The value is an increment.
    Counter = 1,
    /// The value is an observation.
    Histogram = 3,
}

impl Kind {
    /// The type's name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// The series of a sample. Every `Series` is legal.
#[derive(Debug, Clone, PartialEq)]
pub struct Series<'a> {
    kind: Kind,
    name: Cow<'a, str>,
    labels: Labels<'a>,
    help: Option<Cow<'a, str>>,
}

impl<'a> Series<'a> {
    /// Checks the name and the help. `Labels` are always legal.
    ///
    /// # Errors
    ///
    /// An illegal name, or a help text that is too long.
    pub fn new(
        kind: Kind,
        name: impl Into<Cow<'a, str>>,
        labels: Labels<'a>,
        help: Option<Cow<'a, str>>,
    ) -> Result<Self, Refusal> {
        let name = name.into();
        if name.is_empty() {
            let detail = "expected a metric name, got an empty string";
            return Err(Refusal::new(Reason::BadName, detail));
        }
        if let Some(fault) = names::metric_name_fault(&name) {
            return Err(Refusal::text(Reason::BadName, &name, &fault));
        }
        // An empty help becomes no help: proto3 presence would send an empty one.
        let help = help.filter(|help| !help.is_empty());
        if let Some(help) = help.as_ref().filter(|help| help.len() > MAX_HELP_BYTES) {
            let what = "bytes of help";
            return Err(
                Refusal::limit(Reason::BadHelp, what, help.len(), MAX_HELP_BYTES).of(&name),
            );
        }
        Ok(Self {
            kind,
            name,
            labels,
            help,
        })
    }

    /// Counter or histogram.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The metric's name, without the prefix that the gateway adds.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &Labels<'a> {
        &self.labels
    }

    /// The help text, never empty.
    #[must_use]
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The overflow series of the same metric.
    #[must_use]
    pub fn folded(&self) -> Self {
        Self {
            labels: self.labels.folded(),
            ..self.clone()
        }
    }

    /// Bytes of text.
    pub(crate) fn text_len(&self) -> usize {
        self.name
            .len()
            .saturating_add(self.labels.text_len())
            .saturating_add(self.help.as_ref().map_or(0, |help| help.len()))
    }
}

/// An increment or an observation that is legal for its series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample<'s> {
    series: &'s Series<'s>,
    value: f64,
}

impl<'s> Sample<'s> {
    /// Checks the value.
    ///
    /// # Errors
    ///
    /// An increment that is negative or not finite, or an observation that is not finite.
    pub fn new(series: &'s Series<'s>, value: f64) -> Result<Self, Refusal> {
        let expected = match series.kind {
            Kind::Counter => "a finite increment of at least 0",
            Kind::Histogram => "a finite observation",
        };
        if !value.is_finite() || (series.kind == Kind::Counter && value < 0.0) {
            let detail = format!("expected {expected}, got {}", number_text(value));
            return Err(Refusal::new(Reason::BadValue, detail).of(&series.name));
        }
        // -0.0 becomes 0: the sign has no meaning here.
        let value = value + 0.0;
        Ok(Self { series, value })
    }

    /// The sample's series.
    #[must_use]
    pub fn series(&self) -> &'s Series<'s> {
        self.series
    }

    /// The increment or the observation.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(kind: Kind, name: &str) -> Result<Series<'_>, Refusal> {
        Series::new(kind, name, Labels::default(), None)
    }

    #[test]
    fn a_counter_takes_increments_and_a_histogram_observations() {
        let counter = series(Kind::Counter, "a_total").unwrap();
        let histogram = series(Kind::Histogram, "b_ms").unwrap();
        for (value, counts, observes) in [
            (0.0, true, true),
            (2.5, true, true),
            (f64::MAX, true, true),
            (-1.0, false, true),
            (f64::NAN, false, false),
            (f64::INFINITY, false, false),
            (f64::NEG_INFINITY, false, false),
        ] {
            assert_eq!(Sample::new(&counter, value).is_ok(), counts, "{value}");
            assert_eq!(Sample::new(&histogram, value).is_ok(), observes, "{value}");
        }
        let zero = Sample::new(&counter, -0.0).unwrap();
        assert!(zero.value().is_sign_positive());
    }

    #[test]
    fn names_and_help_have_their_limits() {
        for name in ["", "1a", "a b", "a:b", "a_bucket", "a_sum", "a_count"] {
            let refusal = series(Kind::Counter, name).unwrap_err();
            assert_eq!(refusal.reason, Reason::BadName, "{name}");
        }
        let help = |len| Some(Cow::Owned("h".repeat(len)));
        let with_help = |help| Series::new(Kind::Counter, "a", Labels::default(), help);
        assert_eq!(with_help(help(0)).unwrap().help(), None);
        assert!(with_help(help(MAX_HELP_BYTES)).is_ok());
        let refusal = with_help(help(MAX_HELP_BYTES + 1)).unwrap_err();
        assert_eq!(refusal.reason, Reason::BadHelp);
    }
}
