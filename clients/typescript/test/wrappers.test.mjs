// Around, below and beside other wrappers: proxies, copies of ctx, classes, AsyncLocalStorage.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createMetrics, getMetrics, withMetrics } from "metrics-reporter-client";
import { TestContext, TestReporter } from "metrics-reporter-client/testing";

import { fakeBinding, fakeCtx, rows, warnings } from "./helpers.mjs";

const request = new Request("http://shop/");

test("a handler whose fetch is a proxy without bind is measured", async () => {
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const wrapped = withMetrics({ fetch: new Proxy(async () => new Response("ok"), { get: () => undefined }) });
  assert.equal(await (await wrapped.fetch(request, { METRICS: reporter }, ctx)).text(), "ok");
  await ctx.settled();
  assert.equal(reporter.counter("http_requests_total", { status: 200 }), 1);
});

test("a handler that is a proxy as a whole is measured, with itself as this", async () => {
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const inner = { name: "inner", fetch() { return new Response(this.name); }, scheduled() { return this.name; } };
  const traced = new Proxy(inner, {
    get: (target, key) => (typeof target[key] === "function" ? new Proxy(target[key], { get: () => undefined }) : target[key]),
  });
  const wrapped = withMetrics(traced);
  assert.equal(await (await wrapped.fetch(request, { METRICS: reporter }, ctx)).text(), "inner");
  assert.equal(await wrapped.scheduled({}, { METRICS: reporter }, ctx), "inner");
  await ctx.settled();
  assert.equal(reporter.counter("http_requests_total"), 1);
});

test("getMetrics finds the request through a proxy, a copy, Hono's c, and without any ctx", async (t) => {
  const lines = warnings(t);
  const ways = {
    proxy: (ctx) => new Proxy(ctx, {}),
    "proxy with bound functions": (ctx) =>
      new Proxy(ctx, { get: (target, key) => (typeof target[key] === "function" ? target[key].bind(target) : target[key]) }),
    spread: (ctx) => ({ ...ctx }),
    "a ctx of its own": () => ({ waitUntil() {} }),
    "Hono's c": (ctx) => ({ executionCtx: ctx }),
    nothing: () => undefined,
  };
  for (const [note, change] of Object.entries(ways)) {
    const reporter = new TestReporter();
    const ctx = new TestContext();
    const wrapped = withMetrics({
      async fetch(_request, _env, ctx) {
        await Promise.resolve();
        getMetrics(change(ctx)).incr("found_total");
        return new Response();
      },
    });
    await wrapped.fetch(request, { METRICS: reporter }, ctx);
    await ctx.settled();
    assert.equal(reporter.counter("found_total"), 1, note);
  }
  assert.deepEqual(lines, []);
});

test("without a wrapper the warning names the cause, the order that works and the flag", (t) => {
  const lines = warnings(t);
  getMetrics({ waitUntil() {} }).incr("a_total");
  assert.match(lines[0], /another wrapper.*put withMetrics inside.*nodejs_als/);
});

test("Hono's c without an execution context makes no metric throw", async () => {
  const c = {
    get executionCtx() {
      throw new Error("This context has no ExecutionContext");
    },
  };
  const binding = fakeBinding();
  const metrics = createMetrics(binding, c);
  metrics.incr("a_total");
  await metrics.flush();
  assert.deepEqual(binding.calls.map(rows), [[["a_total", 1, 1]]]);
  getMetrics(c).incr("a_total");
});

