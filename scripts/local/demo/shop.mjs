// A shop that only produces metrics: each answer takes as long, and fails as often, as a real page
// might. Other paths go to the example caller.

import { defineMetrics, getMetrics, withMetrics } from "metrics-reporter-client";

const catalogue = defineMetrics({
  orders_total: { type: "counter", labels: ["country"], help: "Orders placed" },
  payment_duration_ms: { type: "histogram", labels: ["provider", "outcome"], help: "Milliseconds until the payment provider answered" },
  search_hits: { type: "histogram", help: "Products found by a search" },
});

const COUNTRIES = ["PT", "PT", "PT", "DE", "DE", "FR", "US"];
const PROVIDERS = ["card", "card", "card", "transfer"];

const pages = {
  async "/search"(metrics) {
    await took(25, 0.6);
    metrics.observe("search_hits", Math.floor(skewed(12, 1)));
    return new Response("found\n");
  },

  async "/product/:id"() {
    await took(8, 0.4);
    return Math.random() < 0.02 ? new Response("sold out\n", { status: 404 }) : new Response("a product\n");
  },

  async "/cart"() {
    await took(15, 0.5);
    return new Response("a cart\n");
  },

  async "/checkout"(metrics) {
    const paid = metrics.startTimer("payment_duration_ms", { provider: one(PROVIDERS) });
    await took(180, 0.7);
    if (Math.random() < 0.06) {
      paid({ outcome: "failed" });
      return new Response("the payment failed\n", { status: 502 });
    }
    paid({ outcome: "paid" });
    metrics.incr("orders_total", { country: one(COUNTRIES) });
    return new Response("thank you\n");
  },

  // The slow page: it takes seconds and sometimes gives up.
  async "/report"() {
    await took(1_500, 0.5);
    return Math.random() < 0.1 ? new Response("too slow\n", { status: 503 }) : new Response("a report\n");
  },
};

const shop = {
  fetch(request, env, ctx) {
    const page = pages[route(request)];
    return page ? page(getMetrics(ctx, catalogue)) : env.CALLER.fetch(request);
  },
};

export default withMetrics(shop, { catalogue, route });

/** The pattern, never the path: each distinct label value is its own series. */
function route(request) {
  const pattern = new URL(request.url).pathname.replace(/^\/product\/\d+$/, "/product/:id");
  return Object.hasOwn(pages, pattern) ? pattern : "other";
}

/** Waits for about `median` milliseconds: most answers are near it, and a few far above. */
function took(median, spread) {
  return new Promise((resolve) => setTimeout(resolve, Math.min(skewed(median, spread), 10_000)));
}

/** Log-normal, like real response times. */
function skewed(median, spread) {
  const normal = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  return median * Math.exp(spread * normal);
}

function one(list) {
  return list[Math.floor(Math.random() * list.length)];
}
