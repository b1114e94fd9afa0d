// What the project holds itself to. Ratios, so that the machine matters little.

/**
 * The targets whose numbers were measured in this run.
 *
 * @returns {{ title: string, most: number, value: number }[]}
 */
export function targets({ calls, size, start }) {
  const { incr, observe, record, packed, push } = calls;
  const all = [
    ["`incr`, × floor", 1.25, incr?.ours?.to_floor],
    ["`observe`, × floor", 1.25, observe?.ours?.to_floor],
    ["`incr`, × TypeScript", 0.4, incr?.ours?.to_typescript],
    ["`observe`, × TypeScript", 0.4, observe?.ours?.to_typescript],
    ["`incr` unbuffered, × TypeScript", 1.6, incr?.unbuffered?.to_typescript],
    ["`record` of 100 objects, × no-op that takes them", 2.2, record?.ours?.to_floor],
    [
      "`record` of 100 packed, × no-op that takes 100 objects",
      1.6,
      packed?.ours?.cpu_us_per_call / record?.floor?.cpu_us_per_call,
    ],
    ["`push` of 100, × TypeScript", 0.7, push?.ours?.to_typescript],
    ["upload, kB gzipped", 130, size.ours / 1000],
    ["start, × TypeScript's", 1.35, start?.ours?.wall_ms.median / start?.typescript?.wall_ms.median],
  ];
  return all.filter(([, , value]) => value >= 0 || value < 0).map(([title, most, value]) => ({ title, most, value }));
}
