// The built Worker in bare workerd: no wrangler, no Miniflare, nothing rewritten.
//
//   const gateway = await startGateway();
//   const runtime = await startWorkerd({ gateway: gateway.address, vars: { FLUSH_INTERVAL_MS: "50" } });
//   const reply = await runtime.call("push", [[{ name: "a_total", type: "counter", value: 1 }]]);
//   reply.value.accepted;                         // 1
//   await runtime.waitForLog("a push", (log) => log.event === "push");
//   await runtime.stop();
//
// Every runtime has a caller named `driver` (driver.worker.mjs); `callers` adds others:
//
//   callers: {
//     shop: { source: 'export default { fetch(req, env) { … env.METRICS.incr("a_total") … } }' },
//     props: { file: DRIVER, props: { labels: { team: "search" } } },   // a driver with ctx.props
//   }
//
// A caller's env has METRICS (entrypoint MetricsReporter, with the caller's `props`),
// METRICS_DEFAULT (the default export), and its `vars`.
//
// `gateway` is an address on this machine ("127.0.0.1:8080"), or `{ source, upstream }`: a Worker that
// stands in for the gateway, to give answers that no real server gives. Its env.UPSTREAM connects to
// the address `upstream`. Without `gateway`, METRICS_GATEWAY is not bound.
//
// A caller with `withDist` also has the modules of the Worker under test, and can import them.

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DIST, compatibilityDate } from "./paths.mjs";
import { Serve, quote, started } from "./serve.mjs";
import { until } from "../../scripts/lib/until.mjs";

export const DRIVER = join(dirname(fileURLToPath(import.meta.url)), "driver.worker.mjs");

/**
 * @typedef {{ source?: string, file?: string, props?: unknown, vars?: Record<string, unknown>, withDist?: boolean }} Caller
 *
 * @param {{
 *   gateway?: string | { source: string, upstream?: string },
 *   vars?: Record<string, unknown>,
 *   callers?: Record<string, Caller>,
 *   dist?: string,
 *   compatibilityDate?: string,
 *   compatibilityFlags?: string[],
 * }} [options]
 */
export async function startWorkerd(options = {}) {
  return started(() => new Workerd(options));
}

export class Workerd {
  #directory = mkdtempSync(join(tmpdir(), "metrics-e2e-"));
  #serve;
  /** Caller name to base URL; `worker` is the default export of the Worker under test. @type {Record<string, string>} */
  urls = {};

