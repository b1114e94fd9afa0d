/**
 * Counters and histograms from a Worker, sent once per request to a
 * `MetricsReporter` service binding, and never at the request's expense.
 *
 * In scope: collecting, adding up, timing, sending, types. Not in scope: whether
 * a name, label or value is legal, retries and delivery to the gateway; those are the reporter's.
 *
 * @packageDocumentation
 */
export { getMetrics } from "./attached.js";
export { defineMetrics } from "./catalogue.js";
export type { Catalogue, LabelName, LabelsOf, MetricDefinition, MetricName } from "./catalogue.js";
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
  Sample,
  SampleOptions,
  Stats,
} from "./rpc.js";
export type { Account, ReporterBinding, WaitUntilContext } from "./sender.js";
export type { SendingOptions } from "./settings.js";
export { httpMetrics, withMetrics } from "./with-metrics.js";
export type { AnyHandler, WithMetricsOptions, WrappedHandler } from "./with-metrics.js";
