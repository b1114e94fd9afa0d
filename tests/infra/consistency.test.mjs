// Facts that are stated in two places agree.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "../harness/index.mjs";

const read = (...path) => readFileSync(join(ROOT, ...path), "utf8");
const all = (text, pattern) => [...text.matchAll(pattern)].map((match) => match[1]);

/** The anchors of a page's headings, as GitHub makes them. */
function anchors(markdown) {
  return all(markdown, /^#{1,6} (.+)$/gm).map((heading) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-"),
  );
}

/** Every Markdown page in the repository. */
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

  test("the modules' pages list the inputs and outputs that they have", () => {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "infra", "docs.mjs"), "--check"], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
  });

  test("the adoption guide imports what the modules make", () => {
    const addresses = [...read("docs", "adopting.md").matchAll(/^ +to = module\.(\w+)\.(\w+)\.(\w+)\[0\]/gm)];
    assert.ok(addresses.length >= 8);
    for (const [address, module, type, name] of addresses) {
      const folder = join("infra", "modules", module.replaceAll("_", "-"));
      const code = readdirSync(join(ROOT, folder)).filter((file) => file.endsWith(".tf")).map((file) => read(folder, file)).join("\n");
      assert.ok(code.includes(`resource "${type}" "${name}" {\n  count =`), address);
    }
  });

  test("the snippets for callers name the entrypoint that the Worker exports", () => {
    assert.match(read("src", "entrypoint.mjs"), /export class MetricsReporter /);
    assert.match(read("infra", "modules", "caller-binding", "main.tf"), /entrypoint = "MetricsReporter"/);
  });
});

describe("the page for people on call", () => {
  const page = read("docs", "on-call.md");
  const symptoms = page.split(/^## /m).slice(2);

  test("says of each symptom what reports it, what it means and what to do", () => {
    assert.ok(symptoms.length >= 10);
    for (const symptom of symptoms) {
      const fields = all(symptom, /^- \*\*(\w+)\*\*: ?/gm);
      assert.deepEqual(fields, ["Alert", "Log", "Metric", "Means", "Do"], symptom.split("\n")[0]);
      const [does] = all(symptom, /^- \*\*Do\*\*:([^]*)/gm);
      assert.match(does, /`(?:kubectl|npx|scripts\/)|\n {2}kubectl|\.md#/, symptom.split("\n")[0]);
    }
  });

  test("has every alert and every log event", () => {
    for (const alert of all(read("dashboards", "rules.yml"), /- alert: (\w+)/g)) assert.ok(page.includes(`\`${alert}\``), alert);
    for (const event of all(read("docs", "logs.md"), /^\| `(\w+)` \| (?:warn|error) \|/gm)) assert.ok(page.includes(`\`${event}\``), event);
  });
});

describe("the tables for Athena", () => {
  const tables = all(read("docs", "logs.md"), /CREATE EXTERNAL TABLE \w+ \(\n([^]+?)\n\)\n/g).map((columns) => all(columns, /^ {2}(\w+) /gm));

  test("have the columns that the job pushes, and the queries need", () => {
    const [pushed] = all(read("infra", "modules", "logpush", "variables.tf"), /variable "field_names"[^]*?default = \[([^\]]+)\]/g);
    const fields = all(pushed, /"(\w+)"/g).map((name) => name.toLowerCase());
    assert.equal(tables.length, 2);
    for (const columns of tables) for (const column of columns) assert.ok(fields.includes(column), column);
  });

  test("are read by the same queries", () => {
    assert.deepEqual(tables[0], tables[1]);
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

  // deploy.sh initialises each environment in its own folder. In other folders tofu has no state.
  test("the runbook's tofu commands find the environment's state", () => {
    const commands = all(read("docs", "runbook.md"), /((?:[A-Z_]+=\S+ )*tofu -chdir=infra .+)/g);
    const exported = /export TF_DATA_DIR=\.terraform\.dev.*\n\s*tofu -chdir=infra providers lock/;
    assert.ok(commands.length >= 4);
    assert.match(read("docs", "runbook.md"), exported);
    for (const command of commands) {
      if (/ providers lock | init -upgrade -backend=false/.test(command)) continue;
      assert.match(command, /^TF_DATA_DIR=\.terraform\.(dev|<env>) /, command);
    }
    assert.match(read("scripts", "deploy.sh"), /export TF_DATA_DIR=\$infra\/\.terraform\.\$target /);
  });

  test("the scripts send their users to sections of the runbook that exist", () => {
    const known = all(read("docs", "runbook.md"), /^#{1,6} (.+)$/gm);
    for (const [file, section] of [
      ["scripts/deploy.sh", "Troubleshooting"],
      ["scripts/deploy.sh", "A deployment fails"],
      ["scripts/deploy.sh", "Change"],
      ["scripts/deploy.sh", "Rollback and disable"],
      ["scripts/verify-checks/push.mjs", "Troubleshooting"],
    ]) {
      assert.match(read(file), new RegExp(`${section}\\\\?"`), `${file} names ${section}`);
      assert.ok(known.includes(section), section);
    }
  });
});
