import type { Catalogue } from "./catalogue.js";
import { openMetrics, type Metrics, type MetricsOptions } from "./metrics.js";
import type { Labels } from "./rpc.js";
import type { ReporterBinding, Sender, WaitUntilContext } from "./sender.js";
import { warn } from "./warn.js";

type Attached = { binding: ReporterBinding | null | undefined; options: MetricsOptions<Catalogue, Labels> };

const attached = new WeakMap<object, Attached>();

/** Makes a ctx known to {@link getMetrics}; the last one wins. */
export function attach(
  binding: ReporterBinding | null | undefined,
  ctx: WaitUntilContext | null | undefined,
  options: MetricsOptions<Catalogue, Labels>,
): { metrics: Metrics; sender: Sender | undefined } {
  if (typeof ctx === "object" && ctx !== null) attached.set(ctx, { binding, options });
  return openMetrics<Catalogue, never>(binding, ctx, options);
}

/**
 * The metrics of a request whose handler is wrapped in {@link withMetrics}, from
 * anywhere the request's `ctx` reaches: a route of Hono (`c.executionCtx`) or
 * itty-router, a module far below the handler.
 *
 * It has the wrapper's labels, and its catalogue unless one is given here; giving
 * one here is what makes names and labels checked. For a ctx that went through no
 * wrapper, nothing is recorded, which is warned about.
 *
 * @example
 * ```ts
 * getMetrics(ctx, catalogue).incr("orders_total", { country: "PT" });
 * ```
 */
export function getMetrics<const C extends Catalogue = Catalogue>(
  ctx: WaitUntilContext | null | undefined,
  catalogue?: C,
): Metrics<C> {
  let known: Attached | undefined;
  try {
    known = attached.get(ctx as object);
  } catch {
    // a proxy or no object at all
  }
  if (known === undefined) {
    warn("", "unwrapped", "getMetrics needs a ctx that came through withMetrics; no metrics are recorded");
    return openMetrics<C, never>(null, null, undefined).metrics;
  }
  const options = catalogue === undefined ? known.options : { ...known.options, catalogue };
  return openMetrics<C, never>(known.binding, ctx, options as MetricsOptions<C, Labels>).metrics;
}
