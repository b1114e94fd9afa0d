import { defineMetrics } from "metrics-reporter-client";

// In its own module: the main module may export only handlers and classes.
export const catalogue = defineMetrics({
  greetings_total: { type: "counter", labels: ["language"], help: "Greetings given" },
});
