// How the cost of a sample changes with the number of series in a flush, and with its labels.

import { BATCH } from "../workers/workload.mjs";
import { summary } from "./statistics.mjs";

export const SERIES = [1, 10, 100, 1_000, 2_000, 5_000, 10_000];
export const LABELS = [0, 1, 2, 4, 8, 16, 32];
const TOTAL = 10_000; // samples in one flush
const LABELS_HERE = 2;
const SERIES_HERE = 100;
const WARM_UP = 3;

/** The Worker holds all of a flush, and nothing flushes it before it is told to. */
export const VARS = {
  FLUSH_INTERVAL_MS: "10000",
  MAX_BATCH_SAMPLES: "10000",
  MAX_BUFFERED_SAMPLES: "20000",
  MAX_SERIES_PER_METRIC: "50000",
  SELF_METRICS: "false",
};

/**
 * @param {{ floor: import("./runtime.mjs").Runtime, ours: import("./runtime.mjs").Runtime }} runtimes
 * @param {{ rounds: number, scale: number, progress: (text: string) => void }} options
 */
export async function measureCurve(runtimes, { rounds, scale, progress }) {
  const total = Math.max(BATCH, Math.round((TOTAL * scale) / BATCH) * BATCH);
  const point = async (distinct, labels) => {
    const order = { kind: "series", distinct, labels, total };
    const cpu = { floor: [], ours: [] };
    const rigs = [
      ["floor", runtimes.floor, order],
      ["ours", runtimes.ours, { ...order, flush: true }],
    ];
    for (const [, runtime] of rigs) await runtime.run({ ...order, prepare: true });
    for (let round = -WARM_UP; round < rounds; round++) {
      for (const [name, runtime, order] of rigs) {
        const used = await runtime.measure(order, total);
        if (round >= 0) cpu[name].push(used / total);
      }
    }
    const [ours, floor] = [summary(cpu.ours), summary(cpu.floor)];
    progress(`curve: ${distinct} series, ${labels} labels: ${ours.quiet.toFixed(2)} µs a sample`);
    return {
      series: distinct,
      labels,
      cpu_us_per_sample: ours.quiet,
      spread: ours.spread,
      floor_us_per_sample: floor.quiet,
    };
  };
  const bySeries = [];
  for (const distinct of SERIES) if (distinct <= total) bySeries.push(await point(distinct, LABELS_HERE));
  const byLabels = [];
  for (const labels of LABELS) byLabels.push(await point(SERIES_HERE, labels));
  return { samples_per_flush: total, samples_per_call: BATCH, by_series: bySeries, by_labels: byLabels };
}
