import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics, defineMetrics, getMetrics, withMetrics } from "metrics-reporter-client";
import { TestContext, TestReporter } from "metrics-reporter-client/testing";

import { fakeBinding, fakeCtx, warnings } from "./helpers.mjs";

async function run(handler, request, options, env = {}) {
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const wrapped = withMetrics(handler, options);
  let response;
  let error;
  try {
    response = await wrapped.fetch(request, { METRICS: reporter, ...env }, ctx);
  } catch (e) {
    error = e;
  }
  await ctx.settled();
  return { reporter, response, error };
}

test("a request is counted and timed by method, route and status, in seconds", async (t) => {
  let clock = 0;
  t.mock.method(performance, "now", () => clock);
  const response = new Response("made", { status: 201 });
  const { reporter, response: got } = await run(
    {
      fetch: async () => {
        clock += 25;
        return response;
      },
    },
    new Request("http://shop/", { method: "POST" }),
  );
  assert.equal(got, response, "the very same response");
  assert.deepEqual(reporter.samples, [
    {
      name: "http_requests_total",
      type: "counter",
      value: 1,
      labels: { method: "POST", route: "", status: "201" },
      help: "Requests handled, by method, route and status of the response",
    },
    {
      name: "http_request_duration_seconds",
      type: "histogram",
      value: 0.025,
      labels: { method: "POST", route: "", status: "201" },
      help: "Seconds from the start of the handler to its response, without the time to stream the body",
    },
  ]);
  assert.equal(reporter.calls.length, 1);
});

test("a handler that throws counts as status 500, and the very same error goes on", async () => {
  for (const fetch of [
    () => {
      throw error;
    },
    () => Promise.reject(error),
  ]) {
    var error = new Error("mine");
    const result = await run({ fetch }, new Request("http://shop/"));
    assert.equal(result.error, error);
    assert.equal(result.reporter.counter("http_requests_total", { method: "GET", status: 500 }), 1);
    assert.equal(result.reporter.observations("http_request_duration_seconds", { status: 500 }).length, 1);
  }
});

test("the method label stays small, whatever clients send", async () => {
  const expected = { GET: "GET", DELETE: "DELETE", PROPFIND: "OTHER", ["X".repeat(100)]: "OTHER", get: "OTHER" };
  for (const [method, label] of Object.entries(expected)) {
    const { reporter } = await run({ fetch: () => new Response() }, { method });
    assert.equal(reporter.counter("http_requests_total", { method: label }), 1, method);
  }
});

test("what is no response counts as the 500 that the runtime makes of it", async () => {
  for (const answer of [undefined, null, "text", {}, { status: 0 }, { status: 1e9 }, { status: "200" }]) {
    const { reporter } = await run({ fetch: () => answer }, new Request("http://shop/"));
    assert.equal(reporter.counter("http_requests_total", { status: 500 }), 1, JSON.stringify(answer));
  }
});

test("the label route is what a function gives, and empty without one or when it has nothing or fails", async (t) => {
  const lines = warnings(t);
  const routeOf = async (route) => {
    const { reporter } = await run({ fetch: () => new Response() }, new Request("http://shop/users/7"), { route });
    return reporter.samples.map(({ labels }) => labels.route);
  };
  assert.deepEqual(await routeOf(undefined), ["", ""]);
  assert.deepEqual(await routeOf((request, env) => `${request.method} ${typeof env.METRICS}`), ["GET object", "GET object"]);
  assert.deepEqual(await routeOf(() => null), ["", ""]);
  assert.deepEqual(await routeOf(() => ({})), ["", ""]);
  assert.equal(lines.length, 0);
  assert.deepEqual(
    await routeOf(() => {
      throw new Error("no route");
    }),
    ["", ""],
  );
  assert.match(lines[0], /no route/);
});

test("what the handler records leaves in the same call, with the wrapper's labels and help", async () => {
  const catalogue = defineMetrics({ orders_total: { type: "counter", labels: ["country"], help: "Orders" } });
  const { reporter } = await run(
    {
      async fetch(request, env, ctx) {
        const metrics = getMetrics(ctx, catalogue);
        metrics.incr("orders_total", { country: "PT" });
        await new Promise((resolve) => setImmediate(resolve));
        createMetrics(env.METRICS, ctx).incr("elsewhere_total");
        getMetrics(ctx).incr("orders_total", { country: "PT", zone: "own" });
        return new Response();
      },
    },
    new Request("http://shop/"),
    { catalogue, labels: { zone: "eu" } },
  );
  assert.equal(reporter.calls.length, 1);
  assert.deepEqual(reporter.refused, []);
  assert.deepEqual(reporter.samples.slice(0, 3), [
    { name: "orders_total", type: "counter", value: 1, labels: { country: "PT", zone: "eu" }, help: "Orders" },
    { name: "elsewhere_total", type: "counter", value: 1, labels: {} },
    { name: "orders_total", type: "counter", value: 1, labels: { country: "PT", zone: "own" } },
  ]);
  assert.equal(reporter.counter("http_requests_total", { zone: "eu" }), 1);
});

