//! The packed form of samples: the character `1`, then a JSON array with one `[name, type, value,
//! labels?, help?]` per series. `labels` is a flat array of names and values, or `null` if only the
//! help follows. `value` is an array of numbers if the series has several samples. A string crosses
//! the binding at a fraction of the cost of objects.

use std::fmt::Write;

use crate::json::{write_number, write_text};
use crate::row::Row;

/// Writes the rows as one string. Their values are finite, because JSON cannot write others.
pub(crate) fn pack(rows: &[Row]) -> String {
    let len = rows.iter().map(Row::bytes).sum::<usize>();
    let mut out = String::with_capacity(len.saturating_add(3));
    let mut described: Vec<&str> = Vec::new();
    out.push_str("1[");
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_row(&mut out, row, &mut described);
    }
    out.push(']');
    out
}

fn write_row<'a>(out: &mut String, row: &'a Row, described: &mut Vec<&'a str>) {
    let entry = &row.first;
    let name = &*entry.series.name;
    out.push('[');
    write_text(out, name);
    let _ = write!(out, ",{},", entry.kind as u8);
    if row.more.is_empty() {
        write_number(out, entry.value);
    } else {
        out.push('[');
        write_number(out, entry.value);
        for &value in &row.more {
            out.push(',');
            write_number(out, value);
        }
        out.push(']');
    }

    let labels = &entry.series.labels;
    for (i, (label, value)) in labels.iter().enumerate() {
        out.push_str(if i == 0 { ",[" } else { "," });
        write_text(out, label);
        out.push(',');
        write_text(out, value);
    }
    if !labels.is_empty() {
        out.push(']');
    }

    // The first row of a name carries the help; the others would repeat the same text. The reporter
    // refuses a negative increment, and its help with it.
    if let Some(help) = entry.help.as_deref()
        && entry.has_good_value()
        && !described.contains(&name)
    {
        described.push(name);
        out.push_str(if labels.is_empty() { ",null," } else { "," });
        write_text(out, help);
    }
    out.push(']');
}

#[cfg(test)]
#[allow(clippy::string_slice, reason = "a wrong slice fails the test")]
mod tests {
    use super::*;
    use crate::row::Entry;
    use crate::series::{Kind, Series};
    use serde_json::{Value, json};

    fn row(name: &str, kind: Kind, value: f64, labels: &[(&str, &str)], help: Option<&str>) -> Row {
        let labels = labels
            .iter()
            .map(|(n, v)| ((*n).into(), (*v).into()))
            .collect();
        let series = Series {
            name: name.into(),
            labels,
        };
        Entry::new(series, kind, value, help.map(Into::into))
            .unwrap()
            .into()
    }

    #[test]
    fn samples_are_packed_byte_for_byte() {
        let rows = [
            row(
                "a_total",
                Kind::Counter,
                2.0,
                &[("k", "v"), ("l", "w")],
                None,
            ),
            row("b_ms", Kind::Histogram, 0.5, &[], None),
            row("c_total", Kind::Counter, 1.0, &[], Some("Things.")),
            row("d_ms", Kind::Histogram, -3.0, &[("k", "v")], Some("Time.")),
            Row {
                more: vec![1e-7, 2.0],
                ..row("e_ms", Kind::Histogram, 0.25, &[], Some("Room."))
            },
        ];
        assert_eq!(
            pack(&rows),
            r#"1[["a_total",1,2,["k","v","l","w"]],["b_ms",3,0.5],["c_total",1,1,null,"Things."],["d_ms",3,-3,["k","v"],"Time."],["e_ms",3,[0.25,1e-7,2],null,"Room."]]"#,
        );
        assert_eq!(pack(&[]), "1[]");
    }

    #[test]
    fn any_text_survives_another_json_reader() {
        let nasty =
            "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1f} \"\\/\u{7f}\u{80}é\u{2028}\u{fffd}\u{ffff}😀{}[],";
        let packed = pack(&[row(
            nasty,
            Kind::Counter,
            1.0,
            &[(nasty, nasty)],
            Some(nasty),
        )]);
        let read: Value = serde_json::from_str(&packed[1..]).unwrap();
        assert_eq!(read, json!([[nasty, 1, 1, [nasty, nasty], nasty]]));
    }

    #[test]
    fn any_finite_number_survives_another_json_reader() {
        let tiny = f64::from_bits(1);
        for value in [
            0.0,
            -0.0,
            0.1,
            1e15,
            1e16,
            1e21,
            1e-7,
            f64::MAX,
            f64::MIN,
            f64::MIN_POSITIVE,
            tiny,
            1.0 / 3.0,
        ] {
            let packed = pack(&[row("a_ms", Kind::Histogram, value, &[], None)]);
            let read: Value = serde_json::from_str(&packed[1..]).unwrap();
            assert_eq!(
                read[0][2].as_f64().unwrap().to_bits(),
                value.to_bits(),
                "{packed}"
            );
        }
    }

    #[test]
    fn the_length_is_never_underestimated() {
        let nasty = "\0\"\\\n😀é";
        for value in [
            0.0,
            f64::MIN,
            -f64::MIN_POSITIVE,
            -0.000_123_456_789_012_345_67,
        ] {
            for help in [None, Some(nasty)] {
                for labels in [&[][..], &[("k", nasty)], &[("k", nasty), (nasty, "v")]] {
                    for more in [0, 1, 5, 500] {
                        let mut row = row(nasty, Kind::Histogram, value, labels, help);
                        row.more = vec![value; more];
                        let bytes = row.bytes();
                        let packed = pack(&[row]);
                        assert!(
                            packed.len() <= bytes + 2 && packed.len() + 48 + 23 * more > bytes,
                            "{packed}: {bytes}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_first_good_sample_of_a_name_carries_its_help() {
        let packed = pack(&[
            row("a_total", Kind::Counter, -1.0, &[], Some("Things.")),
            row("a_total", Kind::Counter, 1.0, &[], Some("Things.")),
            row(
                "a_total",
                Kind::Counter,
                1.0,
                &[("k", "v")],
                Some("Things."),
            ),
        ]);
        assert_eq!(
            packed,
            r#"1[["a_total",1,-1],["a_total",1,1,null,"Things."],["a_total",1,1,["k","v"]]]"#,
        );
    }
}
