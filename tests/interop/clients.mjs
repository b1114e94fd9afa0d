// The compared clients, including ours, each with the same few functions.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { build } from "esbuild";
import { Process, compatibilityDate, startWorkerd, workerdBinary } from "../harness/index.mjs";
import { counter } from "../e2e/system.mjs";
import { node, tonicWasm, versionOf } from "./tools.mjs";

/** After this time a call counts as hanging. Its own deadline is much earlier. */
const HANG_MS = 7_000;
export const CALL_MS = 4_000;

/**
 * @typedef {{ code?: number, message?: string, accepted?: number, rejected?: number, thrown?: string, hangs?: true, died?: string, tookMs: number }} Outcome
 * @typedef {{ name: string, needs: any[], start: (address: string, ...tools: any[]) => Caller, inWorkerd?: Function }} Client
 * @typedef {{ call: (metric: string, timeoutMs?: number) => Promise<Outcome>, stop: () => Promise<unknown> }} Caller
 */

/** @type {Client[]} */
export const CLIENTS = [
  {
    name: "this Worker",
    needs: [],
    start: (address) => new Ours(address),
    inWorkerd: async () => "all of this ran there, through a binding's fetch",
    longestMs: 20_000,
  },
  {
    name: `connect-es ${versionOf("@connectrpc/connect-web")}`,
    needs: [node],
    start: (address, tool) => new Theirs("connect-es", address, tool),
    inWorkerd: (address, tool) => tryInWorkerd("connect-es", address, tool),
  },
  {
    name: `grpc-web ${versionOf("grpc-web")}`,
    needs: [node],
    start: (address, tool) => new Theirs("grpc-web", address, tool),
    inWorkerd: (address, tool) => tryInWorkerd("grpc-web", address, tool),
  },
  {
    name: `tonic-web-wasm-client ${versionOf("tonic-web-wasm-client")}`,
    needs: [node, tonicWasm],
    start: (address, tool, wasm) => new Theirs("tonic-wasm", address, tool, wasm),
    inWorkerd: (address, tool, wasm) => tryInWorkerd("tonic-wasm", address, tool, wasm),
  },
];

async function timed(promise) {
  const started = performance.now();
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, HANG_MS, { hangs: true })));
  const outcome = await Promise.race([promise, late]);
  clearTimeout(timer);
  return { ...outcome, tookMs: Math.round(performance.now() - started) };
}

/** The built Worker in workerd. Its deadline is a var, so each deadline has its own runtime. */
class Ours {
  #runtimes = new Map();

  constructor(address) {
    this.address = address;
  }

