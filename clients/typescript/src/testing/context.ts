import { sendersOf, trackSenders } from "../registry.js";

/**
 * Stands in for a request's `ctx` in unit tests. You can pass it as an `ExecutionContext`. It has
 * only the members that are documented here.
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

  /** Stores a promise for {@link settled} to wait for. */
  waitUntil(promise: Promise<unknown>): void {
    this.#waiting.push(promise);
  }

  /** Does nothing. */
  passThroughOnException(): void {}

  /**
   * Sends the waiting metrics without their usual delay. Resolves when everything passed to
   * `waitUntil` has settled. Rejections are ignored.
   */
  async settled(): Promise<void> {
    do {
      await Promise.all(sendersOf(this).map((sender) => sender.flush()));
      await Promise.allSettled(this.#waiting.splice(0));
      // the work that was waited for may have recorded more samples
    } while (this.#waiting.length > 0);
  }
}
