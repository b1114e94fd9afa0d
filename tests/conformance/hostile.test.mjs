// Answers that no recorded suite has: connections that end at any point, endless bodies, HTTP edge
// cases. A socket sends them. No wrong answer may be reported as OK, and memory stays bounded.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertLedger, counter, startRuntime } from "../e2e/system.mjs";
import { ANSWERS, CHUNKED, GRPC, MESSAGE, OK, OK_RESULT, answerWith, chunk } from "./answers.mjs";
import { frame } from "../harness/wire.mjs";
import { startReplay } from "./replay.mjs";

test("a broken or odd answer is what it is, and never a false OK", async (t) => {
  const server = await startReplay(t);
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false", PUSH_TIMEOUT_MS: "5000" } });
  for (const [index, [what, answer, expected, cut]] of ANSWERS.entries()) {
    await t.test(what, async () => {
      const metric = `answer_${index}`;
      server.answers.set(metric, (socket) => answerWith(socket, answer, cut));
      const result = await runtime.value("push", [[counter(metric)]]);
      const context = JSON.stringify(result);
      for (const [key, value] of Object.entries(expected)) {
        assert.ok([value].flat().includes(result[key]), `expected ${key} ${value}, got ${context}`);
      }
      if (expected !== OK_RESULT && result.code !== 0) {
        assert.deepEqual([result.ok, result.accepted], [false, 0], context);
      }
      assert.ok(Buffer.byteLength(result.message) < 10_000);
      assert.equal(server.requests.filter((request) => request.metric === metric).length, 1);
    });
  }
  assert.deepEqual(server.requests.filter(({ line }) => line.includes("elsewhere")), []);
  const stats = await runtime.value("stats");
  assertLedger(stats);
  assert.deepEqual([stats.taken, stats.in_flight, stats.pushes.retried], [ANSWERS.length, 0, 0]);
  assert.doesNotMatch(runtime.process.output(), /instance_trapped|panicked|RuntimeError/);
});

/** Peak resident memory of a process so far, in MiB. */
const peakMiB = (pid) => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024;

const endless = {
  "one message that never ends": [CHUNKED, Buffer.from([0, 0, 0, 0x7f, 0xff]), Buffer.alloc(1 << 20)],
  "a message that is as long as it says": [CHUNKED, Buffer.from([0, 0x40, 0, 0, 0]), Buffer.alloc(1 << 20)],
  "trailers that never end": [CHUNKED, Buffer.concat([MESSAGE, Buffer.from([0x80, 0, 0, 0x3f, 0xff])]), Buffer.alloc(1 << 20, "a: b\r\n")],
  "messages without end": [CHUNKED, Buffer.alloc(0), Buffer.concat(Array(1000).fill(frame(0, [])))],
  "a page without end": ["HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n", Buffer.alloc(0), Buffer.alloc(1 << 20, "<p>")],
  "an error page without end": ["HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ntransfer-encoding: chunked\r\n\r\n", Buffer.alloc(0), Buffer.alloc(1 << 20, "<p>")],
  "chunks without end, of what says a length too": [`${GRPC}content-length: 30\r\ntransfer-encoding: chunked\r\n\r\n`, Buffer.alloc(0), Buffer.alloc(1 << 20)],
  "a compressed gigabyte": [`${GRPC}content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n`, gzipSync(Buffer.alloc(1 << 20)), gzipSync(Buffer.alloc(64 << 20))],
};

test("a body without end is let go of early, and memory stays bounded", { skip: process.platform !== "linux" && "reads /proc" }, async (t) => {
  const server = await startReplay(t);
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false", PUSH_TIMEOUT_MS: "20000" } });
  await runtime.value("stats");
  for (const [index, [what, [head, first, more]]] of Object.entries(endless).entries()) {
    await t.test(what, async (t) => {
      const metric = `endless_${index}`;
      let sent = 0;
      const closed = new Promise((resolve) => {
        server.answers.set(metric, (socket) => {
          socket.on("close", resolve);
          socket.write(head);
          if (first.length) socket.write(chunk(first));
          const pump = () => {
            while (!socket.destroyed && sent < 1 << 30) {
              sent += more.length;
              if (!socket.write(chunk(more))) return;
            }
          };
          socket.on("drain", pump);
          pump();
        });
      });
      const before = peakMiB(runtime.process.pid);
      const result = await runtime.value("push", [[counter(metric)]]);
      await closed; // the Worker closed the connection before it received a gigabyte
      const grown = peakMiB(runtime.process.pid) - before;
      assert.deepEqual([result.ok, result.outcome], [false, "unknown"], JSON.stringify(result));
      t.diagnostic(`${what}: ${(sent / (1 << 20)).toFixed(0)} MiB offered, peak memory up by ${grown.toFixed(1)} MiB: ${result.status}: ${result.message}`);
      assert.ok(sent < 256 << 20, `${sent} bytes were taken`);
      assert.ok(grown < 64, `${grown} MiB`);
    });
  }
  assert.equal((await runtime.value("stats")).in_flight, 0);
});

