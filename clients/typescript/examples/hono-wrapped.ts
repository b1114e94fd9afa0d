// Hono, wrapped: the app does not change, and ctx leads to its metrics.
import { defineMetrics, getMetrics, withMetrics, type MetricsReporter } from "metrics-reporter-client";
import { Hono } from "hono";

const catalogue = defineMetrics({
  greetings_total: { type: "counter", labels: ["language"], help: "Greetings given" },
});

const app = new Hono<{ Bindings: { METRICS: Service<MetricsReporter> } }>();

app.get("/hello/:name", (c) => {
  getMetrics(c, catalogue).incr("greetings_total", { language: "en" });
  return c.text(`hello ${c.req.param("name")}`);
});

export default withMetrics(app, { catalogue });
