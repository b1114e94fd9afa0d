/**
 * Counters and histograms from a Worker. The client sends them to a `MetricsReporter` service
 * binding about once a second and isolate, and never delays or fails a request.
 *
 * In scope: collecting, adding up, timing, sending, types. Not in scope: the rules for names,
 * labels and values, retries, and delivery to the gateway. The reporter does these.
 *
 * @packageDocumentation
 */
export { getMetrics } from "./attached.js";
export { defineMetrics } from "./catalogue.js";
export type { Catalogue, LabelName, LabelsOf, MetricDefinition, MetricName } from "./catalogue.js";
export type { ContextHolder, RequestContext, WaitUntilContext } from "./context.js";
export { httpMetrics } from "./http.js";
export type { Account } from "./ledger.js";
export { createMetrics } from "./metrics.js";
export type { Metrics, MetricsOptions, StopTimer, Timed } from "./metrics.js";
export type {
  IncrArguments,
  Labels,
  LabelValue,
  MetricsReporter,
  ObserveArguments,
  PackedSamples,
  PushResult,
  ReporterBinding,
  Sample,
  SampleOptions,
  Stats,
} from "./rpc.js";
export type { SendingOptions } from "./settings.js";
export { withMetrics } from "./with-metrics.js";
export type { AnyEntrypoint, AnyHandler, WithMetricsOptions, WrappedHandler } from "./with-metrics.js";
