import type { Settlement } from "./ledger.js";
import { pack, toSamples } from "./pack.js";
import { Problem, textOf } from "./problem.js";
import type { Call } from "./row.js";
import type { ReporterBinding } from "./rpc.js";
import { refusal } from "./rules.js";
import { COUNTER } from "./series.js";
import { warn } from "./warn.js";

type Answer = { value: unknown } | { error: unknown } | "timeout";

/**
 * Sends one call to the reporter and resolves to the outcome for its samples. Logs a warning on
 * failure. Never rejects.
 */
export async function callReporter(
  binding: ReporterBinding,
  call: Call,
  settings: { readonly packed: boolean; readonly timeoutMs: number },
): Promise<Settlement> {
  let answering: unknown;
  try {
    const reporter = binding as { record?: (samples: unknown) => unknown };
    if (typeof reporter.record !== "function") throw new Problem(NO_RECORD);
    answering = reporter.record(settings.packed ? pack(call.rows) : toSamples(call.rows));
  } catch (error) {
    return failed(call, "dropped", textOf(error));
  }

  const answer = await answerWithin(settings.timeoutMs, answering);
  if (answer === "timeout") return failed(call, "unknown", `no answer within ${settings.timeoutMs} ms`);
  if ("error" in answer) return rejected(call, answer.error);

  const taken = answer.value;
  if (typeof taken !== "number" || !(taken >= 0 && taken <= call.samples)) {
    return failed(call, "unknown", `it should answer with a number from 0 to ${call.samples}, which it did not`);
  }
  return answered(call, Math.floor(taken), settings.packed);
}

function answerWithin(timeoutMs: number, answering: unknown): Promise<Answer> {
  return new Promise((resolve) => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const done = (answer: Answer) => {
      if (timer !== undefined) clearTimeout(timer);
      resolve(answer);
    };
    try {
      timer = setTimeout(() => resolve("timeout"), timeoutMs);
    } catch {
      // Without timers, only the platform limits the wait.
    }
    Promise.resolve(answering).then(
      (value: unknown) => done({ value }),
      (error: unknown) => done({ error }),
    );
  });
}

function answered(call: Call, taken: number, packed: boolean): Settlement {
  const refused = call.samples - taken;
  if (refused === 0) return { taken };
  const found = refusals(call);
  if (found.length > 0) {
    warnRefused(found);
  } else {
    const hint =
      taken === 0 && packed
        ? "its log says why; a reporter that does not know the packed form needs { packed: false }"
        : "its log says why";
    warn("", "refused", `the reporter took ${taken} of ${call.samples} samples, among them ${someNames(call)}: ${hint}`);
  }
  return { taken, refused };
}

/** Handles an error that the reporter, or the connection to it, threw. */
function rejected(call: Call, error: unknown): Settlement {
  const text = textOf(error);
  const why = neverCalled(text);
  if (why !== undefined) return failed(call, "dropped", `${text.replace(/\.$/, "")}${why}`);
  // With REJECT_INVALID the reporter takes the valid samples, and throws an error that describes
  // the first invalid one. Any other TypeError says nothing about the samples.
  if (!/^TypeError: metric "/.test(text)) {
    const hint = text.includes("Network connection lost") ? OLD_WRANGLER : "";
    return failed(call, "unknown", `${text}${hint}`);
  }
  const found = refusals(call);
  if (found.length > 0) warnRefused(found);
  else warn(text, "refused", `the reporter refused at least one of ${call.samples} samples (${someNames(call)}): ${text}`);
  const refused = Math.max(1, found.reduce((sum, { samples }) => sum + samples, 0));
  return { taken: call.samples - refused, refused };
}

// The runtime has RPC since this date, or with the compatibility flag `rpc`.
const NO_RECORD =
  'the binding has no method record; it needs entrypoint = "MetricsReporter" and a compatibility_date from 2024-04-03 on';

const OLD_WRANGLER =
  " (in local development a wrangler older than 4.156 may say so at the first call, although it arrived: update wrangler)";

/**
 * Returns advice for an error which proves that no reporter was called, and undefined for any other
 * error.
 */
function neverCalled(text: string): string | undefined {
  if (/does not implement the method|does not export an entrypoint named|has no such entrypoint/.test(text)) {
    return '; the binding needs entrypoint = "MetricsReporter"';
  }
  if (/too many subrequests/i.test(text)) return "; the sending request had none left";
  // `wrangler dev` found no Worker of that name on this machine.
  if (/Worker ".*" not found/s.test(text)) {
    return "; run `make dev` in the reporter's repository, which prints how this Worker finds it";
  }
  return undefined;
}

interface Refused {
  readonly name: string;
  readonly why: string;
  readonly samples: number;
}

/**
 * Finds the samples of a call that break the reporter's rules, as far as the client knows these
 * rules.
 */
function refusals(call: Call): Refused[] {
  const types = new Map<string, "counter" | "histogram">();
  const found: Refused[] = [];
  for (const { series, values } of call.rows) {
    const { name, labels } = series;
    const type = series.type === COUNTER ? "counter" : "histogram";
    let samples = 0;
    let why = "";
    for (const value of values) {
      const reason = refusal({ name, type, value, labels }, types.get(name));
      if (reason === undefined) {
        types.set(name, type);
      } else {
        samples += 1;
        why = reason;
      }
    }
    if (samples > 0) found.push({ name, why, samples });
  }
  return found;
}

function warnRefused(found: readonly Refused[]): void {
  for (const { name, why } of found) {
    const subject = JSON.stringify(name.slice(0, 100));
    warn(subject, "refused", `the reporter refused ${subject}: ${why}`);
  }
}

function failed(call: Call, as: "dropped" | "unknown", why: string): Settlement {
  const outcome = as === "unknown" ? "outcome unknown" : as;
  warn(why, "failed", `calling the reporter with ${call.samples} samples (${someNames(call)}), ${outcome}: ${why}`);
  return { [as]: call.samples };
}

function someNames(call: Call): string {
  const names = new Set<string>();
  for (const { series } of call.rows) {
    names.add(series.name.slice(0, 100));
    if (names.size > 3) break;
  }
  const some = [...names].slice(0, 3).join(", ");
  return names.size > 3 ? `${some}, …` : some;
}
