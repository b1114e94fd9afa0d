// Compares docs/logs.md with the lines that the built Worker prints. The test triggers each event.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DRIVER, ROOT, startWorkerd } from "../harness/index.mjs";
import { probedDist } from "../faults/probe.mjs";

const page = readFileSync(join(ROOT, "docs", "logs.md"), "utf8");
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

const described = new Set(all(page, /^\| (`\w+`(?:, `\w+`)*) \| (?:text|number)/gm).flatMap((cell) => all(cell, /`(\w+)`/g)));
// The names in an event's last cell that are fields. Others are values, such as a reason.
const listed = new Map(
  [...page.matchAll(/^\| `(\w+)` \| (warn|error) \|.*\| (.+) \|$/gm)].map(([, event, level, cell]) => [
    event,
    { level, fields: new Set(all(cell, /`(\w+)`/g).filter((name) => described.has(name))) },
  ]),
);

// Answers by the name of the pushed metric.
const GATEWAY = `
const frame = (flags, bytes) => [flags, 0, 0, 0, bytes.length, ...bytes];
const answer = (message, trailers = "") => new Response(
  new Uint8Array([...frame(0, message), ...frame(0x80, new TextEncoder().encode("grpc-status: 0\\r\\n" + trailers))]),
  { headers: { "content-type": "application/grpc-web+proto" } },
);
export default { async fetch(request) {
  const name = /(\\w+)_total/.exec(new TextDecoder().decode(await request.arrayBuffer()))[1];
  if (name.endsWith("dropped")) return new Response("ProxyError: destination_not_found", { status: 500, headers: { "content-type": "text/plain" } });
  if (name.endsWith("unknown")) return new Response("", { headers: { "content-type": "application/grpc-web+proto" } });
  if (name.endsWith("rejected")) return answer([0x10, 1], "x-rejected-reasons: type_conflict=1; first=rejected_total\\r\\n"); // rejected: 1
  if (name.endsWith("miscounted")) return answer([0x08, 5]); // accepted: 5
  return answer([0x08, 1]);
} };`;

const one = (name) => [[{ name, type: "counter", value: 1 }]];
const runtimes = [];
let lines;

before(async () => {
  const dist = probedDist({ after });
  const vars = { SELF_METRICS: "false", MAX_SERIES_PER_METRIC: "1", PUSH_TIMEOUT_MS: "soon", FLUSH_INTERVAL_MS: "10000" };
  const callers = { odd: { file: DRIVER, props: { labels: { le: "1" } } } };
  const runtime = await startWorkerd({ dist, gateway: { source: GATEWAY }, vars, callers });
  runtimes.push(runtime);
  await runtime.value("incr", ["bad-name"]);
  await runtime.value("incr", ["a_total"], {}, "odd");
  for (const route of ["/a", "/b"]) await runtime.value("incr", ["series_total", { route }]);
  for (const name of ["dropped_total", "unknown_total", "rejected_total", "miscounted_total"]) await runtime.value("push", one(name));
  await runtime.value("probe", [{ trapIn: 1 }]);
  await runtime.value("incr", ["trapped_total"]);
  await runtime.value("incr", ["after_total"]);
  await runtime.waitForLog("the instance after the trap", ({ event }) => event === "instance_reset");

  const unbound = await startWorkerd({ vars: { SELF_METRICS: "false" } });
  runtimes.push(unbound);
  await unbound.value("push", one("unbound_total"));
  await unbound.waitForLog("the push without a binding", ({ event }) => event === "push_dropped");

  lines = [...runtime.logs, ...unbound.logs].filter(({ event }) => event !== undefined);
});
after(() => Promise.all(runtimes.map((runtime) => runtime.stop())));

describe("the log reference", () => {
  test("lists every event the Worker writes, and no other", () => {
    assert.ok(listed.size >= 10);
    assert.deepEqual([...new Set(lines.map(({ event }) => event))].sort(), [...listed.keys()].sort());
  });

  test("lists with each event its level and the fields that the Worker writes with it", () => {
    for (const line of lines) check(line);
  });

  test("has an example of each event, with its fields", () => {
    const [examples] = all(page, /```json\n(.+?)```/gs);
    const shown = examples.trim().split("\n").map((line) => JSON.parse(line));
    for (const line of shown) check(line);
    assert.deepEqual(new Set(shown.map(({ event }) => event)), new Set(listed.keys()));
  });

  test("says what each field is", () => {
    for (const line of lines) {
      for (const field of Object.keys(line)) assert.ok(["event", "level"].includes(field) || described.has(field), field);
    }
  });
});

function check(line) {
  const { event, level, suppressed, ...fields } = line;
  const row = listed.get(event);
  assert.ok(row, event);
  const expected = new Set(row.fields);
  // The table row contains the level and the message of a push without a binding.
  const unbound = event === "push_dropped" && fields.reason === "no_binding";
  if (event === "push_dropped" && !unbound) expected.delete("message");
  assert.equal(level, unbound ? "error" : row.level, JSON.stringify(line));
  assert.deepEqual(new Set(Object.keys(fields)), expected, JSON.stringify(line));
  if (suppressed !== undefined) assert.ok(suppressed > 0 && described.has("suppressed"), event);
}
