// A copy of the built Worker that can fail in ways that no caller can cause: its clock is set, its
// waitUntil has no effect (as when the runtime cancels a request), or its Wasm traps. It also
// reports the size of its Wasm memory.
//
// Only the copy is changed, and only the JavaScript around the Worker's own: a prelude before it,
// and a subclass of its entrypoint with one more method, probe().

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DIST } from "../harness/index.mjs";

const PRELUDE = `
const probe = { stoppedAt: undefined, skewMs: 0, keeps: true, trapIn: 0, wasm: undefined };
{
  const { Instance } = WebAssembly;
  WebAssembly.Instance = function (module, imports) {
    const instance = new Instance(module, imports);
    probe.wasm = instance.exports;
    return instance;
  };
  // The Wasm reads the clock in many places, and an import is where a trap can be injected. A
  // failed allocation ends in the same "unreachable" as exhausted memory.
  const now = Date.now;
  Date.now = () => {
    if (probe.trapIn > 0 && --probe.trapIn === 0) probe.wasm.__wbindgen_malloc(0xffffff00, 1);
    return (probe.stoppedAt ?? now()) + probe.skewMs;
  };
}
`;

const SUBCLASS = `
class Probed extends MetricsReporterUnderTest {
  constructor(ctx, env) {
    // Nothing outlives the call: the runtime ends a request in this way after 30 s.
    super(probe.keeps ? ctx : { props: ctx.props, waitUntil() {} }, env);
    if (!probe.keeps) Object.defineProperty(this, "ctx", { value: { props: ctx.props, waitUntil() {} } });
  }
  probe(changes) {
    Object.assign(probe, changes);
    return { wasmBytes: probe.wasm.memory.buffer.byteLength };
  }
}
`;

/** The directory of such a copy. It is removed after the test. */
export function probedDist(t) {
  const directory = mkdtempSync(join(tmpdir(), "metrics-probed-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  copyFileSync(join(DIST, "index_bg.wasm"), join(directory, "index_bg.wasm"));
  let source = readFileSync(join(DIST, "index.js"), "utf8");
  const replace = (pattern, by) => {
    if (source.match(pattern)?.length !== 2) throw new Error(`expected ${pattern} once in dist/index.js`);
    source = source.replace(pattern, by);
  };
  replace(/(\w+) as MetricsReporter\b/, "Probed as MetricsReporter,$1 as MetricsReporterUnderTest");
  const inner = /(\w+) as MetricsReporterUnderTest/.exec(source)[1];
  source = source.replace(`,${inner} as MetricsReporterUnderTest`, "");
  const at = source.lastIndexOf("export{");
  const subclass = SUBCLASS.replace("MetricsReporterUnderTest", inner);
  writeFileSync(join(directory, "index.js"), `${PRELUDE}${source.slice(0, at)}${subclass}${source.slice(at)}`);
  return directory;
}
