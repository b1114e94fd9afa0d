// A caller and the reporter that it calls, each in its own workerd, so that a test can kill one of
// them.

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DIST, Serve, compatibilityDate, quote, started } from "../harness/index.mjs";

// The address where one workerd accepts Workers RPC from another.
const RPC_HOST = "rpc.internal";

/**
 * The reporter as it is deployed.
 *
 * @param {string} gateway address of a metrics gateway
 * @param {Record<string, string>} [vars]
 */
export function startReporter(gateway, vars = {}) {
  const texts = Object.entries(vars).map(([name, value]) => `(name = ${quote(name)}, text = ${quote(value)})`);
  return start("reporter", {
    files: [join(DIST, "index.js"), join(DIST, "index_bg.wasm")],
    services: [`(name = "gateway", external = (address = ${quote(gateway)}, http = ()))`],
    bindings: ['(name = "METRICS_GATEWAY", service = "gateway")', ...texts],
    sockets: [["MetricsReporter", `service = (name = "worker", entrypoint = "MetricsReporter")`]],
    modules: ['(name = "index.js", esModule = embed "index.js")', '(name = "index_bg.wasm", wasm = embed "index_bg.wasm")'],
  });
}

/**
 * A stand-in for the reporter: a Worker whose named entrypoints are each bound to a socket.
 *
 * @param {string} source
 * @param {string[]} entrypoints
 */
export function startStandIn(source, entrypoints) {
  return start("stand-in", {
    texts: { "index.js": source },
    modules: ['(name = "index.js", esModule = embed "index.js")'],
    sockets: [
      ...entrypoints.map((name) => [name, `service = (name = "worker", entrypoint = ${quote(name)})`]),
      ["http", `service = "worker"`],
    ],
  });
}

/**
 * A caller. `bindings` maps a name in its env to the address of a reporter.
 *
 * @param {import("./build.mjs").Module[]} modules
 * @param {Record<string, string>} bindings
 * @param {{ objects?: Record<string, string>, scheduled?: boolean }} [options] `objects`: from the
 * binding's name to the class of a Durable Object; `scheduled`: a request to the socket `scheduler`
 * makes the cron trigger fire
 */
export function startCaller(modules, bindings, { objects = {}, scheduled = false } = {}) {
  const classes = Object.values(objects).map((name) => `(className = ${quote(name)}, uniqueKey = ${quote(name)})`);
  return start("caller", {
    texts: Object.fromEntries(modules.map(({ name, content }) => [name, content])),
    modules: modules.map(({ name, kind }) => `(name = ${quote(name)}, ${kind} = embed ${quote(name)})`),
    services: Object.entries(bindings).map(
      ([name, address]) =>
        `(name = ${quote(name)}, external = (address = ${quote(address)}, http = (capnpConnectHost = ${quote(RPC_HOST)})))`,
    ),
    bindings: [
      ...Object.keys(bindings).map((name) => `(name = ${quote(name)}, service = ${quote(name)})`),
      ...Object.entries(objects).map(([name, type]) => `(name = ${quote(name)}, durableObjectNamespace = ${quote(type)})`),
    ],
    more: `durableObjectNamespaces = [ ${classes.join(", ")} ], durableObjectStorage = (inMemory = void),`,
    sockets: [["http", `service = "worker"`], ...(scheduled ? [["scheduler", `service = "scheduler"`]] : [])],
    withScheduler: scheduled,
  });
}

const start = (name, options) => started(() => new Runtime(name, options));

class Runtime {
  #directory = mkdtempSync(join(tmpdir(), "metrics-clients-"));
  #serve;

  constructor(name, { files = [], texts = {}, modules, services = [], bindings = [], sockets, more = "", withScheduler }) {
    for (const file of files) copyFileSync(file, join(this.#directory, file.split("/").at(-1)));
    if (withScheduler) texts["scheduler.js"] = SCHEDULER;
    for (const [file, text] of Object.entries(texts)) writeFileSync(join(this.#directory, file), text);
    const scheduler = withScheduler ? ['(name = "scheduler", worker = .scheduler)'] : [];
    const all = ['(name = "worker", worker = .worker)', '(name = "nowhere", network = (allow = []))', ...scheduler, ...services];
    const listening = sockets.map(
      ([socket, service]) =>
        `(name = ${quote(socket)}, address = "127.0.0.1:0", http = (capnpConnectHost = ${quote(RPC_HOST)}), ${service})`,
    );
    writeFileSync(
      join(this.#directory, "config.capnp"),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ ${all.join(", ")} ],
  sockets = [ ${listening.join(", ")} ],
);
const worker :Workerd.Worker = (
  modules = [ ${modules.join(", ")} ],
  compatibilityDate = ${quote(compatibilityDate())},
  globalOutbound = "nowhere",
  bindings = [ ${bindings.join(", ")} ],
  ${more}
);
${withScheduler ? SCHEDULER_CONFIG : ""}`,
    );
    // In workerd, a cron trigger from another Worker is experimental.
    const flags = withScheduler ? ["--experimental"] : [];
    this.#serve = new Serve(join(this.#directory, "config.capnp"), sockets.map(([socket]) => socket), { name, flags });
    this.process = this.#serve.process;
  }

  ready() {
    return this.#serve.ready;
  }

  /** Socket name to "host:port". */
  get addresses() {
    return this.#serve.addresses;
  }

  /** Sends an HTTP request to a socket. */
  fetch(path = "/", init = {}, socket = "http") {
    return fetch(`http://${this.addresses[socket]}${path}`, { signal: AbortSignal.timeout(60_000), ...init });
  }

  /** Resolves when the process has printed these words. */
  logged(words) {
    return this.process.until(`the words ${JSON.stringify(words)} in the log`, () =>
      this.process.lines.some(({ text }) => text.includes(words)),
    );
  }

  // Not SIGTERM: workerd would wait until the other process closes its connections.
  async stop(signal = "SIGKILL") {
    const ended = await this.process.stop(signal);
    rmSync(this.#directory, { recursive: true, force: true });
    return ended;
  }
}

// Makes the caller's cron trigger fire.
const SCHEDULER = `export default {
  async fetch(request, env) {
    const { outcome } = await env.CALLER.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
    return new Response(outcome);
  },
};
`;

const SCHEDULER_CONFIG = `const scheduler :Workerd.Worker = (
  modules = [ (name = "scheduler.js", esModule = embed "scheduler.js") ],
  compatibilityDate = ${quote(compatibilityDate())},
  compatibilityFlags = ["service_binding_extra_handlers"],
  bindings = [ (name = "CALLER", service = "worker") ],
);
`;
