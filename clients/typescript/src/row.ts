import type { Series } from "./series.js";

/**
 * The samples of one series in one call: a single increment, or observations in the order in which
 * they were recorded.
 */
export interface Row {
  readonly call: Call;
  /** The series of the first sample, or of the first sample that has a help. */
  series: Series;
  readonly values: number[];
}

/** The content of one `record` call. */
export interface Call {
  readonly rows: Row[];
  /** Number of values in all rows. */
  samples: number;
  /** Most UTF-16 units of all rows, before JSON escaping. */
  chars: number;
}
