// JavaScript values to bytes, in the form that src/value.rs reads.
//
// One walk over the arguments and one copy into Wasm cost less than a crossing for every property,
// and leave no JavaScript value for the Rust side to mistrust. Nothing here throws, whatever it is
// given, and what it writes is bounded: the limits below only keep absurd input small, the real
// checks with their messages are in Rust.

const MAX_ARGUMENTS = 8;
const MAX_DEPTH = 4; // arguments > array of samples > sample > labels
const MAX_PROPERTIES = 128;
const MAX_ITEMS = 10_000; // of a longer array the first are written, with the count of all
const MAX_TEXT = 8_192; // UTF-16 units of one string inside the arguments
const MAX_PACKED = 1 << 20; // UTF-16 units of packed samples
const MAX_BYTES = 8 << 20; // everything that one call may carry, and every byte written in vain
const KEEP_BYTES = 1 << 20; // a larger buffer is let go at the next call
const INITIAL_BYTES = 16_384;

// The tags in src/value.rs, whose table says what follows each.
const TAG_UNDEFINED = 0;
const TAG_NULL = 1;
const TAG_FALSE = 2;
const TAG_TRUE = 3;
const TAG_NUMBER = 4;
const TAG_STRING = 5;
const TAG_ARRAY = 6;
const TAG_OBJECT = 7;
const TAG_BYTES = 8;
const TAG_OTHER = 9;
const TAG_PACKED = 10;
const TAG_SAMPLE = 11;
const TAG_BRIEF = 12;
const TAG_LIST = 13;

// Indices into OTHER in src/value.rs.
const BIGINT = 0;
const SYMBOL = 1;
const FUNCTION = 2;
const NOT_PLAIN = 3;
const TOO_DEEP = 4;
const TOO_MANY_PROPERTIES = 5;
const TOO_LONG = 6;
const UNREADABLE = 7;
const TOO_MUCH = 8;

const tooMuch = new RangeError("more data than one call may carry");
const encoder = new TextEncoder();
const decoder = new TextDecoder();

let out;
let view; // of the same bytes
use(new Uint8Array(INITIAL_BYTES));
let end = 0;
let ofSamples = false; // whether an array that is an argument has samples in it
// Where this call's bytes must end. It comes down with work that leaves no bytes: one object may be
// in the arguments thousands of times, and cost its caller a reference each.
let limit = MAX_BYTES;

/**
 * Encodes the labels that the caller's binding vouches for, then the arguments of an RPC call.
 *
 * @param {import("cloudflare:workers").WorkerEntrypoint} entrypoint
 * @param {unknown[]} args
 * @param {boolean} list whether the first argument is a list of samples, which may be packed
 * @returns {Uint8Array} valid until the next call
 */
export function encodeCall(entrypoint, args, list) {
  start();
  writeTop(entrypoint.ctx.props?.labels);
  if (list && typeof args[0] === "string") {
    writePacked(args[0]);
    return out.subarray(0, end);
  }
  ofSamples = list;
  const count = Math.min(args.length, MAX_ARGUMENTS);
  for (let i = 0; i < count; i++) writeTop(args[i]);
  return out.subarray(0, end);
}

/**
 * Encodes one value.
 *
 * @param {unknown} value
 * @returns {Uint8Array} valid until the next call
 */
export function encode(value) {
  start();
  writeTop(value);
  return out.subarray(0, end);
}

/**
 * Decodes one value that Rust wrote.
 *
 * @param {Uint8Array} bytes
 * @returns {unknown}
 */
export function decode(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const u32 = () => ((at += 4), view.getUint32(at - 4, true));
  const text = () => {
    const length = u32();
    return decoder.decode(bytes.subarray(at, (at += length)));
  };
  const read = () => {
    switch (bytes[at++]) {
      case TAG_NULL:
        return null;
      case TAG_FALSE:
        return false;
      case TAG_TRUE:
        return true;
      case TAG_NUMBER:
        return view.getFloat64((at += 8) - 8, true);
      case TAG_STRING:
        return text();
      case TAG_ARRAY: {
        const count = u32();
        at += 4;
        return Array.from({ length: count }, read);
      }
      case TAG_OBJECT: {
        const object = {};
        const count = u32();
        at += 4;
        for (let i = 0; i < count; i++) object[text()] = read();
        return object;
      }
    }
  };
  return read();
}

