// Tests the dashboard's queries and the rules on data that a real Prometheus scrapes from the
// reference gateway. Meanwhile the Worker pushes through a connection that sometimes fails.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { DRIVER, ROOT, startGateway, startWorkerd, until } from "../harness/index.mjs";
import { startPrometheus } from "./prometheus.mjs";
import { HISTOGRAM, rawPush } from "./raw-push.mjs";

const DASHBOARD = JSON.parse(readFileSync(join(ROOT, "dashboards", "metrics-gateway-worker.json"), "utf8"));

/** Every query of the dashboard, as Grafana would send it with all variables at "All". */
const QUERIES = DASHBOARD.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ refId, expr }) => ({ name: `${title} ${refId}`, expr: substitute(expr) })),
);

function substitute(expr) {
  const query = expr.replaceAll("$__rate_interval", "30s").replaceAll(/\$(cell|job|worker)\b/g, ".*");
  assert.doesNotMatch(query, /\$/, "a variable that the dashboard does not have");
  return query;
}

const missing = ["prometheus", "promtool"].find((tool) => spawnSync(tool, ["--version"]).error);
const skip = missing && `no ${missing} on PATH (Debian and Ubuntu: the package prometheus)`;

describe("the dashboard file", () => {
  test("every panel has a title, a description and a query, and overlaps no other", () => {
    const taken = new Set();
    for (const { title, type, description, targets, gridPos } of DASHBOARD.panels) {
      assert.ok(title, JSON.stringify(gridPos));
      if (type !== "row") assert.ok(description && targets.length > 0, title);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
          assert.ok(x < 24 && !taken.has(`${x},${y}`), `${title} at ${x},${y}`);
          taken.add(`${x},${y}`);
        }
      }
    }
    assert.equal(new Set(DASHBOARD.panels.map(({ id }) => id)).size, DASHBOARD.panels.length, "ids are unique");
  });

  test("it is bound to no data source and no installation", () => {
    assert.doesNotMatch(JSON.stringify(DASHBOARD), /"uid":"(?!\$\{datasource\}"|metrics-gateway-worker")/);
    assert.equal(DASHBOARD.id, undefined, "an id is the installation's");
  });

  test("every query is of the chosen cells alone", () => {
    for (const { title, targets = [] } of DASHBOARD.panels) {
      for (const { expr } of targets) {
        const selectors = expr.match(/\{[^}]*\}/g);
        assert.ok(selectors?.length > 0, `${title}: ${expr}`);
        for (const selector of selectors) assert.match(selector, /cell=~"\$cell"/, `${title}: ${selector}`);
      }
    }
  });

  test("every query is PromQL", { skip }, () => {
    promtool(["check", "rules", "queries.yml"], { "queries.yml": asRules(QUERIES) });
  });

  test("without traffic the shares of loss at a glance are 0, and nothing there is NaN", { skip }, () => {
    const glance = DASHBOARD.panels.filter(({ type }) => type === "stat").map(({ title }) => `${title} A`);
    const queries = QUERIES.filter(({ name }) => glance.includes(name));
    assert.equal(queries.length, 6);
    const idle = (series, value) => ({ series: series.replace("{", '{job="gateway", instance="a", '), values: `${value}x60` });
    const zero = (share) => ({ labels: `query:${queries.findIndex(({ name }) => name === `${share} A`)}`, value: 0 });
    promtool(["test", "rules", "idle.yml"], {
      "queries.yml": asRules(queries),
      "idle.yml": {
        rule_files: ["queries.yml"],
        evaluation_interval: "10s",
        tests: [
          {
            interval: "10s",
            input_series: [
              idle('pushed_metrics_reporter_samples_total{outcome="delivered", reason=""}', 1_000),
              idle('pushed_metrics_reporter_samples_total{outcome="coalesced", reason=""}', 1_000),
              idle('pushed_metrics_reporter_samples_total{outcome="dropped", reason="dns_error"}', 10),
              idle('pushed_metrics_reporter_push_duration_ms_bucket{le="50"}', 100),
              idle('pushed_metrics_reporter_push_duration_ms_bucket{le="+Inf"}', 100),
            ],
            promql_expr_test: [
              // Only NaN differs from itself.
              ...queries.map((_, index) => ({ expr: `query:${index} != query:${index}`, eval_time: "5m", exp_samples: [] })),
              ...["Dropped", "Unknown", "Refused"].map((share) => ({ expr: zero(share).labels, eval_time: "5m", exp_samples: [zero(share)] })),
            ],
          },
        ],
      },
    });
  });

  test("a first loss of its kind shows, although its series is new", { skip }, () => {
    const names = ["Dropped A", "Dropped, by reason A"];
    const queries = names.map((wanted) => QUERIES.find(({ name }) => name === wanted));
    promtool(["test", "rules", "new.yml"], {
      "queries.yml": asRules(queries),
      "new.yml": {
        rule_files: ["queries.yml"],
        evaluation_interval: "10s",
        tests: [
          {
            interval: "10s",
            input_series: [
              { series: 'pushed_metrics_reporter_samples_total{job="gateway", instance="a", outcome="delivered", reason=""}', values: "0+100x60" },
              // A pod that has just started, whose first value is a loss.
              { series: 'pushed_metrics_reporter_samples_total{job="gateway", instance="b", outcome="dropped", reason="dns_error"}', values: "_x30 300x30" },
            ],
            promql_expr_test: [
              { expr: "query:0", eval_time: "5m20s", exp_samples: [{ labels: "query:0", value: 0.5 }] },
              { expr: "query:1", eval_time: "5m20s", exp_samples: [{ labels: 'query:1{reason="dns_error"}', value: 300 }] },
              { expr: "query:1", eval_time: "6m40s", exp_samples: [{ labels: 'query:1{reason="dns_error"}', value: 0 }] },
            ],
          },
        ],
      },
    });
  });
});

