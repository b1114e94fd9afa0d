// A Worker that uses the client in every documented way.
import { DurableObject, WorkerEntrypoint } from "cloudflare:workers";
import { createMetrics, defineMetrics, getMetrics, withMetrics, type MetricsReporter } from "metrics-reporter-client";

interface Env {
  METRICS: Service<MetricsReporter>;
  REJECTS: Service<MetricsReporter>;
  HANGS: Service<MetricsReporter>;
  NO_RECORD: Service;
  UNBOUND?: Service<MetricsReporter>;
  COUNTER: DurableObjectNamespace<PlainCounter>;
  SELF: Service<typeof PlainGreeter>;
}

const catalogue = defineMetrics({
  steps_total: { type: "counter", labels: ["path"], help: "Steps of the test Worker" },
  step_ms: { type: "histogram", labels: ["path"] },
});

const bindings = { METRICS: 1, REJECTS: 1, HANGS: 1, NO_RECORD: 1, UNBOUND: 1 };

// ?via=REJECTS and similar: selects the reporter of this request
function bindingOf(request: Request, env: Env) {
  const via = new URL(request.url).searchParams.get("via") ?? "METRICS";
  return env[via in bindings ? (via as keyof typeof bindings) : "METRICS"];
}

const handlers: Record<string, (request: Request, env: Env, ctx: ExecutionContext) => Promise<Response> | Response> = {
  // only createMetrics: 1,000 calls with waits in between, which take long on a busy machine
  async "/plain"(request, env, ctx) {
    const metrics = createMetrics(bindingOf(request, env), ctx, { scope: "request", catalogue, timeoutMs: 2000, flushAfterMs: 1000 });
    for (let i = 0; i < 500; i += 1) {
      metrics.incr("steps_total", { path: "/plain" });
      metrics.observe("step_ms", i, { path: "/plain" });
      if (i % 100 === 0) await scheduler.wait(1);
    }
    return new Response("plain");
  },

  async "/time"(request, env, ctx) {
    const metrics = createMetrics(bindingOf(request, env), ctx, { scope: "request", catalogue });
    const text = await metrics.time("step_ms", { path: "/time" }, async () => {
      await scheduler.wait(30);
      return "timed";
    });
    return new Response(text);
  },

  "/surrogates"(request, env, ctx) {
    createMetrics(bindingOf(request, env), ctx, { scope: "request" }).incr("odd_total", { lone: "\ud83d", pair: "😀", zero: "a\0b" });
    return new Response("surrogates");
  },

  "/nan"(request, env, ctx) {
    createMetrics(bindingOf(request, env), ctx, { scope: "request" }).observe("odd_ms", NaN, { path: "/nan" });
    return new Response("nan");
  },

  // more samples than one call can carry
  "/large"(request, env, ctx) {
    const metrics = createMetrics(bindingOf(request, env), ctx, { scope: "request" });
    for (let i = 0; i < 2500; i += 1) metrics.observe("large_ms", i);
    return new Response("large");
  },

  "/flush": async (request, env, ctx) => {
    const metrics = createMetrics(bindingOf(request, env), ctx, { scope: "request", timeoutMs: 500 });
    metrics.incr("flushed_total");
    await metrics.flush();
    return Response.json(metrics.account());
  },

  // the default scope: many requests share a call
  "/shared"(_request, env, ctx) {
    const metrics = createMetrics(env.METRICS, ctx);
    metrics.incr("shared_total");
    metrics.observe("shared_ms", 1);
    return Response.json(metrics.account());
  },

  // contexts as wrappers change them
  "/copied"(request, env, ctx) {
    const { waitUntil } = ctx;
    const copies: Record<string, () => Pick<ExecutionContext, "waitUntil"> | undefined> = {
      spread: () => ({ ...ctx }),
      proxy: () => new Proxy(ctx, {}),
      destructured: () => ({ waitUntil }),
      missing: () => undefined,
    };
    const search = new URL(request.url).searchParams;
    const scope = search.get("scope") === "request" ? "request" : "isolate";
    const copy = copies[search.get("how") ?? ""]?.();
    createMetrics(env.METRICS, copy, { scope }).incr("copied_total");
    return new Response("copied");
  },

  async "/object"(_request, env) {
    return new Response(String(await env.COUNTER.get(env.COUNTER.idFromName("one")).add()));
  },

  async "/object/fetch"(_request, env) {
    return env.COUNTER.get(env.COUNTER.idFromName("one")).fetch("http://object/");
  },

  async "/entrypoint"(_request, env) {
    return new Response(await env.SELF.greet("world"));
  },
};

