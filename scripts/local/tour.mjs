// The text that `make dev` shows to a newcomer: which pages to open, and what to try. README.md
// shows the same commands, and tests/readme compares the two.

/** @param {{ caller: string, gateway: string }} urls */
export function tour({ caller, gateway }) {
  return {
    places: [
      ["Example caller", `${caller}/`],
      ["Gateway's page", `${gateway}/`],
      ["For Prometheus", `${gateway}/metrics`],
    ],
    commands: [
      [`curl ${caller}/`, "a request, counted and timed"],
      [`curl -s ${gateway}/metrics | grep pushed_requests_total`, "and here it is, within three seconds"],
      [`curl ${caller}/verify`, "one sample, and what the gateway answered"],
    ],
  };
}

/** Two columns, with `before` in front of each line and `between` between the columns. */
export function columns(rows, before, between) {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${before}${left.padEnd(width)}${between}${right}`).join("\n");
}

/** Quotes a word for the shell. */
export function quoted(word) {
  return /^[\w./+@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
