import type { LabelPairs } from "./labels.js";

/** The wire's number for a counter. */
export const COUNTER = 1;
/** The wire's number for a histogram. */
export const HISTOGRAM = 3;

/** Most UTF-16 units of a value: `-0.0000012345678901234567` and a comma. */
export const CHARS_PER_VALUE = 26;
// `["",1,[],null,""],` around texts and values, of which a row never has all.
const CHARS_PER_ROW = 18;

/** What samples belong to, and the help that comes with them. */
export class Series {
  readonly name: string;
  readonly type: typeof COUNTER | typeof HISTOGRAM;
  readonly labels: LabelPairs;
  readonly help: string | undefined;
  /** Most UTF-16 units of a row with one value, before JSON escapes any. */
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

  /** Of name and labels: a small integer. */
  get hash(): number {
    return (this.#hash ??= this.labels.reduce(hashText, hashText(0x811c9dc5, this.name)) & 0x3fffffff);
  }

  /** Whether name and labels are the same. */
  isSame({ name, labels }: Series): boolean {
    if (this.name !== name || this.labels.length !== labels.length) return false;
    for (let i = 0; i < labels.length; i += 1) {
      if (this.labels[i] !== labels[i]) return false;
    }
    return true;
  }
}

// FNV-1a. A key made of the text takes three times as long.
function hashText(hash: number, text: string): number {
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}
