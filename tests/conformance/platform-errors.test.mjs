// Errors that the platform reports instead of the gateway: exceptions and answers of a Workers VPC
// binding, and Cloudflare's own error pages. Stand-in Workers produce them through a real binding.

import assert from "node:assert/strict";
import { test } from "node:test";
import { assertLedger, counter, startRuntime } from "../e2e/system.mjs";

// From the documentation of Workers VPC. The grouping follows the meaning of each code.
const UNSENT_AND_PASSING = [
  "connection_refused",
  "connection_timeout",
  "connection_limit_reached",
  "destination_unavailable",
  "dns_error",
  "dns_timeout",
  "rate_limited",
];
const UNSENT_AND_LASTING = [
  "destination_not_found",
  "destination_ip_prohibited",
  "destination_ip_unroutable",
  "http_request_denied",
  "proxy_loop_detected",
  "tls_certificate_error",
];
const AMBIGUOUS = [
  "connection_terminated",
  "connection_read_timeout",
  "connection_write_timeout",
  "tls_protocol_error",
  "http_request_error",
  "http_upgrade_failed",
  "http_protocol_error",
  "http_response_incomplete",
  "proxy_internal_error",
];
// Undocumented or malformed codes, which prove nothing.
const UNKNOWN = [
  "something_new",
  "connection_refused_2",
  "connection_refused-after-write",
  "Connection_Refused",
];

const ATTEMPTS = 4;

// How the stand-in reports the code in the request: the form, and its implementation.
const FORMS = {
  "thrown as ProxyError": "throw new Error(`ProxyError: ${code}`)",
  "thrown with more text": "throw new Error(`ProxyError: ${code}: upstream 10.0.0.1:8080`)",
  "thrown by code alone": "throw new Error(code)",
  "answered as 500": 'return new Response(`ProxyError: ${code}`, { status: 500, headers: { "content-type": "text/plain" } })',
  "answered as 500 with a charset":
    'return new Response(`ProxyError: ${code}\\n`, { status: 500, headers: { "content-type": "text/plain;charset=UTF-8" } })',
  "answered as 500 in pieces of one byte": `return new Response(new ReadableStream({ start(controller) {
      for (const byte of new TextEncoder().encode(\`ProxyError: \${code}\`)) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    } }), { status: 500, headers: { "content-type": "text/plain" } })`,
};

// The code is the value of the label `code`. Every request writes one line to the log.
const standIn = (action) => `export default {
  async fetch(request) {
    const text = new TextDecoder("latin1").decode(await request.arrayBuffer());
    const code = /code\\x12[\\s\\S]([\\w-]+)!/.exec(text)[1];
    console.log(JSON.stringify({ asked: code }));
    ${action};
  },
};`;

const push = async (runtime, code) => [code, await runtime.value("push", [[counter("a_total", 1, { code: `${code}!` })]])];
const asked = (runtime, code) => runtime.logs.filter((log) => log.asked === code).length;

for (const [form, action] of Object.entries(FORMS)) {
  test(`an error of the VPC binding, ${form}`, async (t) => {
    const runtime = await startRuntime(t, { gateway: { source: standIn(action) }, vars: { SELF_METRICS: "false" } });
    const alone = form === "thrown by code alone";
    const unsent = [...UNSENT_AND_PASSING, ...UNSENT_AND_LASTING];
    const all = [...unsent, ...AMBIGUOUS, ...UNKNOWN];
    const results = Object.fromEntries(await Promise.all(all.map((code) => push(runtime, code))));

    for (const [code, result] of Object.entries(results)) {
      const context = `${code}: ${JSON.stringify(result)}`;
      assert.equal(result.ok, false, context);
      assert.deepEqual([result.accepted, result.rejected], [0, 0], context);
      assert.equal(result.code, code === "http_request_denied" ? 7 : 14, context);
      assert.ok(result.message.includes(code), context);
    }
    for (const code of unsent) assert.equal(results[code].outcome, "dropped", `${code} proves that nothing was sent`);
    for (const code of [...AMBIGUOUS, ...UNKNOWN]) assert.equal(results[code].outcome, "unknown", `${code} proves nothing`);

    // Only a push that was certainly not sent, and that may succeed soon, is retried.
    const attempts = all.length + UNSENT_AND_PASSING.length * (ATTEMPTS - 1);
    await runtime.process.until("every attempt is in the log", () => runtime.logs.filter((log) => log.asked).length >= attempts);
    for (const code of UNSENT_AND_PASSING) assert.equal(asked(runtime, code), ATTEMPTS, code);
    for (const code of [...UNSENT_AND_LASTING, ...AMBIGUOUS, ...UNKNOWN]) assert.equal(asked(runtime, code), 1, code);

    const stats = await runtime.value("stats");
    assertLedger(stats);
    assert.equal(stats.taken, all.length);
    assert.deepEqual(Object.keys(stats.dropped).sort(), unsent.toSorted());
    for (const code of AMBIGUOUS) assert.equal(stats.unknown[code], 1, code);
    // All texts that are not codes share one reason, because reasons are labels.
    assert.equal(stats.unknown[alone ? "fetch_failed" : "proxy_error_unknown"], UNKNOWN.length);
    assert.equal(stats.pushes.retried, UNSENT_AND_PASSING.length * (ATTEMPTS - 1));
  });
}

