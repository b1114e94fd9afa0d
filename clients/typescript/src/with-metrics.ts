import { attach } from "./attached.js";
import { defineMetrics, type Catalogue } from "./catalogue.js";
import { now, since } from "./clock.js";
import type { Metrics } from "./metrics.js";
import { kindOf, Problem, textOf } from "./problem.js";
import type { Labels } from "./rpc.js";
import type { ReporterBinding, Sender, WaitUntilContext } from "./sender.js";
import type { SendingOptions } from "./settings.js";
import { warn } from "./warn.js";

/**
 * The metrics that {@link withMetrics} records. Spread it into a catalogue to
 * give them other help texts. With the option `route` they have the label `route` as well.
 */
export const httpMetrics = /* @__PURE__ */ defineMetrics({
  http_requests_total: {
    type: "counter",
    labels: ["method", "status"],
    help: "Requests handled, by method and status of the response",
  },
  http_request_duration_ms: {
    type: "histogram",
    labels: ["method", "status"],
    help: "Milliseconds from the start of the handler to its response, without the time to stream the body",
  },
});

/** A module's default export, or anything else with a `fetch` such as a Hono app. */
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

/** The handlers of `H`, each with its own arguments. What they return is a promise in any case. */
export type WrappedHandler<H extends AnyHandler> = {
  [K in keyof Pick<H, keyof H & keyof AnyHandler>]: Wrapped<H[K]>;
};

type Wrapped<F> = F extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : F;

/** Options of {@link withMetrics}. */
export interface WithMetricsOptions<H extends AnyHandler = AnyHandler> extends SendingOptions {
  /** Name of the reporter's binding in `env`, or a function that finds it. Default `"METRICS"`. */
  binding?: string | ((env: any) => ReporterBinding | null | undefined);
  /** Adds help to what handlers record through {@link getMetrics}. */
  catalogue?: Catalogue;
  /** Labels for every sample, those of `getMetrics` included. */
  labels?: Labels;
  /**
   * The value of the label `route`, asked for after the handler is done. It must
   * come from a small fixed set, so return the pattern (`/users/:id`) and never the path; nothing
   * becomes the empty string. Without this function there is no such label.
   */
  route?: (...args: Parameters<NonNullable<H["fetch"]>>) => string | null | undefined;
}

// Anyone can send a request with any method; the label must not grow with them.
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]);

// Only fetch is counted; in all of them getMetrics(ctx) works and ends with one call.
const OTHERS = ["connect", "tail", "trace", "tailStream", "scheduled", "test", "email", "queue"] as const;

/**
 * Wraps a handler so that each request is counted and timed, and so that
 * everything it records through {@link getMetrics} leaves in one call once it is done.
 *
 * - `http_requests_total{method,status}` and `http_request_duration_ms{method,status}`,
 *   with `route` if that option is given. `method` is one of the nine of HTTP or
 *   `OTHER`. The duration ends with the handler's response: a body still
 *   streaming is not waited for.
 * - A handler that throws counts as status 500, and the very same error goes on.
 * - The response is handed on untouched, and does not wait for its metrics.
 * - Other handlers (`scheduled`, `queue`, …) run as they are, with `getMetrics(ctx)` available.
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
export function withMetrics<H extends AnyHandler>(handler: H, options?: WithMetricsOptions<H>): WrappedHandler<H> {
  try {
    if (typeof handler !== "object" || handler === null) throw new Problem(`expected an object, got ${kindOf(handler)}`);
    return wrap(handler, copyOf(options)) as WrappedHandler<H>;
  } catch (error) {
    warn("", "handler", `withMetrics wraps an object with handlers; this one stays as it is: ${textOf(error)}`);
    return handler as WrappedHandler<H>;
  }
}

function wrap(handler: AnyHandler, options: WithMetricsOptions): Record<string, unknown> {
  const wrapped: Record<string, unknown> = {};
  // Handlers that are newer than this list must not get lost.
  for (const [name, value] of Object.entries(handler)) {
    if (typeof value === "function") wrapped[name] = (value as Handler).bind(handler);
  }
  for (const name of OTHERS) {
    // itty-router has a function for every name that is read; only what is there is a handler.
    const inner = name in handler ? handler[name] : undefined;
    if (typeof inner === "function") wrapped[name] = passOn(inner.bind(handler), options);
  }
  const { fetch } = handler;
  if (typeof fetch === "function") wrapped["fetch"] = measure(fetch.bind(handler), options);
  return wrapped;
}

// Read once and here: a getter that throws must not do so in the middle of a request.
function copyOf(options: WithMetricsOptions | undefined): WithMetricsOptions {
  try {
    return { ...options };
  } catch (error) {
    warn("", "options", `withMetrics goes on without its options: ${textOf(error)}`);
    return {};
  }
}

type Handler = (...args: unknown[]) => unknown;
type Open = { metrics: Metrics; sender: Sender | undefined };

function measure(inner: Handler, options: WithMetricsOptions): Handler {
  return async (...args) => {
    const open = begin(args, options);
    const start = now();
    let status = "500";
    try {
      const response = await inner(...args);
      status = statusOf(response);
      return response;
    } finally {
      const labels: Labels = { method: methodOf(args[0]), status };
      if (options.route !== undefined) labels["route"] = routeOf(options.route, args);
      open?.metrics.incr("http_requests_total", labels);
      open?.metrics.observe("http_request_duration_ms", since(start), labels);
      open?.sender?.release();
    }
  };
}

function passOn(inner: Handler, options: WithMetricsOptions): Handler {
  return async (...args) => {
    const open = begin(args, options);
    try {
      return await inner(...args);
    } finally {
      open?.sender?.release();
    }
  };
}

function begin([, env, ctx]: unknown[], options: WithMetricsOptions): Open | undefined {
  try {
    const find = options.binding ?? "METRICS";
    const binding = typeof find === "function" ? find(env) : (env as Record<string, ReporterBinding>)[find];
    const catalogue = { ...httpMetrics, ...options.catalogue };
    const open = attach(binding, ctx as WaitUntilContext | undefined, { ...options, catalogue });
    open.sender?.hold();
    return open;
  } catch (error) {
    warn("", "begin", `withMetrics records nothing: ${textOf(error)}`);
    return undefined;
  }
}

function methodOf(request: unknown): string {
  try {
    const { method } = request as Request;
    return METHODS.has(method) ? method : "OTHER";
  } catch {
    return "OTHER";
  }
}

// The runtime answers 500 in place of what is no response.
function statusOf(response: unknown): string {
  try {
    const { status } = response as Response;
    return Number.isInteger(status) && status >= 100 && status <= 599 ? String(status) : "500";
  } catch {
    return "500";
  }
}

function routeOf(route: Handler, args: unknown[]): string {
  try {
    const found = route(...args);
    return typeof found === "string" ? found : "";
  } catch (error) {
    warn("", "route", `the route function of withMetrics failed, the label stays empty: ${textOf(error)}`);
    return "";
  }
}
