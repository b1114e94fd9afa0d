import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { DRIVER } from "../harness/index.mjs";
import { counter, settled, startSystem } from "./system.mjs";

const js = (name) => ({ $js: name });

test("every argument form of incr and observe means the same sample", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  const route = { route: "/" };
  const forms = [
    // [method, name, arguments after the name, value, labels]
    ["incr", "a1_total", [], 1, {}],
    ["incr", "a2_total", [2], 2, {}],
    ["incr", "a3_total", [route], 1, route],
    ["incr", "a4_total", [route, 2], 2, route],
    ["incr", "a5_total", [2, route], 2, route],
    ["incr", "a6_total", [2, route, { help: "Help." }], 2, route],
    ["incr", "a7_total", [route, 2, { help: "Help." }], 2, route],
    ["incr", "a8_total", [route, { help: "Help." }], 1, route],
    ["incr", "a9_total", [js("undefined"), route], 1, route],
    ["incr", "a10_total", [3, js("undefined")], 3, {}],
    ["incr", "a11_total", [3, js("undefined"), { help: "Help." }], 3, {}],
    ["incr", "a12_total", [js("undefined"), js("null"), { help: "Help." }], 1, {}],
    ["observe", "b1_ms", [42.5], 42.5, {}],
    ["observe", "b2_ms", [42.5, route], 42.5, route],
    ["observe", "b3_ms", [route, 42.5], 42.5, route],
    ["observe", "b4_ms", [42.5, route, { help: "Help." }], 42.5, route],
    ["observe", "b5_ms", [route, 42.5, { help: "Help." }], 42.5, route],
  ];
  const results = await runtime.sequence([
    ...forms.map(([method, name, rest]) => [method, name, ...rest]),
    ["incr", { name: "c1_total" }],
    ["incr", { name: "c2_total", value: 2, labels: route, help: "Help." }],
    ["observe", { name: "c3_ms", value: 7, labels: route }],
  ]);
  assert.deepEqual(results, Array(forms.length + 3).fill({ value: 1 }));
  await settled(runtime);

  const page = await gateway.scrape();
  for (const [method, name, , value, labels] of forms) {
    const actual = method === "incr" ? page.value(`pushed_${name}`, labels) : page.histogram(`pushed_${name}`, labels)?.sum;
    assert.equal(actual, value, name);
  }
  for (const name of ["a6_total", "a7_total", "a8_total", "a11_total", "a12_total", "b4_ms", "b5_ms"]) assert.equal(page.help.get(`pushed_${name}`), "Help.", name);
  assert.equal(page.value("pushed_c1_total"), 1);
  assert.equal(page.value("pushed_c2_total", route), 2);
  assert.equal(page.histogram("pushed_c3_ms", route).sum, 7);
});

test("a Map is taken like a plain object: a dict of a Python Worker arrives as one", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  const results = await runtime.sequence([
    ["incr", "a_total", js("map")],
    ["observe", "b_ms", 2, js("map")],
    ["record", [js("mapSample"), counter("a_total")]],
    ["incr", js("mapSample")],
  ]);
  assert.deepEqual(results, [1, 1, 2, 1].map((value) => ({ value })));
  await settled(runtime);
  const page = await gateway.scrape();
  assert.equal(page.value("pushed_a_total", { route: "/a" }), 1);
  assert.equal(page.histogram("pushed_b_ms", { route: "/a" }).sum, 2);
  assert.equal(page.value("pushed_mapped_total", { route: "/" }), 4);
});

test("a name of another system is refused with one that would do", async (t) => {
  const { runtime } = await startSystem(t, { vars: { REJECT_INVALID: "true" } });
  const { error } = await runtime.call("incr", ["http.server.duration"]);
  assert.match(error.message, /try http_server_duration$/);
  const label = await runtime.call("incr", ["a_total", { "http.route": "/" }]);
  assert.match(label.error.message, /try http_route$/);
});

