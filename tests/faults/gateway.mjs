// A gateway that fails on command, push by push, and knows exactly what it has counted.
//
//   const gateway = await startFaultGateway();
//   gateway.next(faults.resetAfterApplying, faults.ok);   // the next two pushes of samples
//   gateway.otherwise = faults.stall;                     // all after them
//   gateway.own = faults.ok;                              // pushes of the Worker's own metrics
//
// A fault is a function of one Exchange (faults.mjs). `applied` holds the applied samples, and
// `pushes` holds each push.

import { createServer } from "node:http";
import { readPush, response, trailers } from "../harness/wire.mjs";

const MOST_PUSHES = 10_000;
const GRPC_WEB = "application/grpc-web+proto";

export async function startFaultGateway(options = {}) {
  const gateway = new FaultGateway();
  await gateway.listen(options.port);
  return gateway;
}

export class FaultGateway {
  /** The received pushes; only the last ones if there are very many. @type {Exchange[]} */
  pushes = [];
  /** Series, as text, to what was counted. @type {Map<string, { type: number, sum: number, count: number }>} */
  applied = new Map();
  /** The number of applied Metrics, without the Worker's own. */
  appliedMetrics = 0;
  /** Pushes applied, by x-push-id: more than once is over-counting. @type {Map<string, number>} */
  appliedPushes = new Map();
  otherwise;
  own;
  /** Whether a repeated x-push-id is answered but not applied. */
  dedupes = false;
  /** Errors that the test must report: unexpected requests. @type {Error[]} */
  errors = [];
  #script = [];
  #server;

  constructor() {
    this.otherwise = this.own = (exchange) => exchange.deliver();
  }

  async listen(port = 0) {
    this.#server = createServer((request, reply) => void this.#serve(request, reply));
    this.#server.keepAliveTimeout = 60_000;
    await new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    this.port = this.#server.address().port;
    this.address = `127.0.0.1:${this.port}`;
  }

  /** Stops listening and closes every connection. `listen(port)` starts it again. */
  async close() {
    if (!this.#server?.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  next(...faults) {
    this.#script.push(...faults);
  }

  /** The value of a counter, or the number of observations of a histogram, over all its series. */
  total(name) {
    let total = 0;
    for (const [key, { type, sum, count }] of this.applied) {
      if (JSON.parse(key)[0] === name) total += type === 1 ? sum : count;
    }
    return total;
  }

  /** The received pushes of samples. */
  get samplePushes() {
    return this.pushes.filter(({ own }) => !own);
  }

  async #serve(request, reply) {
    const exchange = new Exchange(this, request, reply);
    try {
      exchange.check();
      if (this.pushes.push(exchange) > MOST_PUSHES) this.pushes.splice(0, MOST_PUSHES / 2);
      const fault = exchange.own ? this.own : (this.#script.shift() ?? this.otherwise);
      await fault(exchange);
    } catch (error) {
      this.errors.push(error);
      request.socket.destroy();
    }
  }

  apply(id, metrics, own) {
    if (this.dedupes && this.appliedPushes.has(id)) return;
    this.appliedPushes.set(id, (this.appliedPushes.get(id) ?? 0) + 1);
    if (!own) this.appliedMetrics += metrics.length;
    for (const { name, type, labels, value } of metrics) {
      const key = JSON.stringify([name, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
      const series = this.applied.get(key) ?? { type, sum: 0, count: 0 };
      if (series.type !== type) throw new Error(`${name} came as a counter and as a histogram`);
      series.sum += value;
      series.count += 1;
      this.applied.set(key, series);
    }
  }
}

/** One push, and the ways to answer it. */
export class Exchange {
  /** The number of its applied Metrics. */
  applied = 0;
  /** @type {import("../harness/wire.mjs").Metric[]} */
  metrics = [];

  constructor(gateway, request, reply) {
    this.gateway = gateway;
    this.at = performance.now();
    this.request = request;
    this.reply = reply;
    this.id = String(request.headers["x-push-id"] ?? "");
    this.own = /-own-/.test(this.id);
    /** Resolves when the client has closed the connection or has its answer. */
    this.closed = new Promise((resolve) => reply.once("close", resolve));
    request.on("error", () => {});
    reply.on("error", () => {});
  }

  check() {
    const { method, url, headers } = this.request;
    const seen = [method, url, headers["content-type"]].join(" ");
    const wanted = `POST /marqo.metrics.v1.MetricsIngest/Push ${GRPC_WEB}`;
    if (seen !== wanted) throw new Error(`expected ${wanted}, got ${seen}`);
    if (!/^[0-9a-f]{13,14}-(own-)?[0-9a-f]+$/.test(this.id)) throw new Error(`x-push-id ${this.id}`);
  }

  /** Reads the request once; `undefined` if it was cut off. */
  async read() {
    if (this.metrics.length > 0) return this.metrics;
    const chunks = [];
    try {
      for await (const chunk of this.request) chunks.push(chunk);
    } catch {
      return undefined; // the client went away
    }
    this.metrics = readPush(Buffer.concat(chunks));
    const own = this.metrics.some(({ name }) => name.startsWith("metrics_reporter_"));
    if (own !== this.own) throw new Error(`${this.id} says ${this.own ? "own" : "samples"}, its Metrics do not`);
    return this.metrics;
  }

  /** Reads the request and counts all but its first `rejected` Metrics. */
  async apply(rejected = 0) {
    const metrics = await this.read();
    if (!metrics) return;
    const applied = metrics.slice(rejected);
    this.gateway.apply(this.id, applied, this.own);
    this.applied = applied.length;
  }

  /** Sends a correct answer. */
  async deliver() {
    await this.apply();
    this.succeed();
  }

  /** Answers OK with the number of applied Metrics as the accepted count. */
  succeed() {
    this.answer([response(this.applied, 0), trailers({ "grpc-status": 0 })]);
  }

  /** An HTTP 200 of gRPC-Web. */
  answer(frames, headers = {}) {
    this.head(headers);
    this.reply.end(Buffer.concat(frames));
  }

  head(headers = {}) {
    this.reply.writeHead(200, { "content-type": GRPC_WEB, ...headers });
  }

  /** A status in the headers, and no body. */
  status(code, headers = {}) {
    this.answer([], { "grpc-status": code, "grpc-message": "told%20to%20fail", ...headers });
  }

  /** Sends an answer of an intermediary. */
  http(status, type, body, headers = {}) {
    this.reply.writeHead(status, { "content-type": type, ...headers });
    this.reply.end(body);
  }

  reset() {
    this.request.socket.resetAndDestroy();
  }
}
