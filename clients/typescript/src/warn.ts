const QUIET_MS = 60_000;
const MAX_REMEMBERED = 256;

// When each warning was last written, for the whole isolate: a mistake in a busy handler must not
// write a line per request.
const given = new Map<string, number>();

/**
 * Writes one line with `console.warn`, at most once a minute for each `subject` and `kind`.
 *
 * `subject` is what the line is about, such as a metric's name or an error's text. `kind` stays the
 * same when the wording of `text` changes.
 */
export function warn(subject: string, kind: string, text: string): void {
  try {
    const now = Date.now();
    const key = `${kind} ${subject.slice(0, 200)}`;
    const last = given.get(key);
    if (last !== undefined && now - last < QUIET_MS && now >= last) return;
    if (last === undefined && given.size >= MAX_REMEMBERED) {
      for (const [old, at] of given) if (now - at >= QUIET_MS) given.delete(old);
      if (given.size >= MAX_REMEMBERED) return;
    }
    given.set(key, now);
    console.warn(`metrics-reporter-client: ${text}`);
  } catch {
    // a console that throws must not fail a request
  }
}
