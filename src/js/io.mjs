// What the Worker does to the outside world: one fetch, one timer, one log line, and a place for
// the account outside of Wasm. Nothing here decides anything; that is Rust's.

/**
 * Headers that are the same for many requests. fetch takes a copy, and copying costs less than
 * reading an object.
 *
 * @param {string} lines names and values in turn, a line each
 * @returns {Headers}
 */
export function headersOf(lines) {
  const parts = lines.split("\n");
  const headers = new Headers();
  for (let i = 0; i + 1 < parts.length; i += 2) headers.set(parts[i], parts[i + 1]);
  return headers;
}

/**
 * Posts `body` through `binding` and reads the whole answer, whatever happens.
 *
 * @param {{ fetch: typeof fetch }} binding
 * @param {string} url
 * @param {Headers} headers to which `pushId` is added
 * @param {string} pushId
 * @param {Uint8Array} body
 * @param {number} timeoutMs covers the body of the answer too
 * @param {number} maxBytes the most of the answer's body that is kept
 * @returns {Promise<[status: number, headers: string[], body: Uint8Array, end: string, error: string]>}
 *   `status` is 0 when there was no answer. `end` is "complete", "failed" or "deadline". Never
 *   rejects.
 */
export async function post(binding, url, headers, pushId, body, timeoutMs, maxBytes) {
  let status = 0;
  let signal;
  const fields = [];
  const kept = { bytes: NOTHING };
  try {
    headers.set("x-push-id", pushId);
    // As good as an AbortController with setTimeout and clearTimeout, for half of the time.
    signal = AbortSignal.timeout(timeoutMs);
    // Redirects are not followed: a 302 answers a POST with the page of a login, never a metric.
    const response = await binding.fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
    status = response.status;
    let length;
    let encoded = false;
    for (const [name, value] of response.headers) {
      if (name === "content-type" || name.startsWith("grpc-")) fields.push(name, value.slice(0, 4096));
      else if (name === "content-length" && /^\d+$/.test(value)) length = Number(value);
      else if (name === "content-encoding") encoded = true; // the length is that of other bytes
    }
    // At once where the body is known to be short: that takes half of the time of two reads, and
    // a body that ends before its length has no status that counts.
    if (length <= maxBytes && !encoded) kept.bytes = await readExactly(response.body, length);
    else if (response.body) await readBody(response.body.getReader(), maxBytes, kept);
    return [status, fields, kept.bytes, "complete", ""];
  } catch (error) {
    return [status, fields, kept.bytes, signal?.aborted ? "deadline" : "failed", describe(error)];
  }
}

const NOTHING = new Uint8Array(0);

// A body need not end at the length that is shown: one in chunks goes on, and so does that of a
// binding which is a Worker. `arrayBuffer()` would keep all of it, and save 3 to 5 % of a push.
async function readExactly(body, length) {
  if (!body || length === 0) {
    body?.cancel().catch(() => {});
    return NOTHING;
  }
  const reader = body.getReader({ mode: "byob" });
  const { value } = await reader.readAtLeast(length, new Uint8Array(length));
  reader.cancel().catch(() => {});
  if (!(value?.length >= length)) throw new Error(`expected a body of ${length} bytes, got ${value?.length ?? 0}`);
  return value;
}

// Reads into `kept` as it comes, so that a read that fails keeps what it had: a status among that
// still counts. At most maxBytes and a little; what is beyond is cancelled, not waited for.
async function readBody(reader, maxBytes, kept) {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const bytes = new Uint8Array(kept.bytes.length + value.length);
    bytes.set(kept.bytes);
    bytes.set(value, kept.bytes.length);
    kept.bytes = bytes;
    if (bytes.length > maxBytes) {
      reader.cancel().catch(() => {});
      return;
    }
  }
}

function describe(error) {
  try {
    return String(error?.message ?? error).slice(0, 1024);
  } catch {
    return "unreadable error";
  }
}

let resume;

/** @param {(task: number, settled: unknown) => unknown} f `resume` in src/task.rs */
export function install(f) {
  resume = f;
}

/**
 * Runs a task of Rust's to its end, and keeps the request alive for it.
 *
 * @param {import("cloudflare:workers").WorkerEntrypoint} entrypoint
 * @param {number} task
 * @param {Promise<unknown>} promise the first that it waits for
 * @returns {Promise<unknown>} its answer; undefined when its instance has trapped
 */
export function drive(entrypoint, task, promise) {
  const end = run(task, promise);
  entrypoint.ctx.waitUntil(end);
  return end;
}

async function run(task, value) {
  while (value instanceof Promise) value = resume(task, await value);
  return value;
}

/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Writes one structured line.
 *
 * @param {"warn" | "error"} level
 * @param {object} fields
 */
export function log(level, fields) {
  console[level](JSON.stringify(fields));
}

/**
 * The values of the named vars that are set, names and values in turn.
 *
 * @param {Record<string, unknown>} env
 * @param {string} names separated by spaces
 * @returns {string[]}
 */
export function vars(env, names) {
  const found = [];
  for (const name of names.split(" ")) {
    const value = env[name];
    if (value === undefined) continue;
    // What is no text cannot be right, and is named in the log like any text that is not.
    found.push(name, ["string", "number", "boolean"].includes(typeof value) ? String(value) : "");
  }
  return found;
}

/**
 * 53 random bits. Cryptographic: an `x-push-id` must not be guessed, nor a hash seed.
 *
 * @returns {number}
 */
export function random() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high & 0x1fffff) * 0x100000000 + low;
}

let account = "";

/**
 * Keeps the account of an instance that has trapped for the one that comes after it.
 *
 * @param {string} text
 */
export function save(text) {
  // That one may have trapped as well, before it asked for what was saved: counts add up.
  account += text;
}

/**
 * Hands over what was saved, once.
 *
 * @returns {string}
 */
export function saved() {
  const text = account;
  account = "";
  return text;
}
