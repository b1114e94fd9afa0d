import { kindOf, Problem } from "./problem.js";

/** The arguments of one `incr` or `observe` call, by role. Their content is not validated yet. */
export interface SortedArguments {
  readonly value: number | undefined;
  readonly labels: unknown;
  readonly options: unknown;
}

/**
 * Assigns the arguments after the name to their roles by type, as the reporter does: a number is
 * the value, the first object holds the labels, the second holds the options.
 *
 * @throws {Problem} for a second number, a third object or any other type.
 */
export function sortArguments(args: readonly unknown[]): SortedArguments {
  let value: number | undefined;
  const objects: object[] = [];
  for (const arg of args) {
    if (arg === undefined || arg === null) continue;
    if (typeof arg === "number" && value === undefined) value = arg;
    else if (typeof arg === "object" && objects.length < 2) objects.push(arg);
    else throw new Problem(`after the name come a number, labels and options, each at most once, got also ${kindOf(arg)}`);
  }
  return { value, labels: objects[0], options: objects[1] };
}
