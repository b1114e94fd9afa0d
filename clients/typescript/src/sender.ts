import { callReporter } from "./call.js";
import { isDurableObject, type WaitUntilContext } from "./context.js";
import { DebugLine } from "./debug.js";
import type { Account } from "./ledger.js";
import type { Pool } from "./pool.js";
import type { ReporterBinding } from "./rpc.js";
import type { Series } from "./series.js";
import type { SenderSettings } from "./settings.js";
import { warn } from "./warn.js";

/** What is common to both scopes: one request's way to the reporter. Never throws and never rejects. */
export abstract class Sender {
  protected readonly ctx: WaitUntilContext | undefined;
  protected readonly settings: SenderSettings;
  protected readonly pool: Pool;
  protected callsLeft: number;
  /** Handlers at work. */
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
    this.#debug = settings.debug ? new DebugLine(ctx !== undefined) : undefined;
  }

  /** Whether calls are not counted: each event of a Durable Object has its own. */
  protected get isUnlimited(): boolean {
    return (this.#isUnlimited ??= isDurableObject(this.ctx));
  }

  /** What became of the samples. */
  get account(): Account {
    return this.pool.ledger.read(Date.now());
  }

  /** Takes a sample in. */
  add(series: Series, value: number): void {
    this.#debug?.add(series, value, () => this.account);
    this.take(series, value);
  }

  /** Says that a handler is at work: what is to be done at its end waits for {@link release}. */
  hold(): void {
    this.held += 1;
    this.#debug?.hold();
  }

  /** Says that the handler is done. */
  release(): void {
    this.held -= 1;
    this.released();
    this.#debug?.release(this.account);
  }

  protected abstract take(series: Series, value: number): void;
  protected abstract released(): void;

  /** Counts something that was no sample and can't be sent. */
  drop(): void {
    this.pool.ledger.record("dropped");
  }

  /** Sends what waits; resolves when every call of this request so far was answered or given up. */
  async flush(): Promise<void> {
    const sent = this.send();
    await (this.ctx === undefined ? sent : Promise.all(this.#inFlight ?? []));
  }

  /** Sends what waits, as far as there are calls left; resolves when all of it was answered or given up. */
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
    // Without a ctx many requests share this object, and none may wait for another's promise.
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
