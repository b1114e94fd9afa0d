import { MAX_CHARS_PER_CALL } from "./limits.js";
import type { Call, Row } from "./row.js";
import { RowIndex } from "./row-index.js";
import { CHARS_PER_VALUE, COUNTER, type Series } from "./series.js";

/** The samples that wait for the next `record` calls. */
export class Batch {
  #calls: Call[] = [];
  // Counters of all waiting calls: a counter can grow in whichever call it waits.
  #counters: RowIndex | undefined;
  // Histograms of the last call, the only one that accepts new rows.
  #histograms: RowIndex | undefined;
  // The object form repeats the labels for each value.
  readonly #labelsOnce: boolean;
  readonly #maxSamples: number;

  constructor(packed: boolean, maxSamples: number) {
    this.#labelsOnce = packed;
    this.#maxSamples = maxSamples;
  }

  get isEmpty(): boolean {
    return this.#calls.length === 0;
  }

  /** Whether the first call is full, so that waiting longer saves no call. */
  get isFull(): boolean {
    const [first] = this.#calls;
    return first !== undefined && (this.#calls.length > 1 || first.samples >= this.#maxSamples);
  }

  /**
   * Adds a sample. An increment is added to a waiting counter with the same name and labels. Any
   * other sample becomes a new value, if it fits in `maxCalls` calls.
   */
  add(series: Series, value: number, maxCalls: number): "folded" | "added" | "full" {
    return series.type === COUNTER ? this.#increment(series, value, maxCalls) : this.#observe(series, value, maxCalls);
  }

  /** Removes and returns the oldest calls, at most `most`. */
  take(most: number): Call[] {
    const calls = this.#calls.splice(0, most);
    // The remaining rows are no longer indexed: later samples get new rows.
    this.#counters = undefined;
    this.#histograms = undefined;
    return calls;
  }

  #increment(series: Series, value: number, maxCalls: number): "folded" | "added" | "full" {
    // Keep an increment that the reporter will refuse in its own row. Added to a valid one, NaN
    // would spoil the sum, and -5 would go unnoticed.
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

  /** Reserves room for one more sample in the last call and returns that call, if there is room. */
  #claim(chars: number): Call | undefined {
    const call = this.#calls.at(-1);
    if (call === undefined || call.samples >= this.#maxSamples || call.chars + chars > MAX_CHARS_PER_CALL) return undefined;
    call.samples += 1;
    call.chars += chars;
    return call;
  }

  /** Adds a later sample's help to a row without help, if the call has room for it. */
  #describe(row: Row, series: Series): void {
    if (row.series.help !== undefined || series.help === undefined) return;
    const chars = row.call.chars + series.chars - row.series.chars;
    if (chars > MAX_CHARS_PER_CALL) return;
    row.call.chars = chars;
    row.series = series;
  }
}
