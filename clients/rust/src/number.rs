//! Numbers from JavaScript, and numbers from callers.

/// A number that is whole and not negative, as a count.
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

/// A number that may be recorded: of any of Rust's numeric types.
///
/// Integers beyond 2⁵³ are rounded to the nearest `f64`, which is what a series holds.
pub trait Value: sealed::Sealed {
    #[doc(hidden)]
    fn into_f64(self) -> f64;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! values {
    ($($number:ty)*) => {$(
        impl sealed::Sealed for $number {}
        impl Value for $number {
            fn into_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

values!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

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
