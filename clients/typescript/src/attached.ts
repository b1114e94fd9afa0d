import type { Catalogue } from "./catalogue.js";
import { contextOf, mark, markOf, type RequestContext, type WaitUntilContext } from "./context.js";
import { openMetrics, type Metrics, type MetricsOptions } from "./metrics.js";
import type { Labels, ReporterBinding } from "./rpc.js";
import { newStorage, type Storage } from "./runtime.js";
import type { Sender } from "./sender.js";
import { warn } from "./warn.js";

/** What a wrapper knows about the request that it runs. */
export interface Attached {
  readonly binding: ReporterBinding | null | undefined;
  readonly ctx: WaitUntilContext | undefined;
  readonly options: MetricsOptions<Catalogue, Labels>;
}

// Made in the first request: while modules are loaded the runtime's is not there yet.
let current: Storage<Attached> | undefined;

/** Makes a ctx known to {@link getMetrics}; the last one wins. */
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

/** The metrics of what was attached, with the sender for those who have to tell it when a handler is done. */
export function openAttached({ binding, ctx, options }: Attached): { metrics: Metrics; sender: Sender | undefined } {
  return openMetrics<Catalogue, never>(binding, ctx, options);
}

/** Runs `work` so that {@link getMetrics} finds what was attached from anywhere in it, where the runtime can do that. */
export function runAttached<R>(attached: Attached, work: () => R): R {
  current ??= newStorage<Attached>();
  return current === undefined ? work() : current.run(attached, work);
}

/**
 * The metrics of a request whose handler is wrapped in {@link withMetrics}, from
 * anywhere the request's `ctx` reaches: a route of Hono (`getMetrics(c)`) or
 * itty-router, a module far below the handler. With the compatibility flag
 * `nodejs_als` or `nodejs_compat` it needs no ctx at all.
 *
 * It has the wrapper's labels, and its catalogue unless one is given here; giving
 * one here is what makes names and labels checked. Where no wrapper is found,
 * nothing is recorded, which is warned about.
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
