// A whole system for one test: reference gateway, Worker, callers. It ends with the test.

import assert from "node:assert/strict";
import { startGateway, startWorkerd } from "../harness/index.mjs";

/**
 * @param {import("node:test").TestContext} t
 * @param {object} [options] the options of startWorkerd; `gatewayArgs` are the gateway's arguments
 */
export async function startSystem(t, { gatewayArgs, ...options } = {}) {
  const gateway = await startGateway({ args: gatewayArgs });
  t.after(() => gateway.stop());
  const runtime = await startRuntime(t, { gateway: gateway.address, ...options });
  return { gateway, runtime };
}

/** The Worker and its callers without a gateway of their own. */
export async function startRuntime(t, options) {
  const runtime = await startWorkerd(options);
  t.after(() => runtime.stop());
  return runtime;
}

const total = (counts) => Object.values(counts).reduce((sum, n) => sum + n, 0);

/** Checks that every accepted sample is counted in exactly one place. */
export function assertLedger(stats) {
  const { taken, coalesced, delivered, rejected, dropped, unknown, buffered, in_flight } = stats;
  const placed = coalesced + delivered + rejected + total(dropped) + total(unknown) + buffered + in_flight;
  assert.equal(taken, placed, `the ledger does not add up: ${JSON.stringify(stats)}`);
}

/** Waits until nothing is buffered or in flight, and checks the ledger. */
export async function settled(runtime) {
  const stats = await runtime.waitForStats("every sample is settled", (s) => s.buffered === 0 && s.in_flight === 0);
  assertLedger(stats);
  return stats;
}

export const counter = (name, value = 1, labels = {}) => ({ name, type: "counter", value, labels });
export const histogram = (name, value, labels = {}) => ({ name, type: "histogram", value, labels });
