import { sortArguments } from "./arguments.js";
import type {
  ByNeed,
  Catalogue,
  LabelName,
  LabelsOf,
  MetricName,
  OptionsOf,
  RemainingLabels,
  UnlabelledName,
} from "./catalogue.js";
import { now, since } from "./clock.js";
import { contextOf, type RequestContext } from "./context.js";
import { noLabels, readLabels, type LabelPairs } from "./labels.js";
import { nothing, type Account } from "./ledger.js";
import { MAX_CHARS_PER_SAMPLE } from "./limits.js";
import { kindOf, Problem, textOf } from "./problem.js";
import { senderFor } from "./registry.js";
import type { Labels, LabelValue, ReporterBinding, SampleOptions } from "./rpc.js";
import type { Sender } from "./sender.js";
import { COUNTER, HISTOGRAM, Series } from "./series.js";
import type { SendingOptions } from "./settings.js";
import { warn } from "./warn.js";

/** Options of {@link createMetrics}. */
export interface MetricsOptions<C extends Catalogue = Catalogue, B extends Labels = Labels> extends SendingOptions {
  /**
   * From {@link defineMetrics}. Names and labels are then checked at compile time, and the help is
   * sent along.
   */
  catalogue?: C;
  /** Labels for every sample. The same label in a call replaces it. */
  labels?: B;
}

/** The return type of {@link Metrics.time} for a function that returns `R`. */
export type Timed<R> = R extends PromiseLike<infer T> ? Promise<T> : R;

/**
 * Stops a timer. It records the time since the start and returns that number: in seconds if the
 * metric's name ends in `_seconds`, otherwise in milliseconds. Only the first call records. Later
 * calls return the same number.
 */
export type StopTimer<L> = {} extends L ? (labels?: L) => number : (labels: L) => number;

/**
 * One request's metrics. The functions need no `this`, so you can destructure them.
 *
 * No function throws or rejects, whatever its arguments and whatever the state of the reporter.
 * Samples that cannot be sent are counted in {@link Metrics.account}, and a warning names them at
 * most once a minute.
 *
 * `C` is the catalogue's type. `Given` are the labels that every sample already has.
 */
export interface Metrics<C extends Catalogue = Catalogue, Given extends string = never> {
  // The order of the overloads decides which error a compiler shows for a wrong call: the error of
  // the last overload with as many arguments.

  /** Adds to a counter. `value` is finite and not negative; its default is 1. */
  incr<N extends MetricName<C, "counter">>(
    name: N,
    labels: LabelsOf<C, N, Given>,
    value: number | undefined,
    ...options: OptionsOf<C, SampleOptions>
  ): void;
  /** Adds to a counter. `value` is finite and not negative; its default is 1. */
  incr<N extends MetricName<C, "counter">>(
    name: N,
    value: number | undefined,
    labels: LabelsOf<C, N, Given>,
    ...options: OptionsOf<C, SampleOptions>
  ): void;
  /**
   * Adds 1 to a counter. If the metric needs no labels, you can pass a value, which is finite and
   * not negative.
   */
  incr<N extends MetricName<C, "counter">>(
    name: N,
    ...labels: ByNeed<C, N, Given, [labels: LabelsOf<C, N, Given>], [labelsOrValue?: LabelsOf<C, N, Given> | number | undefined]>
  ): void;

  /** Records a value in a histogram. `value` is finite and in the unit of the metric's name. */
  observe<N extends MetricName<C, "histogram">>(
    name: N,
    labels: LabelsOf<C, N, Given>,
    value: number,
    ...options: OptionsOf<C, SampleOptions>
  ): void;
  /** Records a value in a histogram. `value` is finite and in the unit of the metric's name. */
  observe<N extends MetricName<C, "histogram">>(
    name: N,
    value: number,
    ...labels: ByNeed<
      C,
      N,
      Given,
      [labels: LabelsOf<C, N, Given>],
      [labels?: LabelsOf<C, N, Given> | undefined, ...options: OptionsOf<C, SampleOptions>]
    >
  ): void;

