export { Gateway, startGateway, unusedAddress } from "./gateway.mjs";
export { DIST, ROOT, compatibilityDate, gatewayBinary, workerdBinary } from "./paths.mjs";
export { Process } from "../../scripts/lib/process.mjs";
export { Serve, quote, started } from "./serve.mjs";
export { Scrape } from "./prometheus.mjs";
export { until } from "../../scripts/lib/until.mjs";
export { DRIVER, Workerd, startWorkerd } from "./workerd.mjs";
