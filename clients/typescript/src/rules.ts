import type { LabelPairs } from "./labels.js";

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const RESERVED_SUFFIX = /_(bucket|sum|count)$/;
const RESERVED_LABELS = new Set(["le", "quantile"]);

/** A sample in the form that the rules check. */
export interface Judged {
  readonly name: string;
  readonly type: "counter" | "histogram";
  readonly value: number;
  /** Label names and values alternate. */
  readonly labels: LabelPairs;
}

/**
 * Returns the reason why the reporter would refuse a sample, or undefined if it would take it.
 * Checks the rules for names, labels and values. The reporter alone checks size limits.
 *
 * `before` is the type of an earlier metric with this name, if there was one.
 */
export function refusal({ name, type, value, labels }: Judged, before: Judged["type"] | undefined): string | undefined {
  if (!NAME.test(name)) return `name ${quote(name)} must match ${NAME.source}${suggestion(name)}`;
  if (RESERVED_SUFFIX.test(name)) return `name ${quote(name)} must not end in _bucket, _sum or _count`;
  if (!Number.isFinite(value)) return `value must be finite, got ${value}`;
  if (type === "counter" && value < 0) return `a counter's increment must not be negative, got ${value}`;

  if (before !== undefined && before !== type) return `${quote(name)} was a ${before} before, got a ${type}`;

  for (let i = 0; i < labels.length; i += 2) {
    const label = labels[i] as string;
    if (!NAME.test(label)) return `label ${quote(label)} must match ${NAME.source}${suggestion(label)}`;
    if (label.startsWith("__") || RESERVED_LABELS.has(label)) return `label ${quote(label)} is reserved`;
  }
  return undefined;
}

// Names in other systems contain dots and dashes.
function suggestion(name: string): string {
  const legal = name.slice(0, 100).replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)/, "_");
  return /[a-zA-Z0-9]/.test(legal) ? `; try ${legal}` : "";
}

/** Makes a caller's text safe to show in a message. */
export function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
