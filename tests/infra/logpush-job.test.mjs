// scripts/upsert-logpush-job.mjs and its workflow, against an API that keeps jobs like
// Cloudflare's.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { ROOT } from "../harness/index.mjs";

const ACCOUNT = "0123456789abcdef0123456789abcdef";
const WORKER = "cell1-prod2-metrics-gateway-worker";
const JOB = `${WORKER}-logs`;
const DESTINATION = `s3://example-logs/${JOB}/{DATE}?region=us-east-1&sse=AES256`;

let server, bin, jobs, asked;
before(async () => {
  server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = text && JSON.parse(text);
    asked.push(`${request.method} ${request.url}`);
    const reply = (status, answer) => response.writeHead(status).end(JSON.stringify(answer));
    const path = request.url.replace(`/accounts/${ACCOUNT}/logpush/`, "");
    if (request.headers.authorization !== "Bearer a-token") return reply(403, { success: false, errors: [{ code: 10000, message: "Authentication error" }] });
    if (path === "ownership") return reply(200, { success: true, result: { filename: `${JOB}/20261128/ownership-challenge.txt` } });
    if (request.method === "GET") return reply(200, { success: true, result: jobs });
    const old = jobs.find(({ id }) => path === `jobs/${id}`);
    if (old?.destination_conf !== body.destination_conf && body.ownership_challenge !== "proof") {
      return reply(400, { success: false, errors: [{ code: 1002, message: "invalid ownership challenge" }] });
    }
    const { ownership_challenge: _, ...kept } = { id: old?.id ?? 7, ...old, ...body };
    jobs = [...jobs.filter(({ id }) => id !== kept.id), kept];
    return reply(200, { success: true, result: kept });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  bin = mkdtempSync(join(tmpdir(), "logpush-aws-"));
  writeFileSync(join(bin, "aws"), `#!/bin/sh
[ "$*" = "s3 cp s3://example-logs/${JOB}/20261128/ownership-challenge.txt -" ] || { echo "unexpected: $*" >&2; exit 1; }
[ -z "$DENIED" ] || { echo "fatal error: Forbidden" >&2; exit 1; }
echo proof
`);
  chmodSync(join(bin, "aws"), 0o755);
});
after(() => {
  server.close();
  rmSync(bin, { recursive: true });
});
beforeEach(() => {
  jobs = [];
  asked = [];
});

function upsert(args = {}, env = {}) {
  const all = { "account-id": ACCOUNT, "worker-names": WORKER, "job-name": JOB, bucket: "example-logs", region: "us-east-1", ...args };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(ROOT, "scripts", "upsert-logpush-job.mjs"), ...Object.entries(all).flatMap(([name, value]) => [`--${name}`, value])],
      {
        env: {
          ...process.env,
          PATH: `${bin}:${process.env.PATH}`,
          CLOUDFLARE_API_TOKEN: "a-token",
          CLOUDFLARE_API_BASE_URL: `http://127.0.0.1:${server.address().port}`,
          LOGPUSH_OWNERSHIP_CHALLENGE: "",
          ...env,
        },
      },
      (error, stdout, stderr) => resolve({ status: error ? error.code : 0, output: stdout + stderr }),
    );
  });
}

