/** What may be handed in as the reporter's binding. */
export type ReporterBinding =
  // Service<MetricsReporter>, and doubles of it
  | { record(samples: any): PromiseLike<unknown> }
  // the untyped Service or Fetcher that `wrangler types` writes
  | { fetch(...args: any[]): PromiseLike<unknown> };

/** What a label may hold. Numbers and booleans are sent as their text. */
export type LabelValue = string | number | boolean;

/** Label names and their values, for instance `{ route: "/users/:id", status: 200 }`. */
export type Labels = Record<string, LabelValue>;

/** One increment of a counter, or one observation of a histogram. */
export type Sample = {
  /** Metric name: `[a-zA-Z_][a-zA-Z0-9_]*`, not ending in `_bucket`, `_sum` or `_count`. */
  name: string;
  /** What the metric is; `1` means counter, `3` means histogram. */
  type: "counter" | "histogram" | 1 | 3;
  /** Increment (finite, not negative) or observation (finite), in the unit that the name says. */
  value: number;
  /** None if left out. A metric has the same label names in each sample. */
  labels?: Labels;
  /** One line that says what the metric counts; the first help seen for a name is kept. */
  help?: string;
};

/** What may follow the labels of `incr` and `observe`. */
export type SampleOptions = {
  /** One line that says what the metric counts; the first help seen for a name is kept. */
  help?: string;
};

/**
 * Many samples as one string: `"1"`, then JSON of an array that holds one
 * `[name, type, value, labels?, help?]` per sample, or per series.
 *
 * `type` is 1 (counter) or 3 (histogram), `labels` a flat array
 * `[name, value, name, value, …]` of strings, or `null` when only the help
 * follows. `value` may be an array of numbers: as many samples, which differ in
 * nothing else. A string crosses the binding for a fraction of what an array of
 * objects costs. JSON has no NaN and no Infinity and writes them as null: the
 * reporter refuses such a sample, and no other because of it.
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

/** How one push to the gateway ended. */
export type PushResult = {
  /** True only for a delivered push of which nothing was rejected or refused. */
  ok: boolean;
  /**
   * `delivered`: the gateway answered OK. `dropped`: provably not applied.
   * `unknown`: it may or may not have been applied.
   */
  outcome: "delivered" | "dropped" | "unknown";
  /** Metrics that the gateway says it took. */
  accepted: number;
  /** Metrics that the gateway says it did not take. */
  rejected: number;
  /** gRPC status code, 0 to 16. */
  code: number;
  /** Name of the status code: `"OK"`, `"UNAVAILABLE"`, … */
  status: string;
  /** The gateway's `grpc-message`, percent-decoded, or the transport's error. */
  message: string;
  /** Samples that were invalid and therefore never sent, by their place in the call. */
  refused: { index: number; reason: string; message: string }[];
};

/**
 * One reporter isolate's account since that instance started, in samples unless said otherwise.
 *
 * At every moment `taken = coalesced + delivered + rejected + sum(dropped) +
 * sum(unknown) + buffered + in_flight`.
 */
export type Stats = {
  /** Samples let in by `incr`, `observe`, `record` and `push`. */
  taken: number;
  /** Of those, added into an entry that was already buffered. */
  coalesced: number;
  /** Taken by the gateway, as it answered. */
  delivered: number;
  /** Not taken by the gateway, as it answered. */
  rejected: number;
  /** Provably not applied, by reason. */
  dropped: Record<string, number>;
  /** May or may not have been applied, by reason. */
  unknown: Record<string, number>;
  /** Waiting for the next push. */
  buffered: number;
  /** In a push that has no outcome yet. */
  in_flight: number;
  /** Samples not let in, by reason; no part of `taken`. */
  refused: Record<string, number>;
  /** Pushes by outcome, and how many tries were repeated. */
  pushes: { delivered: number; dropped: number; unknown: number; retried: number };
  /** What went wrong last; null if nothing did. */
  last_error: string | null;
  /** The vars in force. */
  config: Record<string, number | boolean | string>;
};

/**
 * The entrypoint `MetricsReporter` of the reporter Worker, for typing a binding:
 * `interface Env { METRICS: Service<MetricsReporter> }`.
 *
 * No method rejects because of what it was given or because the gateway failed,
 * unless the reporter runs with `REJECT_INVALID`. A call still rejects when the
 * reporter itself can't be reached. Prefer {@link createMetrics}, which shares
 * one call between many requests and never rejects: a request may call other Workers 32
 * times, and each method called here is one of those.
 */
export interface MetricsReporter {
  /** What `Service<T>` of the Workers types asks of an entrypoint; not there at run time. */
  readonly __WORKER_ENTRYPOINT_BRAND: never;

  /** Buffers an increment; resolves to 1, or to 0 if it was refused. */
  incr(...args: IncrArguments): Promise<number>;
  /** Buffers an observation; resolves to 1, or to 0 if it was refused. */
  observe(...args: ObserveArguments): Promise<number>;
  /** Buffers samples; resolves to how many were taken. */
  record(samples: readonly Sample[] | PackedSamples): Promise<number>;
  /** Pushes samples now and resolves to the gateway's answer. */
  push(samples: readonly Sample[] | PackedSamples): Promise<PushResult>;
  /** Pushes what is buffered, now. */
  flush(): Promise<PushResult>;
  /** This reporter isolate's account. */
  stats(): Promise<Stats>;
}
