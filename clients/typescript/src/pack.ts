import type { Row } from "./row.js";
import type { PackedSamples, Sample } from "./rpc.js";
import { COUNTER, type Series } from "./series.js";

type PackedRow = [
  name: string,
  type: number,
  value: number | readonly number[],
  labels?: readonly string[] | null,
  help?: string,
];

// How JSON.stringify writes half of a surrogate pair. The pattern also meets a
// backslash that was text; then the slow path changes nothing.
const LONE_SURROGATE = /\\ud[89a-f]/;

/** The samples as one string. A value that JSON can't write is null in it, which the reporter refuses alone. */
export function pack(rows: readonly Row[]): PackedSamples {
  const helps = new Helps();
  const packed = rows.map(({ series, values }): PackedRow => {
    const { name, type, labels } = series;
    const value = values.length === 1 ? (values[0] as number) : values;
    const help = helps.take(series, values);
    if (help !== undefined) return [name, type, value, labels.length > 0 ? labels : null, help];
    if (labels.length > 0) return [name, type, value, labels];
    return [name, type, value];
  });

  const json = JSON.stringify(packed);
  // Strict JSON readers refuse the escape of half a pair, and with it the whole string.
  return `1${LONE_SURROGATE.test(json) ? JSON.stringify(packed, replaceLoneSurrogates) : json}`;
}

/** The samples as the array of objects that every reporter understands: each has its labels again. */
export function toSamples(rows: readonly Row[]): Sample[] {
  const helps = new Helps();
  return rows.flatMap(({ series, values }) =>
    values.map((value) => {
      const sample: Sample = {
        name: series.name,
        type: series.type === COUNTER ? "counter" : "histogram",
        value,
      };
      if (series.labels.length > 0) sample.labels = Object.fromEntries(pairsOf(series.labels));
      const help = helps.take(series, [value]);
      if (help !== undefined) sample.help = help;
      return sample;
    }),
  );
}

function* pairsOf(labels: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < labels.length; i += 2) yield [labels[i] as string, labels[i + 1] as string];
}

function replaceLoneSurrogates(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.toWellFormed() : value;
}

/**
 * Lets the first sample of each name in a call carry the help: more would be
 * the same text over and over. Where all values will be refused, the help would be too.
 */
class Helps {
  #given = new Set<string>();

  take(series: Series, values: readonly number[]): string | undefined {
    if (series.help === undefined || this.#given.has(series.name)) return undefined;
    if (!values.some((value) => Number.isFinite(value) && (series.type !== COUNTER || value >= 0))) return undefined;
    this.#given.add(series.name);
    return series.help;
  }
}