test("a refused connection that comes back is delivered, once", async (t) => {
  // A restarting connector: two refusals, then the gateway.
  const source = `let asked = 0;
    export default {
      async fetch(request) {
        asked++;
        if (asked <= 2) throw new Error("ProxyError: connection_refused");
        const frame = (flags, bytes) => [flags, 0, 0, 0, bytes.length, ...bytes];
        const trailers = new TextEncoder().encode("grpc-status: 0\\r\\n");
        return new Response(new Uint8Array([...frame(0, [8, 1]), ...frame(0x80, trailers)]),
          { headers: { "content-type": "application/grpc-web+proto" } });
      },
    };`;
  const runtime = await startRuntime(t, { gateway: { source }, vars: { SELF_METRICS: "false" } });
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.deepEqual([result.ok, result.accepted, result.code], [true, 1, 0]);
  const stats = await runtime.value("stats");
  assert.deepEqual([stats.delivered, stats.pushes.delivered, stats.pushes.retried], [1, 1, 2]);
});

// Errors without a VPC binding: Cloudflare's own pages, and exceptions of the runtime.
const BLIPS = [
  ["error 1101", `new Response("error code: 1101", { status: 500, headers: { "content-type": "text/plain; charset=UTF-8" } })`, 2, "edge_error"],
  ["error 1101 as a page", `new Response("<!DOCTYPE html><title>Worker threw exception | gateway | Cloudflare</title>", { status: 500, headers: { "content-type": "text/html" } })`, 2, "http_status"],
  ["error 1033", `new Response("error code: 1033", { status: 530, headers: { "content-type": "text/plain; charset=UTF-8" } })`, 2, "edge_error"],
  ["error 502", `new Response("error code: 502", { status: 502, headers: { "content-type": "text/plain; charset=UTF-8" } })`, 14, "edge_error"],
  ["an internal error", `(() => { throw new Error("internal error; reference = 0123abcd") })()`, 14, "fetch_failed"],
  ["a lost connection", `(() => { throw new Error("Network connection lost.") })()`, 14, "connection_lost"],
  ["something thrown that is no error", `(() => { throw "a string" })()`, 14, "fetch_failed"],
  ["undefined thrown", `(() => { throw undefined })()`, 14, "fetch_failed"],
  ["a text that only quotes a code", `new Response("see ProxyError: connection_refused", { status: 500, headers: { "content-type": "text/plain" } })`, 2, "http_status"],
  ["a code in a page", `new Response("ProxyError: connection_refused", { status: 500, headers: { "content-type": "text/html" } })`, 2, "http_status"],
  ["a code with another status", `new Response("ProxyError: connection_refused", { status: 200, headers: { "content-type": "text/plain" } })`, 2, "content_type"],
];
for (const [what, reply, code, reason] of BLIPS) {
  test(`${what} in the gateway's place is unknown, and the push is not sent again`, async (t) => {
    const source = `export default { async fetch(request) { await request.arrayBuffer(); console.log('{"asked":"x"}'); return ${reply}; } };`;
    const runtime = await startRuntime(t, { gateway: { source }, vars: { SELF_METRICS: "false" } });
    const result = await runtime.value("push", [[counter("a_total")]]);
    assert.deepEqual([result.ok, result.outcome, result.code], [false, "unknown", code], JSON.stringify(result));
    await runtime.waitForLog("the request", (log) => log.asked);
    assert.equal(asked(runtime, "x"), 1);
    const stats = await runtime.value("stats");
    assertLedger(stats);
    assert.deepEqual(stats.unknown, { [reason]: 1 });
  });
}
