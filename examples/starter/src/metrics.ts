import { defineMetrics } from "metrics-reporter-client";

// In a module of its own: what the main module exports has to be a handler or a class.
export const catalogue = defineMetrics({
  greetings_total: { type: "counter", labels: ["language"], help: "Greetings given" },
});
