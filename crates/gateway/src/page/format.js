// Numbers, times and label values as text.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

/** A total: every digit up to a quadrillion, three decimals. */
function formatTotal(value) {
  if (value !== 0 && (Math.abs(value) >= 1e15 || Math.abs(value) < 0.001)) return value.toExponential(3);
  return whole.format(value);
}

/** A rate, a quantile or a bound: three significant digits are all an estimate has. */
function formatShort(value) {
  if (value === null || value === undefined) return "–";
  if (value !== 0 && (Math.abs(value) >= 1e9 || Math.abs(value) < 0.001)) return value.toExponential(2);
  return whole.format(Number(value.toPrecision(Math.abs(value) >= 100 ? 4 : 3)));
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

/** A label value as it stands between quotes, with nothing hidden in it. */
function visible(text) {
  return text
    .replace(/["\\]/g, "\\$&")
    .replace(UNSEEN, (one) => (one === "\n" ? "\\n" : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`));
}

/** Label matchers as PromQL takes them, which knows Go's escapes. */
function selector(labels) {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${visible(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(", ")}}`;
}
