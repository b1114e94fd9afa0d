// make bench ARGS=--gateway: what a sample costs the gateway, and what a scrape costs it and its senders.
//   --quick   a smoke run
//   --docs    also writes the table into docs/performance.md
//   --against FILE   also another build of the gateway

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gatewayBinary, ROOT } from "../../tests/harness/paths.mjs";
import { put, table } from "../lib/report.mjs";
import { quantile, summary } from "../lib/statistics.mjs";
import { checkPlatform, cpuMicros } from "../lib/usage.mjs";
import { Gateway, Pushgateway, hasPushgateway } from "./contenders.mjs";
import { counters, histograms } from "./workload.mjs";

const QUICK = process.argv.includes("--quick");
const ROUNDS = QUICK ? 3 : 15;
const SERIES = QUICK ? 10_000 : 100_000;
const SCRAPES = QUICK ? 1 : 5;
const BATCH = 1_000;

/** CPU of the contender for each sample of `bodies`, sent one after the other. */
async function cpuPerSample(contender, bodies, samples) {
  const cpu = [];
  for (let round = -2; round < ROUNDS; round++) {
    const before = cpuMicros(contender.pid);
    for (const body of bodies) await contender.push(body);
    if (round >= 0) cpu.push((cpuMicros(contender.pid) - before) / (bodies.length * samples));
  }
  return summary(cpu);
}

const repeated = (body, times) => Array.from({ length: times }, () => body);

async function costs(contender) {
  const encode = (samples) => contender.encode(samples);
  const single = encode(counters(1));
  return {
    counters: await cpuPerSample(contender, repeated(encode(counters(BATCH)), QUICK ? 5 : 50), BATCH),
    histograms: contender.observes ? await cpuPerSample(contender, repeated(encode(histograms(BATCH)), QUICK ? 5 : 50), BATCH) : undefined,
    single: await cpuPerSample(contender, repeated(single, QUICK ? 20 : 500), 1),
  };
}

/** Memory of a counter series, a scrape of many, and how long pushes take meanwhile. */
async function scrapes(binary) {
  const gateway = await Gateway.start(binary, ["--max-series", "1000000"]);
  try {
    await gateway.push(gateway.encode(counters(10)));
    const before = gateway.memory();
    for (let first = 0; first < SERIES; first += BATCH) await gateway.push(gateway.encode(counters(BATCH, first)));
    const after = gateway.memory();
    const result = { series: (after - before) / SERIES, scrapes: [] };
    const body = gateway.encode(counters(BATCH));
    result.quiet = await latencies(gateway, body, sleep(QUICK ? 200 : 1_000));
    for (const [name, headers] of [
      ["text", {}],
      ["OpenMetrics", { accept: "application/openmetrics-text" }],
      ["text, gzip", { "accept-encoding": "gzip" }],
    ]) {
      const wall = [];
      const cpu = [];
      const during = [];
      let bytes = 0;
      for (let round = 0; round < SCRAPES; round++) {
        const begun = performance.now();
        const used = cpuMicros(gateway.pid);
        bytes = await gateway.scrape(headers);
        wall.push(performance.now() - begun);
        cpu.push((cpuMicros(gateway.pid) - used) / 1000);
        during.push(...(await latencies(gateway, body, gateway.scrapeElsewhere(headers))));
      }
      result.scrapes.push({ name, bytes, wall: summary(wall), cpu: summary(cpu), during });
    }
    result.peak = gateway.peak() - after;
    return result;
  } finally {
    gateway.stop();
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Of pushes one after the other until `end`, in milliseconds. */
async function latencies(gateway, body, end) {
  let ended = false;
  void end.then(() => (ended = true));
  const taken = [];
  while (!ended) {
    const begun = performance.now();
    await gateway.push(body);
    taken.push(performance.now() - begun);
  }
  return taken;
}

const number = (value, digits = 2) => (value === undefined ? "" : value.toFixed(digits));
const tail = (values) => `${number(quantile(values, 0.5), 1)} / ${number(quantile(values, 0.99), 1)}`;

function costRows(rows) {
  return [
    ["CPU of the gateway", "counters, µs a sample", "histograms, µs a sample", "push of one, µs"],
    ["at most", "1.20", "1.20", "70"],
    ...rows.map(({ title, costs }) => [title, number(costs.counters.quiet), number(costs.histograms?.quiet), number(costs.single.quiet, 0)]),
  ];
}

function scrapeRows({ quiet, scrapes }) {
  return [
    [`scrape of ${SERIES} counter series`, "MB", "wall, ms", "CPU, ms", "push of 1,000 meanwhile, ms: median / p99"],
    ...scrapes.map((one) => [one.name, number(one.bytes / 1e6, 1), number(one.wall.median, 0), number(one.cpu.median, 0), tail(one.during)]),
    ["no scrape", "", "", "", tail(quiet)],
  ];
}

function memoryRows({ series, peak }) {
  return [
    ["memory", "at most", "measured"],
    ["a counter series, bytes", "1000", number(series, 0)],
    [`more while ${SERIES} series are scraped, MB`, "", number(peak / 1e6, 1)],
  ];
}

checkPlatform();
const against = process.argv.indexOf("--against");
const contenders = [["this gateway", () => Gateway.start(gatewayBinary(), [])]];
if (against > 0) contenders.push([process.argv[against + 1], () => Gateway.start(process.argv[against + 1], [])]);
if (hasPushgateway()) contenders.push(["prometheus-pushgateway (replaces, does not add)", () => Pushgateway.start()]);
else console.error("prometheus-pushgateway is not installed: left out");
const rows = [];
for (const [title, start] of contenders) {
  const contender = await start();
  try {
    rows.push({ title, costs: await costs(contender) });
  } finally {
    contender.stop();
  }
}
const scraped = await scrapes(gatewayBinary());
const tables = { "gateway-cpu": costRows(rows), "gateway-scrape": scrapeRows(scraped), "gateway-memory": memoryRows(scraped) };
console.log(Object.values(tables).map(table).join("\n\n"));
if (process.argv.includes("--docs")) {
  const file = join(ROOT, "docs", "performance.md");
  const filled = Object.entries(tables).reduce((page, [name, rows]) => put(page, name, rows), readFileSync(file, "utf8"));
  writeFileSync(file, filled);
}
