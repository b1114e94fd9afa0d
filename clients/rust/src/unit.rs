//! The unit of time in a metric's name.

use std::time::Duration;

/// The unit in which a time is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// `request_duration_seconds`, `busy_seconds_total`
    Seconds,
    /// `request_duration_ms`, and every name without a unit
    Milliseconds,
}

impl TimeUnit {
    /// The unit in the name, if it has one.
    pub(crate) fn said_by(name: &str) -> Option<Self> {
        let name = name.strip_suffix("_total").unwrap_or(name);
        let says = |unit: &str| {
            let before = name.strip_suffix(unit);
            before.is_some_and(|before| before.is_empty() || before.ends_with('_'))
        };
        if says("seconds") {
            Some(Self::Seconds)
        } else {
            says("ms").then_some(Self::Milliseconds)
        }
    }

    /// The unit in which a metric with this name is recorded.
    pub(crate) fn of(name: &str) -> Self {
        Self::said_by(name).unwrap_or(Self::Milliseconds)
    }

    /// Converts milliseconds to this unit.
    pub(crate) fn scale_ms(self, ms: f64) -> f64 {
        match self {
            Self::Seconds => ms / 1_000.0,
            Self::Milliseconds => ms,
        }
    }

    pub(crate) fn scale_duration(self, duration: Duration) -> f64 {
        self.scale_seconds(duration.as_secs_f64())
    }

    pub(crate) fn scale_seconds(self, seconds: f64) -> f64 {
        match self {
            Self::Seconds => seconds,
            Self::Milliseconds => seconds * 1_000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_its_unit_at_its_end() {
        for (name, ms) in [
            ("request_duration_seconds", 1.5),
            ("busy_seconds_total", 1.5),
            ("seconds", 1.5),
            ("request_duration_ms", 1_500.0),
            ("request_duration", 1_500.0),
            ("seconds_left_ms", 1_500.0),
            ("milliseconds", 1_500.0),
        ] {
            assert_eq!(TimeUnit::of(name).scale_ms(1_500.0), ms, "{name}");
            let duration = Duration::from_millis(1_500);
            assert_eq!(TimeUnit::of(name).scale_duration(duration), ms, "{name}");
        }
    }

    #[test]
    fn not_every_name_says_a_unit() {
        assert_eq!(TimeUnit::said_by("a_ms"), Some(TimeUnit::Milliseconds));
        assert_eq!(TimeUnit::said_by("a_seconds"), Some(TimeUnit::Seconds));
        for name in ["a", "items", "milliseconds", "a_ms_b", ""] {
            assert_eq!(TimeUnit::said_by(name), None, "{name}");
        }
    }
}
