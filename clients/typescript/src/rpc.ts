/** What the client accepts as the reporter's binding. */
export type ReporterBinding =
  // Service<MetricsReporter>, and test doubles of it
  | { record(samples: any): PromiseLike<unknown> }
  // the untyped Service or Fetcher that `wrangler types` generates
  | { fetch(...args: any[]): PromiseLike<unknown> };

/** The value of a label. Numbers and booleans are sent as their text. */
export type LabelValue = string | number | boolean;

/** Label names and their values, for example `{ route: "/users/:id", status: 200 }`. */
export type Labels = Record<string, LabelValue>;

/** One increment of a counter, or one observation of a histogram. */
export type Sample = {
  /** Metric name: `[a-zA-Z_][a-zA-Z0-9_]*`, not ending in `_bucket`, `_sum` or `_count`. */
  name: string;
  /** The metric's type. `1` means counter, `3` means histogram. */
  type: "counter" | "histogram" | 1 | 3;
  /**
   * An increment (finite, not negative) or an observation (finite), in the unit of the metric's
   * name.
   */
  value: number;
  /** Default: none. A metric has the same label names in each sample. */
  labels?: Labels;
  /**
   * One line that says what the metric counts. The gateway keeps the first help that it receives
   * for a name.
   */
  help?: string;
};

/** The options after the labels of `incr` and `observe`. */
export type SampleOptions = {
  /**
   * One line that says what the metric counts. The gateway keeps the first help that it receives
   * for a name.
   */
  help?: string;
};

/**
 * Many samples as one string: `"1"`, then a JSON array with one `[name, type, value, labels?,
 * help?]` per sample, or per series.
 *
 * `type` is 1 (counter) or 3 (histogram). `labels` is a flat array `[name, value, name, value, …]`
 * of strings, or `null` if only the help follows. `value` may be an array of numbers; they stand
 * for as many samples with the same name, labels and help. A string crosses the binding at a
 * fraction of the cost of an array of objects. JSON has no NaN and no Infinity and writes them as
 * null. The reporter refuses such a sample and accepts the others.
 */
export type PackedSamples = `1${string}`;

/** Arguments of {@link MetricsReporter.incr}. Without a value, the increment is 1. */
export type IncrArguments =
  | [name: string, value?: number, labels?: Labels, options?: SampleOptions]
  | [name: string, labels: Labels, value?: number, options?: SampleOptions]
  | [name: string, labels: Labels, options: SampleOptions]
  | [sample: { name: string; value?: number; labels?: Labels; help?: string }];

/** Arguments of {@link MetricsReporter.observe}. */
export type ObserveArguments =
  | [name: string, value: number, labels?: Labels, options?: SampleOptions]
  | [name: string, labels: Labels, value: number, options?: SampleOptions]
  | [sample: { name: string; value: number; labels?: Labels; help?: string }];

/** The result of one push to the gateway. */
export type PushResult = {
  /** True only if the push was delivered and no sample was rejected or refused. */
  ok: boolean;
  /**
   * `delivered`: the gateway answered OK. `dropped`: the push was certainly not applied. `unknown`:
   * the push may or may not have been applied.
   */
  outcome: "delivered" | "dropped" | "unknown";
  /** Number of metrics that the gateway accepted, according to its answer. */
  accepted: number;
  /** Number of metrics that the gateway rejected, according to its answer. */
  rejected: number;
  /** gRPC status code, 0 to 16. */
  code: number;
  /** Name of the status code: `"OK"`, `"UNAVAILABLE"`, … */
  status: string;
  /** The gateway's `grpc-message`, percent-decoded, or the transport's error. */
  message: string;
  /** Refused samples, which were not sent, with their index in the call; at most the first 100. */
  refused: { index: number; reason: string; message: string }[];
};

/**
 * The ledger of one reporter isolate since that instance started, in samples unless stated
 * otherwise.
 *
 * At every moment `taken = coalesced + delivered + rejected + sum(dropped) + sum(unknown) +
 * buffered + in_flight`.
 */
export type Stats = {
  /** Samples accepted by `incr`, `observe`, `record` and `push`. */
  taken: number;
  /** Those of them that were added to an entry in the buffer. */
  coalesced: number;
  /** Accepted by the gateway, according to its answer. */
  delivered: number;
  /** Rejected by the gateway, according to its answer. */
  rejected: number;
  /** Certainly not applied, by reason. */
  dropped: Record<string, number>;
  /** May or may not have been applied, by reason. */
  unknown: Record<string, number>;
  /** Waiting for the next push. */
  buffered: number;
  /** In a push that has no outcome yet. */
  in_flight: number;
  /** Samples that the reporter refused, by reason. They are not part of `taken`. */
  refused: Record<string, number>;
  /** Pushes by outcome, and the number of retries. */
  pushes: { delivered: number; dropped: number; unknown: number; retried: number };
  /** The last problem, or null if there was none. */
  last_error: string | null;
  /** The vars in force. */
  config: Record<string, number | boolean | string>;
};

/**
 * The entrypoint `MetricsReporter` of the reporter Worker, as the type of a binding: `interface Env
 * { METRICS: Service<MetricsReporter> }`.
 *
 * A method does not reject because of its arguments or a failure of the gateway, unless the
 * reporter runs with `REJECT_INVALID`. A call still rejects if the reporter cannot be reached.
 * Prefer {@link createMetrics}: it never rejects, and many requests share one call. A request may
 * call other Workers 32 times, and each method call here is one of them.
 */
export interface MetricsReporter {
  /** `Service<T>` of the Workers types requires this member. It does not exist at run time. */
  readonly __WORKER_ENTRYPOINT_BRAND: never;

  /** Buffers an increment. Resolves to 1, or to 0 if the reporter refused it. */
  incr(...args: IncrArguments): Promise<number>;
  /** Buffers an observation. Resolves to 1, or to 0 if the reporter refused it. */
  observe(...args: ObserveArguments): Promise<number>;
  /** Buffers samples. Resolves to the number of accepted samples. */
  record(samples: readonly Sample[] | PackedSamples): Promise<number>;
  /** Pushes samples now and resolves to the gateway's answer. */
  push(samples: readonly Sample[] | PackedSamples): Promise<PushResult>;
  /** Pushes the buffered samples now. */
  flush(): Promise<PushResult>;
  /** The ledger of this reporter isolate. */
  stats(): Promise<Stats>;
}
