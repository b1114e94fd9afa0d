// The examples for frameworks, compiled and run. Needs hono and itty-router.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

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
