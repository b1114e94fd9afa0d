// The tests for every server, and the expected result of the Worker. A cell is one column of the
// table. It resolves with a short result, or throws if the result was wrong.

import assert from "node:assert/strict";
import { startWorkerd } from "../harness/index.mjs";
import { assertLedger, counter, histogram } from "../e2e/system.mjs";

export const MESSAGE = "näme ☺ 100%\nbad";

const STATUS = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
  "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
]; // prettier-ignore

// A handler can fail after it has counted. With these codes it has not counted.
const NOT_APPLIED = new Set([3, 5, 6, 7, 8, 9, 11, 12, 16]);

const DEADLINE_MS = 500;

const push = (runtime, ...samples) => runtime.value("push", [samples]);

function check(result, expected) {
  for (const [key, value] of Object.entries(expected)) {
    assert.deepEqual(result[key], value, `${key}: ${JSON.stringify(result)}`);
  }
}

const delivered = (accepted, rejected = 0) => ({
  ok: rejected === 0,
  outcome: "delivered",
  code: 0,
  status: "OK",
  accepted,
  rejected,
});

const show = (result) => (result.code === 0 ? `OK, ${result.accepted} + ${result.rejected}` : `${result.status}, ${result.outcome}`);

// The labels are sorted, and one has no value. The answer's message is what the server read.
const ECHO = [
  { name: "echo", type: "counter", value: 2.5, labels: { route: "/größe ☺", empty: "" }, help: "What \"it\" is." },
  histogram("other_ms", -0.5),
];
const READ = [
  ["echo", "What \"it\" is.", 1, { empty: "", route: "/größe ☺" }, 2.5],
  ["other_ms", null, 3, {}, -0.5],
];

/**
 * In the order in which they run: the last ones stop the server.
 *
 * @type {Record<string, { title: string, needsBehaviours?: boolean, run: (context: any, expect?:
 * object) => Promise<string | undefined> }>}
 */
