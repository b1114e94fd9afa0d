// A caller Worker that sends invalid and extreme values to the Worker under test.
//
// GET /values                the names of all values
// POST /value?name=…         one value, at every position of every method: answers the result of each
//                            call, [{ position, method, sent, value } | { …, error }, …]. `sent` is
//                            whether the same arguments reach an entrypoint that accepts anything. If
//                            not, the call failed here and never reached the Worker.
// POST /heavy?name=…         one of the large ones, once

import { RpcStub, RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

/** Takes anything. */
export class Sink extends WorkerEntrypoint {
  take() {
    return "taken";
  }
}

class Instance {
  name = "a_total";
}

class Target extends RpcTarget {
  get name() {
    throw new Error("a getter of the caller's");
  }
  toString() {
    throw new Error("a method of the caller's");
  }
}

const hostileProxy = (target) =>
  new Proxy(target, {
    get: () => {
      throw new Error("get");
    },
    ownKeys: () => {
      throw new Error("ownKeys");
    },
    getPrototypeOf: () => {
      throw new Error("getPrototypeOf");
    },
  });

function revoked(target) {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

function nested(depth, make = (inner) => ({ inner })) {
  let value = 1;
  for (let i = 0; i < depth; i++) value = make(value);
  return value;
}

// Each is created again for each call: a stream or a stub can be sent only once.
const VALUES = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  false: () => false,
  zero: () => 0,
  "minus zero": () => -0,
  one: () => 1,
  "minus one": () => -1,
  NaN: () => NaN,
  Infinity: () => Infinity,
  "-Infinity": () => -Infinity,
  "the largest number": () => Number.MAX_VALUE,
  "the smallest number": () => Number.MIN_VALUE,
  "beyond safe integers": () => 2 ** 64,
  bigint: () => 42n,
  "huge bigint": () => 2n ** 4096n,
  "empty string": () => "",
  "a name": () => "honest_total",
  "a number as text": () => "1",
  "text with NUL": () => "a\0b",
  "lone high surrogate": () => "\ud800",
  "lone low surrogate": () => "a\udc00b",
  "text of emoji": () => "😀".repeat(300),
  "text of two-byte characters": () => "é".repeat(1_000),
  "a line break": () => "a\r\nb",
  "the name __proto__": () => "__proto__",
  "the name constructor": () => "constructor",
  "text of 8192": () => "x".repeat(8_192),
  "text of 8193": () => "x".repeat(8_193),
  "text of a million": () => "x".repeat(1_000_000),
  "packed, empty": () => "1[]",
  "packed, honest": () => '1[["packed_total",1,1]]',
  "packed, of another version": () => "2[]",
  "packed, not JSON": () => "1[",
  "packed, not an array": () => '1{"name":"a_total"}',
  symbol: () => Symbol("s"),
  "registered symbol": () => Symbol.for("s"),
  "well-known symbol": () => Symbol.iterator,
  function: () => () => "called",
  "throwing function": () => () => {
    throw new Error("called");
  },
  "async function": () => async () => "called",
  "generator function": () => function* () {},
  class: () => Instance,
  "class instance": () => new Instance(),
  "RpcTarget": () => new Target(),
  stub: () => new RpcStub(new Target()),
  "stub of a function": () => new RpcStub(() => "called"),
  "disposed stub": () => {
    const stub = new RpcStub(new Target());
    stub[Symbol.dispose]();
    return stub;
  },
  "property of a stub": () => new RpcStub(new Target()).name,
  "promise": () => Promise.resolve(1),
  "rejected promise": () => {
    const promise = Promise.reject(new Error("rejected"));
    promise.catch(() => {});
    return promise;
  },
  thenable: () => ({ then: (resolve) => resolve(1) }),
  "thenable that is text": () => ({ then: "x" }),
  "empty object": () => ({}),
  "object without prototype": () => Object.assign(Object.create(null), { route: "/" }),
  "object that inherits": () => Object.create({ route: "/" }),
  "frozen object": () => Object.freeze({ route: "/" }),
  "object with symbol keys": () => ({ [Symbol("s")]: 1, route: "/" }),
  "object with hidden keys": () => Object.defineProperty({ route: "/" }, "hidden", { value: 1 }),
  "object with toJSON": () => ({ toJSON: () => "x", route: "/" }),
  "object with valueOf": () => ({ valueOf: () => 1 }),
  "object with a function": () => ({ route: () => "/" }),
  "object with a stub": () => ({ route: new Target() }),
  "object with undefined": () => ({ route: undefined }),
  "object with null": () => ({ route: null }),
  "object with a long key": () => ({ ["k".repeat(9_000)]: 1 }),
  "object with an empty key": () => ({ "": 1 }),
  "object with odd keys": () => ({ "a b": 1, "é": 2, "\ud800": 3, "\0": 4 }),
  "object with numeric keys": () => ({ 0: "a", 1: "b" }),
  "object with length": () => ({ length: 2 ** 32, 0: "a" }),
  "object with all fields odd": () => ({ name: {}, type: [], value: "1", labels: 1, help: () => 1 }),
  "__proto__ as a key": () => JSON.parse('{"__proto__": {"polluted": "yes"}, "route": "/"}'),
  "__proto__ as a label": () => JSON.parse('{"__proto__": "yes"}'),
  "constructor as a key": () => ({ constructor: { prototype: { polluted: "yes" } } }),
  "getter": () => ({ get route() { return "/"; } }),
  "getter that throws": () => ({ get route() { throw new Error("a getter"); } }),
  "getter that throws nothing": () => ({ get route() { throw undefined; } }),
  "getter that counts": () => {
    let n = 0;
    return { get route() { return n++; } };
  },
  "129 properties": () => Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`l${i}`, i])),
  "33 properties": () => Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`l${i}`, i])),
  "proxy": () => new Proxy({ route: "/" }, {}),
  "proxy of an array": () => new Proxy(["route"], {}),
  "proxy of a function": () => new Proxy(() => {}, {}),
  "proxy that throws": () => hostileProxy({}),
  "proxy of an array that throws": () => hostileProxy([]),
  "revoked proxy": () => revoked({}),
  "revoked proxy of an array": () => revoked([]),
  "revoked proxy of a function": () => revoked(() => {}),
  "empty array": () => [],
  "array of everything": () => [undefined, null, true, 1, "x", 1n, {}, [], () => 1, new Date(0)],
  "array of arrays": () => [[], [[]], [[[]]], [[[[]]]], [[[[[]]]]]],
  "sparse array": () => new Array(20_000),
  "sparse array with an end": () => Object.assign([], { 50_000: "x" }),
  "array with properties": () => Object.assign([1], { route: "/" }),
  "array that inherits": () => new (class extends Array {})(3),
  "array of 20000 numbers": () => new Array(20_000).fill(0),
  arguments: () => (function () { return arguments; })(1, 2),
  "nested object": () => nested(50),
  "nested array": () => nested(50, (inner) => [inner]),
  "nested object, 500 deep": () => nested(500),
  "nested labels": () => ({ labels: { labels: { labels: {} } } }),
  cycle: () => {
    const object = { name: "a_total" };
    object.labels = object;
    return object;
  },
  "cyclic array": () => {
    const array = [];
    array.push(array, array);
    return array;
  },
  "two that hold each other": () => {
    const a = { name: "a_total" };
    a.labels = { a };
    return a;
  },
  map: () => new Map([["route", "/"]]),
  "map of odd keys": () => new Map([[{}, 1], [null, 2], [NaN, 3]]),
  "map that holds itself": () => {
    const map = new Map();
    return map.set(map, map);
  },
  set: () => new Set(["route"]),
  weakmap: () => new WeakMap(),
  weakref: () => new WeakRef({}),
  date: () => new Date(0),
  "invalid date": () => new Date(NaN),
  regexp: () => /(a+)+$/g,
  error: () => new TypeError("an error"),
  "error with a cause": () => new Error("an error", { cause: { a: [1] } }),
  "error without a name": () => Object.assign(new Error("x"), { name: undefined, stack: 5 }),
  "DOMException": () => new DOMException("x", "AbortError"),
  "ArrayBuffer": () => new ArrayBuffer(8),
  "detached ArrayBuffer": () => {
    const buffer = new ArrayBuffer(8);
    structuredClone(buffer, { transfer: [buffer] });
    return buffer;
  },
  "resizable ArrayBuffer": () => new ArrayBuffer(8, { maxByteLength: 16 }),
  "SharedArrayBuffer": () => new SharedArrayBuffer(8),
  "Uint8Array": () => new Uint8Array([49, 91, 93]),
  "part of a Uint8Array": () => new Uint8Array(100).subarray(10, 20),
  "Uint8Array of a million": () => new Uint8Array(1_000_000),
  "Int8Array": () => new Int8Array(3),
  "Float64Array": () => new Float64Array([NaN, 1]),
  "BigInt64Array": () => new BigInt64Array(3),
  "Uint8ClampedArray": () => new Uint8ClampedArray(3),
  "DataView": () => new DataView(new ArrayBuffer(8)),
  "Object(1)": () => Object(1),
  "Object('x')": () => Object("x"),
  "Object(true)": () => Object(true),
  "Object(1n)": () => Object(1n),
  "Object(symbol)": () => Object(Symbol("s")),
  iterator: () => [1, 2][Symbol.iterator](),
  generator: () => (function* () { yield 1; })(),
  "global object": () => globalThis,
  "Math": () => Math,
  "JSON": () => JSON,
  "Reflect": () => Reflect,
  "module of WebAssembly": () => WebAssembly,
  "URL": () => new URL("http://example.com/"),
  "URLSearchParams": () => new URLSearchParams("a=1"),
  "Headers": () => new Headers({ a: "b" }),
  "Request": () => new Request("http://example.com/", { method: "POST", body: "x" }),
  "Response": () => new Response("body"),
  "ReadableStream": () => new ReadableStream({ start: (controller) => controller.close() }),
  "ReadableStream without end": () => new ReadableStream({ type: "bytes", pull: (controller) => controller.enqueue(new Uint8Array(1_000)) }),
  "WritableStream": () => new WritableStream(),
  "TransformStream": () => new TransformStream(),
  "Blob": () => new Blob(["x"]),
  "FormData": () => new FormData(),
  "AbortSignal": () => AbortSignal.abort(),
  "AbortSignal that is not aborted": () => new AbortController().signal,
  "WebSocket": () => new WebSocketPair()[0],
  "EventTarget": () => new EventTarget(),
  "CryptoKey": (context) => context.key,
  "env": (context) => context.env,
  "binding": (context) => context.env.METRICS,
  "entrypoint's stub": (context) => context.ctx.exports.Sink,
  "ctx": (context) => context.ctx,
  "method of a binding": (context) => context.env.METRICS.incr,
  "promise of an RPC": (context) => context.ctx.exports.Sink.take(),
  "property of a promise of an RPC": (context) => context.ctx.exports.Sink.take().length,
};

