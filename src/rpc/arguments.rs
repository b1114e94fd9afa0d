//! Converts JavaScript values to the plain values that the pure layers check.
//!
//! It reads property by property, without `JSON.stringify`: that turns NaN into null and a Map into
//! `{}`, throws at a BigInt, and calls `toJSON` on an RPC stub, which is a call to the stub's
//! owner. This module never throws, whatever its input, and [`MAX_CALL_WORK`] limits its work.

use wasm_bindgen::prelude::*;
use worker::js_sys::{Array, JsString, Map, Object, Reflect};

use crate::limits::{
    MAX_CALL_WORK, MAX_PACKED_TEXT, MAX_PROPERTIES, MAX_SAMPLES_PER_CALL, MAX_TEXT,
};
use crate::sample::{
    Given, Kind, Reason, Refusal, Row, TOO_MANY_PROPERTIES, TrustedLabels, Value, read_packed,
    rows_of_packed, without_lone_surrogates,
};

#[wasm_bindgen]
extern "C" {
    /// A sample in a list. Getters let the engine cache where each property is.
    type Item;

    #[wasm_bindgen(method, getter, structural, catch)]
    fn name(this: &Item) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch, js_name = type)]
    fn kind(this: &Item) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    fn value(this: &Item) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    fn labels(this: &Item) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, getter, structural, catch)]
    fn help(this: &Item) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = Object, catch)]
    fn keys(of: &JsValue) -> Result<Array, JsValue>;
}

/// The samples of one call.
pub(crate) struct Rows<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    /// The number of items beyond the limit, which were not read.
    pub(crate) excess: usize,
}

/// The arguments of `incr` and `observe`.
pub(crate) fn one<'a>(method: Kind, arguments: &Array, trusted: &'a TrustedLabels) -> Row<'a> {
    let mut reader = Reader::new();
    // Further arguments have no meaning and are not read.
    let count = arguments.length().min(8);
    let values: Result<Vec<_>, _> = (0..count)
        .map(|index| reader.value(&arguments.get(index), 2))
        .collect();
    match values {
        Ok(values) => Row::of_arguments(method, values, trusted),
        Err(TooMuch) => Row::refused(too_much()),
    }
}

/// Calls `f` with the samples of `record` and `push`: an array of objects, or packed text.
pub(crate) fn with_list<R>(
    arguments: &Array,
    trusted: &TrustedLabels,
    f: impl FnOnce(Rows<'_>) -> R,
) -> R {
    let given = arguments.get(0);
    if is_array(&given) {
        return f(list(given.unchecked_ref(), trusted));
    }
    let refused = |refusal| Rows {
        rows: vec![Row::refused(refusal)],
        excess: 0,
    };
    if !given.is_string() {
        let found = Reader::new().value(&given, 0).unwrap_or_default();
        let expected = "an array of samples";
        return f(refused(Refusal::found(
            Reason::BadArgument,
            expected,
            &found,
        )));
    }
    if given.unchecked_ref::<JsString>().length() > MAX_PACKED_TEXT {
        return f(refused(too_much()));
    }
    let text = given.as_string().unwrap_or_default();
    let text = without_lone_surrogates(&text);
    f(match read_packed(&text) {
        Some(list) => {
            let (rows, excess) = rows_of_packed(list, trusted);
            Rows { rows, excess }
        }
        None => refused(Refusal::new(
            Reason::BadPacked,
            "expected an array of samples, got a string that is not packed samples of version 1",
        )),
    })
}

fn list<'a>(items: &Array, trusted: &'a TrustedLabels) -> Rows<'a> {
    let mut reader = Reader::new();
    let len = usize::try_from(items.length()).unwrap_or(usize::MAX);
    let count = len.min(MAX_SAMPLES_PER_CALL);
    let mut rows = Vec::with_capacity(count.min(1024));
    for index in 0..u32::try_from(count).unwrap_or(u32::MAX) {
        let item = Reflect::get_u32(items, index).unwrap_or(JsValue::UNDEFINED);
        match reader.sample(&item, trusted) {
            Ok(row) => rows.push(row),
            Err(TooMuch) => break,
        }
    }
    let excess = len.saturating_sub(rows.len());
    Rows { rows, excess }
}

fn too_much() -> Refusal {
    Refusal::new(Reason::TooLarge, "more data than one call may carry")
}

/// The call's arguments exceed [`MAX_CALL_WORK`].
struct TooMuch;

struct Reader {
    left: usize,
    object_prototype: JsValue,
}

impl Reader {
    fn new() -> Self {
        Self {
            left: MAX_CALL_WORK,
            object_prototype: OBJECT_PROTOTYPE.with(Clone::clone),
        }
    }

    fn spend(&mut self, work: usize) -> Result<(), TooMuch> {
        self.left = self.left.checked_sub(work).ok_or(TooMuch)?;
        Ok(())
    }

