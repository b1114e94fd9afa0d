import { sendersOf, trackSenders } from "../registry.js";

/**
 * Stands in for a request's `ctx` in unit tests. It can be passed where an
 * `ExecutionContext` is wanted; members other than those documented here are not there.
 */
export class TestContext {
  readonly props: any = {};
  declare readonly exports: any;
  declare readonly tracing: any;
  declare readonly cache: any;
  declare readonly access: any;
  declare readonly mapVirtualHost: any;
  declare readonly abort: any;

  readonly #waiting: Promise<unknown>[] = [];

  constructor() {
    trackSenders(this);
  }

  /** Remembers what {@link settled} has to wait for. */
  waitUntil(promise: Promise<unknown>): void {
    this.#waiting.push(promise);
  }

  /** Does nothing. */
  passThroughOnException(): void {}

  /**
   * Sends the metrics that wait, without the delay that they would have, and
   * resolves when everything given to `waitUntil` has settled. Rejections are swallowed.
   */
  async settled(): Promise<void> {
    do {
      await Promise.all(sendersOf(this).map((sender) => sender.flush()));
      await Promise.allSettled(this.#waiting.splice(0));
      // what had to be waited for may have recorded something
    } while (this.#waiting.length > 0);
  }
}