const N = "hostile_total";
const good = () => ({ name: "sample_total", type: "counter", value: 1 });

// The positions of a value: `v` is called for each position.
const POSITIONS = [
  ["incr", "name", (v) => [v()]],
  ["incr", "name, with the rest", (v) => [v(), 1, { route: "/" }, { help: "h" }]],
  ["incr", "value", (v) => [N, v()]],
  ["incr", "labels", (v) => [N, 1, v()]],
  ["incr", "options", (v) => [N, 1, {}, v()]],
  ["incr", "a fifth argument", (v) => [N, 1, {}, {}, v()]],
  ["incr", "a ninth argument", (v) => [N, 1, {}, {}, undefined, undefined, undefined, undefined, v()]],
  ["incr", "every argument", (v) => [v(), v(), v(), v(), v()]],
  ["incr", "a label's value", (v) => [N, { label: v() }]],
  ["incr", "the second label's value", (v) => [N, { first: "1", label: v(), third: "3" }]],
  ["incr", "the help", (v) => [N, 1, {}, { help: v() }]],
  ["incr", "name of a sample", (v) => [{ name: v() }]],
  ["incr", "value of a sample", (v) => [{ name: N, value: v() }]],
  ["incr", "type of a sample", (v) => [{ name: N, type: v() }]],
  ["incr", "labels of a sample", (v) => [{ name: N, labels: v() }]],
  ["incr", "help of a sample", (v) => [{ name: N, help: v() }]],
  ["incr", "an unknown property of a sample", (v) => [{ name: N, other: v() }]],
  ["observe", "name", (v) => [v(), 1]],
  ["observe", "value", (v) => ["hostile_ms", v()]],
  ["observe", "labels", (v) => ["hostile_ms", 1, v()]],
  ["observe", "options", (v) => ["hostile_ms", 1, {}, v()]],
  ["observe", "every argument", (v) => [v(), v(), v(), v()]],
  ["observe", "a label's value", (v) => ["hostile_ms", 1, { label: v() }]],
  ["observe", "value of a sample", (v) => [{ name: "hostile_ms", value: v() }]],
  ...["record", "push"].flatMap((method) => [
    [method, "samples", (v) => [v()]],
    [method, "samples, and more", (v) => [[good()], v(), v()]],
    [method, "a sample", (v) => [[v()]]],
    [method, "a sample between good ones", (v) => [[good(), v(), good()]]],
    [method, "a sample in a sample's place, twice", (v) => [[[v()], v()]]],
    [method, "name", (v) => [[{ ...good(), name: v() }]]],
    [method, "type", (v) => [[{ ...good(), type: v() }]]],
    [method, "value", (v) => [[{ ...good(), value: v() }]]],
    [method, "labels", (v) => [[{ ...good(), labels: v() }]]],
    [method, "help", (v) => [[{ ...good(), help: v() }]]],
    [method, "a label's value", (v) => [[{ ...good(), labels: { label: v() } }]]],
    [method, "every property", (v) => [[{ name: v(), type: v(), value: v(), labels: v(), help: v() }]]],
  ]),
  ["flush", "an argument", (v) => [v()]],
  ["stats", "an argument", (v) => [v(), v()]],
  // These methods do not exist. A call gets an error that says so, without other effects.
];