  constructor(options) {
    const { text, sockets } = this.#config(options);
    const config = join(this.#directory, "config.capnp");
    writeFileSync(config, text);
    this.#serve = new Serve(config, sockets);
    this.process = this.#serve.process;
  }

  async ready() {
    const { addresses } = await this.#serve.ready;
    this.urls = Object.fromEntries(Object.entries(addresses).map(([name, address]) => [name, `http://${address}`]));
  }

  /** Sends an HTTP request to a caller (or to `worker`). */
  fetch(caller, path = "/", init = {}) {
    return fetch(new URL(path, this.urls[caller]), { signal: AbortSignal.timeout(60_000), ...init });
  }

  /**
   * Makes a driver call one RPC method. Resolves with the driver's result: `{ value }` or `{ error:
   * { name, message } }`. `more` is described in driver.worker.mjs.
   */
  async call(method, args = [], more = {}, caller = "driver") {
    const response = await this.fetch(caller, "/call", {
      method: "POST",
      body: JSON.stringify({ method, args, ...more }),
    });
    const body = await response.text();
    if (response.status !== 200) throw new Error(`the driver answered ${response.status}: ${body}\n${this.process.output()}`);
    return JSON.parse(body);
  }

  /** Makes a call that must succeed, and resolves with its value. */
  async value(method, args = [], more = {}, caller = "driver") {
    const reply = await this.call(method, args, more, caller);
    if (reply.error) throw new Error(`${method} failed: ${reply.error.name}: ${reply.error.message}`);
    return reply.value;
  }

  /** Makes a driver call methods one after another, in one request: `[["incr", "a_total"], …]`. */
  async sequence(calls, caller = "driver") {
    const response = await this.fetch(caller, "/sequence", {
      method: "POST",
      body: JSON.stringify(calls.map(([method, ...args]) => ({ method, args }))),
    });
    if (response.status !== 200) throw new Error(`the driver answered ${response.status}: ${await response.text()}`);
    return (await response.json()).results;
  }

  /** The structured logs so far: every line printed that is a JSON object. */
  get logs() {
    return this.process.lines.map(({ json }) => json).filter((json) => json && typeof json === "object");
  }

  waitForLog(what, predicate, timeoutMs) {
    return this.process.until(what, () => this.logs.find(predicate), timeoutMs);
  }

  /** Waits until `check(stats)` holds for the `stats()` of the Worker under test. */
  async waitForStats(what, check, timeoutMs) {
    let last;
    return until(
      what,
      async () => {
        last = await this.value("stats");
        return check(last) ? last : undefined;
      },
      timeoutMs,
      () => `${JSON.stringify(last)}\n${this.process.output()}`,
    );
  }

  async stop() {
    const ended = await this.process.stop();
    rmSync(this.#directory, { recursive: true, force: true });
    return ended;
  }

  #config(options) {
    const date = options.compatibilityDate ?? compatibilityDate();
    const flags = options.compatibilityFlags ?? [];
    const dist = options.dist ?? DIST;
    const services = ['(name = "nowhere", network = (allow = []))'];
    const sockets = [];
    const workers = [];

    const worker = (name, modules, bindings) => {
      services.push(`(name = ${quote(name)}, worker = .w${workers.length})`);
      workers.push(`const w${workers.length} :Workerd.Worker = (
  modules = [${modules.join(", ")}],
  compatibilityDate = ${quote(date)},
  compatibilityFlags = [${flags.map(quote).join(", ")}],
  # The Worker can only reach what is bound: the only way to the gateway is METRICS_GATEWAY.
  globalOutbound = "nowhere",
  bindings = [
    ${bindings.join(",\n    ")}
  ],
);`);
    };
    const listen = (name, service) => {
      sockets.push(name);
      return `(name = ${quote(name)}, address = "127.0.0.1:0", http = (), service = ${quote(service)})`;
    };
    const value = (v) => (typeof v === "string" ? `text = ${quote(v)}` : `json = ${quote(JSON.stringify(v))}`);
    const vars = (values = {}) => Object.entries(values).map(([k, v]) => `(name = ${quote(k)}, ${value(v)})`);

    const bindings = vars(options.vars);
    if (typeof options.gateway === "string") {
      services.push(`(name = "gateway", external = (address = ${quote(options.gateway)}, http = ()))`);
      bindings.push('(name = "METRICS_GATEWAY", service = "gateway")');
    } else if (options.gateway) {
      const { source, upstream } = options.gateway;
      if (upstream) services.push(`(name = "upstream", external = (address = ${quote(upstream)}, http = ()))`);
      worker(
        "gateway",
        [this.#module("gateway.mjs", source)],
        upstream ? ['(name = "UPSTREAM", service = "upstream")'] : [],
      );
      bindings.push('(name = "METRICS_GATEWAY", service = "gateway")');
    }
    const parts = this.#dist(dist);
    worker("metrics", parts, bindings);

    const listeners = [listen("worker", "metrics")];
    const callers = { driver: { file: DRIVER }, ...options.callers };
    for (const [name, caller] of Object.entries(callers)) {
      const source = caller.source ?? readFileSync(caller.file, "utf8");
      const props = caller.props === undefined ? "" : `, props = (json = ${quote(JSON.stringify(caller.props))})`;
      worker(
        `caller ${name}`,
        [this.#module(`${name}.mjs`, source), ...(caller.withDist ? parts : [])],
        [
          `(name = "METRICS", service = (name = "metrics", entrypoint = "MetricsReporter"${props}))`,
          '(name = "METRICS_DEFAULT", service = "metrics")',
          ...vars(caller.vars),
        ],
      );
      listeners.push(listen(name, `caller ${name}`));
    }

    const text = `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    ${services.join(",\n    ")}
  ],
  sockets = [
    ${listeners.join(",\n    ")}
  ],
);

${workers.join("\n\n")}
`;
    return { text, sockets };
  }

  #module(name, source) {
    const file = join(this.#directory, name);
    writeFileSync(file, source);
    return `(name = ${quote(name)}, esModule = embed ${quote(name)})`;
  }

  /** Exactly the parts that are uploaded, byte for byte. */
  #dist(dist) {
    if (!existsSync(join(dist, "index.js"))) throw new Error(`no ${join(dist, "index.js")}: run \`make build\` first`);
    const into = join(this.#directory, "dist");
    mkdirSync(into);
    const parts = [];
    for (const [name, kind] of [["index.js", "esModule"], ["index_bg.wasm", "wasm"]]) {
      if (!existsSync(join(dist, name))) continue; // a Worker without Wasm, for trying the harness
      copyFileSync(join(dist, name), join(into, name));
      parts.push(`(name = ${quote(name)}, ${kind} = embed ${quote(`dist/${name}`)})`);
    }
    return parts;
  }
}
