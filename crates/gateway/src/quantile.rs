//! Quantiles of a histogram, estimated as Prometheus's `histogram_quantile` does.

use crate::buckets::Buckets;

/// The value below which the share `q` of the observations lies, assuming that they are spread
/// evenly within each bucket. `counts` has one more entry than there are bounds, and each entry
/// counts its own bucket.
///
/// Returns `None` without observations. In the bucket up to `+Inf`, the answer is the highest
/// bound.
///
/// [source]: <https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile>
pub(crate) fn quantile(q: f64, buckets: &Buckets, counts: &[u64]) -> Option<f64> {
    let total: u64 = counts
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count));
    if total == 0 {
        return None;
    }
    let rank = q * total as f64;
    let mut below = 0_u64;
    let mut lower = None;
    for (upper, count) in buckets.bounds().iter().zip(counts) {
        let upto = below.saturating_add(*count);
        if upto as f64 >= rank {
            // The first bucket has no lower bound. Prometheus uses 0 if the upper bound is
            // positive.
            let lower = match lower {
                Some(lower) => lower,
                None if *upper > 0.0 => 0.0,
                None => return Some(*upper),
            };
            if *count == 0 {
                // Only for a rank of 0, which falls into the first bucket even if it is empty.
                return Some(lower);
            }
            let share = (rank - below as f64) / *count as f64;
            return Some(lower + (upper - lower) * share);
        }
        below = upto;
        lower = Some(*upper);
    }
    lower
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(q: f64, bounds: &[f64], counts: &[u64]) -> Option<f64> {
        quantile(q, &Buckets::new(bounds).unwrap(), counts)
    }

    #[test]
    fn observations_are_taken_as_spread_evenly_within_their_bucket() {
        let bounds = [1.0, 2.0, 4.0];
        // rank 5 of 10: one of the four between 2 and 4 is below it
        assert_eq!(estimate(0.5, &bounds, &[2, 2, 4, 2]), Some(2.5));
        // rank 1 of 10: half of the first bucket, which starts at 0
        assert_eq!(estimate(0.1, &bounds, &[2, 2, 4, 2]), Some(0.5));
        // a rank exactly at the end of a bucket
        assert_eq!(estimate(0.25, &bounds, &[1, 1, 1, 1]), Some(1.0));
    }

    #[test]
    fn beyond_the_highest_bound_that_bound_is_the_answer() {
        assert_eq!(estimate(0.99, &[1.0, 2.0], &[0, 0, 5]), Some(2.0));
        assert_eq!(estimate(0.5, &[1.0], &[0, 5]), Some(1.0));
    }

    #[test]
    fn a_first_bucket_below_zero_answers_its_bound() {
        assert_eq!(estimate(0.5, &[-1.0, 1.0], &[4, 0, 0]), Some(-1.0));
        assert_eq!(estimate(0.5, &[-1.0, 1.0], &[0, 4, 0]), Some(0.0));
    }

    #[test]
    fn without_observations_there_is_no_estimate() {
        assert_eq!(estimate(0.5, &[1.0, 2.0], &[0, 0, 0]), None);
    }
}
