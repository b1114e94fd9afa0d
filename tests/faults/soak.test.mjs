// The short form of `make soak`.

import { randomInt } from "node:crypto";
import { test } from "node:test";
import { soak } from "./soak.mjs";

// The seed is printed. Set SOAK_SEED to repeat a run.
const seed = () => Number(process.env.SOAK_SEED ?? randomInt(2 ** 31));

test("under random faults the ledger adds up, nothing is over-counted, nothing is stuck", async (t) => {
  await soak(t, { seconds: 20, seed: seed(), say: (line) => t.diagnostic(line) });
});

test("a trap in one request never fails the waiting calls of others", async (t) => {
  // The request that trapped used to settle the promises of the others. At times the runtime then rejected them with
  // "Cannot perform I/O on behalf of a different request".
  await soak(t, { seconds: 20, seed: seed(), lanes: 40, trapEveryMs: 40, say: (line) => t.diagnostic(line) });
});
