// Three gateways behind a round robin, a real Prometheus that scrapes each, and load through the
// Worker. Checks what docs/scaling.md says about sums, about a replaced pod, and about retries.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startGateway, startWorkerd, until } from "../harness/index.mjs";
import { startPrometheus } from "./prometheus.mjs";
import { COUNTER, rawPush } from "./raw-push.mjs";

const skip = spawnSync("prometheus", ["--version"]).error && "no prometheus on PATH (Debian and Ubuntu: the package prometheus)";

const ROUTES = ["/cart", "/search", "/login"];

/** Like a Service with its pods: the next ready one gets the push. */
async function startRoundRobin(pods) {
  let turn = 0;
  const ready = async (pod) => (await fetch(`http://${pod.address}/-/ready`).catch(() => undefined))?.ok;
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  async function pass(request, response) {
    const body = [];
    for await (const chunk of request) body.push(chunk);
    for (let tries = 0; tries < pods.length; tries += 1) {
      const pod = pods[turn++ % pods.length];
      if (!(await ready(pod))) continue;
      const headers = { ...request.headers };
      for (const name of ["host", "connection", "content-length", "transfer-encoding"]) delete headers[name];
      const answer = await fetch(`http://${pod.address}${request.url}`, { method: "POST", headers, body: Buffer.concat(body) });
      const bytes = Buffer.from(await answer.arrayBuffer());
      return response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(bytes);
    }
    return response.writeHead(500, { "content-type": "text/plain" }).end("ProxyError: connection_refused");
  }
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) };
}

describe("three gateways", { skip, timeout: 240_000 }, () => {
  const DRAIN = ["--drain-seconds=4"];
  const pods = [];
  const sent = { samples: 0, byRoute: Object.fromEntries(ROUTES.map((route) => [route, 0])) };
  let proxy, worker, prometheus;

  before(async () => {
    for (let n = 0; n < 3; n += 1) pods.push(await startGateway({ args: DRAIN }));
    proxy = await startRoundRobin(pods);
    worker = await startWorkerd({ gateway: proxy.address, vars: { FLUSH_INTERVAL_MS: "50" } });
    // The pod's name is the instance, as in the PodMonitor.
    const targets = pods.map(({ address }, n) => ({ targets: [address], labels: { instance: `grpc-metrics-gateway-${n}` } }));
    prometheus = await startPrometheus({ "grpc-metrics-gateway": targets });
  });

  after(async () => {
    await prometheus?.stop();
    await worker?.stop();
    proxy?.stop();
    for (const pod of pods) await pod.stop("SIGKILL");
  });

  /** Calls the Worker `turns` times, with pauses so that there are many pushes. */
  async function load(turns) {
    for (let turn = 0; turn < turns; turn += 1) {
      const route = ROUTES[turn % ROUTES.length];
      const samples = [
        { name: "requests_total", type: "counter", value: 1, labels: { route } },
        { name: "request_latency_ms", type: "histogram", value: turn % 400, labels: { route } },
      ];
      assert.equal(await worker.value("record", [samples]), samples.length);
      sent.samples += 1;
      sent.byRoute[route] += 1;
      await pause(10); // paces the load
    }
  }

  async function allDelivered() {
    await until("nothing waits in the Worker", async () => {
      const { buffered, in_flight } = await worker.value("stats");
      return buffered + in_flight === 0;
    });
    const { dropped, unknown, rejected } = await worker.value("stats");
    assert.deepEqual({ dropped, unknown, rejected }, { dropped: {}, unknown: {}, rejected: 0 });
  }

  /**
   * The total of a counter as seen by Prometheus: each rise, and after a fall the whole new value.
   * increase() counts the same, without its extrapolation.
   */
  async function risen(selector) {
    let total = 0;
    for (const { values } of await prometheus.query(`${selector}[1h]`)) {
      let last = 0;
      for (const value of values.map(([, text]) => Number(text))) {
        total += value >= last ? value - last : value;
        last = value;
      }
    }
    return total;
  }

  const byLabel = async (label, query) =>
    Object.fromEntries((await prometheus.query(query)).map(({ metric, value }) => [metric[label], Number(value[1])]));

  test("each holds a share, and Prometheus's sums over them are what was sent", async () => {
    await load(300);
    await allDelivered();
    await until("Prometheus has scraped the last push", async () => (await risen("pushed_requests_total")) === sent.samples, 30_000);

    assert.deepEqual(await byLabel("route", "sum by (route) (pushed_requests_total)"), sent.byRoute);
    assert.deepEqual(await byLabel("route", "sum by (route) (pushed_request_latency_ms_count)"), sent.byRoute);
    const shares = await byLabel("instance", "sum by (instance) (pushed_requests_total)");
    assert.equal(Object.keys(shares).length, 3);
    for (const [instance, share] of Object.entries(shares)) assert.ok(share > 0 && share < sent.samples, `${instance} has ${share}`);

    // Buckets add up as well: of the values 0 to 299, 101 are at most 100.
    const buckets = await byLabel("le", "sum by (le) (pushed_request_latency_ms_bucket)");
    assert.equal(buckets["100"] ?? buckets["100.0"], 101);
    assert.equal(buckets["+Inf"], 300);
  });

  test("the rules have one series for all of them", async () => {
    const rule = "metrics_reporter:samples_settled:increase15m";
    const series = await until("the rule has a value", async () => {
      const result = await prometheus.query(`${rule} > 0`);
      return result.length > 0 && result;
    }, 60_000);
    assert.deepEqual(series.map(({ metric }) => metric), [{ __name__: rule, job: "grpc-metrics-gateway" }]);
  });

  test("a pod that drains and is replaced under load loses nothing", async () => {
    const [old] = pods;
    const drained = old.process.stop("SIGTERM", 30_000);
    const loaded = load(200);
    assert.deepEqual(await drained, { code: 0, signal: null });
    // It restarts empty, with its old name and its old address.
    pods[0] = await startGateway({ port: old.port, args: DRAIN });
    await loaded;
    await load(100);
    await allDelivered();

    await until(
      "Prometheus has seen every sample",
      async () => (await risen("pushed_requests_total")) === sent.samples,
      30_000,
      () => `of ${sent.samples}`,
    );
    assert.equal(await risen("pushed_request_latency_ms_count"), sent.samples);
    // The pods hold less: only Prometheus has the first pod's counts before its end.
    const held = Object.values(await byLabel("route", "sum by (route) (pushed_requests_total)")).reduce((sum, value) => sum + value, 0);
    assert.ok(held < sent.samples, `${held} of ${sent.samples}`);
  });

  test("a repeat that reaches another pod counts twice: why GATEWAY_DEDUPES needs one", async () => {
    const [first, second] = pods;
    const id = { "x-push-id": "a-push-whose-answer-was-lost" };
    for (const pod of [first, first]) await rawPush(pod.address, "repeated_total", COUNTER, id);
    assert.equal((await first.scrape()).value("pushed_repeated_total"), 1, "one pod knows its own");
    await rawPush(second.address, "repeated_total", COUNTER, id);
    await until("the sum over the pods is 2", async () => (await risen("pushed_repeated_total")) === 2, 30_000);
  });
});
