// What is said in two places says the same.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "../e2e/harness/index.mjs";

const read = (...path) => readFileSync(join(ROOT, ...path), "utf8");
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(markdown) {
  return all(markdown, /^#{1,6} (.+)$/gm).map((heading) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-"),
  );
}

/** Every page of Markdown, whoever adds one. */
function pagesIn(folder) {
  const built = ["node_modules", "target", "dist", "build"];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name.startsWith(".") || built.includes(entry.name) ? [] : pagesIn(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

describe("OpenTofu and the Worker", () => {
  const variables = read("infra", "modules", "worker", "variables.tf");

  test("the module runs the Worker under the compatibility date it is tested under", () => {
    const [tested] = all(read("wrangler.toml"), /^compatibility_date = "(.+)"$/gm);
    const [deployed] = all(variables, /variable "compatibility_date"[^}]*?default\s*=\s*"(.+?)"/gs);
    assert.equal(deployed, tested);
  });

  test("the module takes exactly the vars the Worker reads", () => {
    const [vars] = all(read("src", "config.rs"), /pub const VARS: \[&str; \d+\] = \[(.+?)\];/gs);
    const [taken] = all(variables, /setsubtract\(keys\(var\.settings\), \[(.+?)\]\)/gs);
    assert.deepEqual(all(taken, /"(\w+)"/g).sort(), all(vars, /"(\w+)"/g).sort());
  });

  test("the module takes numbers in the ranges the Worker takes", () => {
    const config = read("src", "config.rs");
    const ranges = [...variables.matchAll(/^\s+([A-Z_]+)\s+= \[(\d+), (\d+)\]$/gm)];
    assert.equal(ranges.length, 5);
    for (const [, name, least, most] of ranges) {
      assert.match(config, new RegExp(`"${name}" =>[\\s\\S]{0,300}?from ${least} to ${most}"`), name);
    }
  });

  test("wrangler.toml and the module agree on what is public and what is logged", () => {
    const toml = read("wrangler.toml");
    const main = read("infra", "modules", "worker", "main.tf");
    for (const [ours, theirs] of [
      [/^workers_dev = false$/m, /^ {2}enabled\s+= false$/m],
      [/^preview_urls = false$/m, /^ {2}previews_enabled = false$/m],
      [/^logpush = true$/m, /^ {2}logpush\s+= true$/m],
      [/^\[observability\]\nenabled = false$/m, /^ {2}observability = \{ enabled = false \}$/m],
    ]) {
      assert.match(toml, ours);
      assert.match(main, theirs);
    }
  });

  test("the snippets for callers name the entrypoint that the Worker exports", () => {
    assert.match(read("src", "entrypoint.mjs"), /export class MetricsReporter /);
    assert.match(read("infra", "modules", "caller-binding", "main.tf"), /entrypoint = "MetricsReporter"/);
  });
});

describe("the log reference", () => {
  const page = read("docs", "logs.md");

  test("lists every event the Worker writes, and no other", () => {
    const log = read("src", "log.rs").split("#[cfg(test)]")[0];
    const written = new Set([
      ...all(log, /line\(\s*Level::\w+,\s*"(\w+)"/g),
      ...all(log, /=> \("(\w+)", (?:""|reason)\)/g),
      ...all(read("src", "entrypoint.mjs"), /event: "(\w+)"/g),
    ]);
    const listed = all(page, /^\| `(\w+)` \| (?:warn|error) \|/gm);
    assert.ok(written.size >= 10, [...written].join(", "));
    assert.deepEqual([...listed].sort(), [...written].sort());
  });

  test("describes every field of its own examples", () => {
    const described = new Set(["event", "level", ...all(page, /^\| (`\w+`(?:, `\w+`)*) \| (?:text|number)/gm).flatMap((cell) => all(cell, /`(\w+)`/g))]);
    const [examples] = all(page, /```json\n(.+?)```/gs);
    const lines = examples.trim().split("\n");
    assert.ok(lines.length >= 8);
    for (const line of lines) {
      for (const field of Object.keys(JSON.parse(line))) assert.ok(described.has(field), `${field} in ${line}`);
    }
  });
});

describe("links", () => {
  const pages = pagesIn("");

  test("every alert links to a section of the runbook that exists", () => {
    const known = anchors(read("docs", "runbook.md"));
    const linked = all(read("dashboards", "rules.yml"), /runbook_url: \S+\/docs\/runbook\.md#(\S+)/g);
    assert.equal(linked.length, all(read("dashboards", "rules.yml"), /- alert: (\w+)/g).length);
    for (const anchor of linked) assert.ok(known.includes(anchor), anchor);
  });

  test("every alert is in the dashboards' list and in the runbook", () => {
    for (const alert of all(read("dashboards", "rules.yml"), /- alert: (\w+)/g)) {
      assert.match(read("dashboards", "README.md"), new RegExp(`\\| \`${alert}\` \\|`));
      assert.match(read("docs", "runbook.md"), new RegExp(`\`${alert}\``));
    }
  });

  for (const page of pages) {
    test(`${page} links to nothing that is not there`, () => {
      for (const target of all(read(page), /(?:\]\(|^\[[^\]]+\]: )(?!https?:)([^)\s]+)/gm)) {
        const [file, anchor] = target.split("#");
        const path = file === "" ? page : join(dirname(page), file);
        const entries = readdirSync(join(ROOT, dirname(path)));
        assert.ok(path.endsWith("/") ? readdirSync(join(ROOT, path)) : entries.includes(path.split("/").at(-1)), target);
        if (anchor !== undefined) assert.ok(anchors(read(path)).includes(anchor), target);
      }
    });
  }

  test("the scripts send their users to sections of the runbook that exist", () => {
    const known = all(read("docs", "runbook.md"), /^#{1,6} (.+)$/gm);
    for (const [file, section] of [
      ["scripts/deploy.sh", "Troubleshooting"],
      ["scripts/deploy.sh", "Rollback and disable"],
      ["scripts/verify-checks/push.mjs", "Troubleshooting"],
    ]) {
      assert.match(read(file), new RegExp(`${section}\\\\?"`), `${file} names ${section}`);
      assert.ok(known.includes(section), section);
    }
  });
});
