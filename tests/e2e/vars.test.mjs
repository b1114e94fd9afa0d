import assert from "node:assert/strict";
import { test } from "node:test";
import { counter, startSystem } from "./system.mjs";

const DEFAULTS = {
  FLUSH_INTERVAL_MS: 1000,
  MAX_BATCH_SAMPLES: 1000,
  MAX_BUFFERED_SAMPLES: 10000,
  PUSH_TIMEOUT_MS: 5000,
  MAX_SERIES_PER_METRIC: 2000,
  GATEWAY_URL: "http://gateway",
  GATEWAY_DEDUPES: false,
  SELF_METRICS: true,
  REJECT_INVALID: false,
};

/** The vars that apply, from `stats`. */
async function inForce(runtime) {
  const { config } = await runtime.value("stats");
  // Not a var, but readers of the vars need it as well.
  const { VERSION, ...vars } = config;
  assert.match(VERSION, /^\d+\.\d+\.\d+/);
  return vars;
}

test("without vars the defaults hold, and stats shows them", async (t) => {
  const { runtime } = await startSystem(t);
  assert.deepEqual(await inForce(runtime), DEFAULTS);
});

test("vars that are set are in force, and stats shows them", async (t) => {
  const vars = {
    FLUSH_INTERVAL_MS: "250",
    MAX_BATCH_SAMPLES: "10",
    MAX_BUFFERED_SAMPLES: "20",
    PUSH_TIMEOUT_MS: "1500",
    MAX_SERIES_PER_METRIC: "30",
    GATEWAY_URL: "http://10.0.0.1:8080",
    GATEWAY_DEDUPES: "true",
    SELF_METRICS: "false",
    REJECT_INVALID: "true",
  };
  const { runtime } = await startSystem(t, { vars });
  assert.deepEqual(Object.fromEntries(Object.entries(await inForce(runtime)).map(([k, v]) => [k, String(v)])), vars);
});

test("a var that does not parse is named in the log, and its default holds", async (t) => {
  const vars = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, "not this"]));
  const { runtime } = await startSystem(t, { vars });
  assert.deepEqual(await inForce(runtime), DEFAULTS);
  for (const name of Object.keys(DEFAULTS)) {
    await runtime.waitForLog(`the complaint about ${name}`, (log) => JSON.stringify(log).includes(name));
  }
  // Everything still works.
  assert.equal((await runtime.value("push", [[counter("a_total")]])).accepted, 1);
});

test("a number beyond its bound is cut to it, and named in the log", async (t) => {
  const { runtime } = await startSystem(t, { vars: { FLUSH_INTERVAL_MS: "60000" } });
  assert.deepEqual(await inForce(runtime), { ...DEFAULTS, FLUSH_INTERVAL_MS: 10_000 });
  const line = await runtime.waitForLog("the complaint", ({ event }) => event === "var_invalid");
  assert.deepEqual([line.var, line.level], ["FLUSH_INTERVAL_MS", "error"]);
  assert.match(line.message, /; 10000 holds$/);
});

test("a var may be a number or a switch, and one that is neither is named in the log", async (t) => {
  // wrangler.toml accepts objects as vars. They used to be ignored without a message.
  const vars = { FLUSH_INTERVAL_MS: 250, SELF_METRICS: false, MAX_BATCH_SAMPLES: {}, GATEWAY_URL: null };
  const { runtime } = await startSystem(t, { vars });
  assert.deepEqual(await inForce(runtime), { ...DEFAULTS, FLUSH_INTERVAL_MS: 250, SELF_METRICS: false });
  for (const name of ["MAX_BATCH_SAMPLES", "GATEWAY_URL"]) {
    await runtime.waitForLog(name, (log) => log.event === "var_invalid" && log.var === name);
  }
});

test("GATEWAY_URL is where the request goes: scheme and host reach the binding", async (t) => {
  const source = `export default { fetch(request) {
    return new Response(null, { headers: { "content-type": "application/grpc-web+proto", "grpc-status": "9", "grpc-message": encodeURIComponent(request.method + " " + request.url) } });
  } };`;
  const { runtime } = await startSystem(t, { gateway: { source }, vars: { GATEWAY_URL: "http://10.1.2.3:8080/" } });
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.equal(result.message, "POST http://10.1.2.3:8080/marqo.metrics.v1.MetricsIngest/Push");
});
