/**
 * Test doubles for unit tests of Workers that use `metrics-reporter-client`.
 *
 * @packageDocumentation
 */
export { TestContext } from "./context.js";
export type { RecordedSample } from "./recorded.js";
export { TestReporter } from "./reporter.js";
export type { RefusedSample } from "./reporter.js";
export { reporterStub } from "./stub.js";
export type { ReporterStub } from "./stub.js";
