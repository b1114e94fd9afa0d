// The Worker's JavaScript: exports the RPC entrypoint and replaces a Wasm instance that trapped.
// workers-rs cannot export a named entrypoint, because worker-build makes one default class of all
// exports. The RPC methods are in src/rpc.

import { WorkerEntrypoint } from "cloudflare:workers";
import * as wasm from "./wasm.js";

let ledger = ""; // the ledger of trapped instances, which the next one continues
let trapped = false;
let traps = 0;

const host = {
  // A trapping instance calls this; see src/runtime/instance.rs.
  trapped(text) {
    ledger = text;
    trapped = true;
    // The trap may be in a background task, which no call waits for.
    queueMicrotask(() => trapped && replace("a task trapped"));
  },
};
wasm.begin(host, ledger);

function replace(error) {
  // wasm-bindgen throws its own error, with the trap as its cause.
  const message = String(error?.cause ?? error);
  console.error(JSON.stringify({ event: "instance_trapped", level: "error", message }));
  trapped = false;
  traps += 1;
  wasm.__wbg_reset_state();
  wasm.begin(host, ledger);
}

function call(method, entrypoint, args, fallback, again = true) {
  try {
    const answer = method(entrypoint, args);
    return answer instanceof Promise ? unlessItTraps(answer, fallback) : (answer ?? fallback());
  } catch (error) {
    // A refusal under REJECT_INVALID, for the caller.
    if (error instanceof TypeError) throw error;
    replace(error);
    // "Module terminated": the instance trapped before this call began. stats() is safe to repeat.
    const repeat = again && (error?.message === "Module terminated" || method === wasm.stats);
    return repeat ? call(method, entrypoint, args, fallback, false) : fallback();
  }
}

// A promise of an instance that trapped never settles. Each call looks for a trap itself, because
// one request must not settle the promises of another.
function unlessItTraps(promise, fallback) {
  const before = traps;
  let timer;
  const trap = new Promise((resolve) => {
    timer = setInterval(() => traps === before || resolve(fallback()), 200);
  });
  return Promise.race([promise, trap]).finally(() => clearInterval(timer));
}

const none = () => 0;
const message = "the reporter failed and starts anew";
const lost = () => ({ ok: false, outcome: "unknown", accepted: 0, rejected: 0, code: 13, status: "INTERNAL", message, refused: [] });

export class MetricsReporter extends WorkerEntrypoint {
  incr(...args) { return call(wasm.incr, this, args, none); }
  observe(...args) { return call(wasm.observe, this, args, none); }
  record(...args) { return call(wasm.record, this, args, none); }
  push(...args) { return call(wasm.push, this, args, lost); }
  flush(...args) { return call(wasm.flush, this, args, lost); }
  stats(...args) { return call(wasm.stats, this, args, lost); }
  fetch(request) { return wasm.fetch(request, this.env, this.ctx); }
}

export default { fetch: wasm.fetch };
