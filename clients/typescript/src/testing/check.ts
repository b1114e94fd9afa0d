import type { RecordedSample } from "./recorded.js";

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const RESERVED_SUFFIX = /_(bucket|sum|count)$/;
const RESERVED_LABELS = new Set(["le", "quantile"]);

/**
 * Why the reporter would refuse a sample, or undefined if it would take it: its
 * rules on names, labels and values, so that a test does not pass with metrics
 * that production refuses. Limits on sizes are the reporter's own and not checked.
 *
 * `first` is the first sample taken of that name.
 */
export function refusal(sample: RecordedSample, first: RecordedSample | undefined): string | undefined {
  const { name, type, value, labels } = sample;
  if (!NAME.test(name)) return `name ${quote(name)} must match ${NAME.source}`;
  if (RESERVED_SUFFIX.test(name)) return `name ${quote(name)} must not end in _bucket, _sum or _count`;
  if (!Number.isFinite(value)) return `value must be finite, got ${value}`;
  if (type === "counter" && value < 0) return `a counter's increment must not be negative, got ${value}`;

  if (first !== undefined && first.type !== type) return `${quote(name)} was a ${first.type} before, got a ${type}`;

  for (const label of Object.keys(labels)) {
    if (!NAME.test(label)) return `label ${quote(label)} must match ${NAME.source}`;
    if (label.startsWith("__") || RESERVED_LABELS.has(label)) return `label ${quote(label)} is reserved`;
  }
  return undefined;
}

/** Why the gateway behind the reporter would reject a sample that was taken: one metric, one set of label names. */
export function rejection(sample: RecordedSample, first: RecordedSample): string | undefined {
  const [before, now] = [namesOf(first), namesOf(sample)];
  return before === now ? undefined : `${quote(sample.name)} had the labels ${before} before, got ${now}`;
}

function namesOf({ labels }: RecordedSample): string {
  return JSON.stringify(Object.keys(labels).sort());
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
