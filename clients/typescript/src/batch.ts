import { MAX_CHARS_PER_CALL } from "./limits.js";
import type { Call, Row } from "./row.js";
import { RowIndex } from "./row-index.js";
import { CHARS_PER_VALUE, COUNTER, type Series } from "./series.js";

/** The samples that wait for the next `record` calls. */
export class Batch {
  #calls: Call[] = [];
  // Of all calls: a counter goes on adding up wherever it waits.
  #counters: RowIndex | undefined;
  // Of the last call, the only one that takes more.
  #histograms: RowIndex | undefined;
  // In objects the labels are there again with each value.
  readonly #labelsOnce: boolean;
  readonly #maxSamples: number;

  constructor(packed: boolean, maxSamples: number) {
    this.#labelsOnce = packed;
    this.#maxSamples = maxSamples;
  }

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  /** Whether the first call can't grow any more, so that waiting saves no call. */
  get isFull(): boolean {
    const [first] = this.#calls;
    return first !== undefined && (this.#calls.length > 1 || first.samples >= this.#maxSamples);
  }

  /**
   * Adds a sample: into the counter of the same name and labels if one waits,
   * else as a value of its own, provided there is room for it in `maxCalls` calls.
   */
  add(series: Series, value: number, maxCalls: number): "folded" | "added" | "full" {
    return series.type === COUNTER ? this.#increment(series, value, maxCalls) : this.#observe(series, value, maxCalls);
  }

  /** Takes out the oldest calls, at most `most`. */
  take(most: number): Call[] {
    const calls = this.#calls.splice(0, most);
    // Of what is left nothing is found again: a new sample gets a row of its own.
    this.#counters = undefined;
    this.#histograms = undefined;
    return calls;
  }

  #increment(series: Series, value: number, maxCalls: number): "folded" | "added" | "full" {
    // An increment that the reporter will refuse must stay alone: added to a good
    // one it would spoil it (NaN) or hide in it (-5).
    const folds = value >= 0 && value < Infinity;
    const waiting = folds ? this.#counters?.get(series) : undefined;
    if (waiting !== undefined) {
      const sum = (waiting.values[0] ?? 0) + value;
      if (Number.isFinite(sum)) {
        waiting.values[0] = sum;
        this.#describe(waiting, series);
        return "folded";
      }
    }
    const row = this.#addRow(series, value, maxCalls);
    if (row === undefined) return "full";
    if (folds && waiting === undefined) (this.#counters ??= new RowIndex()).add(row);
    return "added";
  }

  #observe(series: Series, value: number, maxCalls: number): "added" | "full" {
    const waiting = this.#histograms?.get(series);
    if (waiting !== undefined && this.#claim(this.#labelsOnce ? CHARS_PER_VALUE : series.chars)) {
      waiting.values.push(value);
      this.#describe(waiting, series);
      return "added";
    }
    const row = this.#addRow(series, value, maxCalls);
    if (row === undefined) return "full";
    (this.#histograms ??= new RowIndex()).add(row);
    return "added";
  }

  #addRow(series: Series, value: number, maxCalls: number): Row | undefined {
    let call = this.#claim(series.chars);
    if (call === undefined) {
      if (this.#calls.length >= maxCalls) return undefined;
      call = { rows: [], samples: 1, chars: series.chars };
      this.#calls.push(call);
      this.#histograms = undefined;
    }
    const row = { call, series, values: [value] };
    call.rows.push(row);
    return row;
  }

  /** Makes the last call one sample larger and returns it, if it may be. */
  #claim(chars: number): Call | undefined {
    const call = this.#calls.at(-1);
    if (call === undefined || call.samples >= this.#maxSamples || call.chars + chars > MAX_CHARS_PER_CALL) return undefined;
    call.samples += 1;
    call.chars += chars;
    return call;
  }

  /** Gives a row that has no help the one that came with a later sample, if its call has room for it. */
  #describe(row: Row, series: Series): void {
    if (row.series.help !== undefined || series.help === undefined) return;
    const chars = row.call.chars + series.chars - row.series.chars;
    if (chars > MAX_CHARS_PER_CALL) return;
    row.call.chars = chars;
    row.series = series;
  }
}
