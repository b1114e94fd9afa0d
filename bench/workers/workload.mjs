// The samples that the benchmark sends.

export const BATCH = 100;

const METHODS = ["GET", "POST"];

export const routes = Array.from({ length: 10 }, (_, i) => ({ route: `/indexes/${i}/search`, method: METHODS[i % 2] }));

/** A hundred samples: a request counter and a latency histogram in turn, over ten routes. */
export function batch() {
  return Array.from({ length: BATCH }, (_, i) => {
    const labels = routes[(i >> 1) % routes.length];
    return i % 2
      ? { name: "request_latency_ms", type: "histogram", value: 42.5 + i, labels }
      : { name: "requests_total", type: "counter", value: 1, labels };
  });
}

/** The same samples as rows of the packed form, in which a series stands once with all of its values. */
export function rowsOfBatch() {
  const rows = new Map();
  for (const { name, type, value, labels } of batch()) {
    const series = `${name} ${labels.route}`;
    const row = rows.get(series) ?? [name, type === "counter" ? 1 : 3, [], Object.entries(labels).flat()];
    row[2].push(value);
    rows.set(series, row);
  }
  return [...rows.values()];
}

/** Rows of `total` increments that go round `distinct` series with `labels` labels each. */
export function rows(distinct, labels, total) {
  return Array.from({ length: total }, (_, i) => {
    const pairs = labels > 0 ? ["a_series", String(i % distinct)] : [];
    for (let label = 1; label < labels; label++) pairs.push(`label_${String(label).padStart(2, "0")}`, `value_${label}`);
    return ["requests_total", 1, 1, pairs];
  });
}

export function packed(rows) {
  return `1${JSON.stringify(rows)}`;
}
