import type { LabelPairs } from "./labels.js";

/** The number for a counter on the wire. */
export const COUNTER = 1;
/** The number for a histogram on the wire. */
export const HISTOGRAM = 3;

/** Most UTF-16 units of a value: `-0.0000012345678901234567` and a comma. */
export const CHARS_PER_VALUE = 26;
// `["",1,[],null,""],` around texts and values. No row has all of it.
const CHARS_PER_ROW = 18;

/** The name, type and labels of samples, and their help. */
export class Series {
  readonly name: string;
  readonly type: typeof COUNTER | typeof HISTOGRAM;
  readonly labels: LabelPairs;
  readonly help: string | undefined;
  /** Most UTF-16 units of a row with one value, before JSON escaping. */
  readonly chars: number;
  #hash: number | undefined;

  constructor(name: string, type: Series["type"], labels: LabelPairs, help: string | undefined) {
    this.name = name;
    this.type = type;
    this.labels = labels;
    this.help = help;
    let chars = CHARS_PER_ROW + CHARS_PER_VALUE + name.length + (help?.length ?? 0);
    for (const part of labels) chars += part.length + 3;
    this.chars = chars;
  }

  /** Hash of name and labels: a small integer. */
  get hash(): number {
    return (this.#hash ??= this.labels.reduce(hashText, hashText(0x811c9dc5, this.name)) & 0x3fffffff);
  }

  /** Whether name and labels are equal. */
  isSame({ name, labels }: Series): boolean {
    if (this.name !== name || this.labels.length !== labels.length) return false;
    for (let i = 0; i < labels.length; i += 1) {
      if (this.labels[i] !== labels[i]) return false;
    }
    return true;
  }
}

// FNV-1a. Building a text key takes three times as long.
function hashText(hash: number, text: string): number {
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
