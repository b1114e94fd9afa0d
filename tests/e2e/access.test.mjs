// The service token of Cloudflare Access, with which a push passes the proxy in front of the
// gateway.

import assert from "node:assert/strict";
import { test } from "node:test";
import { counter, startRuntime } from "./system.mjs";

// Its status message lists the Access headers that it received.
const source = `export default { fetch(request) {
  const token = ["cf-access-client-id", "cf-access-client-secret"].map((name) => request.headers.get(name));
  return new Response(null, { headers: { "content-type": "application/grpc-web+proto", "grpc-status": "9", "grpc-message": encodeURIComponent(JSON.stringify(token)) } });
} };`;

async function tokenOf(t, vars) {
  const runtime = await startRuntime(t, { gateway: { source }, vars });
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.equal(result.code, 9, JSON.stringify(result));
  return { token: JSON.parse(result.message), runtime };
}

test("with both secrets bound, each push carries the service token, without the white space around it", async (t) => {
  const { token } = await tokenOf(t, { ACCESS_CLIENT_ID: "id.access", ACCESS_CLIENT_SECRET: " 5ec2e7\n" });
  assert.deepEqual(token, ["id.access", "5ec2e7"]);
});

test("without them it carries none, and nothing is said about it", async (t) => {
  for (const vars of [{}, { ACCESS_CLIENT_ID: "", ACCESS_CLIENT_SECRET: "" }]) {
    const { token, runtime } = await tokenOf(t, vars);
    assert.deepEqual(token, [null, null]);
    assert.doesNotMatch(runtime.process.output(), /var_invalid/);
  }
});

test("with one of them, it carries none, and the log names the one that is missing", async (t) => {
  for (const [missing, vars] of [
    ["ACCESS_CLIENT_SECRET", { ACCESS_CLIENT_ID: "id.access" }],
    ["ACCESS_CLIENT_SECRET", { ACCESS_CLIENT_ID: "id.access", ACCESS_CLIENT_SECRET: "" }],
    ["ACCESS_CLIENT_ID", { ACCESS_CLIENT_SECRET: "5ec2e7" }],
  ]) {
    const { token, runtime } = await tokenOf(t, vars);
    assert.deepEqual(token, [null, null]);
    const line = await runtime.waitForLog("the complaint", ({ event }) => event === "var_invalid");
    assert.deepEqual([line.var, line.level], [missing, "error"]);
    assert.match(line.message, /expected both secrets/);
  }
});

test("one that is bound as something else than text is named in the log", async (t) => {
  const { token, runtime } = await tokenOf(t, { ACCESS_CLIENT_ID: "id.access", ACCESS_CLIENT_SECRET: { store: "5ec2e7" } });
  assert.deepEqual(token, [null, null]);
  const line = await runtime.waitForLog("the complaint", ({ event }) => event === "var_invalid");
  assert.deepEqual([line.var, line.level], ["ACCESS_CLIENT_SECRET", "error"]);
  assert.match(line.message, /expected the text of a secret/);
});

test("a secret that no header can hold is named in the log, not shown there, and pushes go on", async (t) => {
  // Every push used to throw on it, and so did the call.
  const { token, runtime } = await tokenOf(t, { ACCESS_CLIENT_ID: "id.access", ACCESS_CLIENT_SECRET: "gehe\u200bim" });
  assert.deepEqual(token, [null, null]);
  const line = await runtime.waitForLog("the complaint", ({ event }) => event === "var_invalid");
  assert.deepEqual([line.var, line.level], ["ACCESS_CLIENT_SECRET", "error"]);
  assert.doesNotMatch(runtime.process.output(), /gehe/);
});
