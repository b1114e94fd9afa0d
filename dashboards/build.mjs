#!/usr/bin/env node
// Writes metrics-gateway-worker.json, the Grafana dashboard, from the panels below. With --check only says
// whether the file is what they make.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const FILE = fileURLToPath(new URL("metrics-gateway-worker.json", import.meta.url));

const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const WIDTH = 24;

// Every series of the gateway has the job it is scraped under. Several pods each hold a part of the sums.
const JOB = 'job=~"$job"';
const samples = (outcome) => `pushed_metrics_reporter_samples_total{${JOB}, outcome=~"${outcome}"}`;
const pushes = (outcome) => `pushed_metrics_reporter_pushes_total{${JOB}, ${outcome}}`;
const rate = (by, selector) => `sum by (${by}) (rate(${selector}[$__rate_interval]))`;
const total = (selector) => `sum(rate(${selector}[$__rate_interval]))`;
/** Without traffic there is no ratio: 0 / 0 would show as NaN. */
const ratio = (part, whole) => `${part} / (${whole} > 0)`;
const SETTLED = "delivered|rejected|dropped|unknown";
const CALLER = `${JOB}, worker=~"$worker"`;

/** One stable colour for each way a sample ends, on all panels. */
const COLOURS = {
  delivered: "green",
  coalesced: "blue",
  rejected: "orange",
  dropped: "red",
  unknown: "purple",
  refused: "yellow",
  retried: "super-light-blue",
};

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
      "Share of what was settled that was provably not applied.",
      "percentunit",
      ratio(total(samples("dropped")), total(samples(SETTLED))),
      { thresholds: SHARE_OF_LOSS, zeroIf: samples(SETTLED), decimals: 2 },
    ),
    stat(
      "Unknown",
      "Share of what was settled that may or may not have been applied: pushes that timed out or broke off.",
      "percentunit",
      ratio(total(samples("unknown")), total(samples(SETTLED))),
      { thresholds: SHARE_OF_LOSS, zeroIf: samples(SETTLED), decimals: 2 },
    ),
    stat(
      "Refused",
      "Share of what callers offered that was not let in: invalid, or no room.",
      "percentunit",
      ratio(total(samples("refused")), total(samples(`${SETTLED}|coalesced|refused`))),
      { thresholds: SHARE_OF_LOSS, zeroIf: samples(`${SETTLED}|coalesced`), decimals: 2 },
    ),
    stat(
      "Push latency, p99",
      "From taking a batch to its outcome, retries included.",
      "ms",
      `${quantile(0.99)} >= 0`, // no push, no latency: not NaN
      { thresholds: [{ color: "green", value: null }, { color: "yellow", value: 1000 }, { color: "red", value: 2500 }] },
    ),
    stat(
      "Samples for each Metric sent",
      "What coalescing saves: increments of one counter travel as one Metric.",
      "none",
      ratio(total(samples(`${SETTLED}|coalesced`)), total(samples(SETTLED))),
      { decimals: 1 },
    ),
  ]),
  row("Delivered, dropped, unknown", [
    series(
      "Samples by outcome",
      "How each sample ended. coalesced: added into a counter's increment that was waiting already.",
      "cps",
      [[rate("outcome", samples(`${SETTLED}|coalesced|refused`)), "{{outcome}}"]],
      { stack: true, colours: true },
    ),
    series("Dropped, by reason", "Provably not applied. The reasons are in docs/delivery.md.", "cps", [
      [rate("reason", samples("dropped")), "{{reason}}"],
    ]),
    series("Unknown, by reason", "May or may not have been applied, and not sent again unless the gateway dedupes.", "cps", [
      [rate("reason", samples("unknown")), "{{reason}}"],
    ]),
    series("Refused, by reason", "Not let in. All but buffer_full and too_many_metrics are mistakes in a caller's code.", "cps", [
      [rate("reason", samples("refused")), "{{reason}}"],
    ]),
    series("Rejected by the gateway", "Metrics of pushes that ended OK and were not applied.", "cps", [
      [total(samples("rejected")), "rejected"],
      [rate("reason", `metrics_gateway_metrics_rejected_total{${JOB}}`), "gateway: {{reason}}"],
    ]),
  ]),
  row("Pushes", [
    series(
      "Pushes by outcome",
      "retried counts attempts beyond a push's first.",
      "cps",
      [[rate("outcome", `pushed_metrics_reporter_pushes_total{${JOB}}`), "{{outcome}}"]],
      { stack: true, colours: true },
    ),
    series("Push latency", "From taking a batch to its outcome, retries included.", "ms", [
      [quantile(0.5), "p50"],
      [quantile(0.9), "p90"],
      [quantile(0.99), "p99"],
    ]),
    heatmap(
      "Push latency, all of it",
      "Buckets are the gateway's.",
      `sum by (le) (increase(pushed_metrics_reporter_push_duration_ms_bucket{${JOB}}[$__rate_interval]))`,
    ),
    series(
      "Retries for each push",
      "Only what is provably not applied is tried again (with GATEWAY_DEDUPES, what is unknown, too).",
      "none",
      [[ratio(total(pushes('outcome="retried"')), total(pushes('outcome!="retried"'))), "retries for each push"]],
    ),
    series("Metrics in each push", "Larger is cheaper; MAX_BATCH_SAMPLES is the most.", "none", [
      [ratio(total(samples(SETTLED)), total(pushes('outcome!="retried"'))), "Metrics in each push"],
    ]),
  ]),
  row("Series", [
    series("Samples folded into an overflow series", "By metric, past MAX_SERIES_PER_METRIC in one isolate. The sums stay right.", "cps", [
      [rate("metric", `pushed_metrics_reporter_overflow_samples_total{${JOB}}`), "{{metric}}"],
    ]),
    series("Series at the gateway", "The reference gateway rejects new series at its limit.", "none", [
      [`sum by (instance) (metrics_gateway_series{${JOB}})`, "held, {{instance}}"],
      [`sum by (instance) (metrics_gateway_series_limit{${JOB}})`, "limit, {{instance}}"],
    ]),
    table("Top metrics by series", "A histogram's buckets count one by one, as in Prometheus.", "Series", [
      `topk(20, count by (__name__) ({__name__=~"pushed_.+", ${JOB}}))`,
    ]),
    table("Overflow series now", "Metrics of which some label sets are no longer told apart.", "Value", [
      `sum by (__name__) ({__name__=~"pushed_.+", __name__!~".+_bucket", ${JOB}, overflow="true"})`,
    ]),
  ]),
  row("Callers", [
    series(
      "Requests by caller",
      "From callers that count requests_total, or http_requests_total as the clients' middleware does; worker is the label that the caller's binding vouches for.",
      "reqps",
      [
        [rate("worker", `pushed_requests_total{${CALLER}}`), "{{worker}}"],
        [rate("worker", `pushed_http_requests_total{${CALLER}}`), "{{worker}} (http)"],
      ],
    ),
    series("Latency by caller, p95", "request_latency_ms, or http_request_duration_ms.", "ms", [
      [callers(0.95, "pushed_request_latency_ms_bucket"), "{{worker}}"],
      [callers(0.95, "pushed_http_request_duration_ms_bucket"), "{{worker}} (http)"],
    ]),
    series("Requests by route", "Of the chosen callers.", "reqps", [
      [`topk(20, ${rate("worker, route, method", `pushed_requests_total{${CALLER}}`)})`, "{{worker}} {{method}} {{route}}"],
      [`topk(20, ${rate("worker, route, method", `pushed_http_requests_total{${CALLER}}`)})`, "{{worker}} {{method}} {{route}} (http)"],
    ]),
    table("Series by caller", "Who fills the gateway. Callers without the label share the empty row.", "Series", [
      `sort_desc(count by (worker) ({__name__=~"pushed_.+", ${JOB}}))`,
    ]),
  ]),
  row("The gateway", [
    series("Scraped", "1 for each gateway pod that Prometheus reaches.", "none", [[`up{${JOB}}`, "{{instance}}"]]),
    series("Pushes answered, by status", "As the gateway counts them, the Worker's own metrics included.", "cps", [
      [rate("code", `metrics_gateway_pushes_total{${JOB}}`), "{{code}}"],
    ]),
    series("Repeats answered from memory", "Pushes with an x-push-id that the gateway had seen: what GATEWAY_DEDUPES relies on.", "cps", [
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

// -- panels --

function row(title, panels) {
  return { title, panels };
}

function panel(type, title, description, targets, { width, height }, fieldConfig, options) {
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    gridPos: { w: width, h: height },
    targets: targets.map((target, index) => ({ refId: String.fromCharCode(65 + index), datasource: DATASOURCE, ...target })),
    fieldConfig: { overrides: [], ...fieldConfig },
    options,
  };
}

/**
 * `zeroIf`: a selector whose presence makes an absent share 0. Without it a loss that never happened and a
 * Prometheus that sees nothing would look the same.
 */
function stat(title, description, unit, expr, { thresholds, decimals, zeroIf } = {}) {
  return panel(
    "stat",
    title,
    description,
    [{ expr: zeroIf === undefined ? expr : `(${expr}) or 0 * ${total(zeroIf)}`, legendFormat: title, range: true }],
    { width: 4, height: 4 },
    {
      defaults: {
        unit,
        ...(decimals === undefined ? {} : { decimals }),
        color: { mode: "thresholds" },
        thresholds: { mode: "absolute", steps: thresholds ?? [{ color: "green", value: null }] },
      },
    },
    {
      colorMode: "value",
      graphMode: "area",
      justifyMode: "auto",
      orientation: "auto",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      textMode: "auto",
    },
  );
}

function series(title, description, unit, targets, { stack = false, colours = false } = {}) {
  return panel(
    "timeseries",
    title,
    description,
    targets.map(([expr, legendFormat]) => ({ expr, legendFormat, range: true })),
    { width: 8, height: 8 },
    {
      defaults: {
        unit,
        min: 0,
        color: { mode: "palette-classic" },
        custom: {
          drawStyle: "line",
          fillOpacity: stack ? 30 : 10,
          lineWidth: 1,
          showPoints: "auto",
          spanNulls: false,
          stacking: { mode: stack ? "normal" : "none", group: "A" },
        },
      },
      overrides: colours
        ? Object.entries(COLOURS).map(([name, fixedColor]) => ({
            matcher: { id: "byName", options: name },
            properties: [{ id: "color", value: { mode: "fixed", fixedColor } }],
          }))
        : [],
    },
    {
      legend: { calcs: ["mean", "max"], displayMode: "table", placement: "bottom", showLegend: true },
      tooltip: { mode: "multi", sort: "desc" },
    },
  );
}

function heatmap(title, description, expr) {
  return panel(
    "heatmap",
    title,
    description,
    [{ expr, legendFormat: "{{le}}", format: "heatmap", range: true }],
    { width: 8, height: 8 },
    { defaults: { custom: { scaleDistribution: { type: "linear" } } } },
    {
      calculate: false,
      color: { mode: "scheme", scheme: "Oranges", steps: 64, exponent: 0.5, reverse: false, scale: "exponential", fill: "dark-orange" },
      cellGap: 1,
      exemplars: { color: "rgba(255,0,255,0.7)" },
      filterValues: { le: 1e-9 },
      legend: { show: true },
      rowsFrame: { layout: "auto" },
      tooltip: { mode: "single", yHistogram: false, showColorScale: false },
      yAxis: { axisPlacement: "left", reverse: false, unit: "ms" },
    },
  );
}

function table(title, description, valueName, exprs) {
  return {
    ...panel(
      "table",
      title,
      description,
      exprs.map((expr) => ({ expr, format: "table", instant: true, range: false })),
      { width: 8, height: 8 },
      { defaults: { custom: { align: "auto", cellOptions: { type: "auto" }, inspect: false } } },
      { cellHeight: "sm", showHeader: true, sortBy: [{ displayName: valueName, desc: true }] },
    ),
    transformations: [
      { id: "organize", options: { excludeByName: { Time: true }, indexByName: {}, renameByName: { Value: valueName, __name__: "Metric", worker: "Caller" } } },
    ],
  };
}

// -- the dashboard --

function variable(name, label, query) {
  return {
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: "variable" },
    refresh: 2,
    sort: 1,
    includeAll: true,
    // Not the list of all values: a series without the label is part of "All", too.
    allValue: ".*",
    multi: true,
    current: { selected: true, text: ["All"], value: ["$__all"] },
    options: [],
    regex: "",
    hide: 0,
    skipUrlSync: false,
  };
}

/** Rows in order, and in each row the panels from left to right, wrapped. */
function laidOut() {
  const panels = [];
  let y = 0;
  let id = 0;
  for (const { title, panels: own } of ROWS) {
    panels.push({ type: "row", id: ++id, title, collapsed: false, gridPos: { x: 0, y, w: WIDTH, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    let height = 0;
    for (const { gridPos, ...rest } of own) {
      if (x + gridPos.w > WIDTH) {
        x = 0;
        y += height;
        height = 0;
      }
      panels.push({ id: ++id, ...rest, gridPos: { x, y, ...gridPos } });
      x += gridPos.w;
      height = Math.max(height, gridPos.h);
    }
    y += height;
  }
  return panels;
}

const DASHBOARD = {
  title: "metrics-gateway-worker",
  uid: "metrics-gateway-worker",
  description: "What callers push, how it ends, and what the gateway makes of it.",
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
      variable("job", "Job", 'label_values({__name__=~"pushed_metrics_reporter_.+|metrics_gateway_.+"}, job)'),
      variable("worker", "Caller", 'label_values({__name__=~"pushed_.+", job=~"$job"}, worker)'),
    ],
  },
  panels: laidOut(),
};

const text = `${JSON.stringify(DASHBOARD, null, 2)}\n`;
if (process.argv[2] === "--check") {
  if (readFileSync(FILE, "utf8") !== text) {
    console.error("dashboards/metrics-gateway-worker.json is not what dashboards/build.mjs makes; run: node dashboards/build.mjs");
    process.exit(1);
  }
} else {
  writeFileSync(FILE, text);
}