test("a class keeps its name, its methods and its state; fetch is measured, with route and binding", async () => {
  class Inner {
    static made = 0;
    #greeting = "hello";
    constructor(ctx, env) {
      this.ctx = ctx;
      this.env = env;
      getMetrics(ctx).incr("constructed_total");
    }
    async fetch(request) {
      getMetrics(this.ctx).incr("inside_total");
      return new Response(`${this.#greeting} ${new URL(request.url).pathname}`, { status: 202 });
    }
    greet(name) {
      getMetrics(this.ctx).incr("greeted_total");
      return `${this.#greeting} ${name}`;
    }
  }
  const Wrapped = withMetrics(Inner, { route: (request, env, ctx) => `${new URL(request.url).pathname} ${typeof env.METRICS} ${typeof ctx}` });
  const reporter = new TestReporter();
  const ctx = new TestContext();
  const instance = new Wrapped(ctx, { METRICS: reporter });
  assert.ok(instance instanceof Inner);
  assert.deepEqual([Wrapped.name, Wrapped.made, instance.greet("ana")], ["Inner", 0, "hello ana"]);
  assert.equal(await (await instance.fetch(request)).text(), "hello /");
  await ctx.settled();
  const labels = { method: "GET", route: "/ object object", status: 202 };
  assert.equal(reporter.counter("http_requests_total", labels), 1);
  assert.equal(reporter.observations("http_request_duration_seconds", labels).length, 1);
  for (const name of ["constructed_total", "inside_total", "greeted_total"]) assert.equal(reporter.counter(name), 1, name);
  assert.ok(!("fetch" in withMetrics(class {}).prototype), "a class without fetch gets none");
});

