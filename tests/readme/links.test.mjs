// Every link between the Markdown files leads to a file that is there, and to a heading that is there.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { test } from "node:test";
import { ROOT } from "../e2e/harness/index.mjs";

const FILES = execFileSync("git", ["ls-files", "*.md"], { cwd: ROOT, encoding: "utf8" }).split("\n").filter(Boolean);

/** Without code, in which brackets mean something else. */
const prose = (file) => readFileSync(join(ROOT, file), "utf8").replace(/^```.*?^```$/gms, "");

/** The names that a reader on GitHub can link to. */
function anchors(file) {
  const headings = [...prose(file).matchAll(/^#+ (.+)$/gm)].map(([, text]) => text);
  return headings.map((text) => text.toLowerCase().replace(/[^\p{L}\p{N}_\- ]/gu, "").replaceAll(" ", "-"));
}

function links(file) {
  const found = [...prose(file).matchAll(/\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)$/gm)].map(([, inline, reference]) => inline ?? reference);
  return found.filter((link) => !/^[a-z]+:/.test(link));
}

test("links and pictures lead somewhere", () => {
  assert.ok(FILES.includes("README.md"), FILES.join(" "));
  let checked = 0;
  for (const file of FILES) {
    for (const link of links(file)) {
      const [path, anchor] = link.split("#");
      const target = path ? normalize(join(dirname(file), path)) : file;
      assert.ok(existsSync(join(ROOT, target)), `${file} links to ${link}, which is not there`);
      if (anchor) assert.ok(anchors(target).includes(anchor), `${file} links to ${link}, a heading that is not there`);
      checked++;
    }
  }
  assert.ok(checked > 20, String(checked));
});