  #runtime(timeoutMs) {
    if (!this.#runtimes.has(timeoutMs)) {
      const vars = { SELF_METRICS: "false", PUSH_TIMEOUT_MS: String(timeoutMs) };
      this.#runtimes.set(timeoutMs, startWorkerd({ gateway: this.address, vars }));
    }
    return this.#runtimes.get(timeoutMs);
  }

  async call(metric, timeoutMs = CALL_MS) {
    const runtime = await this.#runtime(timeoutMs);
    return timed(runtime.value("push", [[counter(metric)]]));
  }

  async stop() {
    await Promise.all([...this.#runtimes.values()].map(async (runtime) => (await runtime).stop()));
  }
}

/** A client in its own Node process. A new process starts when a call hangs or ends it. */
class Theirs {
  #child;
  #lines = [];
  #wake = () => {};
  #id = 0;

  constructor(name, address, { clients, proto }, { node: wasm } = {}) {
    this.args = [join(clients, "serve.mjs"), name, address, proto, wasm ?? ""];
  }

  async #start() {
    this.#id = 0;
    this.#lines = [];
    const child = spawn(process.execPath, ["--no-warnings", ...this.args], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    let stderr = "";
    child.stderr.on("data", (data) => (stderr = (stderr + data).slice(-4_000)));
    child.stdin.on("error", () => {});
    createInterface({ input: child.stdout }).on("line", (line) => {
      // Other output of the client is not a result.
      if (line.startsWith("{")) this.#lines.push(JSON.parse(line));
      this.#wake();
    });
    child.once("close", (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#lines.push({ died: signal ?? `exit code ${code}: ${stderr.trim().split("\n").at(-1)}` });
      this.#wake();
    });
    const first = await this.#next(() => true);
    if (!first.ready) throw new Error(`${this.args[1]} did not start: ${first.died}\n${stderr}`);
  }

  async #next(wanted) {
    for (;;) {
      const at = this.#lines.findIndex((line) => line.died || wanted(line));
      if (at >= 0) return this.#lines.splice(at, 1)[0];
      await new Promise((resolve) => (this.#wake = resolve));
    }
  }

  async call(metric, timeoutMs = CALL_MS) {
    if (!this.#child) await this.#start();
    const id = ++this.#id;
    this.#child.stdin.write(`${JSON.stringify({ metric, timeoutMs })}\n`);
    const outcome = await timed(this.#next((line) => line.id === id));
    // Do not use a process for the next case after it hung or threw.
    if (outcome.hangs || outcome.thrown) await this.stop();
    return outcome;
  }

  async stop() {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    const closed = new Promise((resolve) => child.once("close", resolve));
    child.kill("SIGKILL");
    await closed;
  }
}

// Makes one call in a Worker in every possible way, and returns the results.
async function tryInWorkerd(name, address, { clients, proto }, { web, wasm } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "metrics-interop-"));
  let child;
  try {
    const modules = [`(name = "main.mjs", esModule = embed "main.mjs")`];
    if (wasm) {
      writeFileSync(join(directory, "client.wasm"), readFileSync(wasm));
      modules.push(`(name = "client.wasm", wasm = embed "client.wasm")`);
    }
    await build({
      entryPoints: [join(clients, "in-workerd.mjs")],
      outfile: join(directory, "main.mjs"),
      bundle: true,
      format: "esm",
      target: "esnext",
      logLevel: "silent",
      external: ["*.wasm"],
      plugins: [theClient(wasm ? withWasm(web) : `export * from ${JSON.stringify(join(clients, `${name}.mjs`))};`)],
    });
    const { descriptorsOf } = await import(join(clients, "..", "servers", "service.mjs"));
    const descriptors = Buffer.from(descriptorsOf(proto)).toString("base64");
    const config = join(directory, "config.capnp");
    writeFileSync(
      config,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [ (name = "main", worker = .main), (name = "gateway", external = (address = "${address}", http = ())) ],
  sockets = [ (name = "http", address = "127.0.0.1:0", http = (), service = "main") ],
);
const main :Workerd.Worker = (
  modules = [ ${modules.join(", ")} ],
  compatibilityDate = "${compatibilityDate()}",
  globalOutbound = "gateway",
  bindings = [ (name = "GATEWAY", service = "gateway"), (name = "DESCRIPTORS", text = "${descriptors}") ],
);
`,
    );
    child = new Process("workerd", workerdBinary(), ["serve", "--control-fd=3", config]);
    const port = await child.until("it listens", () => child.control.map((line) => JSON.parse(line).port).find(Boolean), 20_000);
    const seen = {};
    for (const way of ["global", "binding", "wrapped"]) {
      const response = await fetch(`http://127.0.0.1:${port}/${way}`, { signal: AbortSignal.timeout(10_000) });
      const { code, message, thrown } = await response.json();
      seen[way] = code === 0 ? "OK" : (thrown ?? message).slice(0, 60);
    }
    if (seen.global === "OK") return "yes";
    if (seen.wrapped === "OK") return `only with a fetch of one's own that changes \`redirect\`: ${seen.global}`;
    return `no: ${seen.global}`;
  } catch (error) {
    return `no: ${error.message.split("\n").slice(0, 3).join(" ")}`;
  } finally {
    await child?.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

// The modules behind CLIENT in clients/in-workerd.mjs.
function theClient(contents) {
  return {
    name: "client",
    setup(plugin) {
      plugin.onResolve({ filter: /^CLIENT$/ }, () => ({ path: "CLIENT", namespace: "client" }));
      plugin.onLoad({ filter: /.*/, namespace: "client" }, () => ({ contents, resolveDir: "/" }));
    },
  };
}

// The client whose Wasm is a module of the Worker.
const withWasm = (web) => `import { initSync, push } from ${JSON.stringify(web)};
  import module from "./client.wasm";
  export function makeCall({ baseUrl }) {
    initSync({ module });
    return (metric, timeoutMs) => push(baseUrl, metric, timeoutMs);
  }`;