/** Queries as recording rules, the form that promtool accepts. */
function asRules(queries) {
  return { groups: [{ name: "queries", rules: queries.map(({ expr }, index) => ({ record: `query:${index}`, expr })) }] };
}

/** Runs promtool in a folder with these files (JSON is YAML). On failure, shows its output. */
function promtool(args, files) {
  const directory = mkdtempSync(join(tmpdir(), "promtool-"));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), JSON.stringify(content));
    const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: directory, encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/**
 * A connection to the gateway. It refuses every tenth push before it is sent (so a retry is
 * allowed). Another push finds no gateway at all, and another arrives but its answer is lost.
 */
async function startBadLine(gateway) {
  let pushes = 0;
  const server = createServer((request, response) => {
    // The Worker may close the connection at any moment: at its time-out on a busy machine, and
    // when it is stopped.
    pass(request, response).catch(() => response.destroy());
  });
  async function pass(request, response) {
    const body = [];
    for await (const chunk of request) body.push(chunk);
    pushes += 1;
    const proxyError = (code) => response.writeHead(500, { "content-type": "text/plain" }).end(`ProxyError: ${code}`);
    if (pushes % 10 === 3) return proxyError("connection_refused");
    if (pushes % 10 === 6) return proxyError("destination_not_found");
    const headers = { ...request.headers };
    for (const name of ["host", "connection", "content-length", "transfer-encoding"]) delete headers[name];
    const answer = await fetch(`http://${gateway}${request.url}`, { method: request.method, headers, body: Buffer.concat(body) });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (pushes % 10 === 9) return response.destroy();
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(bytes);
  }
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) };
}