  /**
   * Runs `fn` and observes its duration, in seconds if the name ends in `_seconds`, otherwise in
   * milliseconds. If `fn` returns a promise, the duration ends when it settles. If `fn` throws or
   * rejects, the duration is recorded as well, and the caller gets the same error.
   *
   * Clocks in Workers advance only on I/O, to protect against timing attacks. A deployed Worker
   * measures 0 for a function that only computes. It measures the time that a function waits:
   * fetch, KV, D1, R2, other Workers. Under `wrangler dev` the clock always runs, so the numbers
   * differ there.
   */
  time<R>(name: UnlabelledName<C, "histogram", Given>, fn: () => R): Timed<R>;
  /** The same, with labels. */
  time<N extends MetricName<C, "histogram">, R>(name: N, labels: LabelsOf<C, N, Given>, fn: () => R): Timed<R>;

  /**
   * Starts a timer and returns the function that stops it. You may pass labels to both. See {@link
   * Metrics.time} for the unit, and for what clocks in Workers measure.
   */
  startTimer<N extends MetricName<C, "histogram">, K extends LabelName<C, N> = never>(
    name: N,
    labels?: { [P in K]: LabelValue },
  ): StopTimer<RemainingLabels<C, N, K | Given>>;

  /**
   * Sends the waiting samples now. Resolves when the reporter has answered or after `timeoutMs`.
   * You rarely need it, because the client sends every sample by itself. It does not wait for a
   * call that another request of the isolate makes at that moment.
   */
  flush(): Promise<void>;

  /**
   * Returns the ledger: counts of the isolate's samples by outcome, or of this request's samples
   * with the scope `request`. Without a binding, all counts are zero.
   */
  account(): Account;
}

/**
 * Collects metrics and sends those of many requests to the reporter in one call.
 *
 * Counters with the same name and labels are added up. Observations are kept. `flushIntervalMs`
 * after the first sample, one request sends the samples of all requests of its isolate, in its own
 * `ctx.waitUntil`. See {@link SendingOptions} for the scope `request`.
 *
 * Call this once per request: a `ctx` ends with its request. The call is cheap.
 *
 * @param binding - `env.METRICS`, a service binding with entrypoint `MetricsReporter`. Without a
 * binding, nothing is recorded. `undefined` logs a warning; pass `null` if that is intended.
 * @param ctx - the request's `ExecutionContext`, `this.ctx` of a `WorkerEntrypoint` or a Durable
 * Object, or Hono's `c`.
 *
 * @example
 * ```ts
 * const metrics = createMetrics(env.METRICS, ctx);
 * metrics.incr("requests_total", { route: "/" });
 * ```
 */
export function createMetrics<const C extends Catalogue = Catalogue, const B extends Labels = {}>(
  binding: ReporterBinding | null | undefined,
  ctx: RequestContext | null | undefined,
  options?: MetricsOptions<C, B>,
): Metrics<C, keyof B & string> {
  return openMetrics<C, keyof B & string>(binding, ctx, options).metrics;
}

/**
 * Like {@link createMetrics}, but also returns the sender, which wrappers tell when a handler
 * finishes.
 */
export function openMetrics<C extends Catalogue, Given extends string>(
  binding: ReporterBinding | null | undefined,
  ctx: RequestContext | null | undefined,
  options: MetricsOptions<C, Labels> | undefined,
): { metrics: Metrics<C, Given>; sender: Sender | undefined } {
  let sender: Sender | undefined;
  let base: LabelPairs = noLabels();
  let catalogue: Catalogue | undefined;
  try {
    if (binding === undefined) {
      warn("", "unbound", "there is no reporter binding, so no metrics are recorded; pass null if that is meant");
    } else if (binding !== null) {
      sender = senderFor(binding, contextOf(ctx), options);
      catalogue = options?.catalogue;
      base = readLabels(options?.labels, noLabels(), MAX_CHARS_PER_SAMPLE);
    }
  } catch (error) {
    warn("", "options", `createMetrics goes on without its labels: ${reasonOf(error)}`);
  }
  return { metrics: metricsOn(sender, base, catalogue) as unknown as Metrics<C, Given>, sender };
}

