import assert from "node:assert/strict";

/** A binding that stores the arguments of `record` and answers as the test says. */
export function fakeBinding(answer = (samples) => count(samples)) {
  const calls = [];
  return {
    calls,
    record(samples) {
      calls.push(samples);
      return Promise.resolve().then(() => answer(samples));
    },
  };
}

/** A ctx that stores the arguments of waitUntil. */
export function fakeCtx() {
  const promises = [];
  return { promises, waitUntil: (promise) => void promises.push(promise) };
}

/** Rows of a packed call, or the samples of one in array form. */
export function rows(samples) {
  if (typeof samples !== "string") return samples;
  assert.equal(samples[0], "1");
  return JSON.parse(samples.slice(1));
}

/** The number of samples in a call: a packed row has one for each value. */
export function count(samples) {
  return rows(samples).reduce((sum, row) => sum + (Array.isArray(row) ? valuesOf(row).length : 1), 0);
}

/** The values of a packed row. */
export function valuesOf([, , value]) {
  return Array.isArray(value) ? value : [value];
}

let clock = 1e12;

/**
 * Collects the lines written with console.warn. Each line advances the clock by two minutes, so that the rate
 * limit holds back no later warning.
 */
export function warnings(t) {
  const lines = [];
  clock += 120_000;
  t.mock.method(Date, "now", () => clock);
  t.mock.method(console, "warn", (line) => {
    lines.push(line);
    clock += 120_000;
  });
  return lines;
}

/** Fails if a promise without a handler rejected while `work` ran or shortly after. */
export async function withoutUnhandledRejections(work) {
  const unhandled = [];
  const keep = (reason) => unhandled.push(reason);
  process.on("unhandledRejection", keep);
  try {
    const result = await work();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(unhandled, []);
    return result;
  } finally {
    process.off("unhandledRejection", keep);
  }
}

/** Fails unless every sample in the ledger ended in exactly one place. */
export function assertBalanced(account, note) {
  const { recorded, folded, taken, refused, dropped, unknown, pending } = account;
  assert.equal(recorded, folded + taken + refused + dropped + unknown + pending, `${note}: ${JSON.stringify(account)}`);
}
