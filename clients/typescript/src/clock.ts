/**
 * Milliseconds since some fixed moment; only differences mean something.
 *
 * In a deployed Worker every clock stands still between I/O.
 */
export function now(): number {
  try {
    return performance.now();
  } catch {
    return Date.now();
  }
}

/** The time since `start` in the unit that a metric's name ends in: `_seconds`, else milliseconds. In steps of a microsecond and never negative. */
export function since(start: number, name: unknown): number {
  const micros = Math.max(0, Math.round((now() - start) * 1000));
  return typeof name === "string" && name.endsWith("_seconds") ? micros / 1e6 : micros / 1000;
}
