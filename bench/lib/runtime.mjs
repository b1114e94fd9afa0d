// One workerd with one Worker under test and a caller, as its own process.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Serve, compatibilityDate, quote } from "../../tests/harness/index.mjs";
import { cpuMicros } from "./usage.mjs";

/**
 * Writes the configuration beside the modules that it embeds.
 *
 * @param {{ directory: string, modules: string[], caller: string[], vars: Record<string, string>, gateway: string, v8Flags?: string[] }} options
 *   `modules` and `caller` are file names in `directory`, the main module first
 * @returns {string} its path
 */
export function writeConfig({ name, directory, modules, caller, vars, gateway, v8Flags = [] }) {
  const list = (files) =>
    files
      .map((file) => `(name = ${quote(file.replace(/^.*\//, ""))}, ${file.endsWith(".wasm") ? "wasm" : "esModule"} = embed ${quote(file)})`)
      .join(", ");
  const bindings = Object.entries(vars).map(([key, value]) => `(name = ${quote(key)}, text = ${quote(value)})`);
  bindings.push('(name = "METRICS_GATEWAY", service = "gateway")');
  const file = join(directory, `${name}.capnp`);
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "reporter", worker = .reporter),
    (name = "caller", worker = .caller),
    (name = "gateway", external = (address = ${quote(gateway)}, http = ())),
    (name = "nowhere", network = (allow = [])),
  ],
  v8Flags = [${v8Flags.map(quote).join(", ")}],
  sockets = [(name = "caller", address = "127.0.0.1:0", http = (), service = "caller")],
);

const reporter :Workerd.Worker = (
  modules = [${list(modules)}],
  compatibilityDate = ${quote(compatibilityDate())},
  globalOutbound = "nowhere",
  bindings = [${bindings.join(", ")}],
);

const caller :Workerd.Worker = (
  modules = [${list(caller)}],
  compatibilityDate = ${quote(compatibilityDate())},
  globalOutbound = "nowhere",
  bindings = [(name = "REPORTER", service = (name = "reporter", entrypoint = "MetricsReporter"))],
);
`,
  );
  return file;
}

export class Runtime {
  /** @param {string} config */
  constructor(config) {
    const serve = new Serve(config, ["caller"]);
    this.process = serve.process;
    this.listening = serve.ready.then(({ addresses }) => (this.url = `http://${addresses.caller}/`));
  }

  /** Has the caller work, and gives back what it answered. */
  async run(order) {
    const response = await fetch(this.url, order && { method: "POST", body: JSON.stringify(order) });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`the caller answered ${response.status}: ${text}\n${this.process.output()}`);
    return Number(text);
  }

  /** As `run`, for an order of so many samples, and gives back the CPU time that it took, in µs. */
  async measure(order, samples) {
    const before = cpuMicros(this.process.pid);
    const taken = await this.run(order);
    const used = (await restingMicros(this.process.pid)) - before;
    if (taken !== samples) {
      throw new Error(`expected ${samples} samples to be taken, got ${taken}: ${JSON.stringify(order)}\n${this.process.output()}`);
    }
    return used;
  }

  stop() {
    return this.process.stop();
  }
}

const REST_MS = 4;
const MOST_RESTS = 100;

/**
 * CPU time once the process has nothing more to do. What the calls left behind is theirs: pushes
 * that were on their way when the last call was answered, and the garbage of all.
 */
async function restingMicros(pid) {
  let used = cpuMicros(pid);
  for (let rest = 0; rest < MOST_RESTS; rest++) {
    await sleep(REST_MS);
    const now = cpuMicros(pid);
    if (now === used) break;
    used = now;
  }
  return used;
}
