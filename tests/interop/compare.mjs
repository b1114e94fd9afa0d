// compare.mjs [WORD…]: runs other gRPC-Web clients and ours (or those whose names contain a word)
// against the same answers, sent byte for byte by the same server. Prints a table of the results, the
// source of docs/grpc-web.md. Fails if our client is wrong for the suite, the captured or the broken
// answers, or if a row cannot be run. --verbose shows each row immediately.

import { gzipSync } from "node:zlib";
import { ANSWERS, CHUNKED, GRPC, MESSAGE, OK, answerWith, chunk, frame, sized } from "../conformance/answers.mjs";
import { captured, suite } from "../conformance/cases.mjs";
import { DELIVERIES, ReplayServer } from "../conformance/replay.mjs";
import { CALL_MS, CLIENTS } from "./clients.mjs";

const words = process.argv.slice(2);
const verbose = words.includes("--verbose");
const chosen = CLIENTS.filter(({ name }) => words.every((word) => word.startsWith("--")) || words.some((word) => name.includes(word)));

const server = await new ReplayServer().start();
let next = 0;

/** One call that `answer(socket, request)` answers. */
async function ask(client, answer, timeoutMs) {
  const metric = `case_${next++}`;
  server.answers.set(metric, answer);
  const outcome = await client.call(metric, timeoutMs);
  server.answers.set(metric, (socket) => socket.destroy()); // a late attempt
  return { ...outcome, requests: server.requests.filter((request) => request.metric === metric) };
}

const NAMES = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
  "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
]; // prettier-ignore

const brief = (text, length = 60) => (text.length > length ? `${text.slice(0, length)}…` : text).replace(/[\r\n|]+/g, " ");

/** A short text for an outcome. */
function show({ code, message, accepted, thrown, hangs, died }) {
  if (hangs) return "hangs";
  if (died) return `process ends: ${brief(died)}`;
  if (thrown) return `throws: ${brief(thrown)}`;
  if (code === 0) return `OK, accepted ${accepted}`;
  return `${NAMES[code] ?? code}${message ? `: ${brief(message, 40)}` : ""}`;
}

/** The number of correct results among `cases`, and the wrong ones. */
async function count(client, cases, answerOf, isRight) {
  const tally = { right: 0, falseOk: 0, hang: 0, crash: 0, wrong: [] };
  for (const one of cases) {
    const outcome = await ask(client, answerOf(one));
    if (outcome.hangs) tally.hang++;
    if (outcome.thrown || outcome.died) tally.crash++;
    if (isRight(one, outcome)) tally.right++;
    else {
      if (outcome.code === 0) tally.falseOk++;
      tally.wrong.push(`${one.name ?? one.case ?? one[0]}: ${show(outcome)}`);
    }
  }
  return tally;
}

const codeIsRight = ({ expect_code, acceptable_codes, expect_response, expect_accepted }, { code, accepted }) =>
  (acceptable_codes ?? [expect_code]).includes(code) && (code !== 0 || accepted === (expect_response?.accepted ?? expect_accepted));

// Answers that no client may accept as OK, grouped by the result that ours must give.
const NEVER_OK = ANSWERS.filter(([, , { outcome, code }]) => outcome !== "delivered" && (outcome || ![code].flat().includes(0)) && (outcome || code));

const gist = (total) => ({ right, falseOk, hang, crash }) =>
  [
    `${right} of ${total}`,
    falseOk && `${falseOk} false OK`,
    hang && `${hang} hang`,
    crash && `${crash} throw`,
  ].filter(Boolean).join(", ");

const raw = (bytes, cut) => (socket) => answerWith(socket, bytes, cut);
const grpc = (headers, body = Buffer.alloc(0)) => raw(sized(body, headers));

