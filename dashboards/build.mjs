#!/usr/bin/env node
// Writes metrics-gateway-worker.json, the Grafana dashboard, from the panels below, and prometheusrule.yaml, the
// rules for the Prometheus operator, from rules.yml. With --check it only reports whether the files are up to date.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { DATASOURCE, heatmap, laidOut, row, series, stat, table, variable } from "./panels.mjs";

// Every series of the gateway has the label `job`, and `cell` if its pods have it. With several pods, each holds a part
// of the sums.
const CELL = 'cell=~"$cell"';
const JOB = `${CELL}, job=~"$job"`;
const samples = (outcome) => `pushed_metrics_reporter_samples_total{${JOB}, outcome=~"${outcome}"}`;
const pushes = (outcome) => `pushed_metrics_reporter_pushes_total{${JOB}, ${outcome}}`;
const rate = (by, selector) => `sum by (${by}) (rate(${selector}[$__rate_interval]))`;
const total = (selector) => `sum(rate(${selector}[$__rate_interval]))`;
/**
 * The increase of counters, as in rules.yml. A new series (the first loss of its kind, or a pod that was moved) counts in
 * full, which rate() and increase() do not do.
 */
function grown(selector) {
  const before = "offset $__rate_interval";
  const held = `(last_over_time(${selector}[6h] ${before}) <= ${selector} or 0 * ${selector})`;
  return `((${selector} unless ${selector} ${before}) - ${held} or increase(${selector}[$__rate_interval]))`;
}
const risen = (selector) => `sum(${grown(selector)})`;
const risenBy = (by, selector) => `sum by (${by}) (${grown(selector)})`;
/** Without traffic there is no ratio: 0 / 0 would show as NaN. */
const ratio = (part, whole) => `${part} / (${whole} > 0)`;
const SETTLED = "delivered|rejected|dropped|unknown";
const CALLER = `${JOB}, worker=~"$worker"`;

const SHARE_OF_LOSS = [
  { color: "green", value: null },
  { color: "yellow", value: 0.001 },
  { color: "red", value: 0.01 },
];

