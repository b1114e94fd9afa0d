// Hono, with the route's pattern as a label: a middleware of a dozen lines.
import { createMetrics, defineMetrics, httpMetrics, type Metrics, type MetricsReporter } from "metrics-reporter-client";
import { Hono } from "hono";
import { routePath } from "hono/route";

const catalogue = defineMetrics({
  ...httpMetrics,
  greetings_total: { type: "counter", labels: ["language"], help: "Greetings given" },
});

type Env = {
  Bindings: { METRICS: Service<MetricsReporter> };
  Variables: { metrics: Metrics<typeof catalogue> };
};

const app = new Hono<Env>();

app.use(async (c, next) => {
  const metrics = createMetrics(c.env?.METRICS, c, { catalogue });
  c.set("metrics", metrics);
  const stop = metrics.startTimer("http_request_duration_seconds");
  await next();
  const labels = { method: c.req.method, route: routePath(c, -1), status: c.res.status };
  metrics.incr("http_requests_total", labels);
  stop(labels);
});

app.get("/hello/:name", (c) => {
  c.var.metrics.incr("greetings_total", { language: "en" });
  return c.text(`hello ${c.req.param("name")}`);
});

app.get("/fails", () => {
  throw new Error("on purpose");
});

export default app;
