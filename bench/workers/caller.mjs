// Calls the Worker under test in a loop, as an application would: one await after another.
//
// POST / { kind, calls, flush } answers how many samples were taken; GET / makes one call.
// Whatever an application would have at hand is made before the loop; what it has to do for each
// call, such as writing the packed form, is inside.

import { BATCH, batch, packed, rows, rowsOfBatch, routes } from "./workload.mjs";

const samples = batch();
const packable = rowsOfBatch();

const calls = {
  incr: (reporter, i) => reporter.incr("requests_total", 1, routes[i % routes.length]),
  observe: (reporter, i) => reporter.observe("request_latency_ms", 42.5 + (i % 8), routes[i % routes.length]),
  record: (reporter) => reporter.record(samples),
  packed: (reporter) => reporter.record(packed(packable)),
  push: async (reporter) => {
    const result = await reporter.push(samples);
    // Of a result that is an object the caller must let go (RPC's explicit resource management).
    const { accepted } = result;
    result[Symbol.dispose]?.();
    return accepted;
  },
};

let series;

/** Texts that are ready to be sent, over so many distinct series with so many labels. */
function prepared({ distinct, labels, total }) {
  const key = `${distinct}/${labels}/${total}`;
  if (series?.key !== key) {
    const all = rows(distinct, labels, total);
    const texts = [];
    for (let i = 0; i < all.length; i += BATCH) texts.push(packed(all.slice(i, i + BATCH)));
    series = { key, texts };
  }
  return series.texts;
}

export default {
  async fetch(request, { REPORTER: reporter }) {
    if (request.method === "GET") return new Response(String(await calls.incr(reporter, 0)));
    const order = await request.json();
    let taken = 0;
    if (order.kind === "series") {
      const texts = prepared(order);
      if (!order.prepare) for (const text of texts) taken += await reporter.record(text);
    } else {
      const call = calls[order.kind];
      for (let i = 0; i < order.calls; i++) taken += await call(reporter, i);
    }
    if (order.flush) {
      const result = await reporter.flush();
      const { ok, message } = result;
      result[Symbol.dispose]?.();
      if (!ok) return new Response(`flush: ${message}`, { status: 500 });
    }
    return new Response(String(taken));
  },
};
