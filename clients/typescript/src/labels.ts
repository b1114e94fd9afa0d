import { kindOf, Problem } from "./problem.js";

/** Names and values alternate, sorted by name: `["method", "GET", "status", "200"]`. */
export type LabelPairs = readonly string[];

const NONE: LabelPairs = [];

/**
 * Reads labels into their sorted form and adds them to `base`. A name in `labels` replaces the same
 * name in `base`.
 *
 * Numbers and booleans become their text. Null and undefined become the empty string. The reporter
 * does the same.
 *
 * @throws {Problem} if `labels` is not a plain object, if a value has another type, or if names and
 * values together exceed `maxChars` UTF-16 units. Errors from a getter or a proxy pass through.
 */
export function readLabels(labels: unknown, base: LabelPairs, maxChars: number): LabelPairs {
  if (labels === undefined || labels === null) return base;
  if (!isPlainObject(labels)) throw new Problem(`labels must be a plain object, got ${named(labels)}`);

  const names = Object.keys(labels);
  if (names.length === 0) return base;
  if (names.length > 1) names.sort();

  let chars = 0;
  const own: string[] = [];
  for (const name of names) {
    const value = textOfLabel(name, labels[name]);
    chars += name.length + value.length;
    if (chars > maxChars) throw new Problem(`its labels come to more than ${maxChars} characters`);
    own.push(name, value);
  }
  return base.length === 0 ? own : merge(base, own);
}

/** No labels at all. */
export const noLabels = (): LabelPairs => NONE;

function textOfLabel(name: string, value: unknown): string {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
    case "boolean":
      return String(value);
    case "undefined":
      return "";
    default:
      if (value === null) return "";
      throw new Problem(
        `label ${JSON.stringify(name.slice(0, 100))} must be a string, number or boolean, got ${kindOf(value)}`,
      );
  }
}

// A Map, a Headers or a Date has no keys of its own. It would look like "no labels", and its
// samples would be added to the wrong series.
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}

function named(value: unknown): string {
  if (Array.isArray(value)) return "an array";
  if (typeof value !== "object" || value === null) return kindOf(value);
  const name: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
  return typeof name === "string" && name !== "" ? `a ${name.slice(0, 100)}` : "an object";
}

function merge(base: LabelPairs, own: LabelPairs): LabelPairs {
  const merged: string[] = [];
  let at = 0;
  for (let i = 0; i < base.length; i += 2) {
    const name = base[i] as string;
    while (at < own.length && (own[at] as string) < name) {
      merged.push(own[at] as string, own[at + 1] as string);
      at += 2;
    }
    if (own[at] !== name || at >= own.length) merged.push(name, base[i + 1] as string);
  }
  for (; at < own.length; at += 1) merged.push(own[at] as string);
  return merged;
}
