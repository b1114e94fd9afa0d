// Compiled without the Workers types.
import { createMetrics, defineMetrics, withMetrics, type Metrics, type MetricsReporter } from "metrics-reporter-client";
import { TestContext, TestReporter } from "metrics-reporter-client/testing";

const catalogue = defineMetrics({ jobs_total: { type: "counter", labels: ["queue"] } });
const metrics: Metrics<typeof catalogue> = createMetrics(new TestReporter(), new TestContext(), { catalogue });
metrics.incr("jobs_total", { queue: "mail" });
// @ts-expect-error -- no such metric
metrics.incr("job_total", { queue: "mail" });

export const handler = withMetrics({ fetch: async (url: string) => url.length }, { route: (url) => url });
export const answer: Promise<number> = handler.fetch("/");
export type Taken = Awaited<ReturnType<MetricsReporter["record"]>>;

// An argument with the value undefined counts as left out.
declare const maybe: number | undefined;
const open = createMetrics(null, null);
open.incr("a_total", maybe);
open.incr("a_total", {}, maybe, undefined);
open.observe("a_ms", 1, undefined, undefined);
