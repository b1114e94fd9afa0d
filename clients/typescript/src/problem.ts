/** Why a sample can't be sent, in words for the caller's log. */
export class Problem extends Error {}

/** What a value is, with its article: "a string", "null", "an array". Touches nothing inside it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const kind = typeof value;
  return kind === "object" ? "an object" : `a ${kind}`;
}

// The reporter's errors name the metric, and end with a right example.
const MAX_CHARS = 400;

/** Text of something thrown. Anything can be thrown, also an object whose `message` throws. */
export function textOf(thrown: unknown): string {
  try {
    if (thrown instanceof Problem) return thrown.message;
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return text.slice(0, MAX_CHARS);
  } catch {
    return kindOf(thrown);
  }
}
