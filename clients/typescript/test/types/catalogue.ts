// What a catalogue makes a compile-time error, and what it must let through.
import { createMetrics, defineMetrics, getMetrics, httpMetrics, type Metrics } from "metrics-reporter-client";
import { TestReporter } from "metrics-reporter-client/testing";

declare const ctx: ExecutionContext;
const reporter = new TestReporter();

const catalogue = defineMetrics({
  requests_total: { type: "counter", labels: ["route", "status"] as const, help: "Requests served" },
  logins_total: { type: "counter" },
  upstream_duration_ms: { type: "histogram", labels: ["upstream"] },
  body_bytes: { type: "histogram", help: "Size of request bodies" },
});
const metrics = createMetrics(reporter, ctx, { catalogue });

// counters
metrics.incr("requests_total", { route: "/", status: 200 });
metrics.incr("requests_total", 3, { route: "/", status: "200" });
metrics.incr("requests_total", undefined, { route: "/", status: true });
metrics.incr("requests_total", { route: "/", status: 200 }, 3);
metrics.incr("logins_total");
metrics.incr("logins_total", 2);
// @ts-expect-error -- no such metric
metrics.incr("request_total", { route: "/", status: 200 });
// @ts-expect-error -- misspelt label
metrics.incr("requests_total", { rout: "/", status: 200 });
// @ts-expect-error -- one label is missing
metrics.incr("requests_total", { route: "/" });
// @ts-expect-error -- a label too many
metrics.incr("requests_total", { route: "/", status: 200, method: "GET" });
// @ts-expect-error -- a label too many, value first
metrics.incr("requests_total", 2, { route: "/", status: 200, method: "GET" });
// @ts-expect-error -- labels are missing
metrics.incr("requests_total");
// @ts-expect-error -- labels are missing
metrics.incr("requests_total", 2);
// @ts-expect-error -- a label that is no label value
metrics.incr("requests_total", { route: "/", status: { code: 200 } });
// @ts-expect-error -- null is no label value
metrics.incr("requests_total", { route: null, status: 200 });
// @ts-expect-error -- the metric has no labels
metrics.incr("logins_total", { route: "/" });
// @ts-expect-error -- text is no increment
metrics.incr("logins_total", "2");
// @ts-expect-error -- a histogram is not incremented
metrics.incr("upstream_duration_ms", { upstream: "db" });
// @ts-expect-error -- help belongs in the catalogue
metrics.incr("requests_total", { route: "/", status: 200 }, 1, { help: "Requests" });

// histograms
metrics.observe("upstream_duration_ms", 4.2, { upstream: "db" });
metrics.observe("upstream_duration_ms", { upstream: "db" }, 4.2);
metrics.observe("body_bytes", 512);
// @ts-expect-error -- a counter is not observed
metrics.observe("requests_total", 1, { route: "/", status: 200 });
// @ts-expect-error -- an observation has a value
metrics.observe("body_bytes");
// @ts-expect-error -- an observation has a value
metrics.observe("upstream_duration_ms", { upstream: "db" });
// @ts-expect-error -- misspelt label
metrics.observe("upstream_duration_ms", 4.2, { upstreams: "db" });
// @ts-expect-error -- labels are missing
metrics.observe("upstream_duration_ms", 4.2);

// time gives back what the function gives back
export const sync: number = metrics.time("body_bytes", () => 1);
export const later: Promise<string> = metrics.time("upstream_duration_ms", { upstream: "db" }, async () => "row");
export const either: Promise<string> | string = metrics.time("body_bytes", () => (sync ? "a" : Promise.resolve("b")));
export const nothing: Promise<void> = metrics.time("body_bytes", async () => {});
export const loose = metrics.time("body_bytes", () => JSON.parse("1"));
export const looseIsAny: number = loose;
// @ts-expect-error -- the result is a promise
export const wrong: string = metrics.time("upstream_duration_ms", { upstream: "db" }, async () => "row");
// @ts-expect-error -- a counter is not timed
metrics.time("logins_total", () => 1);
// @ts-expect-error -- misspelt label
metrics.time("upstream_duration_ms", { db: "db" }, () => 1);
// @ts-expect-error -- labels are missing
metrics.time("upstream_duration_ms", () => 1);

