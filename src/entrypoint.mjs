// Names the entrypoint. The methods are the Wasm's; a caller gets an answer even when that trapped.

import { WorkerEntrypoint } from "cloudflare:workers";
import * as wasm from "./wasm.js";

wasm.install((task, settled) => {
  try {
    return wasm.resume(task, settled);
  } catch (error) {
    replace(error);
  }
});

function call(method, entrypoint, args, fallback, mayRepeat = true) {
  try {
    return answer(method(entrypoint, args), fallback);
  } catch (error) {
    replace(error);
    // It trapped between two calls, and this one never began.
    const repeat = mayRepeat && error?.message === "Module terminated";
    return repeat ? call(method, entrypoint, args, fallback, false) : fallback();
  }
}

// `undefined` is the answer of an instance that does not know the task: its own has trapped.
function answer(value, fallback) {
  return value instanceof Promise ? value.then((value) => value ?? fallback()) : (value ?? fallback());
}

// A trap ends the instance. A new one takes its place, and its account goes on from where the old
// one's ended (src/instance.rs).
function replace(error) {
  // A refusal under REJECT_INVALID, meant for the caller.
  if (error instanceof TypeError) throw error;
  // What trapped is the cause of what wasm-bindgen throws.
  const message = String(error?.cause ?? error);
  console.error(JSON.stringify({ event: "instance_trapped", level: "error", message }));
  wasm.__wbg_reset_state();
}

const none = () => 0;
const lost = () => ({
  ok: false,
  outcome: "unknown",
  accepted: 0,
  rejected: 0,
  code: 13,
  status: "INTERNAL",
  message: "the reporter failed and starts anew",
  refused: [],
});

export class MetricsReporter extends WorkerEntrypoint {
  incr(...args) {
    return call(wasm.incr, this, args, none);
  }
  observe(...args) {
    return call(wasm.observe, this, args, none);
  }
  record(...args) {
    return call(wasm.record, this, args, none);
  }
  push(...args) {
    return call(wasm.push, this, args, lost);
  }
  flush() {
    return call(wasm.flush, this, undefined, lost);
  }
  stats() {
    return call(wasm.stats, this, undefined, () => call(wasm.stats, this, undefined, lost));
  }
  fetch() {
    return notFound();
  }
}

const notFound = () => new Response("not found: this Worker answers over RPC only\n", { status: 404 });

export default { fetch: notFound };
