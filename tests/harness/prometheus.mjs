// A strict reader of the Prometheus text exposition format 0.0.4. It rejects errors that a scraper
// might accept, so a passing test has read a well-formed page.

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*/;
const LABEL = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"/;

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Series */

export class Scrape {
  /** @param {string} text */
  constructor(text) {
    /** @type {Series[]} */
    this.series = [];
    /** @type {Map<string, string>} */
    this.types = new Map();
    /** @type {Map<string, string>} */
    this.help = new Map();
    /** @type {Map<string, Series>} */
    this.byKey = new Map();
    if (text !== "" && !text.endsWith("\n")) throw new Error("the last line does not end with a line feed");
    for (const line of text.split("\n")) this.#line(line);
  }

  /**
   * The value of the one series with exactly this name and these labels, or `undefined`. An empty
   * label is the same as no label, as in Prometheus.
   *
   * @param {string} name
   * @param {Record<string, string | number | boolean>} [labels]
   */
  value(name, labels = {}) {
    const given = Object.entries(labels).filter(([, value]) => value !== "");
    return this.byKey.get(key(name, Object.fromEntries(given)))?.value;
  }

  /**
   * All series of `name` whose labels include `labels`.
   *
   * @param {string} name
   * @param {Record<string, string | number | boolean>} [labels]
   */
  find(name, labels = {}) {
    return this.series.filter(
      (series) => series.name === name && Object.entries(labels).every(([k, v]) => series.labels[k] === String(v)),
    );
  }

  /** The sum over all series of `name` whose labels include `labels`; 0 when there is none. */
  sum(name, labels = {}) {
    return this.find(name, labels).reduce((total, { value }) => total + value, 0);
  }

  /**
   * One histogram: `{ count, sum, buckets }` with `buckets` from upper bound (`"+Inf"` included) to
   * cumulative count, or `undefined` when there is none with exactly these labels.
   */
  histogram(name, labels = {}) {
    const count = this.value(`${name}_count`, labels);
    const sum = this.value(`${name}_sum`, labels);
    if (count === undefined || sum === undefined) return undefined;
    const wanted = Object.keys(labels).length + 1;
    const buckets = Object.fromEntries(
      this.find(`${name}_bucket`, labels)
        .filter((series) => Object.keys(series.labels).length === wanted)
        .map((series) => [series.labels.le, series.value]),
    );
    return { count, sum, buckets };
  }

  #line(line) {
    if (line === "") return;
    const meta = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*)(?: (.*))?$/.exec(line);
    if (meta) {
      const [, kind, name, rest = ""] = meta;
      const into = kind === "HELP" ? this.help : this.types;
      if (into.has(name)) throw new Error(`a second ${kind} line for ${name}`);
      into.set(name, rest.replace(/\\([\\n])/g, (_, c) => (c === "n" ? "\n" : c)));
      return;
    }
    if (line.startsWith("#")) return;
    const name = NAME.exec(line)?.[0];
    if (!name) throw new Error(`not a sample line: ${line}`);
    let rest = line.slice(name.length);
    /** @type {Record<string, string>} */
    const labels = {};
    if (rest.startsWith("{")) {
      rest = rest.slice(1);
      while (!rest.startsWith("}")) {
        const label = LABEL.exec(rest);
        if (!label) throw new Error(`a malformed label in: ${line}`);
        if (Object.hasOwn(labels, label[1])) throw new Error(`label ${label[1]} twice in: ${line}`);
        labels[label[1]] = label[2].replace(/\\([\\"n])/g, (_, c) => (c === "n" ? "\n" : c));
        rest = rest.slice(label[0].length);
        if (rest.startsWith(",")) rest = rest.slice(1);
        else if (!rest.startsWith("}")) throw new Error(`a malformed label in: ${line}`);
      }
      rest = rest.slice(1);
    }
    const number = /^ +(\S+)(?: +-?\d+)?$/.exec(rest)?.[1];
    if (number === undefined) throw new Error(`no value in: ${line}`);
    const series = { name, labels, value: parseValue(number, line) };
    const k = key(name, labels);
    if (this.byKey.has(k)) throw new Error(`the same series twice: ${line}`);
    this.byKey.set(k, series);
    this.series.push(series);
  }
}

function parseValue(text, line) {
  if (text === "+Inf" || text === "Inf") return Infinity;
  if (text === "-Inf") return -Infinity;
  if (text === "NaN") return NaN;
  const value = Number(text);
  if (Number.isNaN(value)) throw new Error(`not a number: ${text} in: ${line}`);
  return value;
}

function key(name, labels) {
  return JSON.stringify([
    name,
    ...Object.entries(labels)
      .map(([k, v]) => [k, String(v)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  ]);
}
