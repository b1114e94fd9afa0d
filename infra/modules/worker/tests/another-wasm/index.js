// Stands in for the built Worker in `terraform test`: the parts' names and marks, nothing that runs.
import wasm from "./index_bg.wasm";
export class MetricsReporter {}
export default { fetch: () => new Response(null, { status: 404 }), wasm };
