// The recorded responses, as the protocol crate has them.

import { readFileSync } from "node:fs";

const DATA = new URL("../../crates/grpc-web/tests/data/", import.meta.url);

function load(name) {
  const { cases } = JSON.parse(readFileSync(new URL(name, DATA), "utf8"));
  return cases.map((recorded) => ({
    ...recorded,
    // The way of delivery says how long the body is.
    headers: recorded.headers.filter(([field]) => field !== "content-length"),
    body: Buffer.from(recorded.body_hex, "hex"),
  }));
}

/** The cases of the conformance suite; see NOTICE.md beside them. */
export const suite = load("conformance.json");

/** What real servers answered. */
export const captured = load("captured.json");