// Packed samples are one string: structured clone of a hundred objects is most of what a call costs.
function writePacked(text) {
  if (text.length > MAX_PACKED) return writeOther(TOO_MUCH);
  reserve(1);
  out[end++] = TAG_PACKED;
  writeText(text);
}

function start() {
  if (out.length > KEEP_BYTES) use(new Uint8Array(INITIAL_BYTES));
  end = 0;
  limit = MAX_BYTES;
  ofSamples = false;
  text = "";
}

function use(bytes) {
  out = bytes;
  view = new DataView(bytes.buffer);
}

function writeTop(value) {
  try {
    write(value, 0);
  } catch {
    text = "";
    writeOther(TOO_MUCH);
  }
}

function reserve(length) {
  if (end + length <= out.length) return;
  const grown = new Uint8Array(Math.max(out.length * 2, end + length));
  grown.set(out.subarray(0, end));
  use(grown);
}

function writeOther(index) {
  reserve(2);
  out[end++] = TAG_OTHER;
  out[end++] = index;
}

function writeText(text) {
  const length = text.length;
  reserve(4 + length * 3);
  const bytes = out; // a local is a register
  const start = end + 4;
  let i = 0;
  // Short ASCII is most of what arrives, and for it the loop beats encodeInto.
  if (length < 64) {
    for (; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 0x7f) break;
      bytes[start + i] = unit;
    }
  }
  let written = i;
  if (i < length) written += encoder.encodeInto(i ? text.slice(i) : text, bytes.subarray(start + i)).written;
  view.setUint32(start - 4, written, true);
  end = start + written;
  return written;
}

function write(value, depth) {
  switch (typeof value) {
    case "string":
      if (value.length > MAX_TEXT) return writeOther(TOO_LONG);
      if (end + text.length + value.length > limit) throw tooMuch;
      reserve(1);
      out[end++] = TAG_STRING;
      return writeText(value);
    case "number":
      if (end + text.length > limit) throw tooMuch; // only numbers and containers come in millions
      reserve(9);
      out[end++] = TAG_NUMBER;
      view.setFloat64(end, value, true);
      end += 8;
      return;
    case "boolean":
      reserve(1);
      out[end++] = value ? TAG_TRUE : TAG_FALSE;
      return;
    case "undefined":
      reserve(1);
      out[end++] = TAG_UNDEFINED;
      return;
    case "bigint":
      return writeOther(BIGINT);
    case "symbol":
      return writeOther(SYMBOL);
    case "function":
      return writeOther(FUNCTION);
  }
  if (value === null) {
    reserve(1);
    out[end++] = TAG_NULL;
    return;
  }
  const before = end;
  try {
    writeObject(value, depth);
  } catch (error) {
    limit -= end - before;
    end = before;
    if (error === tooMuch) throw error;
    writeOther(UNREADABLE); // a stub, a proxy or a getter that throws
  }
}

function writeObject(value, depth) {
  if (end + text.length > limit) throw tooMuch;
  if (value instanceof Uint8Array) return writeBytes(value);
  if (depth >= MAX_DEPTH) return writeOther(TOO_DEEP);
  if (Array.isArray(value)) return writeArray(value, depth);
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return writeOther(NOT_PLAIN);
  const start = open(TAG_OBJECT, 0);
  let count = 0;
  // Of a plain object these are its own properties: faster than a list of their names.
  for (const key in value) {
    if (++count > MAX_PROPERTIES) return writeMany(value, start - 9);
    if (key.length > MAX_TEXT) throw new RangeError("property name");
    writeText(key);
    write(value[key], depth + 1);
  }
  view.setUint32(start - 8, count, true);
  view.setUint32(start - 4, end - start, true);
}

function writeMany(value, start) {
  // A property that is listed takes longer than a byte that is written.
  limit -= 8 * Object.keys(value).length + end - start;
  end = start;
  writeOther(TOO_MANY_PROPERTIES);
}

