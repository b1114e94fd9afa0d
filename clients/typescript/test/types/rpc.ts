// The binding's type as a caller's Env has it.
import {
  createMetrics,
  type Labels,
  type MetricsReporter,
  type PackedSamples,
  type PushResult,
  type Sample,
  type Stats,
} from "metrics-reporter-client";
import { TestContext, TestReporter } from "metrics-reporter-client/testing";

interface Env {
  METRICS: Service<MetricsReporter>;
  MAYBE?: Service<MetricsReporter>;
  // the type that `wrangler types` generates for a service of another project
  UNTYPED: Fetcher;
  SERVICE: Service;
  KV: KVNamespace;
  TEXT: string;
}
declare const env: Env;
declare const ctx: ExecutionContext;
declare const state: DurableObjectState;

const labels: Labels = { route: "/", status: 200, cached: false };
const samples: Sample[] = [
  { name: "a_total", type: "counter", value: 1, labels, help: "A" },
  { name: "b_ms", type: 3, value: 4.2 },
];

export async function calls(): Promise<void> {
  const one: number = await env.METRICS.incr("a_total");
  await env.METRICS.incr("a_total", 2);
  await env.METRICS.incr("a_total", labels);
  await env.METRICS.incr("a_total", labels, 2);
  await env.METRICS.incr("a_total", 2, labels);
  await env.METRICS.incr("a_total", 2, labels, { help: "A" });
  await env.METRICS.incr("a_total", labels, 2, { help: "A" });
  await env.METRICS.incr("a_total", labels, { help: "A" });
  await env.METRICS.incr({ name: "a_total", labels });
  await env.METRICS.observe("b_ms", 42.5);
  await env.METRICS.observe("b_ms", 42.5, labels);
  await env.METRICS.observe("b_ms", labels, 42.5);
  await env.METRICS.observe({ name: "b_ms", value: 42.5, labels });
  const taken: number = await env.METRICS.record(samples);
  const packed: PackedSamples = `1${JSON.stringify([["a_total", 1, 1]])}`;
  await env.METRICS.record(packed);
  await env.METRICS.push(packed);
  const pushed: PushResult = await env.METRICS.push(samples);
  const flushed: PushResult = await env.METRICS.flush();
  const stats: Stats = await env.METRICS.stats();
  ctx.waitUntil(env.METRICS.incr("a_total"));

  // @ts-expect-error -- no such method
  await env.METRICS.gauge("a", 1);
  // @ts-expect-error -- an observation has a value
  await env.METRICS.observe("b_ms");
  // @ts-expect-error -- a name is text
  await env.METRICS.incr(42);
  // @ts-expect-error -- no label value
  await env.METRICS.incr("a_total", { route: null });
  // @ts-expect-error -- there is no gauge
  await env.METRICS.record([{ name: "a", type: "gauge", value: 1 }]);
  // @ts-expect-error -- a string of another version
  await env.METRICS.record("2[]");
  console.log(one, taken, pushed.refused[0]?.reason, flushed.ok, stats.dropped["queue"], stats.pushes.retried);
}

createMetrics(env.METRICS, ctx);
createMetrics(env.MAYBE, ctx);
createMetrics(env.UNTYPED, ctx);
createMetrics(env.SERVICE, ctx);
createMetrics(null, ctx);
createMetrics(undefined, undefined);
createMetrics(env.METRICS, state);
// @ts-expect-error -- a KV namespace is no reporter
createMetrics(env.KV, ctx);
// @ts-expect-error -- a text var is no reporter
createMetrics(env.TEXT, ctx);
// @ts-expect-error -- ctx and env swapped
createMetrics(ctx, env);

// The test doubles have the real types, without a cast.
const reporter = new TestReporter();
export const double: Pick<Env, "METRICS"> = { METRICS: reporter };
export const context: ExecutionContext = new TestContext();
createMetrics(reporter, new TestContext());

// A class can implement the entrypoint's type.
export type Answers = Awaited<ReturnType<MetricsReporter["push"]>>["outcome"];