test("with the scope request, samples wait while the handler works and leave right after it, but never wait longer than 10 s", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const binding = fakeBinding();
  const ctx = fakeCtx();
  let finish;
  const handler = withMetrics({
    async fetch(_request, _env, ctx) {
      getMetrics(ctx).incr("a_total");
      await new Promise((resolve) => (finish = resolve));
      getMetrics(ctx).incr("b_total");
      return new Response();
    },
  }, { scope: "request" });
  const answered = handler.fetch(new Request("http://shop/"), { METRICS: binding }, ctx);
  t.mock.timers.tick(9999);
  await settle();
  assert.equal(binding.calls.length, 0);
  t.mock.timers.tick(1);
  await settle();
  assert.equal(binding.calls.length, 1, "a client that went away may leave a handler hanging forever");

  finish();
  await answered;
  assert.equal(binding.calls.length, 1, "the response does not wait for its metrics");
  t.mock.timers.tick(0);
  assert.equal(binding.calls.length, 2);
  await Promise.all(ctx.promises);
});

test("a handler that never stops recording keeps a call for its end", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  warnings(t);
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const binding = fakeBinding();
  let finish;
  const handler = withMetrics(
    {
      async fetch(_request, _env, ctx) {
        const metrics = getMetrics(ctx);
        for (let i = 0; i < 100; i += 1) {
          metrics.incr("chunks_total");
          t.mock.timers.tick(15_000);
          await settle();
        }
        return new Response();
      },
    },
    { maxCalls: 4, scope: "request" },
  );
  await handler.fetch(new Request("http://shop/"), { METRICS: binding }, fakeCtx());
  assert.equal(binding.calls.length, 3);
  t.mock.timers.tick(0);
  await settle();
  assert.equal(binding.calls.length, 4);
  const chunks = binding.calls.flatMap((call) => JSON.parse(call.slice(1))).filter(([name]) => name === "chunks_total");
  assert.equal(chunks.reduce((sum, [, , value]) => sum + value, 0), 100);
});

test("other handlers get their arguments, return their result, and may record", async () => {
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const env = { METRICS: reporter };
  const error = new Error("mine");
  const handler = {
    name: "inner",
    scheduled(event, givenEnv, givenCtx) {
      assert.deepEqual([this.name, event, givenEnv, givenCtx], ["inner", "event", env, ctx]);
      getMetrics(ctx).incr("cron_total");
      return "done";
    },
    async queue() {
      throw error;
    },
    fromTheFuture(a, b) {
      return `${this.name} ${a} ${b}`;
    },
    notAHandler: 42,
  };
  const wrapped = withMetrics(handler);
  assert.equal(await wrapped.scheduled("event", env, ctx), "done");
  await assert.rejects(wrapped.queue([], env, ctx), (e) => e === error);
  assert.equal(wrapped.fromTheFuture(1, 2), "inner 1 2");
  assert.deepEqual(Object.keys(wrapped).sort(), ["fromTheFuture", "queue", "scheduled"]);
  await ctx.settled();
  assert.equal(reporter.counter("cron_total"), 1);
  assert.equal(reporter.calls.length, 1);
});

test("an instance with private fields can be wrapped", async () => {
  class App {
    #greeting = "hello";
    fetch() {
      return new Response(this.#greeting);
    }
    email() {
      return this.#greeting;
    }
  }
  const wrapped = withMetrics(new App(), { binding: () => null });
  assert.equal(await (await wrapped.fetch(new Request("http://shop/"), {}, fakeCtx())).text(), "hello");
  assert.equal(await wrapped.email({}, {}, fakeCtx()), "hello");
});

test("a router that has a function for every name gets no handlers that it has not", () => {
  const router = {
    __proto__: new Proxy({}, { get: () => () => {} }),
    fetch: async () => new Response(),
  };
  assert.equal(typeof router.scheduled, "function");
  assert.deepEqual(Object.keys(withMetrics(router)), ["fetch"]);
});

test("the binding is found by name or by function", async () => {
  for (const binding of ["STATS", (env) => env.STATS]) {
    const stats = new TestReporter();
    const { reporter } = await run({ fetch: () => new Response() }, new Request("http://shop/"), { binding }, { STATS: stats });
    assert.equal(stats.counter("http_requests_total"), 1);
    assert.equal(reporter.calls.length, 0);
  }
});

test("getMetrics on a ctx that went through no wrapper records nothing and says so", async (t) => {
  const lines = warnings(t);
  const ctx = fakeCtx();
  const metrics = getMetrics(ctx);
  metrics.incr("a_total");
  await metrics.flush();
  assert.equal(ctx.promises.length, 0);
  assert.match(lines[0], /withMetrics/);
});

test("what is no handler object and no class is handed back as it is, with a warning", (t) => {
  for (const given of [() => new Response(), function fetch() {}, undefined, "text"]) {
    const lines = warnings(t);
    assert.equal(withMetrics(given), given);
    assert.match(lines[0], /withMetrics wraps a class or an object/);
    t.mock.restoreAll();
  }
});
