// Tests the built Worker against servers of other projects, for CI: every available server in every
// way. A server that is not available is skipped with the reason. `make interop` prints the same as
// a table.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CELLS, tryServer } from "./cells.mjs";
import { SERVER_LIST } from "./servers.mjs";

for (const server of SERVER_LIST) {
  test(`the Worker and ${server.name}`, { timeout: 300_000 }, async (t) => {
    const seen = [];
    const { missing } = await tryServer(server, (cell, outcome) => seen.push([cell, outcome]));
    if (missing) return t.skip(missing);
    for (const [cell, { text, note, error }] of seen) {
      await t.test(`${CELLS[cell].title}: ${error ? "wrong" : text}${note ? ` (${note})` : ""}`, () => assert.ifError(error));
    }
    assert.ok(seen.length >= 6, "hardly anything was tried");
  });
}
