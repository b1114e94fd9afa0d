// Both example callers, through Workers RPC, the deployed Worker, and the reference gateway.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startGateway, unusedAddress } from "../harness/index.mjs";
import { rustWorker, typescriptWorker } from "./build.mjs";
import { startCaller, startReporter } from "./runtime.mjs";

const EXAMPLES = [
  ["TypeScript", () => typescriptWorker("examples/caller/src/index.ts")],
  ["Rust", () => rustWorker("example-caller-rust", 'import { fetch } from "./glue.js";\nexport default { fetch };\n')],
];

/** The answer of each route, whatever the state of the metrics. */
async function assertResponses(caller) {
  for (const [path, method, status, body] of [
    ["/", "GET", 200, "hello\n"],
    ["/", "POST", 200, "hello\n"],
    ["/nowhere", "GET", 404, "not found\n"],
  ]) {
    const began = performance.now();
    const response = await caller.fetch(path, { method });
    assert.equal(response.status, status, path);
    assert.equal(await response.text(), body, path);
    // The client gives up on a reporter after 10 s.
    assert.ok(performance.now() - began < 8_000, `${path} took ${performance.now() - began} ms`);
  }
}

for (const [language, build] of EXAMPLES) {
  describe(`the ${language} example`, { timeout: 1_200_000 }, () => {
    let modules;
    before(async () => {
      modules = await build();
    });

    /** A caller, with a reporter unless the test says otherwise. All of it ends with the test. */
    async function start(t, { reporter, ...bindings } = {}) {
      const caller = await startCaller(modules, reporter ? { METRICS: reporter.addresses.MetricsReporter } : bindings);
      t.after(() => caller.stop());
      return caller;
    }

    async function startSystem(t, vars) {
      const gateway = await startGateway();
      t.after(() => gateway.stop());
      const reporter = await startReporter(gateway.address, vars);
      t.after(() => reporter.stop());
      return { gateway, reporter, caller: await start(t, { reporter }) };
    }

    test("counts and times every request, each exactly once", async (t) => {
      const { gateway, caller } = await startSystem(t, { FLUSH_INTERVAL_MS: "50", SELF_METRICS: "false" });
      const requests = [
        ...Array(20).fill(["/", "GET"]),
        ...Array(3).fill(["/", "POST"]),
        ...Array(4).fill(["/a/path/of/its/own", "GET"]),
        ["/", "PURGE"],
      ];
      await Promise.all(requests.map(([path, method]) => caller.fetch(path, { method }).then((response) => response.text())));

      const page = await gateway.waitFor("all requests", (page) => page.sum("pushed_request_latency_ms_count") >= requests.length);
      const counted = page.find("pushed_requests_total").map(({ labels, value }) => [labels.route, labels.method, labels.status, value]);
      assert.deepEqual(counted.sort(), [
        ["/", "GET", "200", 20],
        ["/", "POST", "200", 3],
        ["/", "other", "200", 1],
        ["other", "GET", "404", 4],
      ]);
      assert.equal(page.histogram("pushed_request_latency_ms", { route: "/" }).count, 24);
      assert.equal(page.histogram("pushed_request_latency_ms", { route: "other" }).count, 4);
      const sum = page.sum("pushed_request_latency_ms_sum");
      assert.ok(sum >= 0 && sum < 60_000, String(sum));
      assert.match(page.help.get("pushed_requests_total"), /^Requests handled, by route/);
      assert.equal(page.types.get("pushed_request_latency_ms"), "histogram");
    });

    test("verifies the whole way with one sample", async (t) => {
      const { gateway, caller } = await startSystem(t, { SELF_METRICS: "false" });
      const response = await caller.fetch("/verify");
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-type"), "application/json");
      const { accepted, ok, outcome, rejected, code, status, refused } = await response.json();
      assert.deepEqual(
        { accepted, ok, outcome, rejected, code, status, refused },
        { accepted: 1, ok: true, outcome: "delivered", rejected: 0, code: 0, status: "OK", refused: [] },
      );
      const page = await gateway.scrape();
      assert.equal(page.value("pushed_verifications_total"), 1);
      assert.match(page.help.get("pushed_verifications_total"), /^Samples sent by hand/);
    });

    test("says where the way ends when the gateway is down, and answers as ever", async (t) => {
      const reporter = await startReporter(await unusedAddress(), { PUSH_TIMEOUT_MS: "500" });
      t.after(() => reporter.stop());
      const caller = await start(t, { reporter });
      const response = await caller.fetch("/verify");
      assert.equal(response.status, 502);
      const { reason, outcome } = await response.json();
      assert.match(reason, /^(the sample did not reach the gateway|it is unknown whether the gateway counted the sample) \(.+\)$/);
      assert.notEqual(outcome, "delivered");
      await assertResponses(caller);
    });

    test("answers as ever when the reporter is killed, and says so in its log", async (t) => {
      const { gateway, reporter, caller } = await startSystem(t, { FLUSH_INTERVAL_MS: "50" });
      await assertResponses(caller);
      await gateway.waitFor("three requests", (page) => page.sum("pushed_requests_total") === 3);
      await reporter.stop();
      await assertResponses(caller);
      await caller.logged("metrics-reporter-client: calling the reporter with ");
      const response = await caller.fetch("/verify");
      assert.equal(response.status, 502);
      assert.match((await response.json()).reason, /^the call to .+ failed: /);
      await assertResponses(caller);
    });

    test("answers as ever without a binding, and says so in its log", async (t) => {
      const caller = await start(t);
      await assertResponses(caller);
      await caller.logged("there is no reporter binding, so no metrics are recorded");
      const response = await caller.fetch("/verify");
      assert.equal(response.status, 502);
      assert.match((await response.json()).reason, /.+/);
      await assertResponses(caller);
    });
  });
}
