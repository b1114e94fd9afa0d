/** The part of `AsyncLocalStorage` that the client uses. */
export interface Storage<T> {
  run<R>(store: T, work: () => R): R;
  getStore(): T | undefined;
}

type WaitUntil = (work: Promise<unknown>) => void;

// Where the module does not exist, the import rejects, which is fine. The names are not literals,
// because a bundler would try to resolve them and warn.
let waitUntil: WaitUntil | undefined;
let Storage: (new () => Storage<unknown>) | undefined;
load("cloudflare:workers", (module) => (waitUntil = module["waitUntil"] as WaitUntil));
load("node:async_hooks", (module) => (Storage = module["AsyncLocalStorage"] as typeof Storage));

/** The runtime's `waitUntil`, which applies to the current request, if the runtime has it. */
export function runtimeWaitUntil(): WaitUntil | undefined {
  return typeof waitUntil === "function" ? waitUntil : undefined;
}

/** A new AsyncLocalStorage if the runtime has it: with `nodejs_als` or `nodejs_compat`. */
export function newStorage<T>(): Storage<T> | undefined {
  return typeof Storage === "function" ? (new Storage() as Storage<T>) : undefined;
}

function load(name: string, use: (module: Record<string, unknown>) => void): void {
  import(/* @vite-ignore */ /* webpackIgnore: true */ name).then(use, () => {});
}