// Values that are small on the wire and large when serialized, and values that are large in both
// forms.
const HEAVY = {
  "100000 labels": () => ["incr", N, 1, Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, i]))],
  "100000 labels of a sample": () => ["record", [{ ...good(), labels: Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, "v"])) }]],
  "a name of 30 MB": () => ["incr", "x".repeat(30_000_000)],
  "a label of 30 MB": () => ["incr", N, { label: "x".repeat(30_000_000) }],
  "a label of 15 million two-byte characters": () => ["incr", N, { label: "é".repeat(15_000_000) }],
  "help of 30 MB": () => ["incr", N, 1, {}, { help: "x".repeat(30_000_000) }],
  "30 MB of bytes": () => ["record", new Uint8Array(30_000_000)],
  "samples that are 30 MB of bytes": () => ["record", Array.from({ length: 30 }, () => new Uint8Array(1_000_000))],
  "a million samples that are numbers": () => ["record", new Array(1_000_000).fill(0)],
  "200000 honest samples": () => ["record", Array.from({ length: 200_000 }, good)],
  "an array of 4294967295": () => ["record", new Array(2 ** 32 - 1)],
  "a push of 4294967295": () => ["push", new Array(2 ** 32 - 1)],
  "a sparse label set": () => ["incr", N, 1, new Array(2 ** 32 - 1)],
  "nested 100000 deep": () => ["incr", N, 1, nested(100_000)],
  "nested 3000 deep": () => ["incr", N, 1, nested(3_000)],
  "arrays nested 3000 deep": () => ["record", nested(3_000, (inner) => [inner])],
  // 2^60 objects when they are counted one by one.
  "shared references, doubled 60 times": () => {
    let value = { name: N };
    for (let i = 0; i < 60; i++) value = { a: value, b: value };
    return ["incr", N, 1, value];
  },
  "shared references, 10000 to the fourth": () => {
    let value = "x";
    for (let i = 0; i < 5; i++) value = new Array(10_000).fill(value);
    return ["record", value];
  },
  "one sample, 10000 times": () => ["record", new Array(10_000).fill({ ...good(), labels: { route: "/" } })],
  "one large sample, 10000 times": () => {
    const labels = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`l${i}`, "x".repeat(8_000)]));
    return ["record", new Array(10_000).fill({ ...good(), labels })];
  },
  // Text already written for an unreadable object is removed, so it does not count in the byte
  // limit. The work for it is still done.
  "one large unreadable sample, 10000 times": () => {
    const filler = new Array(10_000).fill({ k: "x".repeat(700) });
    return ["record", new Array(10_000).fill({ filler, ["k".repeat(9_000)]: 1 })];
  },
  "large unreadable labels in each of 10000 samples": () => {
    const labels = { filler: new Array(10_000).fill("x".repeat(700)), ["k".repeat(9_000)]: 1 };
    return ["record", new Array(10_000).fill({ ...good(), labels })];
  },
  "one sample of 100000 properties, 10000 times": () => {
    const sample = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, 1]));
    return ["record", new Array(10_000).fill(sample)];
  },
  "one label set of 100000, 10000 times": () => {
    const labels = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`l${i}`, 1]));
    return ["push", new Array(10_000).fill({ ...good(), labels })];
  },
  "10000 times 10000 empty objects": () => ["record", new Array(10_000).fill(new Array(10_000).fill({}))],
  "10000 times 10000 things that are nothing": () => ["record", new Array(10_000).fill(new Array(10_000).fill(new Map()))],
  "a map of a million": () => ["incr", N, 1, new Map(Array.from({ length: 1_000_000 }, (_, i) => [i, i]))],
  "a bigint of a megabyte": () => ["incr", N, 2n ** 8_000_000n],
  "10000 stubs": () => ["record", Array.from({ length: 10_000 }, () => new Target())],
  "10000 functions as labels": () => ["incr", N, 1, Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`l${i}`, () => i]))],
  "packed, a megabyte of brackets": () => ["record", `1${"[".repeat(1_000_000)}`],
  "packed, brackets that close": () => ["record", `1${"[".repeat(500_000)}${"]".repeat(500_000)}`],
  "packed, a megabyte of honest samples": () => ["record", `1[${Array(40_000).fill('["packed_total",1,1]').join(",")}]`],
  "packed, a megabyte of empty objects": () => ["record", `1[${Array(300_000).fill("{}").join(",")}]`],
  "packed, one name of a megabyte": () => ["record", `1[["${"x".repeat(1_000_000)}",1,1]]`],
  "packed, 30 MB": () => ["record", `1[${" ".repeat(30_000_000)}]`],
  "packed, a million digits": () => ["record", `1[["packed_total",1,${"9".repeat(1_000_000)}]]`],
  "packed, 100000 labels": () => ["record", `1[["packed_total",1,1,[${Array(100_000).fill('"a","b"').join(",")}]]]`],
  "packed, many values and a megabyte of labels": () => {
    const labels = Array.from({ length: 40 }, (_, i) => [`l${i}`, "é".repeat(20_000)]).flat();
    return ["record", `1${JSON.stringify([["packed_total", 1, Array(10_000).fill(0), labels]])}`];
  },
  "packed, the same with spaces": () => {
    const labels = Array.from({ length: 30 }, (_, i) => [`l${i}`, "x".repeat(8_000)]).flat();
    return ["record", `1${JSON.stringify([["packed_total", 1, Array(10_000).fill(0), labels]], null, 1)}`];
  },
  "packed, many values of a series with the most of labels": () => {
    const labels = Array.from({ length: 32 }, (_, i) => [`l${i}`, "x".repeat(1_024)]).flat();
    return ["record", `1${JSON.stringify([["packed_total", 1, Array(10_000).fill(0), labels]])}`];
  },
  "packed, 140000 slow numbers": () => ["record", `1${JSON.stringify([["packed_total", 1, Array(140_000).fill(-1e99), ["k", "v"], "h"]])}`],
  "brief samples and others, 16 MB of them": () => {
    const labels = Object.fromEntries(Array.from({ length: 2 }, (_, i) => [`l${i}`, "x".repeat(800)]));
    const brief = { ...good(), labels };
    return ["record", [...new Array(5_000).fill(brief), ...new Array(5_000).fill({ ...brief, help: "h" })]];
  },
  "packed, escapes that grow": () => ["record", `1[["packed_total",1,1,["l","${"\\u00e9".repeat(100_000)}"]]]`],
};

