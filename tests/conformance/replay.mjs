// A server that answers with exactly the bytes of a test, also with bytes that no HTTP library
// would send.
//
// A push selects its answer by the name of its first metric, so that pushes can run in parallel.
// `answers` maps that name to a function that gets the socket and writes the answer.

import { createServer } from "node:net";
import { readPush } from "../harness/wire.mjs";

const PUSH = "/marqo.metrics.v1.MetricsIngest/Push";

/** @typedef {{ line: string, headers: [string, string][], body: Buffer, metric: string }} Request */

export class ReplayServer {
  /** Every request, in order of arrival. @type {Request[]} */
  requests = [];
  /** @type {Map<string, (socket: import("node:net").Socket, request: Request) => unknown>} */
  answers = new Map();
  #sockets = new Set();

  async start() {
    this.server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.address = `127.0.0.1:${this.server.address().port}`;
    return this;
  }

  async stop() {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  #serve(socket) {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    // The client may close the connection in the middle of an answer.
    socket.on("error", () => {});
    let bytes = Buffer.alloc(0);
    let answering = Promise.resolve();
    socket.on("data", (data) => {
      bytes = Buffer.concat([bytes, data]);
      for (let request; (request = take()); ) {
        const { promise, answer } = { promise: answering, answer: request };
        answering = promise.then(() => this.#answer(socket, answer));
      }
    });
    const take = () => {
      const parsed = parseRequest(bytes);
      if (!parsed) return undefined;
      bytes = bytes.subarray(parsed.length);
      return parsed.request;
    };
  }

  async #answer(socket, request) {
    this.requests.push(request);
    const answer = this.answers.get(request.metric);
    if (!answer) throw new Error(`no answer for a push of ${request.metric}`);
    await answer(socket, request);
  }
}

/** A request with `content-length`, or in chunks; `undefined` until it is complete. */
function parseRequest(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [line, ...fields] = bytes.toString("latin1", 0, end).split("\r\n");
  const headers = fields.map((field) => [field.slice(0, field.indexOf(":")).toLowerCase(), field.slice(field.indexOf(":") + 1).trim()]);
  const header = (name) => headers.find(([key]) => key === name)?.[1];
  const start = end + 4;
  let body;
  let length;
  if (header("transfer-encoding") === "chunked") {
    const chunks = [];
    let at = start;
    for (;;) {
      const eol = bytes.indexOf("\r\n", at);
      if (eol < 0) return undefined;
      const size = Number.parseInt(bytes.toString("latin1", at, eol), 16);
      at = eol + 2 + size + 2;
      if (bytes.length < at) return undefined;
      if (size === 0) break;
      chunks.push(bytes.subarray(eol + 2, at - 2));
    }
    body = Buffer.concat(chunks);
    length = at;
  } else {
    const size = Number(header("content-length") ?? 0);
    length = start + size;
    if (bytes.length < length) return undefined;
    body = bytes.subarray(start, length);
  }
  return { request: { line, headers, body, metric: readPush(body)[0]?.name ?? "" }, length };
}

const head = (status, headers) =>
  [`HTTP/1.1 ${status} Status`, ...headers.map(([name, value]) => `${name}: ${value}`), "\r\n"].join("\r\n");

// Writes data so that the other side can read it before the next write.
async function write(socket, bytes) {
  await new Promise((resolve) => socket.write(bytes, resolve));
  await new Promise(setImmediate);
}

/** The ways to send a response: the name, and whether its connection can be used again. */
export const DELIVERIES = {
  /** Everything in one write. */
  async whole(socket, { http_status, headers, body }) {
    const length = ["content-length", String(body.length)];
    await write(socket, Buffer.concat([Buffer.from(head(http_status, [...headers, length])), body]));
  },
  /** Every byte of the body as its own chunk, in its own write. */
  async "in chunks of one byte"(socket, { http_status, headers, body }) {
    await write(socket, head(http_status, [...headers, ["transfer-encoding", "chunked"]]));
    for (const byte of body) await write(socket, Buffer.from([0x31, 0x0d, 0x0a, byte, 0x0d, 0x0a]));
    await write(socket, "0\r\n\r\n");
  },
  /** Every byte of the body in its own write, until the connection closes. */
  async "byte by byte until the connection closes"(socket, { http_status, headers, body }) {
    await write(socket, head(http_status, [...headers, ["connection", "close"]]));
    for (const byte of body) await write(socket, Buffer.from([byte]));
    socket.end();
  },
};

/** Starts a server that stops with the test. */
export async function startReplay(t) {
  const server = await new ReplayServer().start();
  t.after(() => server.stop());
  return server;
}

export { PUSH };
