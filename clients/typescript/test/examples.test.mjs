// The examples for frameworks, compiled and run. Needs hono and itty-router.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { TestReporter } from "metrics-reporter-client/testing";

import { warnings } from "./helpers.mjs";
import { start } from "./workerd/harness.mjs";

const require = createRequire(import.meta.url);
const missing = ["hono", "itty-router"].filter((name) => {
  try {
    return !require.resolve(name);
  } catch {
    return true;
  }
});
const skip = missing.length > 0 && `not installed: ${missing.join(", ")}`;

const TSC = require.resolve("typescript/package.json").replace("package.json", "bin/tsc");

test("the examples compile", { skip }, () => {
  const project = fileURLToPath(new URL("../examples/tsconfig.json", import.meta.url));
  execFileSync(process.execPath, [TSC, "-p", project], { stdio: "pipe", encoding: "utf8" });
});

/** The default export of an example, as a test in Node imports it. */
async function load(example) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`../examples/${example}.ts`, import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "node",
    external: ["cloudflare:*"],
    write: false,
  });
  return (await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString("base64")}`)).default;
}

async function until(condition) {
  for (const deadline = performance.now() + 10_000; !condition(); ) {
    assert.ok(performance.now() < deadline, `not within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function serve(example, work) {
  const worker = await start(`../../examples/${example}.ts`);
  try {
    await work(worker);
    assert.ok(!/uncaught|unhandled|hung/i.test(worker.log.join("\n")), worker.log.join("\n"));
  } finally {
    await worker.stop();
  }
}

const labelsOf = (flat = []) => {
  const labels = {};
  for (let i = 0; i < flat.length; i += 2) labels[flat[i]] = flat[i + 1];
  return labels;
};
// The received samples, as [name, type, value or "s", labels].
const seen = (calls) =>
  calls.map((call) => call.map(([name, type, value, flat]) => [name, type === 1 ? value : "s", labelsOf(flat)]));

test("hono: a middleware counts and times by route, in one call per request", { skip }, () =>
  serve("hono", async (worker) => {
    assert.equal(await (await worker.fetch("/hello/ana")).text(), "hello ana");
    assert.deepEqual(seen(await worker.calls((calls) => calls.length === 1)), [
      [
        ["greetings_total", 1, { language: "en" }],
        ["http_requests_total", 1, { method: "GET", route: "/hello/:name", status: "200" }],
        ["http_request_duration_seconds", "s", { method: "GET", route: "/hello/:name", status: "200" }],
      ],
    ]);
    await worker.forget();
    assert.equal((await worker.fetch("/fails")).status, 500);
    const [call] = seen(await worker.calls((calls) => calls.length === 1));
    assert.deepEqual(call[0], ["http_requests_total", 1, { method: "GET", route: "/fails", status: "500" }]);
  }),
);

test("hono: app.request() without an execution context answers, and its samples arrive", { skip }, async (t) => {
  const lines = warnings(t);
  const app = await load("hono");
  for (const [path, status] of [["/hello/ana", 200], ["/nowhere", 404]]) {
    const reporter = new TestReporter();
    assert.equal((await app.request(path, {}, { METRICS: reporter })).status, status, path);
    await until(() => reporter.counter("http_requests_total", { status }) === 1);
    assert.equal(reporter.counter("greetings_total"), status === 200 ? 1 : 0, path);
    assert.equal((await app.request(path)).status, status, `${path} without a binding`);
  }
  assert.deepEqual(lines.filter((line) => /TypeError|ExecutionContext/.test(line)), []);
});

test("hono: an app is wrapped as it is, and its routes find their metrics by ctx", { skip }, () =>
  serve("hono-wrapped", async (worker) => {
    assert.equal(await (await worker.fetch("/hello/ana")).text(), "hello ana");
    assert.deepEqual(seen(await worker.calls((calls) => calls.length === 1)), [
      [
        ["greetings_total", 1, { language: "en" }],
        ["http_requests_total", 1, { method: "GET", route: "", status: "200" }],
        ["http_request_duration_seconds", "s", { method: "GET", route: "", status: "200" }],
      ],
    ]);
  }),
);

test("itty-router: a router is wrapped as it is, with its pattern as the route", { skip }, () =>
  serve("itty-router", async (worker) => {
    assert.deepEqual(await (await worker.fetch("/hello/ana")).json(), { hello: "ana" });
    const labels = { method: "GET", route: "/hello/:name", status: "200" };
    assert.deepEqual(seen(await worker.calls((calls) => calls.length === 1)), [
      [
        ["greetings_total", 1, { language: "en" }],
        ["http_requests_total", 1, labels],
        ["http_request_duration_seconds", "s", labels],
      ],
    ]);
    await worker.forget();
    assert.equal((await worker.fetch("/nowhere")).status, 404);
    const [call] = seen(await worker.calls((calls) => calls.length === 1));
    assert.deepEqual(call[0], ["http_requests_total", 1, { method: "GET", route: "", status: "404" }]);
  }),
);
