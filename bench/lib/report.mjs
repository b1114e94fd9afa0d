// The results as Markdown tables.

import { targets } from "./targets.mjs";

const percent = (part) => `±${(part * 100).toFixed(0)} %`;
const micros = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
const times = (ratio) => (ratio === undefined ? "" : ratio.toFixed(2));
const kilo = (bytes) => (bytes / 1000).toFixed(1);
const mega = (bytes) => (bytes / 1e6).toFixed(1);

/**
 * Section by section: a name, a title and a table.
 *
 * @returns {{ name: string, title: string, rows: string[][] }[]} the first row is the head
 */
export function sections(result) {
  const found = result.operations.map((operation) => calls(result, operation));
  if (result.start) found.push(start(result));
  if (result.wasm) found.push(wasm(result));
  if (result.curve) {
    const { by_series, by_labels } = result.curve;
    found.push({ name: "series", title: "By distinct series in a flush", rows: curve(by_series, "series") });
    found.push({ name: "labels", title: "By labels of a sample", rows: curve(by_labels, "labels") });
  }
  found.push({
    name: "targets",
    title: "Targets",
    rows: [
      ["", "at most", "measured", "met"],
      ...targets(result).map(({ title, most, value }) => [title, String(most), value.toFixed(2), value <= most ? "yes" : "no"]),
    ],
  });
  return found;
}

function calls(result, { kind, title }) {
  const head = ["", "µs a call", "median", "spread", "µs a sample", "× floor", "× TypeScript", "× connect-web"];
  head.push("pushes per 1,000 samples", "kB per 1,000 samples");
  const rows = Object.entries(result.calls[kind]).map(([name, row]) => [
    result.titles[name],
    micros(row.cpu_us_per_call),
    micros(row.cpu_us_per_call_median),
    percent(row.spread),
    micros(row.cpu_us_per_sample),
    times(row.to_floor),
    times(row.to_typescript),
    times(row.to_connect),
    row.pushes_per_1000_samples.toFixed(1),
    kilo(row.wire_bytes_per_1000_samples),
  ]);
  return { name: kind, title, rows: [head, ...rows] };
}

function start(result) {
  const head = ["", "kB gzipped", "ms to the first answer", "spread", "over TypeScript", "ms of CPU", "over TypeScript"];
  head.push("peak MB by then", "peak MB after the run");
  const rows = Object.entries(result.start).map(([name, row]) => [
    result.titles[name],
    kilo(result.size[name]),
    row.wall_ms.median.toFixed(1),
    percent(row.wall_ms.spread),
    row.wall_ms_over_typescript.toFixed(1),
    row.cpu_ms.median.toFixed(1),
    row.cpu_ms_over_typescript.toFixed(1),
    mega(row.peak_memory_bytes),
    mega(result.memory[name]),
  ]);
  return { name: "start", title: "Size, start and memory", rows: [head, ...rows] };
}

function wasm({ wasm: { compile_ms, instantiate_ms, v8 } }) {
  const row = (name, { median, spread }) => [name, median.toFixed(2), percent(spread)];
  const head = [`V8 ${v8.replace(/-.*/, "")}`, "ms", "spread"];
  return { name: "wasm", title: "The Wasm by itself", rows: [head, row("compiled", compile_ms), row("instantiated", instantiate_ms)] };
}

function curve(points, key) {
  return [
    [key, ...points.map((point) => point[key].toLocaleString("en"))],
    ["this Worker, µs a sample", ...points.map((point) => micros(point.cpu_us_per_sample))],
    ["spread", ...points.map((point) => percent(point.spread))],
    ["a no-op that takes the same calls", ...points.map((point) => micros(point.floor_us_per_sample))],
  ];
}

/** All sections as one text. */
export function text(result) {
  return sections(result)
    .map(({ title, rows }) => `## ${title}\n\n${table(rows)}\n`)
    .join("\n");
}

/** `page` with the table of each section in its place. */
export function fill(page, result) {
  return sections(result).reduce((filled, { name, rows }) => put(filled, name, rows), page);
}

/**
 * `page` with the table between `<!-- bench NAME -->` and `<!-- /bench -->` replaced.
 *
 * @param {string} page
 * @param {string} name
 * @param {string[][]} rows the first row is the head
 */
export function put(page, name, rows) {
  const place = new RegExp(`(<!-- bench ${name} -->\n)[^]*?(<!-- /bench -->)`);
  if (!place.test(page)) throw new Error(`expected <!-- bench ${name} --> in the page, found none`);
  return page.replace(place, (_, open, close) => `${open}\n${table(rows)}\n\n${close}`);
}

/** The first column is text, the others are numbers. */
export function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(3, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(" | ")} |`;
  const rule = widths.map((width, i) => (i ? `${"-".repeat(width - 1)}:` : "-".repeat(width)));
  const [head, ...body] = rows;
  return [line(head), line(rule), ...body.map(line)].join("\n");
}
