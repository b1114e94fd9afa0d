#!/usr/bin/env node
// Checks that a set-up works and is private: sends one sample the whole way, and tests the access
// from outside. It needs no packages.

import { parseArgs } from "node:util";
import { Report } from "./verify-checks/report.mjs";
import { checkAccount, checkDns, checkNotPublic } from "./verify-checks/private.mjs";
import { checkPush } from "./verify-checks/push.mjs";
import { podPages } from "./verify-checks/pods.mjs";
import { checkSeries, readBefore, sources } from "./verify-checks/series.mjs";

const USAGE = `usage: verify.mjs --caller URL [options]

The push:
  --caller URL          a Worker bound to MetricsReporter whose /verify pushes one sample (examples/caller
                        is one), or VERIFY_URL
  --revision REV        the git revision that should answer
  --settle SECONDS      how long to try again, while the push fails or another revision answers; for right
                        after a deployment

The series, read in one of three ways, so that the sample is seen to arrive:
  --metrics URL         the gateway's /metrics page
  --kubectl             /metrics inside each of the gateway's pods, added up; needs no shell there. Also
                        --kube-context NAME, --namespace NAME (metrics-gateway), --service NAME
                        (grpc-metrics-gateway), --gateway-port PORT (8081, then 8080)
  --prometheus URL      Prometheus: waits for the next scrapes
  --series NAME         another series than pushed_verifications_total

Not publicly reachable:
  --not-public URL      an address that must not lead to the gateway; may be repeated
  --gateway-hostname H  a name that must not be in public DNS; --dns ADDRESS (1.1.1.1) is asked
  --account-id ID       with --script NAME and --tunnel-id ID: asks the account's settings, with
                        CLOUDFLARE_API_TOKEN

  --timeout SECONDS     longest wait for one answer (30)
  --wait SECONDS        longest wait for the series (15; with --prometheus 120)

exit status: 0 verified, 1 not verified, 2 wrong usage`;

const OPTIONS = {
  "account-id": { type: "string" },
  caller: { type: "string", default: process.env.VERIFY_URL },
  dns: { type: "string", default: "1.1.1.1" },
  "gateway-hostname": { type: "string" },
  "gateway-port": { type: "string" },
  help: { type: "boolean", short: "h" },
  "kube-context": { type: "string" },
  kubectl: { type: "boolean" },
  metrics: { type: "string" },
  namespace: { type: "string", default: "metrics-gateway" },
  "not-public": { type: "string", multiple: true, default: [] },
  prometheus: { type: "string" },
  revision: { type: "string" },
  script: { type: "string" },
  series: { type: "string", default: "pushed_verifications_total" },
  service: { type: "string", default: "grpc-metrics-gateway" },
  settle: { type: "string" },
  timeout: { type: "string", default: "30" },
  "tunnel-id": { type: "string" },
  wait: { type: "string" },
};

const options = readOptions();
const timeoutMs = milliseconds("timeout");
const report = new Report((line) => console.log(line));

const read = source();
const before = read && (await readBefore(report, read, options.series));
const pushed = await push();
if (read && before !== undefined && pushed) {
  const waitMs = options.wait === undefined ? (options.prometheus ? 120_000 : 15_000) : milliseconds("wait");
  await checkSeries(report, read, { series: options.series, before, accepted: pushed.accepted, waitMs });
} else if (!read) {
  report.skip("series: say where to read it: --metrics, --kubectl or --prometheus");
}
await lookFromOutside();
process.exitCode = report.end();

function readOptions() {
  let values;
  try {
    ({ values } = parseArgs({ options: OPTIONS }));
  } catch (error) {
    usage(error.message);
  }
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  if (!values.caller) usage("--caller is missing");
  for (const name of ["caller", "metrics", "prometheus"]) if (values[name] !== undefined) url(name, values[name]);
  values["not-public"].forEach((value) => url("not-public", value));
  if ([values.metrics, values.kubectl, values.prometheus].filter(Boolean).length > 1) {
    usage("--metrics, --kubectl and --prometheus exclude each other");
  }
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(values.series)) usage(`--series is not a metric name: ${values.series}`);
  return values;
}

function usage(problem) {
  console.error(`verify: ${problem}\n\n${USAGE}`);
  process.exit(2);
}

function url(name, value) {
  if (!/^https?:\/\/[^/]/.test(value) || !URL.canParse(value)) usage(`--${name} must be an http(s) URL, found ${value}`);
}

function milliseconds(name) {
  const seconds = Number(options[name]);
  if (!(seconds > 0 && seconds <= 3_600)) usage(`--${name} must be seconds, from 0 to 3600, found ${options[name]}`);
  return seconds * 1_000;
}

function source() {
  if (options.metrics) return sources.page(options.metrics, timeoutMs);
  if (options.prometheus) return sources.prometheus(options.prometheus, timeoutMs);
  if (!options.kubectl) return undefined;
  const { "kube-context": context, namespace, service, "gateway-port": port } = options;
  return podPages({ context, namespace, service, port }, timeoutMs);
}

function push() {
  const settleMs = options.settle === undefined ? 0 : milliseconds("settle");
  return checkPush(report, { caller: options.caller, revision: options.revision, timeoutMs, settleMs });
}

async function lookFromOutside() {
  for (const address of options["not-public"]) await checkNotPublic(report, address, Math.min(timeoutMs, 10_000));
  if (options["gateway-hostname"]) await checkDns(report, options["gateway-hostname"], options.dns, 5_000);
  await checkAccount(report, {
    token: process.env.CLOUDFLARE_API_TOKEN,
    api: (process.env.CLOUDFLARE_API_BASE_URL ?? "https://api.cloudflare.com/client/v4").replace(/\/+$/, ""),
    accountId: options["account-id"],
    script: options.script,
    tunnelId: options["tunnel-id"],
    timeoutMs,
  });
}