const wrappedHandlers: typeof handlers = {
  async "/wrapped"(_request, _env, ctx) {
    for (let i = 0; i < 1000; i += 1) {
      getMetrics(ctx, catalogue).incr("steps_total", { path: "/wrapped" });
      if (i % 250 === 0) await scheduler.wait(60);
    }
    return new Response("wrapped", { status: 202 });
  },

  // AsyncLocalStorage instead of ctx
  async "/wrapped/storage"() {
    await scheduler.wait(1);
    getMetrics(null, catalogue).incr("steps_total", { path: "/wrapped/storage" });
    return new Response("storage");
  },

  "/wrapped/throws"() {
    throw new RangeError("the handler's own");
  },

  // each chunk waits until the client has received the one before
  "/wrapped/stream"(_request, _env, ctx) {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const write = async () => {
      for (const chunk of ["one ", "two ", "three"]) {
        await writer.write(new TextEncoder().encode(chunk));
        getMetrics(ctx).incr("chunks_total");
        await scheduler.wait(150);
      }
      await writer.close();
    };
    ctx.waitUntil(write());
    return new Response(readable, { headers: { "x-kept": "yes" } });
  },

  // an upgrade, whose messages record after the response
  "/wrapped/socket"(_request, _env, ctx) {
    const [client, server] = Object.values(new WebSocketPair());
    if (client === undefined || server === undefined) throw new TypeError("a pair has two ends");
    server.accept();
    server.addEventListener("message", ({ data }) => {
      getMetrics(ctx).incr("messages_total");
      server.send(`heard ${data}`);
    });
    return new Response(null, { status: 101, webSocket: client });
  },

  // for a client that disconnects as soon as it is known
  async "/wrapped/slow"(_request, _env, ctx) {
    getMetrics(ctx).incr("slow_total");
    console.log("the slow one works");
    await scheduler.wait(2000);
    return new Response("slow");
  },
};

const wrapped = withMetrics(
  {
    async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
      const handle = wrappedHandlers[new URL(request.url).pathname];
      return (await handle?.(request, env, ctx)) ?? new Response("not found", { status: 404 });
    },
  },
  {
    scope: "request",
    catalogue,
    timeoutMs: 2000,
    binding: (env: Env & { binding: Env["METRICS"] }) => env.binding,
    route: (request) => (new URL(request.url).pathname in wrappedHandlers ? new URL(request.url).pathname : null),
  },
);

export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    const plain = handlers[pathname];
    if (plain !== undefined) return plain(request, env, ctx);
    return wrapped.fetch(request, { ...env, binding: bindingOf(request, env) } as Env, ctx);
  },
} satisfies ExportedHandler<Env>;

class PlainCounter extends DurableObject<Env> {
  #metrics = createMetrics(this.env.METRICS, this.ctx);
  #count = 0;

  add(): number {
    this.#metrics.incr("object_total");
    return (this.#count += 1);
  }

  override async fetch(): Promise<Response> {
    getMetrics(this.ctx).incr("object_fetched_total");
    return new Response("from the object", { status: 203 });
  }
}

class PlainGreeter extends WorkerEntrypoint<Env> {
  greet(name: string): string {
    getMetrics(this.ctx).incr("greeted_total");
    return `hello ${name}`;
  }
}

export const Counter = withMetrics(PlainCounter, { route: () => "/object" });
export const Greeter = withMetrics(PlainGreeter);
