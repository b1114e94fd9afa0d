import { runtimeWaitUntil } from "./runtime.js";

/** The part of a request's context that is needed: `ExecutionContext`, or `DurableObjectState`. */
export interface WaitUntilContext {
  /** Keeps the request alive, once its response is sent, until `promise` has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

/** Hono's `c`, and whatever else carries a request's context. */
export interface ContextHolder {
  readonly executionCtx: WaitUntilContext;
}

/** What may be handed in as a request's context. */
export type RequestContext = WaitUntilContext | ContextHolder;

// As a property of the ctx, a mark is found through a proxy and in a copy as well.
const MARK = Symbol.for("metrics-reporter-client");
// For a ctx that takes no property.
const marks = new WeakMap<object, unknown>();

/** Puts a mark on a ctx, for {@link markOf}; the last one wins. */
export function mark(ctx: object, value: unknown): void {
  try {
    (ctx as Record<symbol, unknown>)[MARK] = value;
  } catch {
    // frozen, or a proxy that refuses
    marks.set(ctx, value);
  }
}

/** The mark on a ctx, also on a copy or a proxy of it. */
export function markOf(ctx: object): unknown {
  try {
    return (ctx as Record<symbol, unknown>)[MARK] ?? marks.get(ctx);
  } catch {
    return undefined;
  }
}

/** The context in `given`; undefined where there is none, as in a test with Hono's `app.request("/x")`. */
export function contextOf(given: unknown): WaitUntilContext | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  try {
    // A ctx has no such member, and Hono's getter throws where there is no ctx.
    if ("executionCtx" in given) return contextOf(given.executionCtx);
  } catch {
    return undefined;
  }
  return given as WaitUntilContext;
}

/**
 * Keeps the current request alive until `work` has settled.
 *
 * A ctx that was copied, spread or wrapped in a proxy has no working `waitUntil`;
 * then the runtime is asked, which knows the current request by itself.
 *
 * @returns why nothing covers `work`, or undefined if something does.
 */
export function cover(ctx: WaitUntilContext | undefined, work: Promise<unknown>): unknown {
  let problem: unknown = "there is no ctx";
  if (ctx !== undefined) {
    try {
      ctx.waitUntil(work);
      return undefined;
    } catch (error) {
      problem = error;
    }
  }
  try {
    const waitUntil = runtimeWaitUntil();
    if (waitUntil === undefined) return problem;
    waitUntil(work);
    return undefined;
  } catch {
    return problem;
  }
}

/** A Durable Object's ctx outlives its requests, and so do its calls to other Workers. */
export function isDurableObject(ctx: WaitUntilContext | undefined): boolean {
  try {
    return typeof (ctx as { blockConcurrencyWhile?: unknown } | undefined)?.blockConcurrencyWhile === "function";
  } catch {
    return false;
  }
}
