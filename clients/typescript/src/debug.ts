import { cover, type WaitUntilContext } from "./context.js";
import type { Account } from "./ledger.js";
import { COUNTER, type Series } from "./series.js";

const MAX_SHOWN = 20;
const MAX_CHARS = 200;
// How long to collect samples for one line when the end of the handler is unknown, in ms.
const GATHER_MS = 100;

/** Writes the line of `debug: true` for each request: the recorded metrics and the ledger. */
export class DebugLine {
  readonly #ctx: WaitUntilContext | undefined;
  #shown: string[] = [];
  #count = 0;
  #held = 0;

  /** With a `ctx`, this object belongs to one request, and its samples can be listed together. */
  constructor(ctx: WaitUntilContext | undefined) {
    this.#ctx = ctx;
  }

  add(series: Series, value: number, account: () => Account): void {
    this.#count += 1;
    if (this.#shown.length < MAX_SHOWN) this.#shown.push(textOf(series, value));
    if (this.#held > 0 || this.#count > 1) return;
    if (this.#ctx === undefined) return this.#write(account());
    const write = () => {
      if (this.#held === 0) this.#write(account());
    };
    // The runtime cancels the timers of a request that has ended, unless waitUntil keeps it alive.
    cover(this.#ctx, new Promise((resolve) => setTimeout(resolve, GATHER_MS)).then(write, write));
  }

  hold(): void {
    this.#held += 1;
  }

  release(account: Account): void {
    this.#held -= 1;
    if (this.#held === 0) this.#write(account);
  }

  #write({ recorded, folded, taken, refused, dropped, unknown, pending }: Account): void {
    if (this.#count === 0) return;
    const more = this.#count > this.#shown.length ? `, and ${this.#count - this.#shown.length} more` : "";
    const ledger = `recorded ${recorded} = folded ${folded} + taken ${taken} + refused ${refused} + dropped ${dropped} + unknown ${unknown} + pending ${pending}`;
    console.log(`metrics-reporter-client: ${this.#shown.join(", ")}${more} (ledger: ${ledger})`);
    this.#shown = [];
    this.#count = 0;
  }
}

function textOf({ name, type, labels }: Series, value: number): string {
  const pairs: string[] = [];
  for (let i = 0; i + 1 < labels.length; i += 2) pairs.push(`${labels[i]}=${JSON.stringify(labels[i + 1])}`);
  const series = pairs.length > 0 ? `${name}{${pairs.join(",")}}` : name;
  return `${series.slice(0, MAX_CHARS)} ${type === COUNTER ? "+" : ""}${value}`;
}
