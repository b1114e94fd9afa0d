import type { Row } from "./row.js";
import type { Series } from "./series.js";

// To hash a series and look it up takes as long as to compare it with this many.
const MAX_COMPARED = 8;

/** Finds the row of a series: few are compared one by one, more are in a map. */
export class RowIndex {
  readonly #few: Row[] = [];
  #more: Map<number, Row> | undefined;

  get(series: Series): Row | undefined {
    for (const row of this.#few) {
      if (row.series.isSame(series)) return row;
    }
    if (this.#more === undefined) return undefined;
    // Of two series with the same hash the later one is found; samples of the other get rows of their own.
    const row = this.#more.get(series.hash);
    return row?.series.isSame(series) ? row : undefined;
  }

  /** Puts in the row of a series that has none. */
  add(row: Row): void {
    if (this.#few.length < MAX_COMPARED) this.#few.push(row);
    else (this.#more ??= new Map()).set(row.series.hash, row);
  }
}
