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

/** Milliseconds since `start`, in steps of a microsecond and never negative. */
export function since(start: number): number {
  return Math.max(0, Math.round((now() - start) * 1000) / 1000);
}
