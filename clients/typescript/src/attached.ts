import type { Catalogue } from "./catalogue.js";
import { contextOf, mark, markOf, type RequestContext, type WaitUntilContext } from "./context.js";
import { openMetrics, type Metrics, type MetricsOptions } from "./metrics.js";
import type { Labels, ReporterBinding } from "./rpc.js";
import { newStorage, type Storage } from "./runtime.js";
import type { Sender } from "./sender.js";
import { warn } from "./warn.js";

/** What a wrapper knows about the current request. */
export interface Attached {
  readonly binding: ReporterBinding | null | undefined;
  readonly ctx: WaitUntilContext | undefined;
  readonly options: MetricsOptions<Catalogue, Labels>;
}

// Created in the first request, because the runtime's module may not be loaded before that.
let current: Storage<Attached> | undefined;

/**
 * Stores `attached` for a ctx, so that {@link getMetrics} finds it. A later call replaces an
 * earlier one.
 */
export function attach(
  binding: ReporterBinding | null | undefined,
  ctx: WaitUntilContext | null | undefined,
  options: MetricsOptions<Catalogue, Labels>,
): Attached {
  const usable = contextOf(ctx);
  const attached = { binding, ctx: usable, options };
  if (usable !== undefined) mark(usable, attached);
  return attached;
}

/**
 * Like {@link getMetrics}, but also returns the sender, which wrappers tell when a handler
 * finishes.
 */
export function openAttached({ binding, ctx, options }: Attached): { metrics: Metrics; sender: Sender | undefined } {
  return openMetrics<Catalogue, never>(binding, ctx, options);
}

/** Runs `work` with the attached values in AsyncLocalStorage, if the runtime has it. */
export function runAttached<R>(attached: Attached, work: () => R): R {
  current ??= newStorage<Attached>();
  return current === undefined ? work() : current.run(attached, work);
}

/**
 * Returns the metrics of a request whose handler is wrapped in {@link withMetrics}. It works
 * wherever the request's `ctx` is available: in a route of Hono (`getMetrics(c)`) or itty-router,
 * or deep below the handler. With the compatibility flag `nodejs_als` or `nodejs_compat` it needs
 * no ctx in handlers and in the `fetch` of a class.
 *
 * The metrics have the wrapper's labels. They use the wrapper's catalogue unless you pass one here.
 * Pass a catalogue to check names and labels at compile time. Without a wrapper, nothing is
 * recorded, and the client logs a warning.
 *
 * @example
 * ```ts
 * getMetrics(ctx, catalogue).incr("orders_total", { country: "PT" });
 * ```
 */
export function getMetrics<const C extends Catalogue = Catalogue>(
  ctx?: RequestContext | null,
  catalogue?: C,
): Metrics<C> {
  const usable = contextOf(ctx);
  const known = (usable && (markOf(usable) as Attached | undefined)) ?? current?.getStore();
  if (known === undefined) {
    warn("", "unwrapped", UNWRAPPED);
    return openMetrics<C, never>(null, null, undefined).metrics;
  }
  const options = catalogue === undefined ? known.options : { ...known.options, catalogue };
  return openMetrics<C, never>(known.binding, known.ctx, options as MetricsOptions<C, Labels>).metrics;
}

const UNWRAPPED =
  "getMetrics found no withMetrics around this request, so no metrics are recorded. " +
  "Either the handler is not wrapped, or another wrapper between the two made a ctx of its own: " +
  "put withMetrics inside of it, next to the handler, or set the compatibility flag nodejs_als";
