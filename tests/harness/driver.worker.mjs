// A caller Worker that does what a test tells it to.
//
// POST /call { method, args, … } calls env.METRICS[method](...args) and answers
//   { value }                      when it resolved
//   { error: { name, message } }   when it rejected (or could not be sent)
// More fields:
//   times: n, concurrency: c       n calls, c at a time; answers { results: [{ value } | { error }, …] }
//   binding: "METRICS_DEFAULT"     call the default export instead
//   in: "waitUntil"                answer { started: true } at once, call inside ctx.waitUntil
//   in: "nothing"                  answer at once and neither await the call nor hand it to waitUntil
//
// POST /sequence [{ method, args }, …] makes the calls one after another, in one request, and answers
// { results }; POST /fetch { binding, url, method } calls the binding's fetch and answers
// { status, headers, body }.
//
// An argument that JSON cannot carry is written as { "$js": "name" }, with a name from the table
// below, at any depth. Results use the same form.

const VALUES = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => NaN,
  Infinity: () => Infinity,
  "-Infinity": () => -Infinity,
  "-0": () => -0,
  bigint: () => 42n,
  symbol: () => Symbol("s"),
  function: () => () => "called",
  asyncFunction: () => async () => "called",
  date: () => new Date(0),
  invalidDate: () => new Date(NaN),
  map: () => new Map([["route", "/a"]]),
  mapOfNumbers: () => new Map([[1, 2]]),
  mapSample: () => new Map(Object.entries({ name: "mapped_total", type: "counter", value: 2, labels: new Map([["route", "/"]]) })),
  set: () => new Set(["route"]),
  regexp: () => /a/,
  error: () => new TypeError("an argument"),
  buffer: () => new ArrayBuffer(8),
  bytes: () => new Uint8Array([1, 2, 3]),
  float64s: () => new Float64Array([1, 2]),
  numberObject: () => Object(5),
  stringObject: () => Object("text"),
  instance: () => new (class Thing { name = "a_total"; })(),
  nullPrototype: () => Object.assign(Object.create(null), { route: "/a" }),
  cycle: () => {
    const object = { name: "a_total" };
    object.self = object;
    return object;
  },
  protoKey: () => JSON.parse('{"__proto__": {"polluted": "yes"}}'),
  sparseArray: () => new Array(3),
  hugeArray: () => new Array(1_000_000).fill(0),
  loneSurrogate: () => "a\ud800b",
  nul: () => "a\u0000b",
  emptyString: () => "",
  string1k: () => "x".repeat(1_000),
  string1M: () => "x".repeat(1_000_000),
  promise: () => Promise.resolve("later"),
  response: () => new Response("body"),
  request: () => new Request("http://example.com/"),
  headers: () => new Headers({ a: "b" }),
  stream: () => new ReadableStream({ start: (controller) => controller.close() }),
};

function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "$js") {
    const make = VALUES[value.$js];
    if (!make) throw new Error(`no value named ${value.$js} in the driver's table`);
    return make();
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
}

function plain(value) {
  if (value === undefined) return { $js: "undefined" };
  if (typeof value === "bigint") return { $js: `bigint ${value}` };
  if (typeof value === "function") return { $js: "function" };
  if (typeof value === "number" && !Number.isFinite(value)) return { $js: String(value) };
  if (Object.is(value, -0)) return { $js: "-0" };
  if (value instanceof Map) return { $js: "map", entries: [...value].map(plain) };
  if (Array.isArray(value)) return value.map(plain);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

async function attempt(target, { method, args = [] }) {
  try {
    return { value: plain(await target[method](...revive(args))) };
  } catch (error) {
    return { error: { name: error?.name ?? typeof error, message: String(error?.message ?? error) } };
  }
}

async function repeat(target, order) {
  const results = new Array(order.times);
  let next = 0;
  const lane = async () => {
    while (next < order.times) {
      const index = next++;
      results[index] = await attempt(target, order);
    }
  };
  await Promise.all(Array.from({ length: Math.min(order.concurrency ?? 1, order.times) }, lane));
  return { results };
}

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (request.method !== "POST") return new Response("POST /call, /sequence or /fetch\n", { status: 405 });
    const order = await request.json();
    const target = env[order.binding ?? "METRICS"];

    if (pathname === "/call") {
      const run = () => (order.times === undefined ? attempt(target, order) : repeat(target, order));
      if (order.in === "waitUntil") {
        ctx.waitUntil(run());
        return Response.json({ started: true });
      }
      if (order.in === "nothing") {
        void run();
        return Response.json({ started: true });
      }
      return Response.json(await run());
    }
    if (pathname === "/sequence") {
      const results = [];
      for (const step of order) results.push(await attempt(env[step.binding ?? "METRICS"], step));
      return Response.json({ results });
    }
    if (pathname === "/fetch") {
      const response = await target.fetch(order.url ?? "http://metrics.internal/", { method: order.method ?? "GET" });
      return Response.json({
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.text(),
      });
    }
    return new Response("not found\n", { status: 404 });
  },
};
