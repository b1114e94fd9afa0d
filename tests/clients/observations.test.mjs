// The Worker unpacks the samples that the clients pack: each observation of one series reaches the
// gateway.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startGateway } from "../harness/index.mjs";
import { rustWorker, typescriptWorker } from "./build.mjs";
import { startCaller, startReporter } from "./runtime.mjs";

const CALLERS = [
  ["TypeScript", () => typescriptWorker("clients/typescript/test/workerd/caller.ts")],
  ["Rust", () => rustWorker("client-test-worker", 'import { Counter, fetch } from "./glue.js";\nexport { Counter };\nexport default { fetch };\n')],
];

describe("through the Worker that is deployed", { timeout: 1_200_000 }, () => {
  for (const [language, build] of CALLERS) {
    test(`every observation of the ${language} client arrives, once and with its value`, async (t) => {
      const modules = await build();
      const gateway = await startGateway();
      t.after(() => gateway.stop());
      const reporter = await startReporter(gateway.address, { FLUSH_INTERVAL_MS: "50", SELF_METRICS: "false" });
      t.after(() => reporter.stop());
      const caller = await startCaller(modules, { METRICS: reporter.addresses.MetricsReporter });
      t.after(() => caller.stop());

      // 500 increments and the observations 0 to 499; 2,500 observations from 0
      for (const path of ["/plain", "/large"]) assert.equal((await caller.fetch(path)).status, 200, path);

      const page = await gateway.waitFor("all observations", (page) => page.sum("pushed_step_ms_count") >= 500 && page.sum("pushed_large_ms_count") >= 2_500);
      assert.equal(page.value("pushed_steps_total", { path: "/plain" }), 500);
      const { count, sum } = page.histogram("pushed_step_ms", { path: "/plain" });
      assert.deepEqual({ count, sum }, { count: 500, sum: (499 * 500) / 2 });
      assert.equal(page.sum("pushed_large_ms_count"), 2_500);
      assert.equal(page.sum("pushed_large_ms_sum"), (2_499 * 2_500) / 2);
    });
  }
});
