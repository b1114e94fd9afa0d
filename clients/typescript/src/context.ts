import { runtimeWaitUntil } from "./runtime.js";

/**
 * The part of a request's context that the client uses. `ExecutionContext` and `DurableObjectState`
 * have it.
 */
export interface WaitUntilContext {
  /** Keeps the request alive after its response until `promise` has settled. */
  waitUntil(promise: Promise<unknown>): void;
}

/** Hono's `c`, or another object that holds a request's context. */
export interface ContextHolder {
  readonly executionCtx: WaitUntilContext;
}

/** What the client accepts as a request's context. */
export type RequestContext = WaitUntilContext | ContextHolder;

// A property of the ctx is also visible through a proxy and in a copy.
const MARK = Symbol.for("metrics-reporter-client");
// For a ctx that accepts no new property.
const marks = new WeakMap<object, unknown>();

/** Stores a mark on a ctx for {@link markOf}. A later mark replaces an earlier one. */
export function mark(ctx: object, value: unknown): void {
  try {
    (ctx as Record<symbol, unknown>)[MARK] = value;
  } catch {
    // frozen, or a proxy that refuses
    marks.set(ctx, value);
  }
}

/** Returns the mark of a ctx, also for a copy or a proxy of it. */
export function markOf(ctx: object): unknown {
  try {
    return (ctx as Record<symbol, unknown>)[MARK] ?? marks.get(ctx);
  } catch {
    return undefined;
  }
}

/**
 * Returns the context in `given`, or undefined if there is none, as in a test with Hono's
 * `app.request("/x")`.
 */
export function contextOf(given: unknown): WaitUntilContext | undefined {
  if (typeof given !== "object" || given === null) return undefined;
  try {
    // A ctx has no such member. Hono's getter throws if there is no ctx.
    if ("executionCtx" in given) return contextOf(given.executionCtx);
  } catch {
    return undefined;
  }
  return given as WaitUntilContext;
}

/**
 * Keeps the current request alive until `work` has settled.
 *
 * A copy or a proxy of a ctx has no working `waitUntil`. In that case this uses the runtime's own
 * `waitUntil`, which finds the current request itself.
 *
 * @returns the reason if nothing keeps the request alive for `work`, otherwise undefined.
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
