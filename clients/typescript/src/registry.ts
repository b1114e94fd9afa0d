import type { WaitUntilContext } from "./context.js";
import { IsolateSender } from "./isolate-sender.js";
import { Pool } from "./pool.js";
import { RequestSender } from "./request-sender.js";
import type { ReporterBinding } from "./rpc.js";
import type { Sender } from "./sender.js";
import { settingsOf, type SenderSettings, type SendingOptions } from "./settings.js";

// By ctx, so that all code that serves one request shares its calls, and by
// binding, because two reporters have two ledgers.
type Senders = Map<ReporterBinding, { isolate?: IsolateSender; request?: Sender }>;

// As a property of the ctx, and with the scope isolate only of one that has calls to make: in workerd to write a
// property, or a WeakMap's entry, for each request costs more than its metrics.
const SENDERS = Symbol("metrics-reporter-client senders");
// For a ctx that takes no property.
const others = new WeakMap<object, Senders>();

// `env` is the same object in each request of an isolate, and so are its bindings.
const pools = new WeakMap<object, Pool>();

/** The sender of this ctx, binding and scope; made if there is none yet. */
export function senderFor(
  binding: ReporterBinding,
  ctx: WaitUntilContext | undefined,
  options: SendingOptions | undefined,
): Sender {
  const scope = options?.scope === "request" ? "request" : "isolate";
  if (ctx === undefined) return newSender(binding, undefined, settingsOf(options));
  const known = knownSenders(ctx);
  if (known === undefined && scope === "isolate") return newSender(binding, ctx, settingsOf(options));
  const senders = known ?? makeSenders(ctx);
  const existing: Sender | undefined = senders.get(binding)?.[scope];
  if (existing !== undefined) return existing;
  const sender = newSender(binding, ctx, settingsOf(options));
  put(senders, binding, scope, sender);
  return sender;
}

/** Makes every sender of this ctx known to {@link sendersOf}, also one that has nothing to do. */
export function trackSenders(ctx: object): void {
  makeSenders(ctx);
}

/** Every sender of this ctx. */
export function sendersOf(ctx: object): Sender[] {
  return [...(knownSenders(ctx)?.values() ?? [])].flatMap(({ isolate, request }) => [isolate, request].filter((sender) => sender !== undefined));
}

function knownSenders(ctx: object): Senders | undefined {
  try {
    const known = (ctx as { [SENDERS]?: unknown })[SENDERS];
    if (known instanceof Map) return known;
  } catch {
    // a proxy that refuses
  }
  return others.get(ctx);
}

function makeSenders(ctx: object): Senders {
  const made: Senders = new Map();
  try {
    const holder = ctx as { [SENDERS]?: unknown };
    holder[SENDERS] = made;
    if (holder[SENDERS] === made) return made;
  } catch {
    // frozen, or a proxy that refuses
  }
  others.set(ctx, made);
  return made;
}

function put(senders: Senders, binding: ReporterBinding, scope: "isolate" | "request", sender: Sender): void {
  const ofBinding = senders.get(binding);
  if (ofBinding === undefined) senders.set(binding, { [scope]: sender } as { isolate?: IsolateSender });
  else Object.assign(ofBinding, { [scope]: sender });
}

/** The sender that has calls to make for this ctx: the one that is known, or from now on `sender`. */
function firstOf(binding: ReporterBinding, ctx: WaitUntilContext, sender: IsolateSender): IsolateSender {
  const senders = knownSenders(ctx) ?? makeSenders(ctx);
  const first = senders.get(binding)?.isolate;
  if (first !== undefined) return first;
  put(senders, binding, "isolate", sender);
  return sender;
}

function newSender(binding: ReporterBinding, ctx: WaitUntilContext | undefined, settings: SenderSettings): Sender {
  return settings.scope === "request"
    ? new RequestSender(binding, ctx, settings, new Pool(settings))
    : new IsolateSender(binding, ctx, settings, poolOf(binding, settings), (sender) =>
        ctx === undefined ? sender : firstOf(binding, ctx, sender),
      );
}

function poolOf(binding: ReporterBinding, settings: SenderSettings): Pool {
  if (typeof binding !== "object" && typeof binding !== "function") return new Pool(settings);
  let pool = pools.get(binding);
  if (pool === undefined) pools.set(binding, (pool = new Pool(settings)));
  return pool;
}
