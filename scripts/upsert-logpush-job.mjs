#!/usr/bin/env node
// Creates or updates the Logpush job that sends Workers' logs to S3, for teams that do not use infra/modules/logpush.

import { execFile } from "node:child_process";
import { parseArgs, promisify } from "node:util";

const USAGE = `usage: upsert-logpush-job.mjs --account-id ID --worker-names NAME[,NAME…] --job-name NAME --bucket NAME --region NAME
                              [--sampling-rate SHARE]

  --worker-names     the scripts whose logs are pushed, by their exact names
  --job-name         name of the job, and prefix in the bucket
  --sampling-rate    share of invocations, over 0 and at most 1 (0.01)

Needs CLOUDFLARE_API_TOKEN (Logs Write). A new job, or another destination, also needs the aws command with
s3:GetObject on the bucket, or LOGPUSH_OWNERSHIP_CHALLENGE: Cloudflare proves with a file there that the bucket is yours.

exit status: 0 done, 1 failed, 2 wrong usage`;

/** The same fields as in infra/modules/logpush. */
const FIELD_NAMES = [
  ...["EventTimestampMs", "EventType", "Entrypoint", "Outcome", "ScriptName", "ScriptVersion", "Exceptions", "Logs"],
  ...["CPUTimeMs", "WallTimeMs"],
];

const API = (process.env.CLOUDFLARE_API_BASE_URL ?? "https://api.cloudflare.com/client/v4").replace(/\/+$/, "");

const options = readOptions();
try {
  await upsert(options);
} catch (error) {
  console.error(`upsert-logpush-job: ${error.message}`);
  process.exitCode = 1;
}

async function upsert({ accountId, workers, jobName, bucket, region, samplingRate }) {
  const jobs = `accounts/${accountId}/logpush/jobs`;
  const destination_conf = `s3://${bucket}/${jobName}/{DATE}?region=${region}&sse=AES256`;
  const oneOf = workers.map((value) => ({ key: "ScriptName", operator: "eq", value }));
  const job = {
    enabled: true,
    destination_conf,
    // The dataset belongs to the account: without the filter, the job would send the logs of every
    // Worker.
    filter: JSON.stringify({ where: oneOf.length === 1 ? oneOf[0] : { or: oneOf } }),
    output_options: { field_names: FIELD_NAMES, output_type: "ndjson", sample_rate: samplingRate },
  };

  const existing = (await api("GET", jobs)).find(({ name }) => name === jobName);
  if (existing && existing.dataset !== "workers_trace_events") {
    throw new Error(`the job ${jobName} exists for another dataset (${existing.dataset}); choose another name`);
  }
  if (existing?.destination_conf !== destination_conf) {
    job.ownership_challenge = await challenge(accountId, destination_conf, bucket);
  }
  const { id } = existing
    ? await api("PUT", `${jobs}/${existing.id}`, job)
    : await api("POST", jobs, { ...job, name: jobName, dataset: "workers_trace_events" });
  console.log(`${existing ? "updated" : "created"} job ${jobName} (${id}): ${workers.join(", ")}, ${samplingRate} of the invocations`);
  console.log(`next: append "${jobName}" to cloudflare_logpush_job_names of the log pipeline, and apply there`);
}

/** The token that Cloudflare writes into the bucket, to prove that we own the bucket. */
async function challenge(accountId, destination_conf, bucket) {
  if (process.env.LOGPUSH_OWNERSHIP_CHALLENGE) return process.env.LOGPUSH_OWNERSHIP_CHALLENGE;
  const { filename } = await api("POST", `accounts/${accountId}/logpush/ownership`, { destination_conf });
  try {
    const { stdout } = await promisify(execFile)("aws", ["s3", "cp", `s3://${bucket}/${filename}`, "-"], { timeout: 60_000 });
    return stdout.trim();
  } catch (error) {
    const why = String(error.stderr ?? "").trim().split("\n").at(-1) || error.message;
    throw new Error(`the ownership challenge s3://${bucket}/${filename} cannot be read (${why}); give its content as LOGPUSH_OWNERSHIP_CHALLENGE`);
  }
}

async function api(method, path, body) {
  const response = await fetch(`${API}/${path}`, {
    method,
    headers: { authorization: `Bearer ${process.env.CLOUDFLARE_API_TOKEN}`, "content-type": "application/json" },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = await response.json().catch(() => ({}));
  if (!answer.success) {
    const errors = answer.errors?.map(({ code, message }) => `${message} (${code})`).join(", ");
    throw new Error(`${method} ${path}: ${errors || `HTTP ${response.status}`}`);
  }
  return answer.result;
}

function readOptions() {
  let values;
  try {
    const names = ["account-id", "worker-names", "job-name", "bucket", "region"];
    ({ values } = parseArgs({
      options: {
        ...Object.fromEntries(names.map((name) => [name, { type: "string" }])),
        "sampling-rate": { type: "string", default: "0.01" },
        help: { type: "boolean", short: "h" },
      },
    }));
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    for (const name of names) if (!values[name]) throw new Error(`--${name} is missing`);
    if (!process.env.CLOUDFLARE_API_TOKEN) throw new Error("CLOUDFLARE_API_TOKEN is not set");
    const workers = values["worker-names"].split(",").map((name) => name.trim()).filter((name) => name !== "");
    const samplingRate = Number(values["sampling-rate"]);
    const wrong = [
      [/^[0-9a-f]{32}$/.test(values["account-id"]), "--account-id must be 32 hexadecimal digits"],
      [workers.length > 0 && workers.every((name) => /^[a-z0-9_][a-z0-9_-]{0,62}$/.test(name)), "--worker-names must be names of Workers, separated by commas"],
      [/^[A-Za-z0-9._-]{1,255}$/.test(values["job-name"]), "--job-name must be letters, digits, dots, underscores and hyphens"],
      [/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(values.bucket), "--bucket must be a bucket's name"],
      [/^[a-z]{2}(-[a-z]+)+-[0-9]$/.test(values.region), "--region must be an AWS region, such as eu-central-1"],
      [samplingRate > 0 && samplingRate <= 1, "--sampling-rate must be over 0 and at most 1"],
    ].find(([right]) => !right);
    if (wrong) throw new Error(wrong[1]);
    const { "account-id": accountId, "job-name": jobName, bucket, region } = values;
    return { accountId, workers, jobName, bucket, region, samplingRate };
  } catch (error) {
    console.error(`upsert-logpush-job: ${error.message}\n\n${USAGE}`);
    process.exit(2);
  }
}
