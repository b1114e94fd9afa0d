// Sends one sample the whole way: the caller's /verify pushes it and shows the gateway's answer.

import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "./report.mjs";

/**
 * `settleMs`: how long to retry after a failure or an answer of another build. A deployment needs
 * some seconds to reach every location, and a new VPC service may fail for as long.
 *
 * @returns {Promise<{ accepted: number } | undefined>} how many samples the gateway counted;
 * undefined when the push failed or its outcome is not known
 */
export async function checkPush(report, { caller, revision, timeoutMs, settleMs = 0 }) {
  const url = new URL("verify", caller.endsWith("/") ? caller : `${caller}/`);
  const deadline = Date.now() + settleMs;
  let last;
  for (let pause = 500; ; pause = Math.min(pause * 2, 5_000)) {
    last = await attempt(url, timeoutMs);
    const settled = !last.problem && (!revision || last.running === undefined || revision.startsWith(last.running));
    if (settled || Date.now() + pause > deadline) break;
    await sleep(pause);
  }

  if (last.problem) {
    report.fail(`push: ${last.problem}`, last.advice);
    return undefined;
  }
  report.ok(`push: ${url} got one sample through, accepted: 1`);
  checkRevision(report, last, revision);
  return { accepted: last.answer.accepted };
}

/** One request: `{ problem, advice }`, or `{ answer, running }` with the revision that answered. */
async function attempt(url, timeoutMs) {
  let response, body;
  try {
    response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(timeoutMs) });
    body = await response.text();
  } catch (error) {
    return {
      problem: `${url} cannot be reached (${describe(error)})`,
      advice: "is the caller deployed, and is this its address?",
    };
  }

  const answer = parse(body);
  if (answer === undefined) {
    return {
      problem: `${url} answered ${response.status} and no JSON: ${excerpt(body)}`,
      advice:
        response.status === 404
          ? "the address is wrong, or this Worker has no /verify: examples/caller has one"
          : "that is not what a caller's /verify answers: examples/caller shows one",
    };
  }
  if (response.status !== 200 || answer.ok !== true || answer.accepted !== 1) {
    const said = answer.reason ?? answer.message ?? excerpt(body);
    return { problem: `${url} answered ${response.status}: ${said}`, advice: advice(answer) };
  }
  // Like stats().config.VERSION: "0.1.0+46515e8".
  return { answer, running: /\+([0-9a-f]{7,40})(?:-dirty)?$/.exec(String(answer.version ?? ""))?.[1] };
}

function checkRevision(report, { answer, running }, revision) {
  if (!revision) return;
  if (running === undefined) {
    report.skip("revision: the caller's /verify does not say which build answered");
  } else if (revision.startsWith(running)) {
    report.ok(`revision: ${answer.version} answered`);
  } else {
    report.fail(
      `revision: ${answer.version} answered, expected ${revision}`,
      "right after a deployment that can happen for some seconds: try again, or give it time with --settle",
    );
  }
}

/**
 * Describes where the push failed, from the PushResult. The codes are explained in docs/runbook.md,
 * "Troubleshooting".
 */
function advice(answer) {
  const text = `${answer.reason ?? ""} ${answer.message ?? ""}`;
  if (/RPC receiver does not implement|failed: /.test(text)) {
    return "the caller does not reach the Worker: look at its service binding (entrypoint MetricsReporter)";
  }
  const code = /\b(?:connection|destination|dns|tls|http|proxy)_[a-z_]+\b|\brate_limited\b/.exec(text)?.[0];
  if (code) return `look up ${code} in docs/runbook.md, "Troubleshooting"`;
  if (answer.outcome === "unknown") return "the gateway may have counted it: look at its log before trying again";
  if (answer.rejected > 0) return "the gateway is reached and said no: its log says why";
  return 'look up what you see in docs/runbook.md, "Troubleshooting"';
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function excerpt(text) {
  const line = text.trim().replace(/\s+/g, " ");
  if (line === "") return "(nothing)";
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