// Texts in place of packed samples. Each has a different error, except the first few.
const PACKED = [
  '1[["packed_total",1,1]]',
  '1[["packed_total",1,1,["route","/"],"h"]]',
  '1[["packed_total",1,1,["route","/"],"h","more",{"than":"asked"}]]',
  "1",
  "1 ",
  "1null",
  "1true",
  "11",
  '1"text"',
  "1{}",
  '1[["packed_total",1,1]',
  '1[["packed_total",1,1]]]',
  '1[["packed_total",1,1]] trailing',
  "1[,]",
  "1[[]]",
  "1[[[]]]",
  "1[null,[null],[null,null,null,null,null]]",
  '1[{"name":"a_total"}]',
  '1["packed_total",1,1]',
  '1[["packed_total"]]',
  '1[["packed_total",1]]',
  '1[["packed_total","1",1]]',
  '1[["packed_total",1,"1"]]',
  '1[["packed_total",2,1]]',
  '1[["packed_total",1e999,1]]',
  '1[["packed_total",1,1e999]]',
  '1[["packed_total",1,-1]]',
  '1[["packed_total",1,NaN]]',
  '1[["packed_total",1,1,["route"]]]',
  '1[["packed_total",1,1,["route","/","route","/"]]]',
  '1[["packed_total",1,1,[1,2]]]',
  '1[["packed_total",1,1,{"__proto__":{"polluted":1}}]]',
  '1[["packed_total",1,1,["__proto__","x"]]]',
  '1[["__proto__",1,1]]',
  '1{"__proto__":[["packed_total",1,1]],"length":1}',
  '1[{"__proto__":["packed_total",1,1]}]',
  '1[["packed\\u0000total",1,1]]',
  '1[["packed_total",1,1,["route","\\ud800"]]]',
  '1[["packed_total",1,1,["route","\\u0000"]]]',
  '1[["packed_total",1,1,[],["h"]]]',
  '\ufeff1[["packed_total",1,1]]',
  '１[["packed_total",1,1]]',
  ' 1[["packed_total",1,1]]',
  "1\0[]",
];

