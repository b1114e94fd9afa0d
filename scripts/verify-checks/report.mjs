// Reports the checks in plain words: one line when each check ends, and one for the total.

export class Report {
  passed = 0;
  failed = 0;
  skipped = 0;

  /** @param {(line: string) => void} write */
  constructor(write) {
    this.write = write;
  }

  ok(text) {
    this.passed += 1;
    this.write(`ok      ${text}`);
  }

  /** `advice` says what to check next. */
  fail(text, advice) {
    this.failed += 1;
    this.write(`FAILED  ${text}`);
    if (advice) this.write(`        ${advice}`);
  }

  skip(text) {
    this.skipped += 1;
    this.write(`skipped ${text}`);
  }

  /** Prints the verdict and returns the exit status. */
  end() {
    const counts = `${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`;
    if (this.failed > 0) this.write(`NOT verified: ${counts}`);
    else if (this.passed === 0) this.write(`NOT verified: no check could run (${counts})`);
    else this.write(`verified: ${counts}`);
    return this.failed > 0 || this.passed === 0 ? 1 : 0;
  }
}

/** Describes an error of fetch or of the network in a few words: undici hides the cause. */
export function describe(error) {
  if (error?.name === "TimeoutError") return "no answer in time";
  const cause = error?.cause ?? error;
  if (Array.isArray(cause?.errors) && cause.errors.length > 0) return describe(cause.errors[0]);
  return String(cause?.code ?? cause?.message ?? cause);
}
