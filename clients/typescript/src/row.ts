import type { Series } from "./series.js";

/** The samples of one series in one call: a single increment, or observations in the order they came. */
export interface Row {
  readonly call: Call;
  /** Of the first sample, or of the first that came with a help. */
  series: Series;
  readonly values: number[];
}

/** What one `record` call carries. */
export interface Call {
  readonly rows: Row[];
  /** Values in all rows. */
  samples: number;
  /** Most UTF-16 units of all rows, before JSON escapes any. */
  chars: number;
}