export const CELLS = {
  ok: {
    title: "OK",
    async run({ runtime }, expect = delivered(3)) {
      const result = await push(runtime, counter("a_total"), counter("b_total", 2, { route: "/" }), histogram("c_ms", 42.5));
      check(result, expect);
      return show(result);
    },
  },
  buffered: {
    title: "buffered",
    async run({ runtime }, expect = delivered(10)) {
      const samples = Array.from({ length: 100 }, (_, i) => counter("d_total", 1, { shard: i % 10 }));
      assert.equal(await runtime.value("record", [samples]), 100);
      const result = await runtime.value("flush");
      check(result, expect);
      return show(result);
    },
  },
  partial: {
    title: "rejected in part",
    async run({ runtime, isGateway }, expect = delivered(1, 2)) {
      // A gateway keeps the label names of a metric's first sample. The other servers go by the
      // name.
      const samples = isGateway
        ? [counter("e_total", 1, { a: 1 }), counter("e_total", 1, { b: 1 }), counter("e_total", 1, { c: 1 })]
        : [counter("e_total"), counter("rejected_f_total"), counter("rejected_g_total")];
      const result = await push(runtime, ...samples);
      check(result, expect);
      return show(result);
    },
  },
  codes: {
    title: "codes 1 to 16",
    needsBehaviours: true,
    async run({ runtime }) {
      for (let code = 1; code <= 16; code++) {
        const result = await push(runtime, counter(`status_${code}`));
        const outcome = NOT_APPLIED.has(code) ? "dropped" : "unknown";
        check(result, { ok: false, code, status: STATUS[code], outcome, accepted: 0, rejected: 0 });
      }
      return "16 of 16";
    },
  },
  message: {
    title: "non-ASCII message",
    needsBehaviours: true,
    async run({ runtime }) {
      for (let code = 1; code <= 16; code++) check(await push(runtime, counter(`status_${code}`)), { message: MESSAGE });
      return "as sent";
    },
  },
  request: {
    title: "request as read",
    needsBehaviours: true,
    async run({ runtime }) {
      const result = await push(runtime, ...ECHO);
      check(result, { code: 9 });
      assert.deepEqual(JSON.parse(result.message), READ);
      return "as given";
    },
  },
  large: {
    title: "900 KiB",
    async run({ runtime }, expect = delivered(900)) {
      const filler = "x".repeat(990);
      const result = await push(runtime, ...Array.from({ length: 900 }, (_, i) => counter("large_total", 1, { i, filler })));
      check(result, expect);
      return show(result);
    },
  },
  method: {
    title: "unknown method",
    async run({ server }) {
      // Stands between the Worker and the server, and requests another method.
      const source = `export default {
        fetch(request, env) {
          const url = new URL(request.url);
          url.pathname = url.pathname.replace("Push", "Pull");
          return env.UPSTREAM.fetch(url, request);
        },
      };`;
      return using({ gateway: { source, upstream: server.address } }, async (runtime) => {
        const result = await push(runtime, counter("a_total"));
        check(result, { ok: false, outcome: "dropped", code: 12, accepted: 0 });
        return show(result);
      });
    },
  },
  deadline: {
    title: "deadline",
    needsBehaviours: true,
    async run({ server }) {
      return using({ gateway: server.address, vars: { PUSH_TIMEOUT_MS: String(DEADLINE_MS) } }, async (runtime) => {
        await runtime.value("stats"); // the time to start is not the call's
        const started = performance.now();
        const result = await push(runtime, counter("slow"));
        const took = performance.now() - started;
        check(result, { ok: false, outcome: "unknown", code: 4, accepted: 0 });
        assert.ok(took >= DEADLINE_MS - 20 && took < 2_500, `took ${took} ms`);
        return show(result);
      });
    },
  },
  pages: {
    title: "error pages",
    async run({ server }) {
      if (!server.pages) return undefined;
      const expected = {
        "502, nothing behind it": [14, "unknown"],
        "504, nothing comes back": [14, "unknown"],
        "413, the body is too large": [2, "dropped"],
        "503 with a page": [14, "unknown"],
        "403 with a page": [7, "dropped"],
        "302 to a login": [2, "dropped"],
        "200 with a page": [2, "unknown"],
        "200 with an empty page": [2, "unknown"],
      };
      assert.deepEqual(Object.keys(server.pages), Object.keys(expected));
      for (const [what, address] of Object.entries(server.pages)) {
        await using({ gateway: address }, async (runtime) => {
          const result = await push(runtime, counter("a_total"));
          const [code, outcome] = expected[what];
          try {
            check(result, { ok: false, code, outcome, accepted: 0 });
          } catch (error) {
            throw new Error(`${what}: ${error.message}`);
          }
        });
      }
      return `${Object.keys(expected).length} of ${Object.keys(expected).length}`;
    },
  },
  upstream: {
    title: "upstream dead",
    async run({ runtime, server }) {
      if (!server.stopUpstream) return undefined;
      await server.stopUpstream();
      const result = await push(runtime, counter("a_total"));
      check(result, { ok: false, outcome: "unknown", code: 14, accepted: 0 });
      return show(result);
    },
  },
  dead: {
    title: "server dead",
    async run({ runtime, server }) {
      await server.stop();
      const result = await push(runtime, counter("a_total"));
      // workerd reports the same error for a refused connection and for a lost one.
      check(result, { ok: false, outcome: "unknown", code: 14, accepted: 0 });
      return show(result);
    },
  },
};

async function using(options, use) {
  const runtime = await startWorkerd({ ...options, vars: { SELF_METRICS: "false", ...options.vars } });
  try {
    return await use(runtime);
  } finally {
    await runtime.stop();
  }
}

/**
 * Runs all tests on one server.
 *
 * @param {import("./servers.mjs").Server} server
 * @param {(cell: string, outcome: { text?: string, note?: string, error?: Error }) => void} seen
 * @returns {Promise<{ missing?: string, title?: string }>} what is missing, if the server could not
 * start because of it; otherwise its name for a table
 */
export async function tryServer(server, seen) {
  const tools = await Promise.all(server.needs.map((need) => need()));
  const missing = tools.find((tool) => tool.missing);
  if (missing) return { missing: missing.missing };
  const running = await server.start(...tools);
  try {
    await using({ gateway: running.address, vars: { FLUSH_INTERVAL_MS: "10000", PUSH_TIMEOUT_MS: "10000" } }, async (runtime) => {
      for (const [cell, { run, needsBehaviours }] of Object.entries(CELLS)) {
        if (server.isGateway && needsBehaviours) continue;
        const differs = server.differs?.[cell];
        try {
          const text = await run({ runtime, server: running, isGateway: server.isGateway }, differs?.expect);
          if (text !== undefined) seen(cell, { text, note: differs?.note });
        } catch (error) {
          seen(cell, { error });
        }
      }
      const stats = await runtime.value("stats");
      assertLedger(stats);
      assert.equal(stats.pushes.retried, 0);
    });
  } finally {
    await running.stop();
  }
  return { title: running.title ?? server.name };
}
