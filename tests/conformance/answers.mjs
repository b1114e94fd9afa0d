// Answers that no recorded suite has: connections that end at any point, and HTTP edge cases.

import { gzipSync } from "node:zlib";
import { frame } from "../harness/wire.mjs";

export const MESSAGE = frame(0, [8, 1]);
const TRAILERS = frame(0x80, "grpc-status: 0\r\n");
/** A whole body: one Metric was accepted. */
export const OK = Buffer.concat([MESSAGE, TRAILERS]);
export const chunk = (bytes) => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
export const GRPC = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web+proto\r\n";
export const CHUNKED = `${GRPC}transfer-encoding: chunked\r\n\r\n`;
export const sized = (body, headers = "") => Buffer.concat([Buffer.from(`${GRPC}${headers}content-length: ${body.length}\r\n\r\n`), body]);

export const OK_RESULT = { outcome: "delivered", code: 0, accepted: 1 };
const lost = { outcome: "unknown" };

/** An answer's name, its bytes, the expected result, and how the connection ends, if it does. */
export const ANSWERS = [
  ["nothing, and the connection closes", "", lost, "end"],
  ["nothing, and the connection is reset", "", lost, "reset"],
  ["half a status line", "HTTP/1.1 20", lost, "end"],
  ["half of the headers", GRPC, lost, "end"],
  ["what is not HTTP", "hello\r\n\r\n", lost, "end"],
  ["headers that say more than comes", Buffer.from(`${GRPC}content-length: 100\r\n\r\n`), lost, "end"],
  ["half a message", Buffer.concat([Buffer.from(`${GRPC}content-length: ${OK.length}\r\n\r\n`), OK.subarray(0, 6)]), lost, "end"],
  ["a message and half of the trailers", Buffer.concat([Buffer.from(`${GRPC}content-length: ${OK.length}\r\n\r\n`), OK.subarray(0, 20)]), lost, "end"],
  ["a message and half of the trailers in chunks", Buffer.concat([Buffer.from(CHUNKED), chunk(OK.subarray(0, 20))]), lost, "end"],
  // The status is complete: the missing end of the body cannot change it.
  ["everything but the end of the chunks", Buffer.concat([Buffer.from(CHUNKED), chunk(OK)]), OK_RESULT, "end"],
  ["everything but the end of the chunks, reset", Buffer.concat([Buffer.from(CHUNKED), chunk(OK)]), { code: [0, 14] }, "reset"],
  ["everything, and the connection closes", sized(OK), OK_RESULT, "end"],
  // The status does not count: the missing part might have contained another one.
  ["everything, of what says that it is longer", Buffer.concat([Buffer.from(`${GRPC}content-length: ${OK.length + 10}\r\n\r\n`), OK]), lost, "end"],
  ["everything, without a length", Buffer.concat([Buffer.from(`${GRPC}\r\n`), OK]), OK_RESULT, "end"],
  ["an answer of HTTP/1.0", Buffer.concat([Buffer.from(`${GRPC.replace("HTTP/1.1", "HTTP/1.0")}\r\n`), OK]), { code: [0, 14] }, "end"],
  ["a chunk size that is no number", `${CHUNKED}zz\r\n`, lost, "end"],
  ["an answer that is compressed as a whole", sized(gzipSync(OK), "content-encoding: gzip\r\n"), OK_RESULT],
  ["what only claims to be compressed", sized(OK, "content-encoding: gzip\r\n"), lost],
  ["a compressed answer that is cut off", sized(gzipSync(OK).subarray(0, -12), "content-encoding: gzip\r\n"), lost],
  // HTTP trailers belong to plain gRPC, and fetch does not expose them.
  ["the status as HTTP trailers", Buffer.concat([Buffer.from(CHUNKED), chunk(MESSAGE), Buffer.from("0\r\ngrpc-status: 0\r\n\r\n")]), { outcome: "unknown", code: 2 }],
  ["204 with an OK in its headers", "HTTP/1.1 204 No Content\r\ncontent-type: application/grpc-web+proto\r\ngrpc-status: 0\r\n\r\n", lost],
  ["two statuses in the headers that agree", Buffer.from(`${GRPC}grpc-status: 5\r\ngrpc-status: 5\r\ncontent-length: 0\r\n\r\n`), { code: 5 }],
  ["two statuses in the headers that do not", Buffer.from(`${GRPC}grpc-status: 0\r\ngrpc-status: 5\r\ncontent-length: 0\r\n\r\n`), { outcome: "unknown", code: 2 }],
  ["an OK in the headers and an empty trailers frame behind a message", sized(Buffer.concat([MESSAGE, frame(0x80, "")]), "grpc-status: 0\r\n"), OK_RESULT],
  ["an error in the headers and an empty trailers frame", sized(frame(0x80, ""), "grpc-status: 3\r\ngrpc-message: no\r\n"), { code: 3, message: "no" }],
  ["a grpc-message of 4000 escapes, most of them broken", sized(Buffer.alloc(0), `grpc-status: 3\r\ngrpc-message: ${"%zz%".repeat(1000)}\r\n`), { code: 3 }],
  ["a grpc-message that is not UTF-8", Buffer.concat([Buffer.from(`${GRPC}grpc-status: 3\r\ngrpc-message: `), Buffer.from([0xff, 0xfe]), Buffer.from("\r\ncontent-length: 0\r\n\r\n")]), { code: 3 }],
  ["status details that are no base64", sized(Buffer.alloc(0), "grpc-status: 3\r\ngrpc-status-details-bin: !!!\r\n"), { code: 3 }],
  ["a message that is no protobuf", sized(Buffer.concat([frame(0, [0xff, 0xff, 0xff]), TRAILERS])), { outcome: "unknown", code: 13 }],
  ["counts beyond all bounds", sized(Buffer.concat([frame(0, [8, ...Array(9).fill(0xff), 1, 16, ...Array(9).fill(0xff), 1]), TRAILERS])), { ok: false }],
  ["a message with fields that nobody knows", sized(Buffer.concat([frame(0, [8, 1, 0x7a, 2, 1, 2, 0x80, 1, 5]), TRAILERS])), OK_RESULT],
  ["a message that claims 4 GiB", sized(Buffer.concat([Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), Buffer.alloc(100)])), { code: 8 }],
  ["trailers that claim 4 GiB", sized(Buffer.concat([MESSAGE, Buffer.from([0x80, 0xff, 0xff, 0xff, 0xff])])), { code: 8 }],
  ["60000 bytes of headers", sized(OK, `x-filler: ${"x".repeat(60_000)}\r\n`), { code: [0, 14] }],
  ["a megabyte of headers", sized(OK, Array.from({ length: 1000 }, (_, i) => `x-filler-${i}: ${"x".repeat(1000)}\r\n`).join("")), { code: [0, 14] }],
  ["an interim answer first", Buffer.concat([Buffer.from("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), sized(OK)]), { code: [0, 2, 14] }, "end"],
  ["a redirect to where it would be OK", "HTTP/1.1 302 Found\r\nlocation: http://gateway/elsewhere\r\ncontent-length: 0\r\n\r\n", { outcome: "dropped" }],
  ["a 307 to where it would be OK", "HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", { outcome: "dropped" }],
];

/** Sends the answer, and ends the connection as specified. */
export async function answerWith(socket, bytes, cut) {
  await new Promise((resolve) => (bytes.length ? socket.write(bytes, resolve) : resolve()));
  if (cut === "end") socket.end();
  if (cut === "reset") socket.resetAndDestroy();
}