test("a proxy of a class and a fetch that is a field are measured once, as they are", async () => {
  class Inner {
    #greeting = "hello";
    constructor(ctx, env) {
      this.ctx = ctx;
      this.env = env;
    }
    async fetch() {
      getMetrics(this.ctx).incr("inside_total");
      return new Response(this.#greeting);
    }
  }
  class WithField {
    constructor(ctx) {
      this.ctx = ctx;
    }
    fetch = async () => {
      getMetrics(this.ctx).incr("inside_total");
      return new Response("hello");
    };
  }
  let spans = 0;
  const spanned = (fetch, self) =>
    function (...args) {
      spans += 1;
      return Reflect.apply(fetch, self ?? this, args);
    };
  const constructed = (change) => new Proxy(Inner, { construct: (target, args) => change(new target(...args)) });
  const cases = {
    field: WithField,
    "wrapped by a field": constructed((made) => Object.assign(made, { fetch: spanned(made.fetch) })),
    "wrapped by a proxy": constructed(
      (made) => new Proxy(made, { get: (target, key) => (key === "fetch" ? spanned(target[key], target) : target[key]) }),
    ),
    frozen: constructed(Object.freeze),
  };
  for (const [name, Class] of Object.entries(cases)) {
    spans = 0;
    const reporter = new TestReporter();
    const ctx = new TestContext();
    const Wrapped = withMetrics(Class, { route: (_request, env) => typeof env.METRICS });
    const response = await new Wrapped(ctx, { METRICS: reporter }).fetch(request);
    assert.equal(await response.text(), "hello", name);
    await ctx.settled();
    assert.equal(reporter.counter("inside_total"), 1, name);
    assert.equal(reporter.counter("http_requests_total", { route: "object" }), name === "frozen" ? 0 : 1, name);
    assert.equal(spans, name.startsWith("wrapped") ? 1 : 0, name);
  }

  class Extended extends withMetrics(Inner) {
    async fetch(request) {
      return super.fetch(request);
    }
  }
  const reporter = new TestReporter();
  const ctx = new TestContext();
  await new Extended(ctx, { METRICS: reporter }).fetch(request);
  await ctx.settled();
  assert.equal(reporter.counter("http_requests_total"), 1);
});

test("names of other systems are refused, and the warning and the double say what would be right", async (t) => {
  const lines = warnings(t);
  const reporter = new TestReporter();
  const metrics = createMetrics(reporter, fakeCtx());
  metrics.observe("http.server.duration", 1);
  metrics.incr("2xx-responses");
  metrics.incr("good_total", { "user.id": 1 });
  await metrics.flush();
  assert.equal(metrics.account().refused, 3);
  for (const name of ["http_server_duration", "_2xx_responses", "user_id"]) {
    assert.ok(lines.some((line) => line.endsWith(`; try ${name}`)), `${name}: ${lines}`);
    assert.ok(reporter.refused.some(({ message }) => message.endsWith(`; try ${name}`)), name);
  }
});

test("a TypeError of the reporter is a refusal of the wrong samples alone", async (t) => {
  const lines = warnings(t);
  const binding = fakeBinding(() => Promise.reject(new TypeError('metric "a_total": expected an increment of at least 0, got -1')));
  const metrics = createMetrics(binding, fakeCtx());
  metrics.incr("a_total", -1);
  metrics.incr("b_total");
  metrics.observe("c_ms", NaN);
  await metrics.flush();
  const { taken, refused, unknown, pending } = metrics.account();
  assert.deepEqual({ taken, refused, unknown, pending }, { taken: 1, refused: 2, unknown: 0, pending: 0 });
  assert.match(lines[0], /refused "a_total": a counter's increment must not be negative, got -1/);
  assert.match(lines[1], /refused "c_ms": value must be finite/);
  assert.equal(lines.length, 2);
});

test("another TypeError, such as of a reporter that broke, leaves the outcome unknown", async (t) => {
  warnings(t);
  const binding = fakeBinding(() => Promise.reject(new TypeError("Cannot read properties of undefined (reading 'x')")));
  const metrics = createMetrics(binding, fakeCtx());
  metrics.incr("a_total", -1);
  metrics.incr("b_total");
  await metrics.flush();
  assert.equal(metrics.account().unknown, 2);
});

test("a call that reached no reporter is dropped, with what to do", async (t) => {
  const lines = warnings(t);
  const cases = [
    [new TypeError('The RPC receiver does not implement the method "record".'), /method "record"; the binding needs entrypoint = "MetricsReporter"$/],
    [new Error('Worker does not export an entrypoint named "MetricReporter"'), /named "MetricReporter"; the binding needs entrypoint = "MetricsReporter"$/],
    [new Error('Worker "metrics-gateway-worker" not found. Make sure it is running locally.'), /running locally; run `make dev` in the reporter's repository/],
    [new Error("Too many subrequests by single Worker invocation."), /by single Worker invocation; the sending request had none left$/],
  ];
  for (const [error, words] of cases) {
    lines.length = 0;
    const metrics = createMetrics(fakeBinding(() => Promise.reject(error)), fakeCtx());
    metrics.incr("a_total");
    await metrics.flush();
    assert.equal(metrics.account().dropped, 1);
    assert.match(lines[0], words);
  }
});

test("a lost connection names the wrangler that has no false alarm", async (t) => {
  const lines = warnings(t);
  const metrics = createMetrics(fakeBinding(() => Promise.reject(new Error("Network connection lost."))), fakeCtx());
  metrics.incr("a_total");
  await metrics.flush();
  assert.equal(metrics.account().unknown, 1);
  assert.match(lines[0], /wrangler older than \d+\.\d+/);
});

test("debug writes one line a request: what it recorded, and the ledger", async (t) => {
  const lines = [];
  t.mock.method(console, "log", (line) => void lines.push(line));
  const ctx = new TestContext();
  const reporter = new TestReporter();
  const wrapped = withMetrics(
    {
      async fetch(_request, _env, ctx) {
        getMetrics(ctx).incr("orders_total", { country: "PT" });
        return new Response();
      },
    },
    { debug: true },
  );
  await wrapped.fetch(request, { METRICS: reporter }, ctx);
  await ctx.settled();
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^metrics-reporter-client: orders_total\{country="PT"\} \+1, http_requests_total\{.*\} \+1, http_request_duration_seconds\{.*\(ledger: recorded 3 = /);
});

test("without a wrapper, waitUntil keeps each request alive until its debug line is written", async (t) => {
  const lines = [];
  t.mock.method(console, "log", (line) => void lines.push(line));
  const binding = fakeBinding();
  const leads = fakeCtx();
  const follows = fakeCtx();
  for (const ctx of [leads, follows]) createMetrics(binding, ctx, { debug: true }).incr("a_total");
  assert.equal(follows.promises.length, 1);
  await follows.promises[0];
  assert.equal(lines.length, 2);
  await createMetrics(binding, leads).flush();
});

test("a timer records in the unit that the name says", async (t) => {
  let clock = 0;
  t.mock.method(performance, "now", () => clock);
  const binding = fakeBinding();
  const metrics = createMetrics(binding, fakeCtx());
  for (const name of ["a_seconds", "b_ms", "c_duration"]) {
    const stop = metrics.startTimer(name);
    clock += 1_500;
    assert.equal(stop(), name === "a_seconds" ? 1.5 : 1_500);
  }
  await metrics.flush();
  assert.deepEqual(rows(binding.calls[0]), [["a_seconds", 3, 1.5], ["b_ms", 3, 1_500], ["c_duration", 3, 1_500]]);
});
