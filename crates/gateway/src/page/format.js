// Numbers, times and label values as text.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

/** A total: all digits up to a quadrillion, and three decimals. */
function formatTotal(value) {
  if (value !== 0 && (Math.abs(value) >= 1e15 || Math.abs(value) < 0.001)) return value.toExponential(3);
  return whole.format(value);
}

/** A total in at most eleven characters: decimals are dropped first, then digits. */
function formatFitting(value) {
  const fits = [formatTotal(value), formatTotal(Math.round(value))].find((text) => text.length <= 11);
  return fits ?? value.toExponential(2);
}

/** A rate or an estimate, with its few significant digits. */
function formatShort(value) {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) >= 1e15) return value.toExponential(0);
  if (Math.abs(value) >= 1e5) return formatAxis(value);
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(2);
  return whole.format(Number(value.toPrecision(Math.abs(value) >= 100 ? 4 : 3)));
}

const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 15 });

/** A bucket's bound, with all its digits. */
function formatBound(value) {
  const size = Math.abs(value);
  return size >= 1e15 || (size > 0 && size < 1e-6) ? String(value) : exact.format(value);
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** A value on an axis, in its shortest form: 2.5, 50K, 1e+20. */
function formatAxis(value) {
  const size = Math.abs(value);
  return size >= 1e15 || (size > 0 && size < 0.001) ? String(Number(value.toPrecision(3))) : compact.format(value);
}

/** A rate with one decimal, so that a column of rates does not move. */
function formatRate(value) {
  return value < 0.1 || value >= 1000 ? formatShort(value) : value.toFixed(1);
}

function formatTime(atMs) {
  return new Date(atMs).toLocaleTimeString("en-GB");
}

function plural(count, one, many = `${one}s`) {
  return `${formatTotal(count)} ${count === 1 ? one : many}`;
}

// Invisible characters, and characters that change the direction of the text around them: controls,
// line and paragraph separators, zero widths, and direction marks.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Text with hidden characters made visible. */
function visible(text) {
  return text.replace(UNSEEN, (one) => (one === "\n" ? "\\n" : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/** A label value, escaped for quotes. */
function quoted(text) {
  return visible(text.replace(/["\\]/g, "\\$&"));
}

const UNITS = new Map(Object.entries({ ms: "ms", milliseconds: "ms", us: "µs", microseconds: "µs", ns: "ns", nanoseconds: "ns", seconds: "s", bytes: "bytes" }));

/** The unit at the end of a metric's name, by the naming rules of Prometheus, or nothing. */
function unitOf(name) {
  return UNITS.get(/_([a-z]+?)(?:_total)?$/.exec(name)?.[1]) ?? "";
}

/** Label matchers in PromQL, which uses Go's escapes. */
function selector(labels) {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${quoted(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(", ")}}`;
}
