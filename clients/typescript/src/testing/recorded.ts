/** A sample as the {@link TestReporter} received it. */
export interface RecordedSample {
  /** The metric's name. */
  name: string;
  /** The metric's type. */
  type: "counter" | "histogram";
  /** Increment or observation. */
  value: number;
  /** The values as text, as they are sent. */
  labels: Record<string, string>;
  /** The metric's help, if this sample carries it. */
  help?: string;
}

type Value = number | null;
type Row = [name: string, type: number, value: Value | Value[], labels?: string[] | null, help?: string];

/** Reads the argument of `record`, in either form. */
export function readSamples(samples: unknown): RecordedSample[] {
  if (typeof samples === "string") return unpack(samples);
  if (Array.isArray(samples)) return samples.map((sample) => readSample(sample));
  throw new TypeError(`record takes an array or a string, got ${typeof samples}`);
}

/** Reads one sample object. */
export function readSample(sample: any): RecordedSample {
  const labels: [string, string][] = Object.entries(sample.labels ?? {}).map(([name, value]) => [name, String(value ?? "")]);
  return recorded(sample.name, sample.type, sample.value, labels, sample.help);
}

function unpack(packed: string): RecordedSample[] {
  if (!packed.startsWith("1")) throw new TypeError(`packed samples start with "1", got ${JSON.stringify(packed[0])}`);
  const rows = JSON.parse(packed.slice(1)) as Row[];
  return rows.flatMap(([name, type, value, flat, help]) => {
    const labels: [string, string][] = [];
    for (let i = 0; flat && i + 1 < flat.length; i += 2) labels.push([flat[i] as string, flat[i + 1] as string]);
    // JSON writes NaN, Infinity and -Infinity as null
    const values = (Array.isArray(value) ? value : [value]).map((value) => value ?? NaN);
    // as in the object form, the first valid sample carries the help
    const first = Math.max(values.findIndex(Number.isFinite), 0);
    return values.map((value, i) => recorded(name, type, value, labels, i === first ? help : undefined));
  });
}

function recorded(
  name: string,
  type: unknown,
  value: number,
  labels: [string, string][],
  help: string | undefined,
): RecordedSample {
  const kind = type === "counter" || type === 1 ? "counter" : "histogram";
  const sample: RecordedSample = { name, type: kind, value, labels: Object.fromEntries(labels) };
  if (help !== undefined) sample.help = help;
  return sample;
}
