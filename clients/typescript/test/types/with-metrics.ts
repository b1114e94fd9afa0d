// withMetrics keeps the handlers' own arguments, and returns promises.
import { getMetrics, withMetrics, type MetricsReporter } from "metrics-reporter-client";

interface Env {
  METRICS: Service<MetricsReporter>;
  STATS: Service<MetricsReporter>;
}

const handler = {
  async fetch(request, env, ctx) {
    const url: string = request.url;
    getMetrics(ctx).incr("anything_total", { url: url.length, bound: env.METRICS !== undefined });
    return new Response(url);
  },
  async scheduled(event, _env, ctx) {
    getMetrics(ctx).incr("cron_total", { cron: event.cron });
  },
  async queue(batch: MessageBatch<{ id: string }>) {
    batch.ackAll();
  },
} satisfies ExportedHandler<Env, { id: string }>;

const wrapped = withMetrics(handler, {
  binding: (env: Env) => env.STATS,
  labels: { zone: "eu" },
  route: (request, env) => (env.METRICS ? new URL(request.url).pathname : null),
});

export default wrapped satisfies ExportedHandler<Env, { id: string }>;
// @ts-expect-error -- there is no email handler
wrapped.email;

declare const declared: ExportedHandler<Env>;
export const again: ExportedHandler<Env> = withMetrics(declared);

class App {
  #private = 1;
  fetch = (request: Request): Response => new Response(request.url + this.#private);
}
export const fromApp = withMetrics(new App());
export const response: Promise<Response> = fromApp.fetch(new Request("http://shop/"));
// @ts-expect-error -- a wrapped handler answers with a promise, whatever the handler itself does
export const status: number = fromApp.fetch(new Request("http://shop/")).status;

// route gets all arguments, also those that the handler does not declare
withMetrics({ fetch: () => new Response() }, { route: (request, env) => `${request.method}${env.ROUTE}` });
withMetrics({ fetch: (request: Request) => new Response(request.url) }, { route: (request, env) => (env.OLD ? null : request.method) });
// @ts-expect-error -- a request has no such property
withMetrics({ fetch: (request: Request) => new Response(request.url) }, { route: (request) => request.path });
// @ts-expect-error -- route returns text
withMetrics(handler, { route: () => 1 });
// @ts-expect-error -- no label value
withMetrics(handler, { labels: { zone: null } });
// @ts-expect-error -- not a handler
withMetrics("fetch");
