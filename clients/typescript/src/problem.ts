/** Why a sample can't be sent, in words for the caller's log. */
export class Problem extends Error {}

/** What a value is, with its article: "a string", "null", "an array". Touches nothing inside it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  const kind = typeof value;
  return kind === "object" ? "an object" : `a ${kind}`;
}

/** Text of something thrown. Anything can be thrown, also an object whose `message` throws. */
export function textOf(thrown: unknown): string {
  try {
    if (thrown instanceof Problem) return thrown.message;
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return text.slice(0, 300);
  } catch {
    return kindOf(thrown);
  }
}
