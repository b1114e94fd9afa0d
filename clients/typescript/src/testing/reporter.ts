import { sortArguments } from "../arguments.js";
import type {
  IncrArguments,
  Labels,
  ObserveArguments,
  PackedSamples,
  PushResult,
  Sample,
  SampleOptions,
  Stats,
} from "../rpc.js";
import { quote, refusal } from "../rules.js";
import { readSample, readSamples, type RecordedSample } from "./recorded.js";

/** A sample that would not arrive, with the reason. */
export interface RefusedSample {
  /** The sample as it was sent. */
  sample: RecordedSample;
  /** The expected and the actual content. */
  message: string;
}

/**
 * Stands in for the binding in unit tests. It keeps the samples that it receives and answers as the
 * reporter does. You can put it into `env` in place of a `Service<MetricsReporter>`.
 *
 * @example
 * ```ts
 * const reporter = new TestReporter();
 * const ctx = new TestContext();
 * await worker.fetch(new Request("http://shop/"), { METRICS: reporter }, ctx);
 * await ctx.settled();
 * assert.equal(reporter.counter("requests_total", { route: "/" }), 1);
 * ```
 */
export class TestReporter {
  declare readonly __WORKER_ENTRYPOINT_BRAND: never;

  /** Accepted samples, one array per call of `record`, `push`, `incr` or `observe`. */
  readonly calls: RecordedSample[][] = [];
  /**
   * Samples that the reporter would refuse. Assert that this is empty to find errors such as
   * misspelt names. Size limits are not checked.
   */
  readonly refused: RefusedSample[] = [];
  /**
   * Samples that the reporter accepts and the gateway would reject, because a metric always has the
   * same label names. {@link samples} contains them as well.
   */
  readonly rejected: RefusedSample[] = [];
  readonly #firsts = new Map<string, RecordedSample>();
  #trouble: (() => Promise<never>) | undefined;

  /**
   * All accepted samples. Counters of one request arrive added up, and observations of one series
   * arrive one after another.
   */
  get samples(): RecordedSample[] {
    return this.calls.flat();
  }

  /**
   * Returns the sum of a counter's increments over all series that have these labels. A series may
   * have more labels. The sum is 0 if there are none.
   */
  counter(name: string, labels: Labels = {}): number {
    return this.#matching("counter", name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /**
   * Returns a histogram's observations over all series that have these labels. A series may have
   * more labels. The observations of one series are in order.
   */
  observations(name: string, labels: Labels = {}): number[] {
    return this.#matching("histogram", name, labels).map(({ value }) => value);
  }

  /** Makes every later call reject with `error`. */
  fail(error: unknown = new Error("Network connection lost.")): void {
    this.#trouble = () => Promise.reject(error);
  }

  /** Leaves every later call without an answer. */
  hang(): void {
    this.#trouble = () => new Promise<never>(() => {});
  }

  /** Ends {@link fail} and {@link hang}. */
  recover(): void {
    this.#trouble = undefined;
  }

  /** Removes all recorded samples. */
  clear(): void {
    this.calls.length = 0;
    this.refused.length = 0;
    this.rejected.length = 0;
    this.#firsts.clear();
    this.#trouble = undefined;
  }

  /** Takes one increment. Resolves to 1, or to 0 if the reporter would refuse it. */
  async incr(...args: IncrArguments): Promise<number> {
    return this.#single("counter", 1, args);
  }

  /** Takes one observation. Resolves to 1, or to 0 if the reporter would refuse it. */
  async observe(...args: ObserveArguments): Promise<number> {
    return this.#single("histogram", undefined, args);
  }

  /** Takes samples in either form. Resolves to the number of accepted samples. */
  async record(samples: readonly Sample[] | PackedSamples): Promise<number> {
    await this.#trouble?.();
    return this.#take(readSamples(samples)).length;
  }

  // These three answer with objects. The type of an RPC promise for objects has members that a
  // plain promise lacks; `any` keeps the double assignable to it.

  /** Resolves to a {@link PushResult}: delivered, except for refused and rejected samples. */
  push(samples: readonly Sample[] | PackedSamples): any {
    return this.#push(samples);
  }

  /** Resolves to a {@link PushResult}: delivered, and empty. */
  flush(): any {
    return this.#push([]);
  }

  /** Resolves to {@link Stats} in which all accepted samples are delivered. */
  stats(): any {
    return this.#stats();
  }

  /** Answers as the reporter does, which has nothing to fetch. */
  async fetch(..._args: any[]): Promise<any> {
    return new Response("not found", { status: 404 });
  }

  /** Answers as the reporter does, which accepts no connection. */
  connect(..._args: any[]): any {
    throw new TypeError("the reporter has no connect handler");
  }

  async #push(samples: readonly Sample[] | PackedSamples): Promise<PushResult> {
    await this.#trouble?.();
    const before = { refused: this.refused.length, rejected: this.rejected.length };
    const read = readSamples(samples);
    const taken = read.length === 0 ? 0 : this.#take(read).length;
    const rejected = this.rejected.length - before.rejected;
    const refused = this.refused.slice(before.refused).map(({ sample, message }) => ({
      index: read.indexOf(sample),
      reason: "invalid",
      message,
    }));
    return {
      ok: refused.length === 0 && rejected === 0,
      outcome: "delivered",
      accepted: taken - rejected,
      rejected,
      code: 0,
      status: "OK",
      message: "",
      refused,
    };
  }