const ROWS = [
  row("At a glance", [
    stat("Samples delivered", "Metrics on the wire that the gateway applied.", "cps", total(samples("delivered"))),
    stat(
      "Dropped",
      "Share of the samples with an outcome that were provably not applied.",
      "percentunit",
      ratio(risen(samples("dropped")), risen(samples(SETTLED))),
      { thresholds: SHARE_OF_LOSS, zeroIf: total(samples(SETTLED)), decimals: 2 },
    ),
    stat(
      "Unknown",
      "Share of the samples with an outcome that may or may not have been applied: their pushes timed out, or the connection broke.",
      "percentunit",
      ratio(risen(samples("unknown")), risen(samples(SETTLED))),
      { thresholds: SHARE_OF_LOSS, zeroIf: total(samples(SETTLED)), decimals: 2 },
    ),
    stat(
      "Refused",
      "Share of callers' samples that were refused, because they were invalid or the buffer was full.",
      "percentunit",
      ratio(risen(samples("refused")), risen(samples(`${SETTLED}|coalesced|refused`))),
      { thresholds: SHARE_OF_LOSS, zeroIf: total(samples(`${SETTLED}|coalesced`)), decimals: 2 },
    ),
    stat(
      "Push latency, p99",
      "Time from the start of a push to its outcome, with retries.",
      "ms",
      `${quantile(0.99)} >= 0`, // no push, no latency: not NaN
      { thresholds: [{ color: "green", value: null }, { color: "yellow", value: 1000 }, { color: "red", value: 2500 }] },
    ),
    stat(
      "Samples for each Metric sent",
      "The gain by coalescing: increments of one counter are sent as one Metric.",
      "none",
      ratio(total(samples(`${SETTLED}|coalesced`)), total(samples(SETTLED))),
      { decimals: 1 },
    ),
  ]),
  row("Delivered, dropped, unknown", [
    series(
      "Samples by outcome",
      "The outcome of each sample. coalesced: added to an increment of the same counter that was already buffered.",
      "cps",
      [[rate("outcome", samples(`${SETTLED}|coalesced|refused`)), "{{outcome}}"]],
      { stack: true, colours: true },
    ),
    series("Dropped, by reason", "Provably not applied, in each interval. docs/troubleshooting.md explains the reasons.", "short", [
      [risenBy("reason", samples("dropped")), "{{reason}}"],
    ]),
    series("Unknown, by reason", "May or may not have been applied, in each interval. Not sent again, unless GATEWAY_DEDUPES is set.", "short", [
      [risenBy("reason", samples("unknown")), "{{reason}}"],
    ]),
    series("Refused, by reason", "Samples refused in each interval. All reasons except buffer_full and too_many_metrics are mistakes in a caller's code.", "short", [
      [risenBy("reason", samples("refused")), "{{reason}}"],
    ]),
    series("Rejected by the gateway", "Metrics that the gateway did not apply, in pushes with the status OK.", "cps", [
      [total(samples("rejected")), "rejected"],
      [rate("reason", `metrics_gateway_metrics_rejected_total{${JOB}}`), "gateway: {{reason}}"],
    ]),
  ]),
  row("Pushes", [
    series(
      "Pushes by outcome",
      "retried: the tries after the first try of a push.",
      "cps",
      [[rate("outcome", `pushed_metrics_reporter_pushes_total{${JOB}}`), "{{outcome}}"]],
      { stack: true, colours: true },
    ),
    series("Push latency", "Time from the start of a push to its outcome, with retries.", "ms", [
      [quantile(0.5), "p50"],
      [quantile(0.9), "p90"],
      [quantile(0.99), "p99"],
    ]),
    heatmap(
      "Push latency, all of it",
      "The buckets are those of the gateway.",
      `sum by (le) (increase(pushed_metrics_reporter_push_duration_ms_bucket{${JOB}}[$__rate_interval]))`,
    ),
    series(
      "Retries for each push",
      "Only pushes that were provably not applied are tried again, and with GATEWAY_DEDUPES also those with an unknown outcome.",
      "none",
      [[ratio(total(pushes('outcome="retried"')), total(pushes('outcome!="retried"'))), "retries for each push"]],
    ),
    series("Metrics in each push", "Larger pushes are cheaper. The maximum is MAX_BATCH_SAMPLES.", "none", [
      [ratio(total(samples(SETTLED)), total(pushes('outcome!="retried"'))), "Metrics in each push"],
    ]),
  ]),
  row("Series", [
    series("Samples folded into an overflow series", "By metric: samples beyond MAX_SERIES_PER_METRIC in one isolate. The sums stay correct.", "cps", [
      [rate("metric", `pushed_metrics_reporter_overflow_samples_total{${JOB}}`), "{{metric}}"],
    ]),
    series("Series at the gateway", "The gateway rejects new series at its limit.", "none", [
      [`sum by (instance) (metrics_gateway_series{${JOB}})`, "held, {{instance}}"],
      [`sum by (instance) (metrics_gateway_series_limit{${JOB}})`, "limit, {{instance}}"],
    ]),
    table("Top metrics by series", "Each bucket of a histogram is a series, as in Prometheus.", "Series", [
      `topk(20, count by (__name__) ({__name__=~"pushed_.+", ${JOB}}))`,
    ]),
    table("Overflow series now", "Metrics with label sets that are added up in one overflow series.", "Value", [
      `sum by (__name__) ({__name__=~"pushed_.+", __name__!~".+_bucket", ${JOB}, overflow="true"})`,
    ]),
  ]),
  row("Callers", [
    series(
      "Requests by caller",
      "Callers that count requests_total, or http_requests_total as the clients' middleware does. The label worker is set by the caller's binding.",
      "reqps",
      [
        [rate("worker", `pushed_requests_total{${CALLER}}`), "{{worker}}"],
        [rate("worker", `pushed_http_requests_total{${CALLER}}`), "{{worker}} (http)"],
      ],
    ),
    series("Latency by caller, p95", "request_latency_ms, or http_request_duration_seconds.", "ms", [
      [callers(0.95, "pushed_request_latency_ms_bucket"), "{{worker}}"],
      [`1000 * ${callers(0.95, "pushed_http_request_duration_seconds_bucket")}`, "{{worker}} (http)"],
    ]),
    series("Requests by route", "The callers that are selected above.", "reqps", [
      [`topk(20, ${rate("worker, route, method", `pushed_requests_total{${CALLER}}`)})`, "{{worker}} {{method}} {{route}}"],
      [`topk(20, ${rate("worker, route, method", `pushed_http_requests_total{${CALLER}}`)})`, "{{worker}} {{method}} {{route}} (http)"],
    ]),
    table("Series by caller", "The callers with the most series. The empty row is for all callers without the label worker.", "Series", [
      `sort_desc(count by (worker) ({__name__=~"pushed_.+", ${JOB}}))`,
    ]),
  ]),
  row("The gateway", [
    series("Scraped", "1 for each gateway pod that Prometheus reaches.", "none", [[`up{${JOB}}`, "{{instance}}"]]),
    series("Connections of the tunnel", "Connections of each connector to Cloudflare's edge. Four is normal.", "none", [
      [`cloudflared_tunnel_ha_connections{${CELL}, job=~"(.+/)?cloudflared-grpc-metrics-gateway"}`, "{{instance}}"],
    ]),
    series("Pushes answered, by status", "The gateway's own count, with the pushes of the Worker's own metrics.", "cps", [
      [rate("code", `metrics_gateway_pushes_total{${JOB}}`), "{{code}}"],
    ]),
    series("Repeats answered from memory", "Pushes with an x-push-id that the gateway already knew. GATEWAY_DEDUPES relies on this.", "cps", [
      [total(`metrics_gateway_dedupe_hits_total{${JOB}}`), "repeats"],
    ]),
  ]),
];

