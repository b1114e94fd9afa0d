// The short form of `make soak`.

import { randomInt } from "node:crypto";
import { test } from "node:test";
import { soak } from "./soak.mjs";

test("under random faults the ledger adds up, nothing is over-counted, nothing is stuck", async (t) => {
  // The seed is printed. Set SOAK_SEED to repeat a run.
  const seed = Number(process.env.SOAK_SEED ?? randomInt(2 ** 31));
  await soak(t, { seconds: 20, seed, say: (line) => t.diagnostic(line) });
});
