// Child processes that end with the process that started them, and leave no children behind.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { until } from "./until.mjs";

// The shell replaces itself with the command, so signals and the pid are the command's own. It
// leaves a watcher that reads a pipe held by this process. When this process ends, even by SIGKILL,
// the pipe closes and the watcher kills the command's process group. A line on the pipe means that
// the command has already ended.
const TIED_TO_PARENT = `
  ( exec >/dev/null 2>&1 3>&-; read -r _ <&4 || kill -KILL -$$ ) &
  exec "$@" 4<&-
`;

// A process may run for days under `make dev`.
const MAX_LINES = 100_000;

/** @typedef {{ stream: "stdout" | "stderr", text: string, json: any }} Line */

export class Process {
  /** What the process printed, line by line. `json` is the parsed line where the line is JSON. @type {Line[]} */
  lines = [];
  /** Called with every line immediately. @type {((line: Line) => void) | undefined} */
  onLine;
  /** Lines written to fd 3, for programs that use a control descriptor. @type {string[]} */
  control = [];
  /** Called with every such line immediately. @type {((text: string) => void) | undefined} */
  onControl;
  /** `null` while the process runs. @type {{ code: number | null, signal: string | null } | null} */
  ended = null;

  /**
   * @param {string} name names the process in errors
   * @param {string} file
   * @param {string[]} args
   * @param {{ env?: Record<string, string>, cwd?: string }} [options]
   */
  constructor(name, file, args, options = {}) {
    this.name = name;
    this.child = spawn("/bin/sh", ["-c", TIED_TO_PARENT, "sh", file, ...args], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
      // Its own process group: a Ctrl-C in the terminal reaches only this process, which then ends
      // the others in order. The group also lets it find and kill processes that the command leaves
      // behind.
      detached: true,
    });
    const [, stdout, stderr, control, lifeline] = this.child.stdio;
    this.#read(stdout, (text) => this.#take("stdout", text));
    this.#read(stderr, (text) => this.#take("stderr", text));
    this.#read(control, (text) => {
      this.control.push(text);
      this.onControl?.(text);
    });
    lifeline.on("error", () => {}); // EPIPE: the watcher went first
    this.closed = new Promise((resolve) => {
      this.child.once("error", (error) => {
        this.#take("stderr", String(error));
        this.ended = { code: null, signal: null };
        resolve();
      });
      this.child.once("exit", (code, signal) => {
        this.ended = { code, signal };
        lifeline.end("\n");
        this.#killGroup();
      });
      this.child.once("close", () => resolve());
    });
  }

  get pid() {
    return this.child.pid;
  }

  #take(stream, text) {
    const line = { stream, text, json: parseJson(text) };
    this.lines.push(line);
    if (this.lines.length > MAX_LINES) this.lines.splice(0, MAX_LINES / 2);
    this.onLine?.(line);
  }

  #read(stream, take) {
    createInterface({ input: stream, crlfDelay: Infinity }).on("line", take);
  }

  /** Waits for `condition`. Fails at once, with the output, if the process ends earlier. */
  async until(what, condition, timeoutMs) {
    return until(
      what,
      () => {
        const value = condition();
        if (!value && this.ended) {
          throw new Error(`${this.name} ended (${describe(this.ended)}) before ${what}\n${this.output()}`);
        }
        return value;
      },
      timeoutMs,
      () => this.output(),
    );
  }

  /** Everything printed so far, for error messages. */
  output() {
    return this.lines.map(({ stream, text }) => `${this.name} ${stream}: ${text}`).join("\n");
  }

  /** Sends `signal` and waits for the end. Sends SIGKILL after `graceMs`. You may call it twice. */
  async stop(signal = "SIGTERM", graceMs = 5_000) {
    if (!this.ended) this.child.kill(signal);
    const killer = setTimeout(() => this.#killGroup(), graceMs);
    await this.closed;
    clearTimeout(killer);
    return this.ended;
  }

  #killGroup() {
    try {
      process.kill(-this.child.pid, "SIGKILL");
    } catch {
      // The group is empty.
    }
  }
}

export function describe({ code, signal }) {
  return signal ? `by ${signal}` : `with exit code ${code}`;
}

function parseJson(text) {
  if (!/^[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
