//! Numbers from callers.

use std::time::Duration;

use crate::unit::TimeUnit;

/// A value that can be recorded: any Rust number, or a [`Duration`]. A `Duration` is recorded in
/// the unit of the metric's name: seconds for `…_seconds`, milliseconds for any other name.
///
/// Integers beyond 2⁵³ are rounded to the nearest `f64`, which is what a series holds.
pub trait Value: sealed::Sealed {
    /// The number, for a metric with this name.
    #[doc(hidden)]
    fn into_f64(self, name: &str) -> f64;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! values {
    ($($number:ty)*) => {$(
        impl sealed::Sealed for $number {}
        impl Value for $number {
            fn into_f64(self, _name: &str) -> f64 {
                self as f64
            }
        }
    )*};
}

values!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);

impl sealed::Sealed for Duration {}
impl Value for Duration {
    fn into_f64(self, name: &str) -> f64 {
        TimeUnit::of(name).scale_duration(self)
    }
}
