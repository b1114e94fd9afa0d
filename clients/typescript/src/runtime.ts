/** As much of `AsyncLocalStorage` as is needed. */
export interface Storage<T> {
  run<R>(store: T, work: () => R): R;
  getStore(): T | undefined;
}

type WaitUntil = (work: Promise<unknown>) => void;

// Where there is no such module the import rejects, which is fine. The names are no literals,
// since a bundler would try to resolve them and warn.
let waitUntil: WaitUntil | undefined;
let Storage: (new () => Storage<unknown>) | undefined;
load("cloudflare:workers", (module) => (waitUntil = module["waitUntil"] as WaitUntil));
load("node:async_hooks", (module) => (Storage = module["AsyncLocalStorage"] as typeof Storage));

/** The `waitUntil` of whichever request is running, where the runtime has one. */
export function runtimeWaitUntil(): WaitUntil | undefined {
  return typeof waitUntil === "function" ? waitUntil : undefined;
}

/** A new AsyncLocalStorage where the runtime has it: with `nodejs_als` or `nodejs_compat`. */
export function newStorage<T>(): Storage<T> | undefined {
  return typeof Storage === "function" ? (new Storage() as Storage<T>) : undefined;
}

function load(name: string, use: (module: Record<string, unknown>) => void): void {
  import(/* @vite-ignore */ /* webpackIgnore: true */ name).then(use, () => {});
}
