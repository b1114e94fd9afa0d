import { Sender, type ReporterBinding, type WaitUntilContext } from "./sender.js";
import { settingsOf, type SendingOptions } from "./settings.js";

// By ctx, so that all code that serves one request shares one batch, and by
// binding, because two reporters are two accounts.
const senders = new WeakMap<object, Map<ReporterBinding, Sender>>();

/** The sender of this ctx and binding; made if there is none yet. */
export function senderFor(
  binding: ReporterBinding,
  ctx: WaitUntilContext | undefined,
  options: SendingOptions | undefined,
): Sender {
  if (ctx === undefined) return new Sender(binding, undefined, settingsOf(options));
  let ofCtx = senders.get(ctx);
  if (ofCtx === undefined) senders.set(ctx, (ofCtx = new Map()));
  let sender = ofCtx.get(binding);
  if (sender === undefined) ofCtx.set(binding, (sender = new Sender(binding, ctx, settingsOf(options))));
  return sender;
}

/** Every sender of this ctx. */
export function sendersOf(ctx: object): Sender[] {
  return [...(senders.get(ctx)?.values() ?? [])];
}
