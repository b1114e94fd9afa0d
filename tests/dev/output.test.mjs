import assert from "node:assert/strict";
import { test } from "node:test";
import { lineFilter } from "../../scripts/local/output.mjs";

const REQUEST = "\x1b[32m[wrangler:info]\x1b[39m \x1b[1mGET\x1b[22m /search \x1b[32m\x1b[1m200\x1b[22m OK (21ms)";
const HUNG = "✘ [ERROR] Uncaught Error: The Workers runtime canceled this request because it detected that your Worker's code had hung";
const REFUSED = '▲ [WARNING] {"event":"sample_refused","level":"warn","method":"incr"}';

test("make demo hides requests, in colour, too; make dev shows them", () => {
  assert.equal(lineFilter({ requests: false })(REQUEST), false);
  assert.equal(lineFilter({ requests: true })(REQUEST), true);
});

test("a refused sample is told without the stack of a minified file, and without the runtime's guess that code hung", () => {
  const isShown = lineFilter({ requests: true });
  assert.equal(isShown(REFUSED), true);
  assert.equal(isShown('✘ [ERROR] Uncaught TypeError: "a b" is not a metric name'), true);
  assert.equal(isShown("      at pt (file:///home/x/dist/index.js:2:2198)"), false);
  assert.equal(isShown("      at [object Object]"), false);
  assert.equal(isShown(HUNG), false);
  assert.equal(isShown(HUNG), true, "a request that did hang");
  assert.equal(isShown("    at handler (file:///home/x/src/index.ts:4:20)"), true, "the reader's own stack");
});
