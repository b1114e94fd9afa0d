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
  /** From {@link defineMetrics}: makes names and labels compile-time checked, and sends the help along. */
  catalogue?: C;
  /** Labels for every sample. The same label in a call wins. */
  labels?: B;
}

/** What {@link Metrics.time} gives back for a function that returns `R`. */
export type Timed<R> = R extends PromiseLike<infer T> ? Promise<T> : R;

/**
 * Ends a timer: records the time since its start, in seconds if the metric's name
 * ends in `_seconds` and else in milliseconds, and returns that number. Only
 * the first call records, later ones return the same number.
 */
export type StopTimer<L> = {} extends L ? (labels?: L) => number : (labels: L) => number;

/**
 * One request's metrics. The functions need no `this`: they can be taken apart.
 *
 * None of them throws or rejects, whatever it is given and whatever becomes of
 * the reporter. What can't be sent is counted in {@link Metrics.account} and
 * named in a warning, at most once a minute.
 *
 * `C` is the catalogue's type, `Given` the labels that every sample has anyway.
 */
export interface Metrics<C extends Catalogue = Catalogue, Given extends string = never> {
  // The order of the overloads decides what a compiler says about a wrong call: it names the last one
  // that takes as many arguments.

  /** Adds to a counter: `value` is finite and not negative, and 1 if left out. */
  incr<N extends MetricName<C, "counter">>(
    name: N,
    labels: LabelsOf<C, N, Given>,
    value: number | undefined,
    ...options: OptionsOf<C, SampleOptions>
  ): void;
  /** Adds to a counter: `value` is finite and not negative, and 1 if left out. */
  incr<N extends MetricName<C, "counter">>(
    name: N,
    value: number | undefined,
    labels: LabelsOf<C, N, Given>,
    ...options: OptionsOf<C, SampleOptions>
  ): void;
  /** Adds 1 to a counter, or a value if the metric needs no labels: finite and not negative. */
  incr<N extends MetricName<C, "counter">>(
    name: N,
    ...labels: ByNeed<C, N, Given, [labels: LabelsOf<C, N, Given>], [labelsOrValue?: LabelsOf<C, N, Given> | number | undefined]>
  ): void;

  /** Puts an observation into a histogram: `value` is finite and in the unit that the name says. */
  observe<N extends MetricName<C, "histogram">>(
    name: N,
    labels: LabelsOf<C, N, Given>,
    value: number,
    ...options: OptionsOf<C, SampleOptions>
  ): void;
  /** Puts an observation into a histogram: `value` is finite and in the unit that the name says. */
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
   * Runs `fn` and observes how long it took, also when it throws or rejects: in
   * seconds if the name ends in `_seconds`, and else in milliseconds. The very same error then goes on to the caller. A promise is timed
   * until it settles.
   *
   * Clocks in Workers advance only on I/O, as a guard against timing attacks. A
   * deployed Worker therefore measures 0 ms for a function that only computes;
   * what is measured is waiting: fetch, KV, D1, R2, other Workers. Under
   * `wrangler dev` the clock does run, so the numbers differ there.
   */
  time<R>(name: UnlabelledName<C, "histogram", Given>, fn: () => R): Timed<R>;
  /** The same, with labels. */
  time<N extends MetricName<C, "histogram">, R>(name: N, labels: LabelsOf<C, N, Given>, fn: () => R): Timed<R>;

  /**
   * Starts a timer, in the unit that the name ends in as for {@link Metrics.time}; the function that it returns ends it. Labels
   * may be given at either end. See {@link Metrics.time} for what clocks in Workers measure.
   */
  startTimer<N extends MetricName<C, "histogram">, K extends LabelName<C, N> = never>(
    name: N,
    labels?: { [P in K]: LabelValue },
  ): StopTimer<RemainingLabels<C, N, K | Given>>;

  /**
   * Sends what waits, now, and resolves when the reporter has answered or
   * `timeoutMs` are over. Rarely needed: everything is sent on its own. What
   * another request of the isolate is sending at that moment is not waited for.
   */
  flush(): Promise<void>;

  /**
   * What became of the samples so far: all of the isolate's, or this request's with
   * the scope `request`. All zero without a binding.
   */
  account(): Account;
}

/**
 * Collects metrics and sends them to the reporter, many requests' in one call.
 *
 * Counters with the same name and labels are added up, observations are kept. One
 * request sends for all that its isolate serves, `flushIntervalMs` after the first
 * sample, in its own `ctx.waitUntil`; see {@link SendingOptions} for the scope `request`.
 *
 * Make one per request: a `ctx` ends with its request, and making one is cheap.
 *
 * @param binding - `env.METRICS`, a service binding with entrypoint
 * `MetricsReporter`. Without it nothing is recorded: `undefined` is warned about
 * once, `null` says that this is on purpose.
 * @param ctx - the request's `ExecutionContext`, `this.ctx` of a
 * `WorkerEntrypoint` or a Durable Object, or Hono's `c`.
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

/** As {@link createMetrics}, with the sender for those who have to tell it when a handler is done. */
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
    // `then` is called once: some thenables do their work in it.
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