describe("an invalid sample is refused, and the call still resolves", () => {
  const long = "x".repeat(5_000);
  const cases = [
    ["no arguments", ["incr"]],
    ["an empty name", ["incr", ""]],
    ["a name with a space", ["incr", "a b"]],
    ["a name that starts with a digit", ["incr", "1a"]],
    ["a name with a colon", ["incr", "a:b"]],
    ["a name that is too long", ["incr", long]],
    ["a name that ends in _bucket", ["observe", "a_bucket", 1]],
    ["a name that ends in _sum", ["observe", "a_sum", 1]],
    ["a name that ends in _count", ["incr", "a_count"]],
    ["a negative increment", ["incr", "a_total", -1]],
    ["an increment of NaN", ["incr", "a_total", js("NaN")]],
    ["an increment of infinity", ["incr", "a_total", js("Infinity")]],
    ["an observation of NaN", ["observe", "a_ms", js("NaN")]],
    ["an observation of -infinity", ["observe", "a_ms", js("-Infinity")]],
    ["no observation", ["observe", "a_ms"]],
    ["an observation as text", ["observe", "a_ms", "12"]],
    ["an observation as bigint", ["observe", "a_ms", js("bigint")]],
    ["the label le", ["incr", "a_total", { le: "1" }]],
    ["the label quantile", ["incr", "a_total", { quantile: "1" }]],
    ["a label that starts with __", ["incr", "a_total", { __name__: "b" }]],
    ["a label with a dash", ["incr", "a_total", { "a-b": "1" }]],
    ["an empty label name", ["incr", "a_total", { "": "1" }]],
    ["a label whose value is an object", ["incr", "a_total", { a: { b: 1 } }]],
    ["a label whose value is an array", ["incr", "a_total", { a: ["b"] }]],
    ["a label whose value is too long", ["incr", "a_total", { a: long }]],
    ["more labels than allowed", ["incr", "a_total", Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`l${i}`, i]))]],
    ["labels as a Map whose keys are no names", ["incr", "a_total", js("mapOfNumbers")]],
    ["labels as an array", ["incr", "a_total", ["route"]]],
    ["help that is not text", ["incr", "a_total", 1, {}, { help: 5 }]],
    ["a sample of the other type", ["incr", { name: "a_total", type: "histogram", value: 1 }]],
  ];

  test("with 0, and nothing arrives", async (t) => {
    const { gateway, runtime } = await startSystem(t);
    for (const [what, [method, ...args]] of cases) {
      assert.deepEqual(await runtime.call(method, args), { value: 0 }, what);
    }
    const stats = await settled(runtime);
    assert.equal(stats.taken, 0);
    assert.equal(Object.values(stats.refused).reduce((a, b) => a + b, 0), cases.length);
    assert.deepEqual((await gateway.scrape()).series.filter(({ name }) => /^pushed_a/.test(name)), []);
  });

  test("with a TypeError that says what was wrong, where REJECT_INVALID is set", async (t) => {
    const { runtime } = await startSystem(t, { vars: { REJECT_INVALID: "true" } });
    for (const [what, [method, ...args]] of cases) {
      const { error } = await runtime.call(method, args);
      assert.equal(error?.name, "TypeError", what);
      assert.ok(error.message.length > 10, `${what}: ${error.message}`);
    }
    const { error } = await runtime.call("record", [[counter("good_total"), counter("bad name")]]);
    assert.equal(error?.name, "TypeError");
    assert.match(error.message, /bad name/);
    // Valid samples are still accepted.
    assert.equal(await runtime.value("incr", ["a_total"]), 1);
  });

  test("and the log names metric and reason, but no label value", async (t) => {
    const { runtime } = await startSystem(t);
    await runtime.value("incr", ["orders_total", { "no-dash": "s3cret-value" }]);
    await runtime.value("incr", ["payments_total", { card: { number: "s3cret-value" } }]);
    await runtime.waitForLog("the refusal", (log) => JSON.stringify(log).includes("orders_total"));
    assert.doesNotMatch(runtime.process.output(), /s3cret-value/);
  });

  test("and a flood of them does not become a flood of logs", async (t) => {
    const { runtime } = await startSystem(t);
    await runtime.call("incr", ["bad name"], { times: 2_000, concurrency: 50 });
    const { refused } = await runtime.value("stats");
    assert.equal(Object.values(refused).reduce((a, b) => a + b, 0), 2_000);
    assert.ok(runtime.process.lines.length < 100, `${runtime.process.lines.length} lines`);
  });
});

// Every value of the driver's table, at every argument position.
const names = [...readFileSync(DRIVER, "utf8").split("const VALUES = {")[1].split("\n};")[0].matchAll(/^ {2}"?([\w-]+)"?:/gm)].map(
  ([, name]) => name,
);

test("no JavaScript value, wherever it stands, makes a method reject or harms the instance", async (t) => {
  assert.ok(names.length > 30, names.join());
  const { gateway, runtime } = await startSystem(t, { vars: { FLUSH_INTERVAL_MS: "10000" } });
  await runtime.value("incr", ["before_total"]);
  for (const name of names) {
    const value = js(name);
    for (const [method, ...args] of [
      ["incr", value],
      ["incr", "a_total", value],
      ["incr", "a_total", 1, value],
      ["incr", "a_total", 1, {}, value],
      ["incr", "a_total", 1, {}, { help: value }],
      ["incr", "a_total", { label: value }],
      ["incr", { name: value, value, labels: value, help: value }],
      ["observe", value, value, value, value],
      ["observe", "a_ms", 1, { label: value }],
      ["record", value],
      ["record", [value]],
      ["record", [{ name: "a_total", type: value, value: 1 }]],
      ["record", [counter("a_total")], value],
      ["push", value],
      ["push", [value]],
      ["flush", value],
      ["stats", value],
    ]) {
      const { error } = await runtime.call(method, args);
      // An argument that cannot be serialized fails in the caller, before it reaches this Worker.
      if (error) assert.match(`${error.name}: ${error.message}`, /DataCloneError|could not be cloned|serializ|not supported/i, `${method}(${JSON.stringify(args)})`);
    }
  }
  // It is still the same instance, with its buffered samples.
  const flushed = await runtime.value("flush");
  assert.equal(flushed.outcome, "delivered");
  await settled(runtime);
  assert.equal((await gateway.scrape()).value("pushed_before_total"), 1);
  assert.doesNotMatch(runtime.process.output(), /RuntimeError|panicked|unreachable|memory access/);
});

test("a __proto__ key in labels is refused or kept as text, and pollutes nothing", async (t) => {
  const { runtime } = await startSystem(t);
  await runtime.call("incr", ["a_total", js("protoKey")]);
  const stats = await runtime.value("stats");
  assert.equal(stats.polluted, undefined);
});

test("of more samples than one call may carry the first 10000 are taken, and each other one is counted as refused", async (t) => {
  const { gateway, runtime } = await startSystem(t);
  const samples = Array.from({ length: 12_000 }, (_, i) => counter("a_total", 1, { i: i % 100 }));
  assert.equal(await runtime.value("record", [samples]), 10_000);
  const stats = await settled(runtime);
  assert.equal(stats.taken, 10_000);
  assert.deepEqual(stats.refused, { too_large: 2_000 });
  assert.equal((await gateway.scrape()).sum("pushed_a_total"), 10_000);
});