  async #stats(): Promise<Stats> {
    await this.#trouble?.();
    const taken = this.samples.length;
    const rejected = this.rejected.length;
    return {
      taken,
      coalesced: 0,
      delivered: taken - rejected,
      rejected,
      dropped: {},
      unknown: {},
      buffered: 0,
      in_flight: 0,
      refused: this.refused.length > 0 ? { invalid: this.refused.length } : {},
      pushes: { delivered: this.calls.length, dropped: 0, unknown: 0, retried: 0 },
      last_error: null,
      config: {},
    };
  }

  async #single(type: "counter" | "histogram", otherwise: number | undefined, args: unknown[]): Promise<number> {
    await this.#trouble?.();
    const [first, ...rest] = args;
    if (typeof first === "object") return this.#take([readSample({ value: otherwise, ...first, type })]).length;
    const { value = otherwise, labels, options } = sortArguments(rest);
    const help = (options as SampleOptions | undefined)?.help;
    return this.#take([readSample({ name: first, type, value, labels, help })]).length;
  }

  #take(samples: RecordedSample[]): RecordedSample[] {
    const taken = samples.filter((sample) => this.#takes(sample));
    this.calls.push(taken);
    return taken;
  }

  #takes(sample: RecordedSample): boolean {
    const first = this.#firsts.get(sample.name);
    const labels = Object.entries(sample.labels).flat();
    const refused = refusal({ ...sample, labels }, first?.type);
    if (refused !== undefined) {
      this.refused.push({ sample, message: refused });
      return false;
    }
    if (first === undefined) this.#firsts.set(sample.name, sample);
    const rejected = first && rejection(sample, first);
    if (rejected !== undefined) this.rejected.push({ sample, message: rejected });
    return true;
  }

  #matching(type: string, name: string, labels: Labels): RecordedSample[] {
    const wanted = Object.entries(labels);
    return this.samples.filter(
      (sample) =>
        sample.type === type &&
        sample.name === name &&
        wanted.every(([label, value]) => sample.labels[label] === String(value)),
    );
  }
}

/**
 * Returns the reason why the gateway would reject an accepted sample: a metric always has the same
 * label names.
 */
function rejection(sample: RecordedSample, first: RecordedSample): string | undefined {
  const [before, now] = [namesOf(first), namesOf(sample)];
  return before === now ? undefined : `${quote(sample.name)} had the labels ${before} before, got ${now}`;
}

// An empty label is the same as no label.
function namesOf({ labels }: RecordedSample): string {
  return JSON.stringify(Object.keys(labels).filter((name) => labels[name] !== "").sort());
}