function metricsOn(sender: Sender | undefined, base: LabelPairs, catalogue: Catalogue | undefined): Metrics {
  function record(type: Series["type"], name: unknown, read: () => { value: number; labels: LabelPairs; help: unknown }) {
    if (sender === undefined) return;
    try {
      if (typeof name !== "string") throw new Problem(`a metric's name must be a string, got ${kindOf(name)}`);
      const { value, labels, help } = read();
      const series = new Series(name, type, labels, typeof help === "string" ? help : undefined);
      if (series.chars > MAX_CHARS_PER_SAMPLE) {
        throw new Problem(`name, labels and help come to more than ${MAX_CHARS_PER_SAMPLE} characters`);
      }
      sender.add(series, value);
    } catch (error) {
      sender.drop();
      const subject = typeof name === "string" ? JSON.stringify(name.slice(0, 100)) : `(${kindOf(name)})`;
      warn(subject, "dropped", `${subject} dropped: ${reasonOf(error)}`);
    }
  }

  function sample(type: Series["type"], name: unknown, args: readonly unknown[]): void {
    record(type, name, () => {
      const { value = type === COUNTER ? 1 : undefined, labels, options } = sortArguments(args);
      if (value === undefined) throw new Problem("an observation needs a value, a number");
      const help = (options as SampleOptions | undefined)?.help ?? helpOf(catalogue, name as string);
      return { value, labels: readLabels(labels, base, MAX_CHARS_PER_SAMPLE), help };
    });
  }

  function startTimer(name: unknown, first?: unknown): (labels?: unknown) => number {
    const start = now();
    let duration: number | undefined;
    return (last) => {
      if (duration !== undefined) return duration;
      const value = (duration = since(start, name));
      record(HISTOGRAM, name, () => {
        const labels = readLabels(last, readLabels(first, base, MAX_CHARS_PER_SAMPLE), MAX_CHARS_PER_SAMPLE);
        return { value, labels, help: helpOf(catalogue, name as string) };
      });
      return value;
    };
  }

  function time(name: unknown, ...args: unknown[]): unknown {
    const withLabels = typeof args[1] === "function" || typeof args[0] !== "function";
    const fn = withLabels ? args[1] : args[0];
    const stop = startTimer(name, withLabels ? args[0] : undefined);
    if (typeof fn !== "function") {
      record(HISTOGRAM, name, () => {
        throw new Problem(`time needs a function to run, got ${kindOf(fn)}`);
      });
      return undefined;
    }

    let result: unknown;
    try {
      result = fn();
    } catch (error) {
      stop();
      throw error;
    }
    if (!isThenable(result)) {
      stop();
      return result;
    }
    // `then` is called only once: some thenables do their work in it.
    return Promise.resolve(result).then(
      (value) => {
        stop();
        return value;
      },
      (error: unknown) => {
        stop();
        throw error;
      },
    );
  }

  return {
    incr: (name: unknown, ...args: unknown[]) => sample(COUNTER, name, args),
    observe: (name: unknown, ...args: unknown[]) => sample(HISTOGRAM, name, args),
    time,
    startTimer,
    flush: async () => sender?.flush(),
    account: () => sender?.account ?? nothing(),
  } as Metrics;
}

// Own properties only: "constructor" is a name that a caller may use.
function helpOf(catalogue: Catalogue | undefined, name: string): unknown {
  return catalogue !== undefined && Object.hasOwn(catalogue, name) ? catalogue[name]?.help : undefined;
}

function reasonOf(error: unknown): string {
  return error instanceof Problem ? error.message : `reading it failed: ${textOf(error)}`;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return (
      value !== null &&
      (typeof value === "object" || typeof value === "function") &&
      typeof (value as { then?: unknown }).then === "function"
    );
  } catch {
    return false;
  }
}
