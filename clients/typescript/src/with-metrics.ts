import { attach, openAttached, runAttached, type Attached } from "./attached.js";
import type { Catalogue } from "./catalogue.js";
import { now } from "./clock.js";
import type { WaitUntilContext } from "./context.js";
import { httpMetrics, recordRequest } from "./http.js";
import type { Metrics } from "./metrics.js";
import { kindOf, Problem, textOf } from "./problem.js";
import type { Labels, ReporterBinding } from "./rpc.js";
import type { Sender } from "./sender.js";
import type { SendingOptions } from "./settings.js";
import { warn } from "./warn.js";

/** A module's default export, or another object with a `fetch`, such as a Hono app. */
export interface AnyHandler {
  fetch?: ((...args: any[]) => any) | undefined;
  connect?: ((...args: any[]) => any) | undefined;
  tail?: ((...args: any[]) => any) | undefined;
  trace?: ((...args: any[]) => any) | undefined;
  tailStream?: ((...args: any[]) => any) | undefined;
  scheduled?: ((...args: any[]) => any) | undefined;
  test?: ((...args: any[]) => any) | undefined;
  email?: ((...args: any[]) => any) | undefined;
  queue?: ((...args: any[]) => any) | undefined;
}

/** The handlers of `H`, each with its own arguments. They always return a promise. */
export type WrappedHandler<H extends AnyHandler> = {
  [K in keyof Pick<H, keyof H & keyof AnyHandler>]: Wrapped<H[K]>;
};

type Wrapped<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : F;

/** A class that extends `WorkerEntrypoint` or `DurableObject`. */
export type AnyEntrypoint = new (ctx: any, env: any) => object;

/** Options of {@link withMetrics}. */
export interface WithMetricsOptions<H = AnyHandler> extends SendingOptions {
  /**
   * Name of the reporter's binding in `env`, or a function that returns the binding. Default
   * `"METRICS"`.
   */
  binding?: string | ((env: any) => ReporterBinding | null | undefined);
  /** Adds help to the samples that handlers record through {@link getMetrics}. */
  catalogue?: Catalogue;
  /** Labels for every sample, also for those of `getMetrics`. */
  labels?: Labels;
  /**
   * Returns the value of the label `route`. The client calls it after the handler has finished. The
   * set of values must be small, so return the pattern (`/users/:id`) and never the path. Without
   * this function, or if it returns nothing, the label is empty.
   */
  route?: (...args: FetchArguments<H>) => string | null | undefined;
}

type FetchArguments<H> = H extends new (ctx: infer C, env: infer E) => infer I
  ? [request: I extends { fetch(request: infer R): unknown } ? R : any, env: E, ctx: C]
  : H extends { fetch?: infer F }
    ? AtLeastThree<Parameters<Extract<F, (...args: any[]) => any>>>
    : any[];

// A handler may declare fewer parameters than the three that the runtime passes to it.
type AtLeastThree<A extends unknown[]> = A extends []
  ? [request: any, env: any, ctx: any]
  : A extends [infer R]
    ? [request: R, env: any, ctx: any]
    : A extends [infer R, infer E]
      ? [request: R, env: E, ctx: any]
      : A;

// Only fetch is counted. In all of them getMetrics(ctx) works, and their samples leave in one call
// at the end.
const OTHERS = ["connect", "tail", "trace", "tailStream", "scheduled", "test", "email", "queue"] as const;

/**
 * Wraps a handler, or a class that extends `WorkerEntrypoint` or `DurableObject`. It counts and
 * times each request, and makes {@link getMetrics} work.
 *
 * - It records `http_requests_total` and `http_request_duration_seconds`, both with the labels
 *   `method`, `route` and `status`. `method` is one of the nine HTTP methods or `OTHER`. `route` is
 *   empty without that option. The duration ends with the handler's response and does not include
 *   the streaming of the body.
 * - A handler that throws counts as status 500. The wrapper rethrows the same error.
 * - The wrapper returns the response unchanged and does not delay it.
 * - Other handlers (`scheduled`, `queue`, the methods of a class, …) run unchanged and can use
 *   `getMetrics`.
 *
 * @example
 * ```ts
 * export default withMetrics({
 *   async fetch(request, env, ctx) {
 *     return new Response("hello");
 *   },
 * } satisfies ExportedHandler<Env>);
 * ```
 */
export function withMetrics<K extends AnyEntrypoint>(entrypoint: K, options?: WithMetricsOptions<K>): K;
export function withMetrics<H extends AnyHandler>(handler: H, options?: WithMetricsOptions<H>): WrappedHandler<H>;
export function withMetrics(handler: unknown, options?: WithMetricsOptions<any>): unknown {
  try {
    if (typeof handler === "function") return wrapClass(handler as AnyEntrypoint, copyOf(options));
    if (typeof handler !== "object" || handler === null) throw new Problem(`got ${kindOf(handler)}`);
    return wrap(handler as AnyHandler, copyOf(options));
  } catch (error) {
    warn("", "handler", `withMetrics wraps a class or an object with handlers; this one stays as it is: ${textOf(error)}`);
    return handler;
  }
}