test("a short body that is long when it is decoded is not decoded to its end", { skip: process.platform !== "linux" && "reads /proc" }, async (t) => {
  const server = await startReplay(t);
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false" } });
  await runtime.value("stats");
  const body = gzipSync(Buffer.alloc(60 << 20));
  assert.ok(body.length < 64 * 1024);
  const head = `${GRPC}content-encoding: gzip\r\ncontent-length: ${body.length}\r\n\r\n`;
  server.answers.set("short", (socket) => socket.write(Buffer.concat([Buffer.from(head), body])));
  const before = peakMiB(runtime.process.pid);
  const result = await runtime.value("push", [[counter("short")]]);
  const grown = peakMiB(runtime.process.pid) - before;
  assert.deepEqual([result.ok, result.outcome], [false, "unknown"], JSON.stringify(result));
  assert.ok(grown < 32, `${grown} MiB`);
});

test("a binding that says less than it sends is not read past what it said", { skip: process.platform !== "linux" && "reads /proc" }, async (t) => {
  // HTTP ends a body at its length. A binding may be a Worker, whose answers have no such limit.
  const source = `export default { fetch() {
    let sent = 0;
    const body = new ReadableStream({ pull(controller) {
      if ((sent += 1 << 20) > 256 << 20) return controller.close();
      controller.enqueue(new Uint8Array(1 << 20));
    } });
    return new Response(body, { headers: { "content-type": "application/grpc-web+proto", "content-length": "30" } });
  } };`;
  const runtime = await startRuntime(t, { gateway: { source }, vars: { SELF_METRICS: "false" } });
  await runtime.value("stats");
  const before = peakMiB(runtime.process.pid);
  const result = await runtime.value("push", [[counter("a_total")]]);
  const grown = peakMiB(runtime.process.pid) - before;
  assert.deepEqual([result.ok, result.outcome], [false, "unknown"], JSON.stringify(result));
  assert.ok(grown < 32, `${grown} MiB`);
});

test("how a long answer is cut into pieces does not change what it says", async (t) => {
  // An answer with a message of the maximum length used to lose its trailers if it arrived in two
  // pieces.
  const server = await startReplay(t);
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false" } });
  const TRAILERS = frame(0x80, "grpc-status: 0\r\n");
  for (const [length, expected] of [[40_000, OK_RESULT.code], [65_520, 8]]) {
    // Fills it with field 15, which is unknown.
    const filler = Buffer.alloc(length - 6, 0x61);
    const message = frame(0, Buffer.concat([Buffer.from([8, 1, 0x7a, (filler.length & 0x7f) | 0x80, ((filler.length >> 7) & 0x7f) | 0x80, filler.length >> 14]), filler]));
    const body = Buffer.concat([message, TRAILERS]);
    for (const [how, pieces] of Object.entries({
      whole: [chunk(body)],
      "cut before its trailers": [chunk(message), chunk(TRAILERS)],
      "cut in its trailers": [chunk(body.subarray(0, -8)), chunk(body.subarray(-8))],
      sized: null,
    })) {
      server.answers.set("a_total", async (socket) => {
        if (!pieces) return socket.write(Buffer.concat([Buffer.from(`${GRPC}content-length: ${body.length}\r\n\r\n`), body]));
        socket.write(CHUNKED);
        for (const piece of pieces) await new Promise((resolve) => socket.write(piece, () => setImmediate(resolve)));
        socket.write("0\r\n\r\n");
      });
      const result = await runtime.value("push", [[counter("a_total")]]);
      assert.equal(result.code, expected, `${length} bytes, ${how}: ${JSON.stringify(result)}`);
    }
  }
});

test("the deadline covers the body: what drips is given up on time", async (t) => {
  const server = await startReplay(t);
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false", PUSH_TIMEOUT_MS: "400" } });
  const drips = {
    no_headers: () => {},
    half_of_its_length: (socket) => socket.write(Buffer.concat([Buffer.from(`${GRPC}content-length: 100\r\n\r\n`), MESSAGE])),
    headers_only: (socket) => socket.write(CHUNKED),
    message_only: (socket) => socket.write(Buffer.concat([Buffer.from(CHUNKED), chunk(MESSAGE)])),
    dripping: (socket) => {
      socket.write(Buffer.concat([Buffer.from(CHUNKED), chunk(Buffer.from([0, 0, 0, 0x7f, 0xff]))]));
      const timer = setInterval(() => socket.write(chunk(Buffer.alloc(1))), 20);
      socket.on("close", () => clearInterval(timer));
    },
  };
  for (const [metric, answer] of Object.entries(drips)) server.answers.set(metric, answer);
  const started = Date.now();
  await Promise.all(
    Object.keys(drips).map(async (metric) => {
      const result = await runtime.value("push", [[counter(metric)]]);
      const took = Date.now() - started;
      assert.deepEqual([result.ok, result.outcome, result.code], [false, "unknown", 4], `${metric}: ${JSON.stringify(result)}`);
      assert.ok(took >= 390 && took < 5_000, `${metric} took ${took} ms`);
    }),
  );
  const stats = await runtime.value("stats");
  assert.deepEqual(stats.unknown, { deadline: 5 });
});

test("a status that was complete before the deadline counts, though the body never ended", async (t) => {
  const server = await startReplay(t);
  const runtime = await startRuntime(t, { gateway: server.address, vars: { SELF_METRICS: "false", PUSH_TIMEOUT_MS: "400" } });
  server.answers.set("a_total", (socket) => socket.write(Buffer.concat([Buffer.from(CHUNKED), chunk(OK)])));
  const result = await runtime.value("push", [[counter("a_total")]]);
  assert.deepEqual([result.ok, result.outcome, result.accepted], [true, "delivered", 1], JSON.stringify(result));
});
