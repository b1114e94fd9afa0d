// Sends every case of the conformance suite, byte for byte, to push() of the built Worker. The
// tests of crates/grpc-web cover the parser alone. This one covers everything between a socket and a caller.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLedger, counter, startRuntime } from "../e2e/system.mjs";
import { captured, suite } from "./cases.mjs";
import { DELIVERIES, startReplay } from "./replay.mjs";

const SAMPLES = 2; // the accepted count in the suite's responses

/** Pushes once for every case and way of delivery, and resolves with the results of push(). */
async function replay(t, cases) {
  const server = await startReplay(t);
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false" } });
  const pushes = cases.flatMap((recorded, index) =>
    Object.entries(DELIVERIES).map(([delivery, send], way) => {
      const metric = `case_${index}_${way}`;
      server.answers.set(metric, (socket) => send(socket, recorded));
      return { recorded, delivery, metric };
    }),
  );
  const results = await runtime.sequence(
    pushes.map(({ metric }) => ["push", Array.from({ length: SAMPLES }, (_, i) => counter(metric, 1, { i }))]),
  );
  for (const [i, push] of pushes.entries()) {
    assert.equal(results[i].error, undefined, `${push.recorded.name ?? push.recorded.case}: push() rejected`);
    push.result = results[i].value;
  }
  return { pushes, server, runtime };
}

test("every case of the conformance suite", async (t) => {
  const { pushes, server, runtime } = await replay(t, suite);

  await t.test("is there, in every way of delivery, and asked for once: no answer makes a push go out again", () => {
    assert.equal(suite.length, 69);
    assert.equal(pushes.length, 69 * 3);
    assert.deepEqual(server.requests.map(({ metric }) => metric), pushes.map(({ metric }) => metric));
  });

  for (const recorded of suite) {
    await t.test(recorded.name, () => {
      const acceptable = recorded.acceptable_codes ?? [recorded.expect_code];
      for (const { delivery, result } of pushes.filter((push) => push.recorded === recorded)) {
        const context = `${delivery}: ${JSON.stringify(result)}`;
        assert.ok(acceptable.includes(result.code), `expected ${acceptable.join(" or ")}, ${context}`);
        // A code that is acceptable but not the first choice comes with our own message.
        if (recorded.expect_message !== undefined && result.code === recorded.expect_code) {
          assert.equal(result.message, recorded.expect_message, context);
        }
        const { accepted, rejected } = recorded.expect_response ?? { accepted: 0, rejected: 0 };
        assert.deepEqual([result.accepted, result.rejected], [accepted, rejected], context);
        assert.equal(result.ok, recorded.expect_code === 0, context);
        assert.equal(result.outcome === "delivered", recorded.expect_code === 0, context);
        assert.deepEqual(result.refused, [], context);
      }
    });
  }

  await t.test("leaves a ledger that adds up, with only the OK ones delivered", async () => {
    const stats = await runtime.value("stats");
    assertLedger(stats);
    const ok = suite.filter(({ expect_code }) => expect_code === 0).length;
    assert.deepEqual(
      [stats.taken, stats.delivered, stats.pushes.delivered, stats.in_flight],
      [SAMPLES * 69 * 3, SAMPLES * ok * 3, ok * 3, 0],
    );
    assert.equal(stats.pushes.retried, 0);
  });
});

test("every response that was captured from a real server", async (t) => {
  const { pushes } = await replay(t, captured);
  for (const recorded of captured) {
    await t.test(`${recorded.server}: ${recorded.case}`, () => {
      for (const { delivery, result } of pushes.filter((push) => push.recorded === recorded)) {
        const context = `${delivery}: ${JSON.stringify(result)}`;
        assert.equal(result.code, recorded.expect_code, context);
        if (["trailers", "headers"].includes(recorded.expect_source)) {
          assert.equal(result.message, recorded.expect_message, context);
        }
        assert.equal(result.accepted, recorded.expect_accepted ?? 0, context);
        assert.equal(result.ok, recorded.expect_code === 0, context);
      }
    });
  }
});

// Without this, the runtime might merge the pieces before the Worker reads them.
test("a body in chunks of one byte reaches a Worker in pieces of one byte", async (t) => {
  const server = await startReplay(t);
  const body = Buffer.from("0123456789".repeat(4));
  server.answers.set("a_total", (socket) => DELIVERIES["in chunks of one byte"](socket, { http_status: 200, headers: [], body }));
  // Stands in for the gateway, forwards the request, and reports how the answer arrived.
  const source = `export default {
    async fetch(request, env) {
      const response = await env.UPSTREAM.fetch(request.url, request);
      let pieces = 0;
      for await (const piece of response.body) pieces++;
      return new Response(null, { headers: {
        "content-type": "application/grpc-web+proto", "grpc-status": "2", "grpc-message": String(pieces) } });
    },
  };`;
  const runtime = await startRuntime(t, { gateway: { source, upstream: server.address } });
  assert.equal((await runtime.value("push", [[counter("a_total")]])).message, String(body.length));
});
