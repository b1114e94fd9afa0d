import { isDurableObject, type WaitUntilContext } from "./context.js";
import { IsolateSender } from "./isolate-sender.js";
import { Pool } from "./pool.js";
import { RequestSender } from "./request-sender.js";
import type { ReporterBinding } from "./rpc.js";
import type { Sender } from "./sender.js";
import { settingsOf, type SenderSettings, type SendingOptions } from "./settings.js";

// By ctx, so that all code that serves one request shares its calls, and by
// binding, because two reporters have two ledgers.
type Senders = Map<ReporterBinding, { isolate?: Sender; request?: Sender }>;

// As a property of the ctx: a WeakMap that gains and loses an entry with each request costs more than the metrics.
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
  const ofCtx = sendersAt(ctx);
  let ofBinding = ofCtx.get(binding);
  if (ofBinding === undefined) ofCtx.set(binding, (ofBinding = {}));
  return (ofBinding[scope] ??= newSender(binding, ctx, settingsOf(options)));
}

/** Every sender of this ctx. */
export function sendersOf(ctx: object): Sender[] {
  return [...sendersAt(ctx).values()].flatMap(({ isolate, request }) => [isolate, request].filter((sender) => sender !== undefined));
}

function sendersAt(ctx: object): Senders {
  const holder = ctx as { [SENDERS]?: unknown };
  try {
    const known = holder[SENDERS];
    if (known instanceof Map) return known;
    const made: Senders = new Map();
    holder[SENDERS] = made;
    if (holder[SENDERS] === made) return made;
  } catch {
    // frozen, or a proxy that refuses
  }
  let known = others.get(ctx);
  if (known === undefined) others.set(ctx, (known = new Map()));
  return known;
}

function newSender(binding: ReporterBinding, ctx: WaitUntilContext | undefined, settings: SenderSettings): Sender {
  return settings.scope === "request"
    ? new RequestSender(binding, ctx, settings, new Pool(settings))
    : new IsolateSender(binding, ctx, settings, poolOf(binding, settings), ctx === undefined || isDurableObject(ctx));
}

function poolOf(binding: ReporterBinding, settings: SenderSettings): Pool {
  if (typeof binding !== "object" && typeof binding !== "function") return new Pool(settings);
  let pool = pools.get(binding);
  if (pool === undefined) pools.set(binding, (pool = new Pool(settings)));
  return pool;
}
