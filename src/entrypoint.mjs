// Names the entrypoint, and replaces a Wasm instance that trapped. JavaScript, because workers-rs
// cannot name an entrypoint of its own: worker-build makes one default class of all exports. The
// methods are in src/rpc.

import { WorkerEntrypoint } from "cloudflare:workers";
import * as wasm from "./wasm.js";

let ledger = ""; // of the instances that trapped; the next one goes on with it
let trapped = false;
const waiting = new Set(); // answers the calls that wait for a promise of the instance's

const host = {
  // Called by an instance that is trapping, see src/runtime/instance.rs.
  trapped(text) {
    ledger = text;
    trapped = true;
    // What trapped may be a task that no call waits for.
    queueMicrotask(() => trapped && replace("a task trapped"));
  },
};
wasm.begin(host, ledger);

function replace(error) {
  // What trapped is the cause of what wasm-bindgen throws.
  const message = String(error?.cause ?? error);
  console.error(JSON.stringify({ event: "instance_trapped", level: "error", message }));
  trapped = false;
  wasm.__wbg_reset_state();
  wasm.begin(host, ledger);
  for (const answer of waiting) answer();
}

function call(method, entrypoint, args, fallback, again = true) {
  try {
    const answer = method(entrypoint, args);
    return answer instanceof Promise ? unlessItTraps(answer, fallback) : (answer ?? fallback());
  } catch (error) {
    // A refusal under REJECT_INVALID, meant for the caller.
    if (error instanceof TypeError) throw error;
    replace(error);
    // It trapped before this call, which never began; stats() can be asked again anyway.
    const repeat = again && (error?.message === "Module terminated" || method === wasm.stats);
    return repeat ? call(method, entrypoint, args, fallback, false) : fallback();
  }
}

function unlessItTraps(promise, fallback) {
  return new Promise((resolve, reject) => {
    const answer = () => resolve(fallback());
    waiting.add(answer);
    promise.then(resolve, reject).finally(() => waiting.delete(answer));
  });
}

const none = () => 0;
const message = "the reporter failed and starts anew";
const lost = () => ({ ok: false, outcome: "unknown", accepted: 0, rejected: 0, code: 13, status: "INTERNAL", message, refused: [] });

export class MetricsReporter extends WorkerEntrypoint {
  fetch(request) {
    return wasm.fetch(request, this.env, this.ctx);
  }
}

const methods = {
  incr: [wasm.incr, none],
  observe: [wasm.observe, none],
  record: [wasm.record, none],
  push: [wasm.push, lost],
  flush: [wasm.flush, lost],
  stats: [wasm.stats, lost],
};
for (const [name, [method, fallback]] of Object.entries(methods)) {
  MetricsReporter.prototype[name] = function (...args) {
    return call(method, this, args, fallback);
  };
}

export default { fetch: wasm.fetch };
