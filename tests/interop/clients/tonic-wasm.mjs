// tonic's generated client over tonic-web-wasm-client, built from tonic-wasm/.

/** @returns {(metric: string, timeoutMs: number) => Promise<[number, string, number, number]>} */
export function makeCall({ baseUrl, wasm }) {
  return (metric, timeoutMs) => wasm.push(baseUrl, metric, timeoutMs);
}
