import { callReporter } from "./call.js";
import { cover, isDurableObject, type WaitUntilContext } from "./context.js";
import { DebugLine } from "./debug.js";
import type { Account } from "./ledger.js";
import type { Pool } from "./pool.js";
import type { ReporterBinding } from "./rpc.js";
import type { Series } from "./series.js";
import type { SenderSettings } from "./settings.js";
import { warn } from "./warn.js";

/**
 * The common part of both scopes: sends one request's samples to the reporter. Never throws and
 * never rejects.
 */
export abstract class Sender {
  protected readonly ctx: WaitUntilContext | undefined;
  protected readonly settings: SenderSettings;
  protected readonly pool: Pool;
  protected callsLeft: number;
  /** The number of running handlers. */
  protected held = 0;
  readonly #binding: ReporterBinding;
  #inFlight: Set<Promise<unknown>> | undefined;
  #isUnlimited: boolean | undefined;
  readonly #debug: DebugLine | undefined;

  constructor(binding: ReporterBinding, ctx: WaitUntilContext | undefined, settings: SenderSettings, pool: Pool) {
    this.#binding = binding;
    this.ctx = ctx;
    this.settings = settings;
    this.pool = pool;
    this.callsLeft = settings.maxCalls;
    this.#debug = settings.debug ? new DebugLine(ctx) : undefined;
  }

  /** Whether calls are unlimited: in a Durable Object, each event has its own limit. */
  protected get isUnlimited(): boolean {
    return (this.#isUnlimited ??= isDurableObject(this.ctx));
  }

  /** The counts of samples by outcome. */
  get account(): Account {
    return this.pool.ledger.read(Date.now());
  }

  /** Adds a sample. */
  add(series: Series, value: number): void {
    this.#debug?.add(series, value, () => this.account);
    this.take(series, value);
  }

  /**
   * Tells the sender that a handler is running. Work for the end of the handler waits for {@link
   * release}.
   */
  hold(): void {
    this.held += 1;
    this.#debug?.hold();
  }

  /** Tells the sender that the handler has finished. */
  release(): void {
    this.held -= 1;
    this.released();
    this.#debug?.release(this.account);
  }

  protected abstract take(series: Series, value: number): void;
  protected abstract released(): void;

  /** Counts an invalid sample, which cannot be sent. */
  drop(): void {
    this.pool.ledger.record("dropped");
  }

  /**
   * Sends the waiting samples. Resolves when every call of this request so far has an answer or has
   * timed out.
   */
  async flush(): Promise<void> {
    const { isEmpty } = this.pool.batch;
    const sent = this.send();
    // Not every caller waits for flush, and the samples may be those of other requests.
    if (!isEmpty) cover(this.ctx, sent);
    await (this.ctx === undefined ? sent : Promise.all(this.#inFlight ?? []));
  }

  /**
   * Sends the waiting samples, as far as calls remain. Resolves when all of these calls have an
   * answer or have timed out.
   */
  protected send(): Promise<unknown> {
    if (this.isUnlimited) this.callsLeft = this.settings.maxCalls;
    const { batch, ledger } = this.pool;
    const sending = batch.take(this.callsLeft).map((call) => {
      this.callsLeft -= 1;
      const now = Date.now();
      const flight = ledger.depart(call.samples, now + this.settings.timeoutMs, now);
      return callReporter(this.#binding, call, this.settings).then((settlement) => ledger.settle(flight, settlement));
    });
    const sent = Promise.all(sending);
    // Without a ctx, many requests share this object. A request must not wait for another request's
    // promise.
    if (this.ctx !== undefined && sending.length > 0) {
      const inFlight = (this.#inFlight ??= new Set());
      inFlight.add(sent);
      void sent.then(() => inFlight.delete(sent));
    }
    return sent;
  }

  protected warnFull(name: string, why: string): void {
    warn(name, "full", `${JSON.stringify(name.slice(0, 100))} dropped: ${why}`);
  }
}
