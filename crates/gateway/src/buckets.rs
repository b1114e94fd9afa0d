//! A histogram's buckets.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::float::canonical;

/// With more, every histogram series would have more lines in every scrape.
const MAX_BUCKETS: usize = 100;

/// The upper bounds of the finite buckets, strictly increasing. One more bucket, up to `+Inf`,
/// follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets(Arc<Inner>);

#[derive(Debug, PartialEq)]
struct Inner {
    bounds: Vec<f64>,
    /// Each bound formatted for `le`, once and not for each scrape.
    texts: Vec<LeText>,
}

/// Formats a bound for `le`.
#[derive(Debug, PartialEq)]
pub(crate) struct LeText {
    pub(crate) plain: String,
    pub(crate) open_metrics: String,
}

impl Buckets {
    /// For latencies in milliseconds, 1 ms to 30 s.
    pub const DEFAULT: &str = "1,2.5,5,10,25,50,100,250,500,1000,2500,5000,10000,30000";

    /// # Errors
    ///
    /// [`BadBuckets`] when there is no bound, too many, or they are not finite and increasing.
    pub fn new(bounds: &[f64]) -> Result<Self, BadBuckets> {
        if bounds.is_empty() {
            return Err(BadBuckets::new("expected at least one bound"));
        }
        if bounds.len() > MAX_BUCKETS {
            return Err(BadBuckets(format!(
                "expected at most {MAX_BUCKETS} bounds, found {}",
                bounds.len()
            )));
        }
        for bound in bounds {
            if !bound.is_finite() {
                return Err(BadBuckets(format!(
                    "expected finite bounds, found {bound}; the bucket up to +Inf is always there"
                )));
            }
        }
        for (one, next) in bounds.iter().zip(bounds.iter().skip(1)) {
            if one >= next {
                return Err(BadBuckets(format!(
                    "expected increasing bounds, found {next} after {one}"
                )));
            }
        }
        let text = |bound: &f64| LeText {
            plain: bound.to_string(),
            open_metrics: canonical(*bound),
        };
        Ok(Self(Arc::new(Inner {
            bounds: bounds.to_vec(),
            texts: bounds.iter().map(text).collect(),
        })))
    }

    /// The finite upper bounds.
    #[must_use]
    pub fn bounds(&self) -> &[f64] {
        &self.0.bounds
    }

    pub(crate) fn le_texts(&self) -> &[LeText] {
        &self.0.texts
    }

    /// The index of the bucket for `value`. The number of bounds stands for `+Inf`.
    ///
    /// Bounds are inclusive, because `le` means less than or equal.
    #[must_use]
    pub fn index_of(&self, value: f64) -> usize {
        self.0.bounds.partition_point(|bound| *bound < value)
    }
}

impl Default for Buckets {
    /// [`Self::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT.parse().unwrap_or_else(|_| {
            let (bounds, texts) = Default::default();
            Self(Arc::new(Inner { bounds, texts }))
        })
    }
}

impl FromStr for Buckets {
    type Err = BadBuckets;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bounds = text
            .split(',')
            .map(|bound| {
                bound.trim().parse().map_err(|_| {
                    BadBuckets(format!("expected numbers between commas, found {bound:?}"))
                })
            })
            .collect::<Result<Vec<f64>, _>>()?;
        Self::new(&bounds)
    }
}

/// A list of bounds that is not legal for a histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBuckets(String);

impl BadBuckets {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for BadBuckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadBuckets {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_observation_on_a_bound_falls_into_that_bucket() {
        let buckets = Buckets::new(&[1.0, 5.0]).unwrap();
        for (value, bucket) in [
            (-3.0, 0),
            (1.0, 0),
            (1.1, 1),
            (5.0, 1),
            (5.1, 2),
            (1e300, 2),
        ] {
            assert_eq!(buckets.index_of(value), bucket, "{value}");
        }
    }

    #[test]
    fn the_default_bounds_are_legal() {
        assert_eq!(
            Buckets::DEFAULT.parse::<Buckets>().unwrap().bounds().len(),
            14
        );
    }

    #[test]
    fn spaces_around_bounds_are_allowed() {
        assert_eq!("1, 2.5 ,1e3".parse(), Buckets::new(&[1.0, 2.5, 1000.0]));
    }

    #[test]
    fn invalid_bounds_are_refused_with_what_was_found() {
        let many = (0..101)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(",");
        for (text, message) in [
            ("", "expected numbers between commas, found \"\""),
            ("1,,2", "expected numbers between commas, found \"\""),
            ("1,x", "expected numbers between commas, found \"x\""),
            ("5,1", "expected increasing bounds, found 1 after 5"),
            ("1,1", "expected increasing bounds, found 1 after 1"),
            (
                "1,inf",
                "expected finite bounds, found inf; the bucket up to +Inf is always there",
            ),
            (
                "NaN",
                "expected finite bounds, found NaN; the bucket up to +Inf is always there",
            ),
            (many.as_str(), "expected at most 100 bounds, found 101"),
        ] {
            assert_eq!(
                text.parse::<Buckets>().unwrap_err().to_string(),
                message,
                "{text:?}"
            );
        }
    }
}
