import { kindOf, Problem } from "./problem.js";

/** The arguments of one `incr` or `observe`, told apart. Nothing in them was looked into. */
export interface SortedArguments {
  readonly value: number | undefined;
  readonly labels: unknown;
  readonly options: unknown;
}

/**
 * Tells the arguments after the name apart by their type, as the reporter does: a
 * number is the value, the first object the labels, the second the options.
 *
 * @throws {Problem} for a second number, a third object and any other type.
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
