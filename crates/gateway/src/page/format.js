// Numbers, times and label values as text.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

/** A total: every digit up to a quadrillion, three decimals. */
function formatTotal(value) {
  if (value !== 0 && (Math.abs(value) >= 1e15 || Math.abs(value) < 0.001)) return value.toExponential(3);
  return whole.format(value);
}

/** A total where there is room for eleven characters: decimals go first, then digits. */
function formatFitting(value) {
  const fits = [formatTotal(value), formatTotal(Math.round(value))].find((text) => text.length <= 11);
  return fits ?? value.toExponential(2);
}

/** A rate or an estimate: it has no more than a few digits that say something. */
function formatShort(value) {
  if (value === null || value === undefined) return "–";
  if (Math.abs(value) >= 1e15) return value.toExponential(0);
  if (Math.abs(value) >= 1e5) return formatAxis(value);
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(2);
  return whole.format(Number(value.toPrecision(Math.abs(value) >= 100 ? 4 : 3)));
}

const exact = new Intl.NumberFormat("en", { maximumSignificantDigits: 15 });

/** A bucket's bound, with every digit it has. */
function formatBound(value) {
  const size = Math.abs(value);
  return size >= 1e15 || (size > 0 && size < 1e-6) ? String(value) : exact.format(value);
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** A place on an axis, as short as it gets: 2.5, 50K, 1e+20. */
function formatAxis(value) {
  const size = Math.abs(value);
  return size >= 1e15 || (size > 0 && size < 0.001) ? String(Number(value.toPrecision(3))) : compact.format(value);
}

/** A rate: one decimal, so that a column of them keeps still. */
function formatRate(value) {
  return value < 0.1 || value >= 1000 ? formatShort(value) : value.toFixed(1);
}

function formatTime(atMs) {
  return new Date(atMs).toLocaleTimeString("en-GB");
}

function plural(count, one, many = `${one}s`) {
  return `${formatTotal(count)} ${count === 1 ? one : many}`;
}

// Characters that would change how the text around them reads, or that cannot be seen:
// controls, line and paragraph separators, zero widths, and the marks that turn text around.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Text with nothing hidden in it. */
function visible(text) {
  return text.replace(UNSEEN, (one) => (one === "\n" ? "\\n" : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/** A label value as it stands between quotes. */
function quoted(text) {
  return visible(text.replace(/["\\]/g, "\\$&"));
}

const UNITS = new Map(Object.entries({ ms: "ms", milliseconds: "ms", us: "µs", microseconds: "µs", ns: "ns", nanoseconds: "ns", seconds: "s", bytes: "bytes" }));

/** The unit that a metric's name ends in, as Prometheus has them named; or nothing. */
function unitOf(name) {
  return UNITS.get(/_([a-z]+?)(?:_total)?$/.exec(name)?.[1]) ?? "";
}

/** Label matchers as PromQL takes them, which knows Go's escapes. */
function selector(labels) {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${quoted(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(", ")}}`;
}
