/** @param {number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * @param {number[]} values
 * @param {number} q from 0 to 1
 */
export function quantile(values, q) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = Math.floor(at);
  const above = Math.ceil(at);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below);
}

/**
 * The first quartile: what a round takes when little else happens on the machine, for that only adds.
 * Between runs it is off by a few per cent where the median was off by twenty.
 *
 * @param {number[]} values
 */
export function quiet(values) {
  return quantile(values, 0.25);
}

/**
 * Quiet and median value, and half the distance between the quartiles as a fraction of the median:
 * what a typical round is off by.
 *
 * @param {number[]} values
 */
export function summary(values) {
  const middle = median(values);
  return { quiet: quiet(values), median: middle, spread: (quantile(values, 0.75) - quiet(values)) / 2 / middle };
}

/**
 * The ratio of two contenders.
 *
 * @param {number[]} values
 * @param {number[]} base
 */
export function ratio(values, base) {
  return quiet(values) / quiet(base);
}
