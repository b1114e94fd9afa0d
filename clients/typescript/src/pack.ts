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

// How JSON.stringify writes an unpaired surrogate. The pattern also matches an escaped backslash in
// the text; then the slow path changes nothing.
const LONE_SURROGATE = /\\ud[89a-f]/;

/**
 * The samples as one string. A value that JSON cannot write becomes null, and the reporter refuses
 * only that sample.
 */
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
  // A strict JSON reader rejects the escape of an unpaired surrogate, and with it the whole string.
  return `1${LONE_SURROGATE.test(json) ? JSON.stringify(packed, replaceLoneSurrogates) : json}`;
}

/**
 * The samples as an array of objects, which every reporter understands. Each object repeats its
 * labels.
 */
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
 * Keeps the help only on the first sample of each name in a call, since the others would repeat the
 * same text. A row is skipped if the reporter will refuse all of its values, because it refuses the
 * help with them.
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
