import { isDurableObject, type WaitUntilContext } from "./context.js";
import { IsolateSender } from "./isolate-sender.js";
import { Pool } from "./pool.js";
import { RequestSender } from "./request-sender.js";
import type { ReporterBinding } from "./rpc.js";
import type { Sender } from "./sender.js";
import { settingsOf, type SenderSettings, type SendingOptions } from "./settings.js";

// By ctx, so that all code that serves one request shares its calls, and by
// binding, because two reporters have two ledgers.
const senders = new WeakMap<object, Map<ReporterBinding, { isolate?: Sender; request?: Sender }>>();

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
  let ofCtx = senders.get(ctx);
  if (ofCtx === undefined) senders.set(ctx, (ofCtx = new Map()));
  let ofBinding = ofCtx.get(binding);
  if (ofBinding === undefined) ofCtx.set(binding, (ofBinding = {}));
  return (ofBinding[scope] ??= newSender(binding, ctx, settingsOf(options)));
}

/** Every sender of this ctx. */
export function sendersOf(ctx: object): Sender[] {
  return [...(senders.get(ctx)?.values() ?? [])].flatMap(({ isolate, request }) => [isolate, request].filter((sender) => sender !== undefined));
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