// Every row is a test: a title, and the result for a client.
const ROWS = [
  ["runs in workerd", async (client, { definition, tools }) => {
    server.answers.set("a_total", grpc("", OK));
    return definition.inWorkerd(server.address, ...tools);
  }],
  ...[["whole", "whole"], ["in chunks of one byte", "in chunks of one byte"]].map(([title, delivery]) => [
    `suite (${suite.length}), ${title}`,
    async (client, { details }) => {
      const tally = await count(client, suite, (one) => (socket) => DELIVERIES[delivery](socket, one), codeIsRight);
      details.push(...tally.wrong.map((line) => `suite, ${title}: ${line}`));
      return gist(suite.length)(tally);
    },
  ]),
  ["of these: HTTP status to code", async (client) => {
    const mapping = suite.filter(({ name, http_status }) => /HTTP to RPC|http-status-code/.test(name) && http_status !== 200);
    return gist(mapping.length)(await count(client, mapping, (one) => (socket) => DELIVERIES.whole(socket, one), codeIsRight));
  }],
  [`answers of real servers (${captured.length})`, async (client, { details }) => {
    // For a missing status, the suite accepts both UNKNOWN and INTERNAL.
    const cases = captured.map((one) => (one.expect_source === "no_status" ? { ...one, acceptable_codes: [2, 13] } : one));
    const tally = await count(client, cases, (one) => (socket) => DELIVERIES.whole(socket, one), codeIsRight);
    details.push(...tally.wrong.map((line) => `captured: ${line}`));
    return gist(captured.length)(tally);
  }],
  [`broken answers that are not OK (${NEVER_OK.length})`, async (client, { details }) => {
    const tally = await count(client, NEVER_OK, ([, bytes, , cut]) => raw(bytes, cut), (_, { code }) => code > 0);
    details.push(...tally.wrong.map((line) => `broken: ${line}`));
    return gist(NEVER_OK.length)(tally);
  }],
  ["status in the headers, empty trailers frame behind the message", async (client) =>
    show(await ask(client, grpc("grpc-status: 0\r\n", Buffer.concat([MESSAGE, frame(0x80, "")]))))],
  ["the same with an error", async (client) =>
    show(await ask(client, grpc("grpc-status: 3\r\ngrpc-message: no\r\n", frame(0x80, ""))))],
  ["grpc-message with a broken escape, `100%zz`", async (client) =>
    show(await ask(client, grpc("grpc-status: 3\r\ngrpc-message: 100%zz\r\n")))],
  ["grpc-message with escapes that are no UTF-8, `%FF`", async (client) =>
    show(await ask(client, grpc("grpc-status: 3\r\ngrpc-message: a%FFb\r\n")))],
  ["grpc-status-details-bin that is no base64", async (client) =>
    show(await ask(client, grpc("grpc-status: 3\r\ngrpc-message: no\r\ngrpc-status-details-bin: !!!\r\n")))],
  ["two statuses that disagree, 0 and 5", async (client) =>
    show(await ask(client, grpc("", Buffer.concat([MESSAGE, frame(0x80, "grpc-status: 0\r\ngrpc-status: 5\r\n")]))))],
  ["`grpc-status: 0abc`", async (client) => show(await ask(client, grpc("", Buffer.concat([MESSAGE, frame(0x80, "grpc-status: 0abc\r\n")]))))],
  ["data behind the trailers", async (client) => show(await ask(client, grpc("", Buffer.concat([OK, Buffer.from([1, 2, 3])]))))],
  ["a message that nobody asked to be compressed (gzip)", async (client) =>
    show(await ask(client, grpc("grpc-encoding: gzip\r\n", Buffer.concat([frame(1, gzipSync(Buffer.from([8, 1]))), frame(0x80, "grpc-status: 0\r\n")]))))],
  ["compressed trailers (0x81)", async (client) =>
    show(await ask(client, grpc("grpc-encoding: gzip\r\n", Buffer.concat([MESSAGE, frame(0x81, gzipSync("grpc-status: 0\r\n"))]))))],
  ["grpc-web-text, not asked for", async (client) => {
    const body = Buffer.from(OK.toString("base64"));
    const head = `HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web-text+proto\r\ncontent-length: ${body.length}\r\n\r\n`;
    return show(await ask(client, raw(Buffer.concat([Buffer.from(head), body]))));
  }],
  ["status in the headers of a 503", async (client) =>
    show(await ask(client, raw("HTTP/1.1 503 Busy\r\ncontent-type: application/grpc-web+proto\r\ngrpc-status: 8\r\ngrpc-message: slow down\r\ncontent-length: 0\r\n\r\n")))],
  ["deadline of 500 ms, and nothing comes", async (client) => timedShow(await ask(client, () => {}, 500))],
  ["deadline of 500 ms, and the body stops", async (client) =>
    timedShow(await ask(client, raw(Buffer.concat([Buffer.from(CHUNKED), chunk(MESSAGE)])), 500))],
  ["UNAVAILABLE: requests made", async (client) => String((await ask(client, grpc("grpc-status: 14\r\n"))).requests.length)],
  ["UNAVAILABLE with grpc-retry-pushback-ms 100: requests made", async (client) =>
    String((await ask(client, grpc("grpc-status: 14\r\ngrpc-retry-pushback-ms: 100\r\n"))).requests.length)],
  ["RESOURCE_EXHAUSTED with grpc-retry-pushback-ms 100: requests made", async (client) =>
    String((await ask(client, grpc("grpc-status: 8\r\ngrpc-retry-pushback-ms: 100\r\n"))).requests.length)],
  ["a redirect (307): followed, and what comes out", async (client) => {
    const redirect = Buffer.from("HTTP/1.1 307 Elsewhere\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n");
    const outcome = await ask(client, (socket, { line }) => answerWith(socket, line.includes("elsewhere") ? sized(OK) : redirect));
    return `${outcome.requests.length > 1 ? "followed" : "not followed"}; ${show(outcome)}`;
  }],
  ["a message that claims 4 GiB", async (client) =>
    show(await ask(client, grpc("", Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100)]))))],
  ["a body without end (64 MiB at most): read, and what comes out", async (client) => {
    let sent = 0;
    const block = chunk(Buffer.alloc(1 << 18));
    const outcome = await ask(client, (socket) => {
      socket.write(CHUNKED);
      socket.write(chunk(Buffer.from([0, 0x10, 0, 0, 0])));
      const pump = () => {
        while (!socket.destroyed && sent < 64 << 20) {
          sent += block.length;
          if (!socket.write(block)) return;
        }
        if (sent >= 64 << 20) socket.end();
      };
      socket.on("drain", pump);
      pump();
    });
    return `${(sent / (1 << 20)).toFixed(0)} MiB; ${show(outcome)}`;
  }],
  ["`grpc-timeout` of 30 h", async (client, { definition }) => {
    if (definition.longestMs) return `not asked: its deadline is at most ${definition.longestMs / 1000} s`;
    const { requests } = await ask(client, grpc("", OK), 30 * 3_600_000);
    return Object.fromEntries(requests[0]?.headers ?? [])["grpc-timeout"] ?? "not sent";
  }],
  ["`content-type` and `accept` of the request", async (client) => {
    const { requests } = await ask(client, grpc("", OK));
    const fields = Object.fromEntries(requests[0].headers);
    return `${fields["content-type"]}; ${fields.accept ?? "none"}`;
  }],
  ["`user-agent`, or `x-user-agent`", async (client) => {
    const { requests } = await ask(client, grpc("", OK));
    const fields = Object.fromEntries(requests[0].headers);
    return fields["x-user-agent"] ? `x-user-agent: ${fields["x-user-agent"]}` : fields["user-agent"] ?? "none";
  }],
  ["`ProxyError: dns_error`, answered as 500 text/plain", async (client) => {
    const text = "ProxyError: dns_error";
    const outcome = await ask(client, raw(`HTTP/1.1 500 x\r\ncontent-type: text/plain\r\ncontent-length: ${text.length}\r\n\r\n${text}`));
    return `${show(outcome)}; ${outcome.requests.length} requests`;
  }],
];

