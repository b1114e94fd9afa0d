/**
 * Milliseconds since an arbitrary fixed moment. Only differences are meaningful.
 *
 * In a deployed Worker no clock advances between I/O.
 */
export function now(): number {
  try {
    return performance.now();
  } catch {
    return Date.now();
  }
}

/**
 * The time since `start`, in seconds if the metric's name ends in `_seconds`, otherwise in
 * milliseconds. It is rounded to a microsecond and never negative.
 */
export function since(start: number, name: unknown): number {
  const micros = Math.max(0, Math.round((now() - start) * 1000));
  return typeof name === "string" && name.endsWith("_seconds") ? micros / 1e6 : micros / 1000;
}
