import type { Labels, LabelValue } from "./rpc.js";

/** A metric's type, labels and help. */
export interface MetricDefinition {
  /** A counter adds up increments, a histogram counts observations in the gateway's buckets. */
  readonly type: "counter" | "histogram";
  /** The metric's label names. Each sample must have all of them. Default: none. */
  readonly labels?: readonly string[];
  /** One line that says what the metric counts or measures. The client sends it with the samples. */
  readonly help?: string;
}

/** Metrics by name. */
export type Catalogue = Readonly<Record<string, MetricDefinition>>;

/**
 * Declares a Worker's metrics, so that a wrong name, a missing or misspelt label, or `observe` on a
 * counter does not compile.
 *
 * It returns its argument unchanged; only the type matters. It checks nothing at run time.
 *
 * @example
 * ```ts
 * const catalogue = defineMetrics({
 *   requests_total: { type: "counter", labels: ["route", "status"], help: "Requests served" },
 *   upstream_duration_ms: { type: "histogram", labels: ["upstream"] },
 * });
 * ```
 */
export function defineMetrics<const C extends Catalogue>(catalogue: C): C {
  return catalogue;
}

/** True if no catalogue was given. Then any name and any labels compile. */
type IsOpen<C extends Catalogue> = string extends keyof C ? true : false;

/** Names of the metrics of one type in a catalogue; any string without a catalogue. */
export type MetricName<C extends Catalogue, T extends MetricDefinition["type"]> =
  IsOpen<C> extends true ? string : { [N in keyof C & string]: C[N]["type"] extends T ? N : never }[keyof C & string];

/** Label names of a metric; any string without a catalogue. */
export type LabelName<C extends Catalogue, N extends string> =
  IsOpen<C> extends true
    ? string
    : C[N] extends { readonly labels: readonly (infer L extends string)[] }
      ? L
      : never;

/** Labels that a sample of a metric must have. Those in `Given` are optional. */
export type LabelsOf<C extends Catalogue, N extends string, Given extends string = never> =
  IsOpen<C> extends true ? Labels : LabelSet<LabelName<C, N>, Given>;

/** Labels that are still required after `Given`. */
export type RemainingLabels<C extends Catalogue, N extends string, Given extends string> =
  IsOpen<C> extends true ? Labels : LabelSet<Exclude<LabelName<C, N>, Given>, never>;

// Without `Given` this is one plain object type, which error messages and editors show in full.
type LabelSet<L extends string, Given extends string> = [L] extends [never]
  ? Record<string, never>
  : [Extract<L, Given>] extends [never]
    ? { [K in L]: LabelValue }
    : { [K in Exclude<L, Given>]: LabelValue } & { [K in Extract<L, Given>]?: LabelValue };

/** Names of the metrics of one type that need no labels in the call. */
export type UnlabelledName<C extends Catalogue, T extends MetricDefinition["type"], Given extends string> =
  IsOpen<C> extends true
    ? string
    : {
        [N in MetricName<C, T>]: NeedsLabels<C, N, Given> extends true ? never : N;
      }[MetricName<C, T>];

/** Whether a sample of a metric has to give labels that are not in `Given`. */
type NeedsLabels<C extends Catalogue, N extends string, Given extends string> =
  IsOpen<C> extends true ? false : [Exclude<LabelName<C, N>, Given>] extends [never] ? false : true;

/** One argument list for metrics that need labels in the call, and one for those that do not. */
export type ByNeed<C extends Catalogue, N extends string, Given extends string, Labelled extends unknown[], Free extends unknown[]> =
  NeedsLabels<C, N, Given> extends true ? Labelled : Free;

/** The options argument. Only metrics without a catalogue have it, because a catalogue has the help. */
export type OptionsOf<C extends Catalogue, O> = IsOpen<C> extends true ? [options?: O | undefined] : [];