describe("the Logpush job", () => {
  test("is created once the bucket is proven", async () => {
    const { status, output } = await upsert();
    assert.equal(status, 0, output);
    const [{ name, dataset, enabled, destination_conf, filter, output_options }] = jobs;
    assert.deepEqual({ name, dataset, enabled, destination_conf }, { name: JOB, dataset: "workers_trace_events", enabled: true, destination_conf: DESTINATION });
    assert.deepEqual(JSON.parse(filter), { where: { key: "ScriptName", operator: "eq", value: WORKER } });
    assert.equal(output_options.sample_rate, 0.01);
    assert.match(output, /append "cell1-prod2-metrics-gateway-worker-logs" to cloudflare_logpush_job_names/);
  });

  test("is updated in place the next time, and needs no proof", async () => {
    await upsert();
    asked = [];
    const { status, output } = await upsert({ "worker-names": `${WORKER}, cell1-prod2-checkout`, "sampling-rate": "0.5" }, { DENIED: "1" });
    assert.equal(status, 0, output);
    assert.deepEqual(asked, [`GET /accounts/${ACCOUNT}/logpush/jobs`, `PUT /accounts/${ACCOUNT}/logpush/jobs/7`]);
    assert.equal(jobs.length, 1);
    assert.equal(jobs[0].output_options.sample_rate, 0.5);
    assert.deepEqual(JSON.parse(jobs[0].filter).where.or.map(({ value }) => value), [WORKER, "cell1-prod2-checkout"]);
  });

  test("needs the proof again for another bucket", async () => {
    jobs = [{ id: 7, name: JOB, dataset: "workers_trace_events", destination_conf: "s3://elsewhere/x" }];
    const { status, output } = await upsert();
    assert.equal(status, 0, output);
    assert.equal(jobs[0].destination_conf, DESTINATION);
  });

  test("whose proof cannot be read says which file it is, and takes its content", async () => {
    const denied = await upsert({}, { DENIED: "1" });
    assert.equal(denied.status, 1);
    assert.match(denied.output, /s3:\/\/example-logs\/\S+ownership-challenge\.txt cannot be read \(fatal error: Forbidden\); give its content as LOGPUSH_OWNERSHIP_CHALLENGE/);
    const given = await upsert({}, { DENIED: "1", LOGPUSH_OWNERSHIP_CHALLENGE: "proof" });
    assert.equal(given.status, 0, given.output);
  });

  test("of another dataset is left alone", async () => {
    jobs = [{ id: 7, name: JOB, dataset: "http_requests", destination_conf: DESTINATION }];
    const { status, output } = await upsert();
    assert.equal(status, 1);
    assert.match(output, /exists for another dataset \(http_requests\)/);
    assert.equal(jobs[0].enabled, undefined);
  });

  test("with a bad token fails with what Cloudflare said", async () => {
    const { status, output } = await upsert({}, { CLOUDFLARE_API_TOKEN: "another" });
    assert.equal(status, 1);
    assert.match(output, /Authentication error \(10000\)/);
    assert.doesNotMatch(output, /another/);
  });

  for (const [args, env, says] of [
    [{ "sampling-rate": "100" }, {}, /--sampling-rate must be over 0 and at most 1/],
    [{ "worker-names": " , " }, {}, /--worker-names must be names of Workers/],
    [{ "worker-names": 'a","b' }, {}, /--worker-names must be names of Workers/],
    [{ "job-name": "a/b" }, {}, /--job-name must be/],
    [{ bucket: "" }, {}, /--bucket is missing/],
    [{}, { CLOUDFLARE_API_TOKEN: "" }, /CLOUDFLARE_API_TOKEN is not set/],
  ]) {
    test(`wrong usage: ${says.source}`, async () => {
      const { status, output } = await upsert(args, env);
      assert.equal(status, 2, output);
      assert.match(output, says);
      assert.deepEqual(asked, []);
    });
  }
});

describe("its workflow", () => {
  const read = (...path) => readFileSync(join(ROOT, ...path), "utf8");
  const workflow = read(".github", "workflows", "cloudflare-upsert-metrics-gateway-worker-logpush-job.yml");

  test("has the name and the inputs that people know", () => {
    assert.match(workflow, /^name: Cloudflare Upsert Logpush Job - Metrics Gateway Worker$/m);
    const inputs = /workflow_dispatch:\n {4}inputs:\n([^]*?)\n\S/.exec(workflow)[1];
    assert.deepEqual([...inputs.matchAll(/^ {6}(\w+):$/gm)].map(([, name]) => name), ["environment", "worker_names", "job_name", "sampling_rate"]);
  });

  // An input inside `run:` would become shell code.
  test("hands its inputs to the shell as variables alone", () => {
    for (const [, line] of workflow.matchAll(/^(.*\$\{\{.*)$/gm)) assert.match(line, /^ +[A-Z_]+: \$\{\{ [^}]+ \}\}$|^ +environment: |^ +group: /, line);
  });

  test("pushes the fields that the OpenTofu module pushes", () => {
    const names = (text) => [...text.matchAll(/"(\w+)"/g)].map(([, name]) => name);
    const [, module] = /variable "field_names"[^]*?default = \[([^\]]+)\]/.exec(read("infra", "modules", "logpush", "variables.tf"));
    const [, script] = /FIELD_NAMES = \[([^;]+)\];/.exec(read("scripts", "upsert-logpush-job.mjs"));
    assert.deepEqual(names(script), names(module));
  });
});
