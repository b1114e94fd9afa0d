import { createMetrics, defineMetrics, type MetricsReporter } from "metrics-reporter-client";
import { verify } from "./verify.ts";

interface Env {
  METRICS: Service<MetricsReporter>;
}

const catalogue = defineMetrics({
  requests_total: {
    type: "counter",
    labels: ["route", "method", "status"],
    help: "Requests handled, by route, method and status of the response.",
  },
  request_latency_ms: {
    type: "histogram",
    labels: ["route"],
    help: "Milliseconds from the start of the handler to its response.",
  },
});

export default {
  async fetch(request, env, ctx) {
    const metrics = createMetrics(env.METRICS, ctx, { catalogue });
    const stop = metrics.startTimer("request_latency_ms");
    const { route, response } = await answer(request, env);
    stop({ route });
    metrics.incr("requests_total", { route, method: known(request.method), status: response.status });
    // The samples leave after the response, together with those of other requests, so a metric does
    // not delay the visitor.
    return response;
  },
} satisfies ExportedHandler<Env>;

/** `route` is the pattern, never the path: each distinct label value is its own series. */
async function answer(request: Request, env: Env): Promise<{ route: string; response: Response }> {
  const { pathname } = new URL(request.url);
  switch (pathname) {
    case "/":
      return { route: "/", response: new Response("hello\n") };
    case "/verify":
      return { route: "/verify", response: await verify(env.METRICS) };
    default:
      return { route: "other", response: new Response("not found\n", { status: 404 }) };
  }
}

/** HTTP clients can invent methods, and each would be a new series. */
function known(method: string): string {
  return ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].includes(method) ? method : "other";
}
