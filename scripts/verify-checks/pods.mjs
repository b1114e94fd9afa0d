// Reads /metrics inside the gateway's pods, which cannot be reached from outside the cluster. The
// image may have no shell and no wget; the gateway's own binary can fetch a URL.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { total } from "./series.mjs";

/**
 * Reads a series' total over all pods of the gateway's Service, because each pod has a share of
 * every sum.
 */
export function podPages({ context, namespace, service, port }, timeoutMs) {
  const kubectl = async (...args) => {
    const { stdout } = await promisify(execFile)(
      "kubectl",
      [...(context ? ["--context", context] : []), "-n", namespace, ...args],
      { timeout: timeoutMs, maxBuffer: 64 << 20 },
    );
    return stdout;
  };

  const pods = async () => {
    const { spec } = JSON.parse(await kubectl("get", "service", service, "-o", "json"));
    const selector = Object.entries(spec?.selector ?? {}).map(([name, value]) => `${name}=${value}`);
    if (selector.length === 0) throw new Error(`the Service ${service} selects no pods`);
    const { items } = JSON.parse(await kubectl("get", "pods", "-l", selector.join(","), "-o", "json"));
    const running = items.filter(({ metadata, status }) => status?.phase === "Running" && !metadata.deletionTimestamp);
    if (running.length === 0) throw new Error(`no pod of the Service ${service} is running`);
    return running.map(({ metadata }) => metadata.name);
  };

  const page = async (pod) => {
    const failures = [];
    for (const command of commands(port)) {
      try {
        return await kubectl("exec", pod, "--", ...command);
      } catch (error) {
        failures.push(error);
      }
    }
    throw failures[0];
  };

  return async (series) => {
    const pages = await Promise.all((await pods()).map(page));
    return pages.reduce((sum, text) => sum + total(text, series), 0);
  };
}

/** This project's gateway, with an admin port and without; then a gateway whose image has wget. */
function commands(port) {
  const url = (number) => `http://localhost:${number}/metrics`;
  const ports = port ? [port] : ["8081", "8080"];
  return [...ports.map((number) => ["metrics-gateway", "get", url(number)]), ["wget", "-qO-", url(ports.at(-1))]];
}
