// The TypeScript that this Worker replaces, on its own.

export { MetricsReporter } from "./by-hand.js";

export default { fetch: () => new Response(null, { status: 404 }) };
