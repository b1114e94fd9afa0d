// Fails when the Worker is larger than its budget. Cloudflare's limit is far higher (3 MB
// compressed). The budget keeps start-up fast and makes growth a conscious decision.

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_GZIP_BYTES = 195_000;

const parts = ["dist/index.js", "dist/index_bg.wasm"].map((file) => {
  const bytes = readFileSync(file);
  return { file, bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length };
});
const total = parts.reduce((sum, { gzip }) => sum + gzip, 0);
for (const { file, bytes, gzip } of parts) console.log(`${file}: ${bytes} bytes, ${gzip} gzipped`);
console.log(`together ${total} bytes gzipped, budget ${BUDGET_GZIP_BYTES}`);
if (total > BUDGET_GZIP_BYTES) {
  console.error(`error: the Worker is ${total} bytes gzipped, expected at most ${BUDGET_GZIP_BYTES}`);
  process.exitCode = 1;
}