    /// Reads a sample. An object whose name is a string counts as one: nothing else about it is
    /// asked, because reading a list costs a call into JavaScript for each question.
    fn sample<'a>(&mut self, js: &JsValue, trusted: &'a TrustedLabels) -> Result<Row<'a>, TooMuch> {
        self.spend(8)?;
        let item: &Item = js.unchecked_ref();
        let name = if js.is_object() {
            item.name()
        } else {
            Ok(JsValue::UNDEFINED)
        };
        let given = match name {
            Ok(name) if name.is_string() => {
                let properties = (item.kind(), item.value(), item.labels(), item.help());
                let (Ok(kind), Ok(value), Ok(labels), Ok(help)) = properties else {
                    return Ok(Row::refused(not_a_sample(&Value::Other(UNREADABLE))));
                };
                Given {
                    name: self.text(&name)?,
                    kind: self.value(&kind, 0)?,
                    value: self.number(&value)?,
                    labels: self.value(&labels, 1)?,
                    help: self.value(&help, 0)?,
                }
                .without_arrays()
            }
            // A Map, or not a sample.
            _ => match self.value(js, 2)? {
                Value::Object(properties) => Given::of_object(properties),
                other => return Ok(Row::refused(not_a_sample(&other))),
            },
        };
        Ok(given.into_row(None, trusted))
    }

    /// Reads what is probably a number.
    fn number(&mut self, js: &JsValue) -> Result<Value<'static>, TooMuch> {
        match js.as_f64() {
            Some(number) => Ok(Value::Number(number)),
            None => self.value(js, 0),
        }
    }

    /// Reads a value. Reads an object's properties only while `depth` is above 0.
    fn value(&mut self, js: &JsValue, depth: u8) -> Result<Value<'static>, TooMuch> {
        self.spend(1)?;
        // The usual types come first.
        Ok(if js.is_string() {
            return self.text(js);
        } else if js.is_undefined() {
            Value::Undefined
        } else if js.is_object() {
            return self.object(js, depth);
        } else if let Some(number) = js.as_f64() {
            Value::Number(number)
        } else if js.is_null() {
            Value::Null
        } else if let Some(value) = js.as_bool() {
            Value::Bool(value)
        } else if js.is_bigint() {
            Value::Other("a bigint")
        } else if js.is_symbol() {
            Value::Other("a symbol")
        } else {
            Value::Other("a function or stub")
        })
    }

    fn text(&mut self, js: &JsValue) -> Result<Value<'static>, TooMuch> {
        if js.unchecked_ref::<JsString>().length() > MAX_TEXT {
            return Ok(Value::Other("a string that is too long"));
        }
        let text = js.as_string().unwrap_or_default();
        self.spend(text.len())?;
        Ok(Value::Text(text.into()))
    }

    fn object(&mut self, js: &JsValue, depth: u8) -> Result<Value<'static>, TooMuch> {
        if self.is_plain(js) {
            return if depth == 0 {
                Ok(Value::Other("an object"))
            } else {
                self.properties(js, depth)
            };
        }
        Ok(match js.dyn_ref::<Map>() {
            Some(map) if depth > 0 => return self.entries(map, depth),
            _ if is_array(js) => Value::Other("an array"),
            _ if Reflect::get_prototype_of(js).is_err() => Value::Other(UNREADABLE),
            _ => Value::Other("an object that is not a plain one"),
        })
    }

    fn properties(&mut self, js: &JsValue, depth: u8) -> Result<Value<'static>, TooMuch> {
        let Ok(names) = keys(js) else {
            return Ok(Value::Other(UNREADABLE));
        };
        // Listing a property costs more than reading a byte.
        let count = names.length();
        let work = usize::try_from(count).unwrap_or(usize::MAX);
        self.spend(work.saturating_mul(8))?;
        if work > MAX_PROPERTIES {
            return Ok(Value::Other(TOO_MANY_PROPERTIES));
        }
        let mut properties = Vec::with_capacity(work);
        for index in 0..count {
            let name = names.get(index);
            let Ok(property) = Reflect::get(js, &name) else {
                return Ok(Value::Other(UNREADABLE));
            };
            let Value::Text(name) = self.text(&name)? else {
                return Ok(Value::Other(
                    "an object with a property name that is too long",
                ));
            };
            properties.push((name, self.value(&property, depth.saturating_sub(1))?));
        }
        Ok(Value::Object(properties))
    }

    /// The entries of a Map. A dict of a Python Worker arrives as a Map.
    fn entries(&mut self, map: &Map, depth: u8) -> Result<Value<'static>, TooMuch> {
        if usize::try_from(map.size()).unwrap_or(usize::MAX) > MAX_PROPERTIES {
            return Ok(Value::Other(TOO_MANY_PROPERTIES));
        }
        let mut properties = Vec::new();
        for entry in Array::from(map).iter() {
            let entry: Array = entry.unchecked_into();
            let Value::Text(name) = self.value(&entry.get(0), 0)? else {
                return Ok(Value::Other("a Map with a key that is not a name"));
            };
            let value = self.value(&entry.get(1), depth.saturating_sub(1))?;
            properties.push((name, value));
        }
        Ok(Value::Object(properties))
    }

    /// Whether this object is a plain object: written as `{ … }`, or without a prototype.
    fn is_plain(&self, js: &JsValue) -> bool {
        Reflect::get_prototype_of(js).is_ok_and(|prototype| {
            let prototype: &JsValue = prototype.as_ref();
            *prototype == self.object_prototype || prototype.is_null()
        })
    }
}

/// Whether this is an array. `Array.isArray` throws at a revoked proxy, and so does reading its
/// prototype, which is tried first.
fn is_array(js: &JsValue) -> bool {
    Reflect::get_prototype_of(js).is_ok() && Array::is_array(js)
}

/// The value for a proxy or a getter that throws.
const UNREADABLE: &str = "an unreadable object";

thread_local! {
    static OBJECT_PROTOTYPE: JsValue = Object::get_prototype_of(&Object::new()).into();
}

fn not_a_sample(found: &Value<'_>) -> Refusal {
    Refusal::found(Reason::BadArgument, "a sample, which is an object", found)
}
