// The recorded responses of the protocol crate.

import { readFileSync } from "node:fs";

const DATA = new URL("../../crates/grpc-web/tests/data/", import.meta.url);

function load(name) {
  const { cases } = JSON.parse(readFileSync(new URL(name, DATA), "utf8"));
  return cases.map((recorded) => ({
    ...recorded,
    // The way of delivery decides the length of the body.
    headers: recorded.headers.filter(([field]) => field !== "content-length"),
    body: Buffer.from(recorded.body_hex, "hex"),
  }));
}

/** The cases of the conformance suite; see NOTICE.md beside them. */
export const suite = load("conformance.json");

/** The recorded answers of real servers. */
export const captured = load("captured.json");