function writeArray(value, depth) {
  if (ofSamples && depth === 0) return writeList(value);
  const start = open(TAG_ARRAY, value.length);
  const count = Math.min(value.length, MAX_ITEMS);
  for (let i = 0; i < count; i++) write(value[i], depth + 1);
  view.setUint32(start - 4, end - start, true);
}

// The text of brief samples, in one piece: putting strings together and encoding them at once takes a
// third of the time of encoding them one by one.
let text = "";

function writeList(samples) {
  const before = end;
  // The lengths of brief samples are those of ASCII; other text is encoded one by one.
  if (!writeSamples(samples, writeBriefly)) {
    end = before;
    writeSamples(samples, writeSample);
  }
}

function writeSamples(samples, writeOne) {
  const start = open(TAG_LIST, samples.length);
  const count = Math.min(samples.length, MAX_ITEMS);
  text = "";
  for (let i = 0; i < count; i++) writeOne(samples[i]);
  view.setUint32(start - 4, end - start, true);
  const written = text;
  text = ""; // what comes after it has bytes of its own
  return writeText(written) === written.length;
}

function writeBriefly(sample) {
  if (!writeBrief(sample)) writeSample(sample);
}

const MAX_BRIEF_LABELS = 64;

// Writes a sample that has nothing but a name, a type, a number and labels, as nearly all are, or
// gives up and has written nothing. Labels become text as Rust would make it.
function writeBrief(sample) {
  if (typeof sample !== "object" || sample === null) return false;
  try {
    if (Object.getPrototypeOf(sample) !== Object.prototype) return false;
    const { name, type, value, labels } = sample;
    if (typeof name !== "string" || typeof value !== "number" || sample.help !== undefined) return false;
    const kind = type === "counter" || type === 1 ? 1 : type === "histogram" || type === 3 ? 3 : 0;
    if (kind === 0 || name.length > MAX_TEXT) return false;
    reserve(21 + 4 * MAX_BRIEF_LABELS);
    let joined = text + name;
    let at = end + 19;
    view.setUint16(at, name.length, true);
    at += 2;
    let count = 0;
    if (labels !== undefined) {
      if (Object.getPrototypeOf(labels) !== Object.prototype) return false;
      for (const key in labels) {
        let given = labels[key];
        if (typeof given === "number" || typeof given === "boolean") given = String(given);
        if (typeof given !== "string" || given.length > MAX_TEXT || key.length > MAX_TEXT) return false;
        if (++count > MAX_BRIEF_LABELS) return false;
        joined += key;
        joined += given;
        view.setUint16(at, key.length, true);
        view.setUint16(at + 2, given.length, true);
        at += 4;
      }
    }
    if (at + joined.length > limit) throw tooMuch;
    out[end] = TAG_BRIEF;
    out[end + 1] = kind;
    view.setUint32(end + 2, 1, true);
    view.setFloat64(end + 6, value, true);
    view.setUint32(end + 14, joined.length - text.length, true);
    out[end + 18] = count;
    end = at;
    text = joined;
    return true;
  } catch (error) {
    if (error === tooMuch) throw error;
    return false; // a getter that throws
  }
}

// A sample by what it is asked for: its properties are neither listed nor named.
function writeSample(value) {
  const before = end;
  try {
    if (value === null || typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return write(value, 1);
    const start = open(TAG_SAMPLE, 5);
    write(value.name, 2);
    write(value.type, 2);
    write(value.value, 2);
    write(value.labels, 2);
    write(value.help, 2);
    view.setUint32(start - 4, end - start, true);
  } catch (error) {
    limit -= end - before;
    end = before;
    if (error === tooMuch) throw error;
    writeOther(UNREADABLE); // a getter that throws
  }
}

function writeBytes(value) {
  if (end + value.length > limit) throw tooMuch;
  reserve(5 + value.length);
  out[end++] = TAG_BYTES;
  view.setUint32(end, value.length, true);
  out.set(value, end + 4);
  end += 4 + value.length;
}

// The head of a container; its byte length is set once its contents are written.
function open(tag, count) {
  reserve(9);
  out[end] = tag;
  view.setUint32(end + 1, count, true);
  return (end += 9);
}
