// Hono, with the route's pattern as a label: a middleware of a dozen lines.
import { createMetrics, defineMetrics, type Metrics, type MetricsReporter } from "metrics-reporter-client";
import { Hono } from "hono";
import { routePath } from "hono/route";

const catalogue = defineMetrics({
  http_requests_total: { type: "counter", labels: ["method", "route", "status"], help: "Requests handled" },
  http_request_duration_ms: { type: "histogram", labels: ["route"], help: "Milliseconds to the response" },
  greetings_total: { type: "counter", labels: ["language"], help: "Greetings given" },
});

type Env = {
  Bindings: { METRICS: Service<MetricsReporter> };
  Variables: { metrics: Metrics<typeof catalogue> };
};

const app = new Hono<Env>();

app.use(async (c, next) => {
  const metrics = createMetrics(c.env.METRICS, c.executionCtx, { catalogue });
  c.set("metrics", metrics);
  const stop = metrics.startTimer("http_request_duration_ms");
  await next();
  const route = routePath(c, -1);
  stop({ route });
  metrics.incr("http_requests_total", { method: c.req.method, route, status: c.res.status });
});

app.get("/hello/:name", (c) => {
  c.var.metrics.incr("greetings_total", { language: "en" });
  return c.text(`hello ${c.req.param("name")}`);
});

app.get("/fails", () => {
  throw new Error("on purpose");
});

export default app;