/** The metrics of a connector that the dashboard shows. */
async function startConnectorMetrics() {
  const server = createServer((_, response) => {
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end("cloudflared_tunnel_ha_connections 4\n");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `127.0.0.1:${server.address().port}`, stop: () => (server.closeAllConnections(), server.close()) };
}

describe("with a real Prometheus", { skip, timeout: 300_000 }, () => {
  let gateway, line, worker, connector, prometheus, load;
  const loading = new AbortController();

  /** The metrics of one request, with common mistakes: an invalid name, an id as a label. */
  function samples(turn) {
    const route = ["/cart", "/search", "/login"][turn % 3];
    const counter = (name, labels) => ({ name, type: "counter", value: 1, labels });
    const histogram = (name, labels) => ({ name, type: "histogram", value: 5 + (turn % 200), labels });
    return [
      counter("requests_total", { route, method: "GET", status: 200 }),
      counter("http_requests_total", { route, method: "GET", status: 200 }),
      histogram("request_latency_ms", { route }),
      { ...histogram("http_request_duration_seconds", { route, method: "GET", status: 200 }), value: (5 + (turn % 200)) / 1000 },
      counter("sessions_total", { id: turn }),
      counter("not-a-name", {}),
      counter("known_otherwise_total", {}),
    ];
  }

  async function run() {
    for (let turn = 0; !loading.signal.aborted; turn += 1) {
      await worker.value("record", [samples(turn)], {}, turn % 2 === 0 ? "checkout" : "search");
      await pause(20, undefined, { signal: loading.signal }).catch(() => {}); // paces the load
    }
  }

  before(async () => {
    gateway = await startGateway();
    line = await startBadLine(gateway.address);
    worker = await startWorkerd({
      gateway: line.address,
      vars: { FLUSH_INTERVAL_MS: "100", MAX_SERIES_PER_METRIC: "20" },
      callers: {
        checkout: { file: DRIVER, props: { labels: { worker: "checkout" } } },
        search: { file: DRIVER, props: { labels: { worker: "search" } } },
      },
    });
    // The gateway already has a histogram with this name, so it rejects the Worker's counter.
    await rawPush(gateway.address, "known_otherwise_total", HISTOGRAM);
    connector = await startConnectorMetrics();
    prometheus = await startPrometheus({
      "metrics-gateway": [{ targets: [gateway.address], labels: { cell: "cell1" } }],
      "cloudflared-grpc-metrics-gateway": [{ targets: [connector.address], labels: { cell: "cell1" } }],
    });
    load = run();
  });

  after(async () => {
    loading.abort();
    await load;
    await prometheus?.stop();
    await worker?.stop();
    connector?.stop();
    line?.stop();
    await gateway?.stop();
  });

  test("every query of the dashboard returns data", async () => {
    let empty;
    await until(
      "every query returns data",
      async () => {
        empty = [];
        for (const { name, expr } of QUERIES) {
          const result = await prometheus.query(expr);
          if (!result.some(({ value }) => Number.isFinite(Number(value[1])))) empty.push(`${name}: ${expr}`);
        }
        return empty.length === 0;
      },
      120_000,
      () => empty.join("\n"),
    );
  });

  test("the variables offer the jobs and the callers", async () => {
    let values;
    const ask = async ({ name, definition }) => {
      const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(definition);
      return [name, await prometheus.ask(`label/${label}/values`, { "match[]": substitute(selector) })];
    };
    await until(
      "both callers are offered, and nothing else",
      async () => {
        values = Object.fromEntries(await Promise.all(DASHBOARD.templating.list.filter(({ type }) => type === "query").map(ask)));
        return isDeepStrictEqual(values, { cell: ["cell1"], job: ["metrics-gateway"], worker: ["checkout", "search"] });
      },
      60_000,
      () => JSON.stringify(values),
    );
  });

  test("the recording rules have values, and the losses of the bad line are about to alert", async () => {
    for (const rule of [
      "metrics_reporter:samples_dropped:ratio_increase15m",
      "metrics_reporter:samples_unknown:ratio_increase15m",
      "metrics_reporter:samples_rejected:ratio_increase15m",
      "metrics_reporter:samples_refused:ratio_increase15m",
      "metrics_reporter:overflow_samples:increase15m",
    ]) {
      await until(`${rule} is over 0`, async () => (await prometheus.query(`${rule} > 0`)).length > 0, 60_000);
    }
    // Pending until their `for` is over. On a slow machine one may already fire.
    const raised = await until(
      "the alerts are pending",
      async () => {
        const names = (await prometheus.query("ALERTS")).map(({ metric }) => metric.alertname);
        return ["MetricsReporterDroppingSamples", "MetricsReporterUnknownOutcomes", "MetricsReporterRejectedByGateway", "MetricsReporterOverflow"].every(
          (name) => names.includes(name),
        ) && names;
      },
      60_000,
    );
    assert.ok(!raised.includes("MetricsReporterNoPushes"), raised.join(", "));
  });

  test("the shares of loss that the dashboard shows are the Worker's own", async () => {
    const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);
    for (const [panel, of, among] of [
      ["Dropped", ({ dropped }) => sum(dropped), settled],
      ["Unknown", ({ unknown }) => sum(unknown), settled],
      ["Refused", ({ refused }) => sum(refused), (stats) => stats.taken + sum(stats.refused)],
    ]) {
      const { expr } = QUERIES.find(({ name }) => name === `${panel} A`);
      let shown, own;
      await until(
        `${panel} shows the Worker's own share`,
        async () => {
          const stats = await worker.value("stats");
          own = of(stats) / among(stats);
          shown = Number((await prometheus.query(expr))[0]?.value[1]);
          // The windows differ: there the last 30 s, here everything.
          return shown > 0.01 && Math.abs(shown - own) < 0.05;
        },
        60_000,
        () => `shown ${shown}, own ${own}`,
      );
    }
    function settled({ delivered, rejected, dropped, unknown }) {
      return delivered + rejected + sum(dropped) + sum(unknown);
    }
  });
});
