/** The reason why a sample cannot be sent, as text for the caller's log. */
export class Problem extends Error {}

/**
 * The type of a value with its article: "a string", "null", "an array". Reads no property of the
 * value.
 */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const kind = typeof value;
  return kind === "object" ? "an object" : `a ${kind}`;
}

// Long enough for the reporter's errors, which name the metric and end with a correct example.
const MAX_CHARS = 400;

/** The text of a thrown value. It may be any value, even an object whose `message` throws. */
export function textOf(thrown: unknown): string {
  try {
    if (thrown instanceof Problem) return thrown.message;
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return text.slice(0, MAX_CHARS);
  } catch {
    return kindOf(thrown);
  }
}
