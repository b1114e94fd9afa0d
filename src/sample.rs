//! A legal sample: whoever holds a [`Sample`] holds one that the gateway's rules allow.

use crate::labels::Labels;
use crate::limits::{MAX_HELP_BYTES, MAX_NAME_BYTES};
use crate::refusal::{Detail, Reason, Refusal};

/// What a metric is. The numbers are those of `MetricType` on the wire.
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

/// A validated increment or observation, borrowed from the caller's arguments.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a, 'l> {
    name: &'a str,
    kind: Kind,
    value: f64,
    help: Option<&'a str>,
    labels: &'l Labels,
}

impl<'a, 'l> Sample<'a, 'l> {
    /// Checks a sample; `labels` were checked by [`Labels::finish`].
    ///
    /// # Errors
    ///
    /// An illegal name, an increment that is negative or not finite, an observation that is not
    /// finite, or a help text that is too long.
    pub fn new(
        kind: Kind,
        name: &'a str,
        value: f64,
        labels: &'l Labels,
        help: Option<&'a str>,
    ) -> Result<Self, Refusal<'a>> {
        check_name(name)?;
        let Some(legal) = legal_value(kind, value) else {
            let expected = match kind {
                Kind::Counter => "a finite increment of at least 0",
                Kind::Histogram => "a finite observation",
            };
            let refusal = Refusal::new(Reason::BadValue, Detail::Number(expected, value));
            return Err(refusal.of(name));
        };
        // An empty help says nothing: proto3 presence would send it all the same.
        let help = help.filter(|help| !help.is_empty());
        if let Some(help) = help.filter(|help| help.len() > MAX_HELP_BYTES) {
            let limit = Detail::Limit("bytes of help", help.len(), MAX_HELP_BYTES);
            return Err(Refusal::new(Reason::BadHelp, limit).of(name));
        }
        Ok(Self {
            name,
            kind,
            value: legal,
            help,
            labels,
        })
    }

    /// The name, without the prefix that the gateway adds.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// Counter or histogram.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The increment or the observation.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.value
    }

    /// The help text, never empty.
    #[must_use]
    pub fn help(&self) -> Option<&'a str> {
        self.help
    }

    /// The labels in canonical order.
    #[must_use]
    pub fn labels(&self) -> &'l Labels {
        self.labels
    }
}

/// The value as it is sent, if it may be.
pub(crate) fn legal_value(kind: Kind, value: f64) -> Option<f64> {
    let legal = value.is_finite() && (kind == Kind::Histogram || value >= 0.0);
    // -0.0 is 0: the sign would only surprise.
    legal.then_some(value + 0.0)
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`: Prometheus also allows colons, and keeps them for recording rules.
///
/// A name that ends in a histogram's suffixes would collide with that histogram's series.
///
/// [data model]: https://prometheus.io/docs/concepts/data_model/#metric-names-and-labels
fn check_name(name: &str) -> Result<(), Refusal<'_>> {
    let refuse = |detail| Err(Refusal::new(Reason::BadName, detail));
    if name.is_empty() {
        return refuse(Detail::Fixed("expected a metric name, got an empty string"));
    }
    if name.len() > MAX_NAME_BYTES {
        return refuse(Detail::Text("is longer than 200 bytes", name));
    }
    let starts_well = name
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    if !starts_well || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return refuse(Detail::Text(
            "is not a metric name, which is [a-zA-Z_][a-zA-Z0-9_]*",
            name,
        ));
    }
    for suffix in ["_bucket", "_sum", "_count"] {
        if name.ends_with(suffix) {
            return refuse(Detail::Text(
                "ends in _bucket, _sum or _count, which are a histogram's own series",
                name,
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(kind: Kind, name: &str, value: f64, help: Option<&str>) -> Option<Reason> {
        Sample::new(kind, name, value, &Labels::default(), help)
            .err()
            .map(|r| r.reason)
    }

    #[test]
    fn names_follow_the_data_model_without_colons_and_histogram_suffixes() {
        let long = "a".repeat(201);
        for name in [
            "", "1a", "a:b", "a-b", "a b", "é", "x_bucket", "x_sum", "x_count", &long,
        ] {
            assert_eq!(
                reason(Kind::Counter, name, 1.0, None),
                Some(Reason::BadName),
                "{name}"
            );
        }
        for name in ["a", "_", "A_1", "discount", "sum", &"a".repeat(200)] {
            assert_eq!(reason(Kind::Counter, name, 1.0, None), None, "{name}");
        }
    }

    #[test]
    fn increments_are_finite_and_not_negative_and_zero_is_one() {
        for value in [-1.0, -5e-324, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                reason(Kind::Counter, "a", value, None),
                Some(Reason::BadValue),
                "{value}"
            );
        }
        for value in [0.0, -0.0, 5e-324, 1.0, f64::MAX] {
            assert_eq!(reason(Kind::Counter, "a", value, None), None, "{value}");
        }
    }

    #[test]
    fn observations_are_finite_and_may_be_negative() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(
                reason(Kind::Histogram, "a", value, None),
                Some(Reason::BadValue),
                "{value}"
            );
        }
        assert_eq!(reason(Kind::Histogram, "a", -1.0, None), None);
    }

    #[test]
    fn help_is_bounded_and_an_empty_one_is_none() {
        let most = "h".repeat(1024);
        assert_eq!(reason(Kind::Counter, "a", 1.0, Some(&most)), None);
        let more = "h".repeat(1025);
        assert_eq!(
            reason(Kind::Counter, "a", 1.0, Some(&more)),
            Some(Reason::BadHelp)
        );
        let labels = Labels::default();
        let sample = Sample::new(Kind::Counter, "a", 1.0, &labels, Some("")).unwrap();
        assert_eq!(sample.help(), None);
    }

    #[test]
    fn minus_zero_is_sent_as_zero() {
        let labels = Labels::default();
        let sample = Sample::new(Kind::Histogram, "a", -0.0, &labels, None).unwrap();
        assert!(sample.value().is_sign_positive());
    }
}
