import assert from "node:assert/strict";
import { test } from "node:test";
import { startSystem } from "./system.mjs";

const METHODS = ["flush", "incr", "observe", "push", "record", "stats"];

test("the RPC surface is exactly the six methods and fetch", async (t) => {
  // RPC can reach every member on the prototypes of the class, up to the runtime's own
  // WorkerEntrypoint.
  const source = `
    import { WorkerEntrypoint } from "cloudflare:workers";
    import * as exported from "./index.js";
    function reach(entrypoint) {
      const names = new Set();
      for (let p = entrypoint.prototype; p && p !== WorkerEntrypoint.prototype; p = Object.getPrototypeOf(p)) {
        for (const name of Reflect.ownKeys(p)) names.add(String(name));
      }
      names.delete("constructor");
      return [...names].sort();
    }
    export default {
      fetch: () => Response.json({
        exports: Object.keys(exported).sort(),
        isEntrypoint: exported.MetricsReporter.prototype instanceof WorkerEntrypoint,
        reporter: reach(exported.MetricsReporter),
        default: typeof exported.default === "function" ? reach(exported.default) : Object.keys(exported.default),
      }),
    };`;
  const { runtime } = await startSystem(t, { callers: { probe: { source, withDist: true } } });
  const surface = await (await runtime.fetch("probe")).json();
  assert.deepEqual(surface.exports, ["MetricsReporter", "default"]);
  assert.equal(surface.isEntrypoint, true);
  assert.deepEqual(surface.reporter.filter((name) => name !== "fetch"), METHODS);
  assert.deepEqual(surface.default, ["fetch"]);
});

test("a caller gets nothing else: no Wasm export and no internal", async (t) => {
  const source = `
    import wasm from "./index_bg.wasm";
    export default { fetch: () => Response.json(WebAssembly.Module.exports(wasm).map(({ name }) => name)) };`;
  const { runtime } = await startSystem(t, { callers: { probe: { source, withDist: true } } });
  const exported = await (await runtime.fetch("probe")).json();
  assert.ok(exported.length > METHODS.length, exported.join());
  const names = new Set([
    ...exported,
    ...["memory", "wasm", "init", "initSync", "start", "main", "default", "call", "encode"],
    ...["scheduled", "queue", "email", "tail", "trace", "test", "alarm", "webSocketMessage"],
    ...["ctx", "env"],
    ...["counter", "histogram", "batch", "gauge", "set", "reset", "config", "Incr", "increment", ""],
  ]);
  for (const name of [...METHODS, "fetch"]) names.delete(name);
  for (const method of names) {
    for (const binding of ["METRICS", "METRICS_DEFAULT"]) {
      const reply = await runtime.call(method, ["a_total"], { binding });
      assert.ok(reply.error, `${binding}.${method} answered ${JSON.stringify(reply.value)}`);
      assert.match(reply.error.message, /does not implement|is a reserved method/, `${binding}.${method}`);
    }
  }
});

test("the default export has none of the six methods", async (t) => {
  const { runtime } = await startSystem(t);
  for (const method of METHODS) {
    const { error } = await runtime.call(method, [], { binding: "METRICS_DEFAULT" });
    assert.match(error?.message ?? "it answered", /does not implement/, method);
  }
});

test("fetch answers 404, on both entrypoints, whatever is asked", async (t) => {
  const { runtime } = await startSystem(t);
  for (const path of ["/", "/metrics", "/marqo.metrics.v1.MetricsIngest/Push", "/../../x?y=z"]) {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
      assert.equal((await runtime.fetch("worker", path, { method })).status, 404, `${method} ${path}`);
    }
    for (const binding of ["METRICS", "METRICS_DEFAULT"]) {
      const reply = await runtime.fetch("driver", "/fetch", {
        method: "POST",
        body: JSON.stringify({ binding, url: `http://metrics${path}` }),
      });
      assert.equal((await reply.json()).status, 404, `${binding} ${path}`);
    }
  }
});