// timers take each label once, at either end
const all = metrics.startTimer("upstream_duration_ms", { upstream: "db" });
export const duration: number = all();
metrics.startTimer("upstream_duration_ms")({ upstream: "db" });
metrics.startTimer("body_bytes")();
// @ts-expect-error -- the label is still missing
metrics.startTimer("upstream_duration_ms")();
// @ts-expect-error -- misspelt label
metrics.startTimer("upstream_duration_ms", { db: "db" });
// @ts-expect-error -- misspelt label at the end
metrics.startTimer("upstream_duration_ms")({ db: "db" });
// @ts-expect-error -- a counter is not timed
metrics.startTimer("logins_total");

const two = createMetrics(reporter, ctx, {
  catalogue: defineMetrics({ job_ms: { type: "histogram", labels: ["queue", "outcome"] } }),
});
two.startTimer("job_ms", { queue: "mail" })({ outcome: "ok" });
// @ts-expect-error -- outcome is missing
two.startTimer("job_ms", { queue: "mail" })();
// @ts-expect-error -- outcome is missing, queue was given
two.startTimer("job_ms", { queue: "mail" })({ queue: "mail" });
// @ts-expect-error -- misspelt beside a right one
two.startTimer("job_ms", { queue: "mail", result: "ok" });

// labels that every sample has anyway need not be repeated
const based = createMetrics(reporter, ctx, { catalogue, labels: { route: "/", zone: "eu" } });
based.incr("requests_total", { status: 200 });
based.incr("requests_total", { status: 200, route: "/other" });
// @ts-expect-error -- status is still missing
based.incr("requests_total", {});
// @ts-expect-error -- not a label of this metric
based.incr("requests_total", { status: 200, method: "GET" });
createMetrics(reporter, ctx, { catalogue, labels: { upstream: "db" } }).observe("upstream_duration_ms", 1);
createMetrics(reporter, ctx, { catalogue, labels: { upstream: "db" } }).time("upstream_duration_ms", () => 1);

// without a catalogue any name and any labels go
const open = createMetrics(reporter, ctx);
open.incr("anything_total");
open.incr("anything_total", 2);
open.incr("anything_total", { any: "label", code: 1, ok: true }, 2);
open.incr("anything_total", 2, { any: "label" }, { help: "Anything" });
open.incr("anything_total", { any: "label" }, 2, { help: "Anything" });
open.observe("anything_ms", 1.5);
open.observe("anything_ms", { any: "label" }, 1.5);
open.observe("anything_ms", 1.5, { any: "label" }, { help: "Anything" });
open.startTimer("anything_ms", { any: "label" })({ other: 1 });
open.startTimer("anything_ms")();
export const openTime: Promise<number> = open.time("anything_ms", { any: "label" }, async () => 1);
// @ts-expect-error -- an observation has a value
open.observe("anything_ms");
// @ts-expect-error -- no label value
open.incr("anything_total", { any: new Date() });
// @ts-expect-error -- no label value
open.startTimer("anything_ms", { any: {} });

// labels alone leave the names open
createMetrics(reporter, ctx, { labels: { zone: "eu" } }).incr("anything_total", { a: 1 });
// @ts-expect-error -- no label value
createMetrics(reporter, ctx, { labels: { zone: null } });
// @ts-expect-error -- there are counters and histograms
defineMetrics({ connections: { type: "gauge" } });

// typed in a signature, spread together, and found by ctx
function count(to: Metrics<typeof catalogue>): void {
  to.incr("logins_total");
}
count(metrics);
count(getMetrics(ctx, catalogue));
getMetrics(ctx).incr("anything_total", { any: "label" });
// @ts-expect-error -- no such metric
getMetrics(ctx, catalogue).incr("anything_total");
const joined = createMetrics(reporter, ctx, { catalogue: defineMetrics({ ...httpMetrics, ...catalogue }) });
joined.incr("http_requests_total", { method: "GET", route: "", status: 200 });
joined.incr("logins_total");
// @ts-expect-error -- misspelt label
joined.incr("http_requests_total", { method: "GET", code: 200 });

// a catalogue whose labels are not known to the compiler checks the name alone
const dynamic = defineMetrics({ jobs_total: { type: "counter", labels: ["a"].concat("b") } });
createMetrics(reporter, ctx, { catalogue: dynamic }).incr("jobs_total", { whatever: 1 });
