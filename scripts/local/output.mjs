// Chooses the lines of the parts' output that the terminal shows.

import { stripVTControlCharacters } from "node:util";

const VERBOSE = Boolean(process.env.V);
const REQUEST = /\b(GET|HEAD|POST) \/\S* [1-5]\d\d\b/;
const NOISE = [
  /^\s*$/,
  /\bHEAD \/cdn-cgi\/local\/explorer /, // this program, looking whether the Worker answers
  /^[│┌├└]|^Attaching additional modules/, // what a reload uploads
  // A stack trace in a minified file is not useful. The line above it has the error.
  /^\s+at (\[object Object\]|.*\b(dist\/index\.js|index_bg\.wasm|wasm:\/\/))/,
];
const REFUSED = /"event":"sample_refused"/;
// The runtime also logs this for every call that rejects because of a refused sample.
const HUNG = /Uncaught Error: .*code had hung/;

/**
 * Returns whether to show a line. V=1 shows all of them.
 *
 * @param {{ requests: boolean }} options whether requests are shown, one line each
 * @returns {(text: string) => boolean}
 */
export function lineFilter({ requests }) {
  let refused = 0;
  return (text) => {
    if (VERBOSE) return true;
    const plain = stripVTControlCharacters(text);
    if (REFUSED.test(plain)) refused++;
    if (HUNG.test(plain) && refused > 0) {
      refused--;
      return false;
    }
    return !NOISE.some((noise) => noise.test(plain)) && (requests || !REQUEST.test(plain));
  };
}

/** One line for a step and its duration, in the format of scripts/steps.sh. */
export async function step(name, work) {
  const started = Date.now();
  process.stdout.write(`${name.padEnd(50)} `);
  try {
    const value = await work();
    process.stdout.write(`${"ok".padEnd(7)} ${`${Math.round((Date.now() - started) / 1000)}s`.padStart(7)}\n`);
    return value;
  } catch (error) {
    process.stdout.write("FAILED\n");
    throw error;
  }
}
