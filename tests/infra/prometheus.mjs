// A real Prometheus as a process.

import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Process, ROOT, until } from "../harness/index.mjs";

/**
 * Scrapes these jobs every second, and evaluates dashboards/rules.yml.
 *
 * @param {Record<string, { targets: string[], labels?: Record<string, string> }[]>} jobs
 */
export async function startPrometheus(jobs) {
  const directory = mkdtempSync(join(tmpdir(), "prometheus-"));
  cpSync(join(ROOT, "dashboards", "rules.yml"), join(directory, "rules.yml"));
  // JSON is YAML.
  writeFileSync(
    join(directory, "prometheus.yml"),
    JSON.stringify({
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: ["rules.yml"],
      scrape_configs: Object.entries(jobs).map(([job_name, static_configs]) => ({ job_name, static_configs })),
    }),
  );
  const child = new Process("prometheus", "prometheus", [
    `--config.file=${join(directory, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(directory, "data")}`,
    "--web.listen-address=127.0.0.1:0",
  ]);
  const stop = async () => {
    await child.stop();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const address = await child.until("Prometheus listens", () =>
      child.lines.map(({ text }) => /Listening on.*address=(127\.0\.0\.1:[1-9]\d*)/.exec(text)?.[1]).find(Boolean),
    );
    // It answers 503 from the start of listening until its storage and its rules are loaded.
    await until("Prometheus to be ready", async () => (await fetch(`http://${address}/-/ready`)).ok);
    const ask = async (path, parameters) => {
      const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`);
      const body = await response.json();
      assert.equal(body.status, "success", `${JSON.stringify(parameters)}: ${body.error}`);
      return body.data;
    };
    return { ask, query: async (query) => (await ask("query", { query })).result, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
