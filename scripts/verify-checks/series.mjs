// Checks that the pushed sample arrives where Prometheus reads it.

import { setTimeout as sleep } from "node:timers/promises";
import { describe } from "./report.mjs";

/**
 * Ways to read a series' total over all its labels. Each resolves with a number, which is 0 if
 * there is no such series.
 */
export const sources = {
  /** A /metrics page. */
  page: (url, timeoutMs) => async (series) => total(await get(url, timeoutMs), series),

  /** The series that Prometheus has already scraped. */
  prometheus: (base, timeoutMs) => async (series) => {
    const url = new URL("api/v1/query", base.endsWith("/") ? base : `${base}/`);
    url.searchParams.set("query", `sum(${series})`);
    const { status, data, error } = JSON.parse(await get(url, timeoutMs));
    if (status !== "success") throw new Error(`Prometheus answered ${status}: ${error}`);
    return Number(data.result[0]?.value[1] ?? 0);
  },
};

/** The value of the series before the push. Undefined, with a failed check, if it cannot be read. */
export async function readBefore(report, read, series) {
  try {
    return await read(series);
  } catch (error) {
    report.fail(`series: ${series} cannot be read (${reason(error)})`, "is this the right address, or the right cluster and namespace, and can it be reached from here?");
    return undefined;
  }
}

/** Waits until the series has grown by the gateway's accepted count. */
export async function checkSeries(report, read, { series, before, accepted, waitMs }) {
  const deadline = Date.now() + waitMs;
  let now = before;
  for (let pause = 100; ; pause = Math.min(pause * 2, 2_000)) {
    try {
      now = await read(series);
    } catch (error) {
      report.fail(`series: ${series} cannot be read (${reason(error)})`);
      return;
    }
    if (now >= before + accepted) {
      report.ok(`series: ${series} went from ${before} to ${now}`);
      return;
    }
    if (Date.now() >= deadline) break;
    await sleep(pause);
  }
  report.fail(
    `series: ${series} is ${now}, expected ${before + accepted} or more`,
    "this may be another gateway's page, or that of one pod of several: --kubectl and --prometheus add them up",
  );
}

async function get(url, timeoutMs) {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  return text;
}

/** The sum over all series with this name in a page of the Prometheus text format. */
export function total(page, series) {
  let sum = 0;
  for (const line of page.split("\n")) {
    if (!line.startsWith(series) || !/^[{ ]/.test(line.slice(series.length))) continue;
    const value = Number(/[}\s]\s*(\S+)(?:\s+-?\d+)?\s*$/.exec(line)?.[1]);
    if (Number.isFinite(value)) sum += value;
  }
  return sum;
}

function reason(error) {
  const lines = String(error?.stderr ?? "").trim();
  return lines === "" ? describe(error) : lines.split("\n").at(-1);
}
