//! Checks of a single Metric, before it is compared with stored metrics.
//!
//! The rules come from the Prometheus data model and, for colliding names, from OpenMetrics.

use crate::labels::LabelSlice;
use crate::proto::MetricType;
use crate::push::Sample;
use crate::reason::{Reason, Rejection, shorten};

/// Most bytes in a metric name, without the prefix.
pub(crate) const MAX_NAME_LEN: usize = 255;
/// Most labels on one series.
pub(crate) const MAX_LABELS: usize = 32;
/// Most bytes in a label name.
pub(crate) const MAX_LABEL_NAME_LEN: usize = 128;
/// Most bytes in a label value.
pub(crate) const MAX_LABEL_VALUE_LEN: usize = 1024;
/// Most bytes of help that are kept. A longer help is cut: no sample should be lost because of its
/// help.
pub(crate) const MAX_HELP_LEN: usize = 1024;
/// Most bytes of a refused name that a message repeats.
const SHOWN: usize = 100;

/// The prefix of the gateway's own metrics, which no pushed metric may have.
pub(crate) const OWN_PREFIX: &str = "metrics_gateway_";

/// The two types that can be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Histogram,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// `[a-zA-Z_:][a-zA-Z0-9_:]*`
pub(crate) fn is_metric_name(name: &str) -> bool {
    is_name(name, |byte| byte == b':')
}

/// `[a-zA-Z_][a-zA-Z0-9_]*`
fn is_label_name(name: &str) -> bool {
    is_name(name, |_| false)
}

fn is_name(name: &str, extra: impl Fn(u8) -> bool) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || extra(byte))
}

/// Checks everything that depends on this Metric alone.
pub(crate) fn check(
    sample: &Sample<'_>,
    labels: &LabelSlice<'_>,
    prefix: &str,
) -> Result<Kind, Rejection> {
    check_name(sample.name, prefix)?;
    let kind = kind_of(sample.kind)?;
    let found = labels.len().saturating_add(sample.labels_beyond);
    if found > MAX_LABELS {
        return Err(Rejection::new(
            Reason::TooManyLabels,
            format!("expected at most {MAX_LABELS} labels, found {found}"),
        ));
    }
    for (name, value) in labels {
        check_label(name, value)?;
    }
    check_value(kind, sample.value)?;
    Ok(kind)
}

/// Checks a Metric whose name and labels are already known to be legal.
pub(crate) fn check_known(sample: &Sample<'_>) -> Result<Kind, Rejection> {
    let kind = kind_of(sample.kind)?;
    check_value(kind, sample.value)?;
    Ok(kind)
}

fn check_name(name: &str, prefix: &str) -> Result<(), Rejection> {
    if name.len() > MAX_NAME_LEN {
        return Err(Rejection::new(
            Reason::BadName,
            format!(
                "expected a name of at most {MAX_NAME_LEN} bytes, found {}",
                name.len()
            ),
        ));
    }
    if !is_metric_name(name) {
        return Err(Rejection::new(
            Reason::BadName,
            format!(
                "expected a name like [a-zA-Z_:][a-zA-Z0-9_:]*, found {:?}",
                shorten(name, SHOWN)
            ),
        ));
    }
    // A histogram `x` has the series x_bucket, x_sum and x_count. A metric with such a name would
    // collide.
    for suffix in ["_bucket", "_sum", "_count"] {
        if name.ends_with(suffix) {
            return Err(Rejection::new(
                Reason::ReservedName,
                format!(
                    "expected a name that does not end in {suffix}, which a histogram's series do"
                ),
            ));
        }
    }
    if format!("{prefix}{name}").starts_with(OWN_PREFIX) {
        return Err(Rejection::new(
            Reason::ReservedName,
            format!("expected a name outside {OWN_PREFIX}*, which is the gateway's own"),
        ));
    }
    Ok(())
}

fn kind_of(wire: i32) -> Result<Kind, Rejection> {
    let found = match MetricType::try_from(wire) {
        Ok(MetricType::Counter) => return Ok(Kind::Counter),
        Ok(MetricType::Histogram) => return Ok(Kind::Histogram),
        Ok(MetricType::Unspecified) => "unspecified (0)".to_owned(),
        Ok(MetricType::Gauge) => "gauge (2)".to_owned(),
        Err(_) => wire.to_string(),
    };
    Err(Rejection::new(
        Reason::BadType,
        format!("expected type counter (1) or histogram (3), found {found}"),
    ))
}

