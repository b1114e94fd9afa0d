//! The forms in which callers write labels.

use std::fmt::{self, Display, Write};

use crate::limits::MAX_BYTES_PER_SAMPLE;
use crate::problem::Problem;
use crate::series::LabelPairs;

/// A value that can be passed as the labels of a sample.
///
/// - `()`: none
/// - an array, slice or [`Vec`] of pairs, or a reference to one: `[("route", "/users/:id")]`
/// - [`labels!`](crate::labels!): pairs whose values differ in type
///
/// A pair is a name (`AsRef<str>`) and a value ([`Display`]). The order does not matter. If a name
/// is given twice, the last value counts. An empty value is the same as no label.
///
/// The set of values must be small, because each becomes its own series. Use the pattern of a
/// route, never the path.
pub trait Labels {
    /// Calls `each` with every name and value.
    fn each(&self, each: &mut dyn FnMut(&str, &dyn Display));
}

impl Labels for () {
    fn each(&self, _each: &mut dyn FnMut(&str, &dyn Display)) {}
}

impl<N: AsRef<str>, V: Display> Labels for [(N, V)] {
    fn each(&self, each: &mut dyn FnMut(&str, &dyn Display)) {
        for (name, value) in self {
            each(name.as_ref(), value);
        }
    }
}

impl<N: AsRef<str>, V: Display, const COUNT: usize> Labels for [(N, V); COUNT] {
    fn each(&self, each: &mut dyn FnMut(&str, &dyn Display)) {
        self.as_slice().each(each);
    }
}

impl<N: AsRef<str>, V: Display> Labels for Vec<(N, V)> {
    fn each(&self, each: &mut dyn FnMut(&str, &dyn Display)) {
        self.as_slice().each(each);
    }
}

impl<L: Labels + ?Sized> Labels for &L {
    fn each(&self, each: &mut dyn FnMut(&str, &dyn Display)) {
        (**self).each(each);
    }
}

/// Labels with values of different types, each written with [`Display`].
///
/// ```
/// use metrics_reporter_client::{labels, testing::TestReporter};
///
/// let test = TestReporter::new();
/// let metrics = test.reporter();
/// metrics.incr("requests_total", labels! { "route" => "/users/:id", "status" => 200 });
/// assert_eq!(test.counter("requests_total", [("status", "200")]), 1.0);
/// ```
#[macro_export]
macro_rules! labels {
    () => { () };
    ($($name:expr => $value:expr),+ $(,)?) => {
        [$(($name, ::std::string::ToString::to_string(&$value))),+]
    };
}

/// Reads labels into their sorted form and adds them to `base`. A name in `labels` replaces the
/// same name in `base`.
///
/// # Errors
///
/// If a value's `Display` fails, or if names and values are longer than a sample may be.
pub(crate) fn read(labels: &dyn Labels, base: &LabelPairs) -> Result<LabelPairs, Problem> {
    let mut pairs = base.clone();
    let mut room = MAX_BYTES_PER_SAMPLE;
    let mut problem = None;
    labels.each(&mut |name, value| {
        if problem.is_none() {
            problem = insert(&mut pairs, &mut room, name, value).err();
        }
    });
    problem.map_or(Ok(pairs), Err)
}

/// Adds one label to sorted pairs. It replaces a label with the same name.
fn insert(
    pairs: &mut LabelPairs,
    room: &mut usize,
    name: &str,
    value: &dyn Display,
) -> Result<(), Problem> {
    let mut text = Bounded {
        text: String::new(),
        room: room.checked_sub(name.len()).ok_or(Problem::TooLong)?,
        overflown: false,
    };
    if write!(text, "{value}").is_err() {
        return Err(if text.overflown {
            Problem::TooLong
        } else {
            Problem::Unwritable(name.into())
        });
    }
    *room = text.room;
    put(pairs, name, text.text.into());
    Ok(())
}

/// Adds one label to sorted pairs. It replaces a label with the same name. An empty value is the
/// same as no label, as in Prometheus.
pub(crate) fn put(pairs: &mut LabelPairs, name: &str, value: Box<str>) {
    let place = pairs.binary_search_by(|(other, _)| (**other).cmp(name));
    match place {
        Ok(at) if value.is_empty() => {
            pairs.remove(at);
        }
        Ok(at) => {
            if let Some((_, old)) = pairs.get_mut(at) {
                *old = value;
            }
        }
        Err(_) if value.is_empty() => {}
        Err(at) => pairs.insert(at, (name.into(), value)),
    }
}

/// A text with a size limit: a caller's `Display` may write any amount.
struct Bounded {
    text: String,
    room: usize,
    overflown: bool,
}

impl Write for Bounded {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let Some(room) = self.room.checked_sub(more.len()) else {
            self.overflown = true;
            return Err(fmt::Error);
        };
        self.room = room;
        self.text.push_str(more);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(labels: impl Labels) -> Vec<(String, String)> {
        let read = read(&labels, &Vec::new()).unwrap();
        read.into_iter()
            .map(|(n, v)| (n.into(), v.into()))
            .collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect()
    }

    #[test]
    fn labels_come_in_arrays_slices_vectors_and_references() {
        let expected = owned(&[("a", "1"), ("b", "2")]);
        assert_eq!(pairs([("b", 2), ("a", 1)]), expected);
        let array = [("b", 2), ("a", 1)];
        let by_reference: &dyn Labels = &array;
        assert_eq!(pairs(by_reference), expected);
        assert_eq!(pairs(array.as_slice()), expected);
        assert_eq!(
            pairs(vec![(String::from("b"), 2), (String::from("a"), 1)]),
            expected
        );
        assert_eq!(pairs(labels! { "b" => "2", "a" => 1 }), expected);
        assert_eq!(pairs(()), owned(&[]));
        assert_eq!(pairs(labels! {}), owned(&[]));
    }

    #[test]
    fn of_a_name_given_twice_the_last_value_counts() {
        assert_eq!(
            pairs([("a", 1), ("b", 0), ("a", 2)]),
            owned(&[("a", "2"), ("b", "0")])
        );
    }

    #[test]
    fn an_empty_value_is_no_label() {
        assert_eq!(pairs([("a", ""), ("b", "2")]), owned(&[("b", "2")]));
        assert_eq!(pairs([("a", "1"), ("a", "")]), owned(&[]));
        let base = read(&[("a", "base")], &Vec::new()).unwrap();
        assert_eq!(read(&[("a", "")], &base), Ok(Vec::new()));
    }

    #[test]
    fn a_samples_own_label_wins_over_the_base() {
        let base = read(&[("a", "base"), ("c", "base")], &Vec::new()).unwrap();
        let read = read(&[("b", "own"), ("c", "own")], &base).unwrap();
        let text: Vec<_> = read.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(text, ["a=base", "b=own", "c=own"]);
    }

    #[test]
    fn a_value_without_end_is_stopped() {
        struct Endless;
        impl Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                loop {
                    f.write_str("and so on ")?;
                }
            }
        }
        assert_eq!(read(&[("a", Endless)], &Vec::new()), Err(Problem::TooLong));
    }

    #[test]
    fn a_value_that_cannot_write_itself_is_named() {
        struct Broken;
        impl Display for Broken {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        assert_eq!(
            read(&[("a", Broken)], &Vec::new()),
            Err(Problem::Unwritable("a".into()))
        );
    }

    #[test]
    fn labels_of_a_sample_share_one_limit() {
        let half = "x".repeat(MAX_BYTES_PER_SAMPLE / 2);
        assert_eq!(
            read(&[("a", &half), ("b", &half)], &Vec::new()),
            Err(Problem::TooLong)
        );
    }
}