function quantile(q) {
  return `histogram_quantile(${q}, sum by (le) (rate(pushed_metrics_reporter_push_duration_ms_bucket{${JOB}}[$__rate_interval])))`;
}

function callers(q, bucket) {
  return `histogram_quantile(${q}, sum by (worker, le) (rate(${bucket}{${CALLER}}[$__rate_interval])))`;
}

// -- the dashboard --

const DASHBOARD = {
  title: "metrics-gateway-worker",
  uid: "metrics-gateway-worker",
  description: "What callers push, the outcome of each push, and the state of the gateway.",
  tags: ["cloudflare", "metrics", "workers"],
  schemaVersion: 39,
  version: 1,
  editable: true,
  graphTooltip: 1,
  refresh: "30s",
  timezone: "browser",
  time: { from: "now-3h", to: "now" },
  timepicker: {},
  weekStart: "",
  fiscalYearStartMonth: 0,
  links: [],
  annotations: {
    list: [
      {
        name: "Gateway restarts",
        enable: true,
        datasource: DATASOURCE,
        expr: `sum by (instance) (resets(metrics_gateway_metrics_accepted_total{${JOB}}[$__rate_interval])) > 0`,
        titleFormat: "gateway restarted: counters start at 0",
        textFormat: "{{instance}}",
        iconColor: "orange",
        step: "30s",
      },
    ],
  },
  templating: {
    list: [
      { type: "datasource", name: "datasource", label: "Data source", query: "prometheus", current: {}, options: [], refresh: 1, regex: "", hide: 0, includeAll: false, multi: false, skipUrlSync: false },
      variable("cell", "Cell", 'label_values({__name__=~"pushed_metrics_reporter_.+|metrics_gateway_.+"}, cell)'),
      variable("job", "Job", `label_values({__name__=~"pushed_metrics_reporter_.+|metrics_gateway_.+", ${CELL}}, job)`),
      variable("worker", "Caller", `label_values({__name__=~"pushed_.+", ${JOB}}, worker)`),
    ],
  },
  panels: laidOut(ROWS),
};

/** rules.yml as the Prometheus operator's resource, comments included. */
function prometheusRule() {
  const rules = readFileSync(new URL("rules.yml", import.meta.url), "utf8");
  return [
    "# Made from rules.yml by build.mjs.",
    "apiVersion: monitoring.coreos.com/v1",
    "kind: PrometheusRule",
    "metadata:",
    "  name: metrics-gateway-worker",
    "  labels:",
    "    app.kubernetes.io/name: grpc-metrics-gateway",
    "spec:",
    rules.slice(rules.indexOf("groups:\n")).replace(/^(?=.)/gm, "  "),
  ].join("\n");
}

const FILES = {
  "metrics-gateway-worker.json": `${JSON.stringify(DASHBOARD, null, 2)}\n`,
  "prometheusrule.yaml": prometheusRule(),
};
for (const [name, text] of Object.entries(FILES)) {
  const file = new URL(name, import.meta.url);
  if (process.argv[2] !== "--check") {
    writeFileSync(file, text);
  } else if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
    console.error(`dashboards/${name} is out of date; run: node dashboards/build.mjs`);
    process.exitCode = 1;
  }
}
