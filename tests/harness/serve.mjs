// One workerd process with a given configuration file.

import { workerdBinary } from "./paths.mjs";
import { Process } from "../../scripts/lib/process.mjs";

const READY_MS = 30_000;

export class Serve {
  /** Socket name to "host:port", once `ready`. @type {Record<string, string>} */
  addresses = {};
  /**
   * Resolves when it listens on all its sockets, without delay, because the benchmark times it.
   * @type {Promise<Serve>}
   */
  ready;

  /**
   * @param {string} config path of the configuration
   * @param {string[]} sockets the names of its sockets, each with the address 127.0.0.1:0
   * @param {{ name?: string, flags?: string[] }} [options] `name` names the process in errors
   */
  constructor(config, sockets, { name = "workerd", flags = [] } = {}) {
    this.process = new Process(name, workerdBinary(), ["serve", "--control-fd=3", ...flags, config]);
    this.ready = new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${name} ${why} before it listened on all its sockets\n${this.process.output()}`));
      const timer = setTimeout(fail, READY_MS, `took ${READY_MS} ms`);
      void this.process.closed.then(() => {
        clearTimeout(timer);
        fail("ended");
      });
      this.process.onControl = (line) => {
        const { event, socket, port } = JSON.parse(line);
        if (event === "listen") this.addresses[socket] = `127.0.0.1:${port}`;
        if (!sockets.every((each) => this.addresses[each])) return;
        clearTimeout(timer);
        resolve(this);
      };
    });
    this.ready.catch(() => {}); // a caller that awaits `ready` gets the error
  }
}

/** A Cap'n Proto string: like JSON's, but without \u. */
export function quote(text) {
  return JSON.stringify(text).replace(/\\u00([0-9a-f]{2})/gi, "\\x$1");
}

/** Awaits `ready()` of what `make` constructs, and stops it where that fails. */
export async function started(make) {
  const runtime = make();
  try {
    await runtime.ready();
  } catch (error) {
    await runtime.stop();
    throw error;
  }
  return runtime;
}