function wrap(handler: AnyHandler, options: WithMetricsOptions): Record<string, unknown> {
  const wrapped: Record<string, unknown> = {};
  // A handler may be a proxy, such as those of tracing wrappers, without a working `bind`.
  const bound =
    (inner: Handler): Handler =>
    (...args) =>
      Reflect.apply(inner, handler, args);
  // Keep handlers that are newer than this list.
  for (const [name, value] of Object.entries(handler)) {
    if (typeof value === "function") wrapped[name] = bound(value as Handler);
  }
  for (const name of OTHERS) {
    // itty-router returns a function for every property name. Only own or inherited members are
    // handlers.
    const inner = name in handler ? handler[name] : undefined;
    if (typeof inner === "function") wrapped[name] = passOn(bound(inner), options);
  }
  const { fetch } = handler;
  if (typeof fetch === "function") {
    const inner = bound(fetch);
    wrapped["fetch"] = (...args: unknown[]) => measure(inner, args, args, options);
  }
  return wrapped;
}

function wrapClass(Inner: AnyEntrypoint, options: WithMetricsOptions): AnyEntrypoint {
  const { prototype } = Inner as { prototype: Record<string, unknown> };
  // An arrow function cannot be extended, and a plain function is not an entrypoint. A proxy of a
  // class, such as those of tracing wrappers, shows as native code.
  const source = Function.prototype.toString.call(Inner);
  if (typeof prototype !== "object" || !/^class\b|\[native code\]/.test(source)) throw new Problem("got a function");
  const { fetch } = prototype;
  const seen = new WeakMap<object, Made>();

  class WithMetrics extends Inner {
    constructor(ctx: any, env: any) {
      begin(env, ctx, options);
      super(ctx, env);
      seen.set(this, [ctx, env]);
      // A field hides the prototype's fetch, and a proxy may return an object of another class.
      if (Object.hasOwn(this, "fetch") || !(this instanceof WithMetrics)) {
        const own = memberOf(this, "fetch");
        if (typeof own === "function") define(this, counted(own as Handler, [ctx, env]));
      }
    }
  }
  Object.defineProperty(WithMetrics, "name", { value: Inner.name });
  if (typeof fetch === "function") define(WithMetrics.prototype, counted(fetch as Handler, undefined));
  return WithMetrics;

  function counted(inner: Handler, made: Made | undefined): Handler {
    return function (this: object, ...args) {
      const [ctx, env] = made ?? seen.get(this) ?? [];
      return measure((...given) => Reflect.apply(inner, this, given), args, [args[0], env, ctx], options);
    };
  }

  function define(target: object, value: Handler): void {
    Reflect.defineProperty(target, "fetch", { value, configurable: true, writable: true });
  }
}

type Made = [ctx: unknown, env: unknown];

/** Returns an own or inherited member without running a getter, also one of a proxy. */
function memberOf(object: object, name: string): unknown {
  for (let at: object | null = object; at !== null; at = Object.getPrototypeOf(at)) {
    const found = Object.getOwnPropertyDescriptor(at, name);
    if (found !== undefined) return found.value;
  }
  return undefined;
}

// Read once, here: a getter that throws must not throw later, during a request.
function copyOf(options: WithMetricsOptions | undefined): WithMetricsOptions {
  try {
    return { ...options };
  } catch (error) {
    warn("", "options", `withMetrics goes on without its options: ${textOf(error)}`);
    return {};
  }
}

type Handler = (...args: unknown[]) => unknown;
type Open = { attached: Attached; metrics: Metrics; sender: Sender | undefined };

/** Runs `inner` with `args`. `known` holds request, env and ctx. */
async function measure(inner: Handler, args: unknown[], known: unknown[], options: WithMetricsOptions): Promise<unknown> {
  const open = begin(known[1], known[2], options);
  open?.sender?.hold();
  const start = now();
  let response: unknown;
  try {
    response = await run(open, inner, args);
    return response;
  } finally {
    if (open !== undefined) recordRequest(open.metrics, start, known, response, options.route);
    open?.sender?.release();
  }
}

function passOn(inner: Handler, options: WithMetricsOptions): Handler {
  return async (...args) => {
    const open = begin(args[1], args[2], options);
    open?.sender?.hold();
    try {
      return await run(open, inner, args);
    } finally {
      open?.sender?.release();
    }
  };
}

function run(open: Open | undefined, inner: Handler, args: unknown[]): unknown {
  return open === undefined ? inner(...args) : runAttached(open.attached, () => inner(...args));
}

function begin(env: unknown, ctx: unknown, options: WithMetricsOptions): Open | undefined {
  try {
    const find = options.binding ?? "METRICS";
    const binding = typeof find === "function" ? find(env) : (env as Record<string, ReporterBinding>)[find];
    const catalogue = { ...httpMetrics, ...options.catalogue };
    const attached = attach(binding, ctx as WaitUntilContext | undefined, { ...options, catalogue });
    return { attached, ...openAttached(attached) };
  } catch (error) {
    warn("", "begin", `withMetrics records nothing: ${textOf(error)}`);
    return undefined;
  }
}
