//! Chooses a histogram's buckets: by its name, by the unit at the end of its name, or by default.

use std::fmt;
use std::str::FromStr;

use crate::buckets::{BadBuckets, Buckets};
use crate::check::is_metric_name;

/// The built-in bounds for a unit in the name, from small to large.
const BY_UNIT: [(&str, &str); 4] = [
    ("_ms", Buckets::DEFAULT),
    (
        "_seconds",
        "0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10,30",
    ),
    (
        "_bytes",
        "64,256,1024,4096,16384,65536,262144,1048576,4194304,16777216,67108864,268435456",
    ),
    (
        "_ratio",
        "0.01,0.05,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.95,0.99,1",
    ),
];

/// One `--buckets` rule: bounds for every name, for one name, or for names with an ending.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketRule {
    /// `None` for every name.
    name: Option<String>,
    buckets: Buckets,
}

impl FromStr for BucketRule {
    type Err = BadBuckets;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((name, bounds)) = text.split_once('=') else {
            let buckets = text.parse()?;
            return Ok(Self {
                name: None,
                buckets,
            });
        };
        if !is_metric_name(name) {
            return Err(BadBuckets::new(format!(
                "expected a metric's name, or the end of one such as _seconds, before =, found {name:?}"
            )));
        }
        Ok(Self {
            name: Some(name.to_owned()),
            buckets: bounds.parse()?,
        })
    }
}

/// Bounds for every histogram.
#[derive(Clone)]
pub struct BucketRules {
    default: Buckets,
    /// The first match wins. Whole names come before endings, long endings before short ones, and
    /// the operator's rules before built-in ones.
    named: Vec<(String, Buckets)>,
}

impl BucketRules {
    /// Adds the operator's rules to the built-in ones. A rule for every name replaces all built-in
    /// rules. Of two rules for one name, the later one wins.
    #[must_use]
    pub fn new(given: &[BucketRule]) -> Self {
        let mut named = Vec::new();
        let mut everywhere = None;
        for rule in given.iter().rev() {
            match &rule.name {
                Some(name) => named.push((name.clone(), rule.buckets.clone())),
                None if everywhere.is_none() => everywhere = Some(rule.buckets.clone()),
                None => {}
            }
        }
        if everywhere.is_none() {
            let parsed =
                BY_UNIT.map(|(unit, bounds)| Some((unit.to_owned(), bounds.parse().ok()?)));
            named.extend(parsed.into_iter().flatten());
        }
        // Stable sort: the operator's rules stay before the built-in ones.
        named.sort_by_key(|(name, _)| std::cmp::Reverse((!name.starts_with('_'), name.len())));
        Self {
            default: everywhere.unwrap_or_default(),
            named,
        }
    }

    /// The bounds for a name without the prefix.
    pub(crate) fn of(&self, name: &str) -> &Buckets {
        let fits = |rule: &str| name == rule || (rule.starts_with('_') && name.ends_with(rule));
        self.named
            .iter()
            .find(|(rule, _)| fits(rule))
            .map_or(&self.default, |(_, buckets)| buckets)
    }
}

impl Default for BucketRules {
    fn default() -> Self {
        Self::new(&[])
    }
}

/// The same bounds for every histogram.
impl From<Buckets> for BucketRules {
    fn from(default: Buckets) -> Self {
        Self {
            default,
            named: Vec::new(),
        }
    }
}

impl fmt::Debug for BucketRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketRules").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(given: &[&str]) -> BucketRules {
        let given: Vec<_> = given.iter().map(|rule| rule.parse().unwrap()).collect();
        BucketRules::new(&given)
    }

    fn bounds(given: &[&str], name: &str) -> Vec<f64> {
        rules(given).of(name).bounds().to_vec()
    }

    #[test]
    fn the_unit_in_a_name_says_which_bounds_it_has() {
        for (name, value, other) in [
            // bounds for milliseconds would put all values into one bucket
            ("wait_seconds", 0.042, 0.9),
            ("body_bytes", 20_000.0, 2_000_000.0),
            ("hit_ratio", 0.3, 0.97),
            ("wait_ms", 42.0, 900.0),
            ("wait", 42.0, 900.0),
        ] {
            let rules = rules(&[]);
            let buckets = rules.of(name);
            assert_ne!(buckets.index_of(value), buckets.index_of(other), "{name}");
            assert!(buckets.index_of(other) < buckets.bounds().len(), "{name}");
        }
        assert_eq!(BucketRules::default().named.len(), BY_UNIT.len());
    }

    #[test]
    fn bounds_for_every_name_take_the_place_of_the_built_in_ones() {
        for name in ["wait_seconds", "x"] {
            assert_eq!(bounds(&["1,2"], name), [1.0, 2.0], "{name}");
        }
    }

    #[test]
    fn a_whole_name_goes_before_an_ending_and_a_long_ending_before_a_short_one() {
        let given = [
            "_seconds=1",
            "_cpu_seconds=2",
            "wait_cpu_seconds=3",
            "9",
            "_x=4",
            "_x=5",
        ];
        for (name, bound) in [
            ("wait_seconds", 1.0),
            ("job_cpu_seconds", 2.0),
            ("wait_cpu_seconds", 3.0),
            ("the_wait_cpu_seconds", 2.0),
            ("wait_ms", 9.0),
            ("a_x", 5.0),
        ] {
            assert_eq!(bounds(&given, name), [bound], "{name}");
        }
        // and the other built-in rules stay as they are
        assert_eq!(bounds(&["_seconds=1"], "wait_ms").len(), 14);
    }

    #[test]
    fn an_invalid_rule_is_refused_with_what_was_expected() {
        for (text, message) in [
            (
                "a-b=1",
                "expected a metric's name, or the end of one such as _seconds, before =, found \"a-b\"",
            ),
            (
                "=1",
                "expected a metric's name, or the end of one such as _seconds, before =, found \"\"",
            ),
            ("_ms=2,1", "expected increasing bounds, found 1 after 2"),
        ] {
            assert_eq!(text.parse::<BucketRule>().unwrap_err().to_string(), message);
        }
    }
}
