import type { WaitUntilContext } from "./context.js";
import { IsolateSender } from "./isolate-sender.js";
import { Pool } from "./pool.js";
import { RequestSender } from "./request-sender.js";
import type { ReporterBinding } from "./rpc.js";
import type { Sender } from "./sender.js";
import { settingsOf, type SenderSettings, type SendingOptions } from "./settings.js";

// Keyed by ctx, so that all code of one request shares its calls, and by binding, because two
// reporters have two ledgers.
type Senders = Map<ReporterBinding, { isolate?: IsolateSender; request?: Sender }>;

// Stored as a property of the ctx. With the scope isolate, only on a ctx that has calls to make: in
// workerd, writing a property or a WeakMap entry in each request costs more than the request's
// metrics.
const SENDERS = Symbol("metrics-reporter-client senders");
// For a ctx that accepts no new property.
const others = new WeakMap<object, Senders>();

// `env` is the same object in each request of an isolate, and so are its bindings.
const pools = new WeakMap<object, Pool>();

/** Returns the sender of this ctx, binding and scope. Creates it if necessary. */
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

/** Lets {@link sendersOf} find every sender of this ctx, also one without calls to make. */
export function trackSenders(ctx: object): void {
  makeSenders(ctx);
}

/** Returns every sender of this ctx. */
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

/**
 * Returns the sender that makes the calls for this ctx: the registered one, or `sender`, which is
 * then registered.
 */
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
