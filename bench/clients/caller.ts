// Answers each request in one of four ways; the path says which.

import { createMetrics } from "metrics-reporter-client";

interface Env {
  REPORTER: { noop(): Promise<void>; record(samples: unknown): Promise<number> };
}

type Work = (env: Env, ctx: ExecutionContext) => void;

const labels = { route: "/users/:id", method: "GET", status: 200 };

function count(env: Env, ctx: ExecutionContext, scope: "isolate" | "request"): void {
  const metrics = createMetrics(env.REPORTER, ctx, { scope });
  metrics.incr("requests_total", labels);
  metrics.observe("request_duration_ms", 42.5, labels);
}

const works: Record<string, Work> = {
  "/none": () => {},
  "/rpc": (env, ctx) => ctx.waitUntil(env.REPORTER.noop()),
  "/request": (env, ctx) => count(env, ctx, "request"),
  "/isolate": (env, ctx) => count(env, ctx, "isolate"),
};

export default {
  fetch(request: Request, env: Env, ctx: ExecutionContext): Response {
    const { pathname } = new URL(request.url);
    if (pathname === "/account") return Response.json(createMetrics(env.REPORTER, ctx).account());
    works[pathname]?.(env, ctx);
    return new Response("hello");
  },
};
