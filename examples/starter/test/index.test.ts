import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import type { MetricsReporter } from "metrics-reporter-client";
import { TestReporter } from "metrics-reporter-client/testing";
import { expect, test } from "vitest";
import worker from "../src/index.ts";

test("greets, and counts the greeting by its language", async () => {
  const reporter = new TestReporter();
  const ctx = createExecutionContext();
  const response = await worker.fetch(new Request("http://shop/?language=pt"), { ...env, METRICS: reporter }, ctx);
  expect(await response.text()).toBe("olá\n");

  // The client sends within a second, in ctx.waitUntil.
  await waitOnExecutionContext(ctx);
  expect(reporter.counter("greetings_total", { language: "pt" })).toBe(1);
  expect(reporter.observations("http_request_duration_seconds", { status: 200 })).toHaveLength(1);
  expect(reporter.refused).toEqual([]);
});

test("the binding of wrangler.toml leads to the stand-in for the reporter", async () => {
  const ctx = createExecutionContext();
  await worker.fetch(new Request("http://shop/"), env, ctx);
  await waitOnExecutionContext(ctx);
  // `wrangler types` knows only the name of another project's entrypoint.
  const reporter = env.METRICS as unknown as Service<MetricsReporter>;
  expect(await reporter.stats()).toMatchObject({ taken: 3 });
});
