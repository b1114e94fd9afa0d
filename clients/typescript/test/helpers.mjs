import assert from "node:assert/strict";

/** A binding that keeps what `record` was called with and answers as it is told. */
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

/** A ctx that keeps what waitUntil was called with. */
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

/** How many samples a call has: a packed row has one for each value. */
export function count(samples) {
  return rows(samples).reduce((sum, row) => sum + (Array.isArray(row) ? valuesOf(row).length : 1), 0);
}

/** The values of a packed row. */
export function valuesOf([, , value]) {
  return Array.isArray(value) ? value : [value];
}

let clock = 1e12;

/**
 * Collects what is written with console.warn. After each line it is two
 * minutes later, so that no warning is held back for having been given before.
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

/** Fails if something rejected without a handler while `work` ran and shortly after. */
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

/** Fails unless every sample in the account ended in exactly one place. */
export function assertBalanced(account, note) {
  const { recorded, folded, taken, refused, dropped, unknown, pending } = account;
  assert.equal(recorded, folded + taken + refused + dropped + unknown + pending, `${note}: ${JSON.stringify(account)}`);
}
