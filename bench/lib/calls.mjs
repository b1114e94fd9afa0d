// CPU time per call: one process for each contender, side by side, rounds interleaved.

import { ratio, summary } from "./statistics.mjs";

/** @typedef {{ kind: string, title: string, samples: number, calls: number }} Operation */

/**
 * The calls of a round. A round ends with a flush, which few calls would pay too much for, and its
 * samples fit into the buffer, which holds 10,000.
 *
 * @type {Operation[]}
 */
export const OPERATIONS = [
  { kind: "incr", title: "`incr`", samples: 1, calls: 1000 },
  { kind: "observe", title: "`observe`", samples: 1, calls: 1000 },
  { kind: "record", title: "`record` of 100 objects", samples: 100, calls: 150 },
  { kind: "packed", title: "`record` of 100, packed", samples: 100, calls: 150 },
  { kind: "push", title: "`push` of 100", samples: 100, calls: 150 },
];

/** Rounds before the first that counts: V8 has compiled what it is going to by then. */
const WARM_UP = 8;

function takesPart(contender, operation) {
  return operation.kind !== "packed" || contender.packed === true;
}

/**
 * @param {{ contender: import("./contenders.mjs").Contender, runtime: import("./runtime.mjs").Runtime, upstream: import("./upstream.mjs").Upstream }[]} rigs
 * @param {Operation[]} operations
 * @param {{ rounds: number, scale: number, progress: (text: string) => void }} options
 */
export async function measureCalls(rigs, operations, { rounds, scale, progress }) {
  const results = new Map();
  for (const operation of operations) {
    const calls = Math.max(1, Math.round(operation.calls * scale));
    const taking = rigs.filter(({ contender }) => takesPart(contender, operation));
    const rows = taking.map((rig) => ({ rig, cpu: [], pushes: 0, metrics: 0, bodyBytes: 0, wireBytes: 0 }));
    for (let round = -WARM_UP; round < rounds; round++) {
      // Each round begins with another contender, so that none always follows the same one.
      for (let i = 0; i < rows.length; i++) {
        const row = rows[(i + Math.max(round, 0)) % rows.length];
        const { contender, runtime, upstream } = row.rig;
        const before = upstream.snapshot();
        const order = { kind: operation.kind, calls, flush: contender.flush === true };
        const cpu = await runtime.measure(order, calls * operation.samples);
        if (round < 0) continue;
        row.cpu.push(cpu / calls);
        for (const [key, value] of Object.entries(upstream.snapshot())) row[key] += value - before[key];
      }
    }
    results.set(operation.kind, describe(rows, operation, calls * rounds));
    progress(`${operation.kind}: ${taking.length} contenders, ${rounds} rounds of ${calls} calls`);
  }
  return results;
}

function describe(rows, operation, calls) {
  const cpuOf = (name) => rows.find(({ rig }) => rig.contender.name === name)?.cpu;
  const samples = calls * operation.samples;
  return Object.fromEntries(
    rows.map(({ rig, cpu, pushes, bodyBytes, wireBytes }) => {
      const perThousand = (count) => (count / samples) * 1000;
      const to = (base) => (base ? ratio(cpu, base) : undefined);
      const { quiet, median, spread } = summary(cpu);
      return [
        rig.contender.name,
        {
          cpu_us_per_call: quiet,
          cpu_us_per_call_median: median,
          spread,
          cpu_us_per_sample: quiet / operation.samples,
          to_floor: to(cpuOf("floor")),
          to_typescript: to(cpuOf("typescript")),
          to_connect: to(cpuOf("connect")),
          pushes_per_1000_samples: perThousand(pushes),
          body_bytes_per_1000_samples: perThousand(bodyBytes),
          wire_bytes_per_1000_samples: perThousand(wireBytes),
          rounds: cpu,
        },
      ];
    }),
  );
}