const timedShow = (outcome) => `${show(outcome)}${outcome.hangs ? "" : ` after ${(outcome.tookMs / 1000).toFixed(1)} s`}`;

const columns = [];
const details = {};
const failed = [];
for (const definition of chosen) {
  const tools = await Promise.all(definition.needs.map((need) => need()));
  const missing = tools.find((tool) => tool.missing);
  if (missing) {
    console.log(`skipped: ${definition.name}: ${missing.missing}`);
    continue;
  }
  process.stderr.write(`${definition.name} …\n`);
  const client = definition.start(server.address, ...tools);
  details[definition.name] = [];
  const cells = [];
  for (const [title, run] of ROWS) {
    try {
      cells.push(await run(client, { definition, tools, details: details[definition.name] }));
    } catch (error) {
      cells.push(`failed: ${brief(error.message)}`);
      failed.push(`${definition.name}, ${title}: ${error.message}`);
    }
    if (verbose) process.stderr.write(`  ${title}: ${cells.at(-1)}\n`);
  }
  columns.push([definition.name, ...cells]);
  await client.stop();
}
await server.stop();

const rows = [["", ...ROWS.map(([title]) => title)], ...columns];
for (let i = 0; i < rows[0].length; i++) {
  console.log(`| ${rows.map((column) => column[i]).join(" | ")} |`);
  if (i === 0) console.log(`| ${rows.map(() => "---").join(" | ")} |`);
}
for (const [name, lines] of Object.entries(details)) {
  if (lines.length === 0) continue;
  console.log(`\n${name} differs:`);
  for (const line of lines) console.log(`  ${line}`);
}
console.log(`\nEvery call had a deadline of ${CALL_MS / 1000} s where nothing else is said.`);
if (details["this Worker"]?.length) console.log("\nthis Worker is WRONG somewhere, see above");
if (failed.length) console.log(`\nCould not be run:\n  ${failed.join("\n  ")}`);
process.exitCode = details["this Worker"]?.length || failed.length ? 1 : 0;
