import type { Row } from "./row.js";
import type { Series } from "./series.js";

// Hashing a series and looking it up takes as long as comparing it with this many rows.
const MAX_COMPARED = 8;

/** Finds the row of a series. Few rows are compared one by one; more rows are in a map. */
export class RowIndex {
  readonly #few: Row[] = [];
  #more: Map<number, Row> | undefined;

  get(series: Series): Row | undefined {
    for (const row of this.#few) {
      if (row.series.isSame(series)) return row;
    }
    if (this.#more === undefined) return undefined;
    // If two series have the same hash, only the later one is found. Samples of the other get new
    // rows.
    const row = this.#more.get(series.hash);
    return row?.series.isSame(series) ? row : undefined;
  }

  /** Adds the row of a series that has none. */
  add(row: Row): void {
    if (this.#few.length < MAX_COMPARED) this.#few.push(row);
    else (this.#more ??= new Map()).set(row.series.hash, row);
  }
}