const key = crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, true, ["sign"]).catch(() => undefined);

const shown = (error) => {
  try {
    return `${error?.name}: ${error?.message ?? error}`;
  } catch {
    return "an error that cannot be read";
  }
};

async function attempt(call) {
  try {
    return { value: await call() };
  } catch (error) {
    return { error: shown(error) };
  }
}

export default {
  async fetch(request, env, ctx) {
    const { pathname, searchParams } = new URL(request.url);
    const name = searchParams.get("name");
    if (pathname === "/names") {
      return Response.json({ values: Object.keys(VALUES), heavy: Object.keys(HEAVY), packed: PACKED, positions: POSITIONS.length });
    }
    if (pathname === "/value") {
      const context = { env, ctx, key: await key };
      const results = [];
      for (const [method, position, args] of POSITIONS) {
        const make = () => args(() => VALUES[name](context));
        const sink = await attempt(async () => ctx.exports.Sink.take(...make()));
        const result = await attempt(async () => env.METRICS[method](...make()));
        results.push({ method, position, sent: sink.value === "taken", ...result });
      }
      return Response.json(results);
    }
    if (pathname === "/heavy") {
      const [method, ...args] = HEAVY[name]();
      // Not sent to the sink: these count bytes, and one of each is enough.
      return Response.json({ method, ...(await attempt(async () => env.METRICS[method](...args))) });
    }
    if (pathname === "/packed") {
      const results = [];
      for (const text of PACKED) {
        for (const method of ["record", "push"]) results.push({ text, method, ...(await attempt(async () => env.METRICS[method](text))) });
      }
      return Response.json(results);
    }
    return new Response("not found\n", { status: 404 });
  },
};
