//! Numbers from JavaScript.

/// Reads a whole, non-negative number as a count.
pub(crate) fn whole(number: f64) -> Option<usize> {
    const MOST: f64 = u32::MAX as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole and within the range, as was just checked"
    )]
    let count = number as u32;
    let fits = (0.0..=MOST).contains(&number) && number.fract() == 0.0;
    fits.then(|| usize::try_from(count).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_are_counts() {
        assert_eq!(whole(0.0), Some(0));
        assert_eq!(whole(-0.0), Some(0));
        assert_eq!(whole(1_000.0), Some(1_000));
        assert_eq!(whole(f64::from(u32::MAX)), Some(4_294_967_295));
        for wrong in [
            -1.0,
            0.5,
            4_294_967_296.0,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
        ] {
            assert_eq!(whole(wrong), None, "{wrong}");
        }
    }
}
