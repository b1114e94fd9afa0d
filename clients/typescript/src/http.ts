import { defineMetrics } from "./catalogue.js";
import { since } from "./clock.js";
import type { Metrics } from "./metrics.js";
import { textOf } from "./problem.js";
import { warn } from "./warn.js";

/**
 * The metrics that {@link withMetrics} records. Spread them into a catalogue to change their help,
 * or to record them in your own middleware.
 *
 * Every Worker sends the same three labels. A label without a known value is empty.
 */
export const httpMetrics = /* @__PURE__ */ defineMetrics({
  http_requests_total: {
    type: "counter",
    labels: ["method", "route", "status"],
    help: "Requests handled, by method, route and status of the response",
  },
  http_request_duration_seconds: {
    type: "histogram",
    labels: ["method", "route", "status"],
    help: "Seconds from the start of the handler to its response, without the time to stream the body",
  },
});

// A client can send any method name, and the number of label values must stay small.
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"]);

type Route = (...args: any[]) => string | null | undefined;

/** Records one request. `response` is undefined if the handler threw. */
export function recordRequest(metrics: Metrics, start: number, args: readonly unknown[], response: unknown, route: Route | undefined): void {
  const labels = { method: methodOf(args[0]), route: routeOf(route, args), status: statusOf(response) };
  metrics.incr("http_requests_total", labels);
  metrics.observe("http_request_duration_seconds", since(start, "http_request_duration_seconds"), labels);
}

function methodOf(request: unknown): string {
  try {
    const { method } = request as Request;
    return METHODS.has(method) ? method : "OTHER";
  } catch {
    return "OTHER";
  }
}

// The runtime answers 500 if the handler returns something other than a response.
function statusOf(response: unknown): string {
  try {
    const { status } = response as Response;
    return Number.isInteger(status) && status >= 100 && status <= 599 ? String(status) : "500";
  } catch {
    return "500";
  }
}

function routeOf(route: Route | undefined, args: readonly unknown[]): string {
  if (route === undefined) return "";
  try {
    const found = route(...args);
    return typeof found === "string" ? found : "";
  } catch (error) {
    warn("", "route", `the route function of withMetrics failed, the label stays empty: ${textOf(error)}`);
    return "";
  }
}