fn check_label(name: &str, value: &str) -> Result<(), Rejection> {
    let bad_name = |message: String| Err(Rejection::new(Reason::BadLabelName, message));
    if name.len() > MAX_LABEL_NAME_LEN {
        return bad_name(format!(
            "expected a label name of at most {MAX_LABEL_NAME_LEN} bytes, found {}",
            name.len()
        ));
    }
    if !is_label_name(name) {
        return bad_name(format!(
            "expected a label name like [a-zA-Z_][a-zA-Z0-9_]*, found {name:?}"
        ));
    }
    if name.starts_with("__") {
        return bad_name(format!(
            "expected a label name without a leading __, which Prometheus keeps for itself, found {name:?}"
        ));
    }
    if name == "le" || name == "quantile" {
        return bad_name(format!(
            "expected a label name other than le and quantile, which histograms and summaries use, found {name:?}"
        ));
    }
    if value.len() > MAX_LABEL_VALUE_LEN {
        return Err(Rejection::new(
            Reason::BadLabelValue,
            format!(
                "expected at most {MAX_LABEL_VALUE_LEN} bytes in the value of label {name:?}, found {}",
                value.len()
            ),
        ));
    }
    Ok(())
}

fn check_value(kind: Kind, value: f64) -> Result<(), Rejection> {
    let bad = |message| Err(Rejection::new(Reason::BadValue, message));
    match kind {
        Kind::Counter if !value.is_finite() || value < 0.0 => {
            bad(format!("expected a finite increment >= 0, found {value}"))
        }
        Kind::Histogram if !value.is_finite() => {
            bad(format!("expected a finite observation, found {value}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::Metric;
    use crate::push::Push;

    fn check_metric(metric: &Metric, prefix: &str) -> Result<Kind, Rejection> {
        let push = Push::from(std::slice::from_ref(metric));
        let (sample, labels) = push.samples().next().unwrap();
        check(sample, labels, prefix)
    }

    fn counter(name: &str) -> Metric {
        Metric {
            name: name.to_owned(),
            r#type: MetricType::Counter.into(),
            value: 1.0,
            ..Metric::default()
        }
    }

    fn labelled(name: &str, value: &str) -> Metric {
        Metric {
            labels: [(name.to_owned(), value.to_owned())].into(),
            ..counter("x")
        }
    }

    fn refusal(metric: &Metric) -> (Reason, String) {
        let rejection = check_metric(metric, "pushed_").unwrap_err();
        (rejection.reason, rejection.message)
    }

    #[test]
    fn names_of_the_data_model_pass() {
        for name in [
            "a",
            "_",
            ":",
            "requests_total",
            "job:rate5m",
            "A9",
            "le",
            "counts",
        ] {
            assert_eq!(
                check_metric(&counter(name), "pushed_"),
                Ok(Kind::Counter),
                "{name}"
            );
        }
    }

    #[test]
    fn a_bad_name_is_refused_with_what_was_found() {
        for (name, message) in [
            (
                "",
                "expected a name like [a-zA-Z_:][a-zA-Z0-9_:]*, found \"\"",
            ),
            (
                "9a",
                "expected a name like [a-zA-Z_:][a-zA-Z0-9_:]*, found \"9a\"",
            ),
            (
                "a-b",
                "expected a name like [a-zA-Z_:][a-zA-Z0-9_:]*, found \"a-b\"",
            ),
            (
                "é",
                "expected a name like [a-zA-Z_:][a-zA-Z0-9_:]*, found \"é\"",
            ),
            (
                "a\nb 1",
                "expected a name like [a-zA-Z_:][a-zA-Z0-9_:]*, found \"a\\nb 1\"",
            ),
        ] {
            assert_eq!(
                refusal(&counter(name)),
                (Reason::BadName, message.to_owned()),
                "{name:?}"
            );
        }
        assert_eq!(
            refusal(&counter(&"a".repeat(256))),
            (
                Reason::BadName,
                "expected a name of at most 255 bytes, found 256".to_owned()
            )
        );
    }

    #[test]
    fn a_name_that_would_collide_with_a_histograms_series_is_refused() {
        for suffix in ["_bucket", "_sum", "_count"] {
            assert_eq!(
                refusal(&counter(&format!("x{suffix}"))),
                (
                    Reason::ReservedName,
                    format!(
                        "expected a name that does not end in {suffix}, which a histogram's series do"
                    )
                )
            );
        }
    }

    #[test]
    fn the_gateways_own_names_cannot_be_pushed_even_with_an_odd_prefix() {
        let own = (
            Reason::ReservedName,
            "expected a name outside metrics_gateway_*, which is the gateway's own".to_owned(),
        );
        for (prefix, name) in [
            ("", "metrics_gateway_series"),
            ("metrics_", "gateway_series"),
        ] {
            let rejection = check_metric(&counter(name), prefix).unwrap_err();
            assert_eq!((rejection.reason, rejection.message), own, "{prefix}{name}");
        }
        assert!(check_metric(&counter("metrics_gateway_series"), "pushed_").is_ok());
    }

    #[test]
    fn only_counters_and_histograms_pass() {
        for (wire, found) in [
            (0, "unspecified (0)"),
            (2, "gauge (2)"),
            (4, "4"),
            (-1, "-1"),
        ] {
            let metric = Metric {
                r#type: wire,
                ..counter("x")
            };
            assert_eq!(
                refusal(&metric),
                (
                    Reason::BadType,
                    format!("expected type counter (1) or histogram (3), found {found}")
                )
            );
        }
    }

    #[test]
    fn a_bad_label_name_is_refused_with_what_was_found() {
        for (name, message) in [
            (
                "",
                "expected a label name like [a-zA-Z_][a-zA-Z0-9_]*, found \"\"",
            ),
            (
                "a:b",
                "expected a label name like [a-zA-Z_][a-zA-Z0-9_]*, found \"a:b\"",
            ),
            (
                "1",
                "expected a label name like [a-zA-Z_][a-zA-Z0-9_]*, found \"1\"",
            ),
            (
                "__name__",
                "expected a label name without a leading __, which Prometheus keeps for itself, found \"__name__\"",
            ),
            (
                "le",
                "expected a label name other than le and quantile, which histograms and summaries use, found \"le\"",
            ),
        ] {
            assert_eq!(
                refusal(&labelled(name, "v")),
                (Reason::BadLabelName, message.to_owned())
            );
        }
        assert_eq!(
            refusal(&labelled(&"a".repeat(129), "v")),
            (
                Reason::BadLabelName,
                "expected a label name of at most 128 bytes, found 129".to_owned()
            )
        );
    }

    #[test]
    fn any_label_value_passes_up_to_the_limit_and_the_message_never_repeats_it() {
        for value in ["", "<b>", "\n\"\\", "ü", &"v".repeat(1024)] {
            assert!(check_metric(&labelled("a", value), "").is_ok(), "{value:?}");
        }
        assert_eq!(
            refusal(&labelled("route", &"v".repeat(1025))),
            (
                Reason::BadLabelValue,
                "expected at most 1024 bytes in the value of label \"route\", found 1025"
                    .to_owned()
            )
        );
    }

    #[test]
    fn too_many_labels_are_refused() {
        let mut metric = counter("x");
        metric.labels = (0..33).map(|n| (format!("l{n}"), String::new())).collect();
        assert_eq!(
            refusal(&metric),
            (
                Reason::TooManyLabels,
                "expected at most 32 labels, found 33".to_owned()
            )
        );
    }

    #[test]
    fn an_increment_that_is_not_finite_or_is_negative_is_refused() {
        for (value, found) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (-0.5, "-0.5"),
        ] {
            let metric = Metric {
                value,
                ..counter("x")
            };
            assert_eq!(
                refusal(&metric),
                (
                    Reason::BadValue,
                    format!("expected a finite increment >= 0, found {found}")
                )
            );
        }
        // zero creates a series, and negative zero is zero
        for value in [0.0, -0.0] {
            assert!(
                check_metric(
                    &Metric {
                        value,
                        ..counter("x")
                    },
                    ""
                )
                .is_ok()
            );
        }
    }

    #[test]
    fn an_observation_may_be_negative_but_must_be_finite() {
        let histogram = |value| Metric {
            r#type: MetricType::Histogram.into(),
            value,
            ..counter("x")
        };
        assert_eq!(check_metric(&histogram(-4.5), ""), Ok(Kind::Histogram));
        for (value, found) in [
            (f64::NAN, "NaN"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(
                refusal(&histogram(value)),
                (
                    Reason::BadValue,
                    format!("expected a finite observation, found {found}")
                )
            );
        }
    }
}
