// The parts that `make demo` adds to `make dev`: a shop in front of the example caller, and its
// visitors.

/** The first config is the Worker that answers on DEV_PORT. */
export const CONFIGS = ["scripts/local/demo/wrangler.toml"];

export const NAMES = ["demo-shop"];

export const ABOUT = `A shop stands in front of the example caller, and its visitors come in waves of two minutes. Open the
gateway's page and watch.`;

/** Paths with their frequency. The last two belong to the example caller. */
const VISITS = [
  [30, () => `/product/${1 + Math.floor(Math.random() * 500)}`],
  [25, () => "/search"],
  [15, () => "/cart"],
  [8, () => "/checkout"],
  [2, () => "/report"],
  [15, () => "/"],
  [5, () => "/no-such-page"],
];

const WAVE_MS = 120_000;
const PER_SECOND = { least: 3, most: 20 };
// A slow machine gets fewer visitors instead of an endless queue.
const MOST_AT_ONCE = 50;
const REPORT_MS = 15_000;

/**
 * Sends requests to `caller` until the process ends, and prints their number from time to time.
 *
 * @param {string} caller
 * @param {(text: string) => void} say
 */
export function startVisitors(caller, say) {
  const started = Date.now();
  let [atOnce, answered, failed, lost] = [0, 0, 0, 0];

  async function visit() {
    atOnce++;
    try {
      const response = await fetch(caller + path(), { signal: AbortSignal.timeout(30_000) });
      await response.arrayBuffer();
      answered++;
      if (response.status >= 500) failed++;
    } catch {
      lost++; // a reload of the Worker cuts requests off
    } finally {
      atOnce--;
    }
  }

  function next() {
    if (atOnce < MOST_AT_ONCE) void visit();
    // Random arrivals, as from independent visitors.
    const wait = (-1000 * Math.log(1 - Math.random())) / rate(Date.now() - started);
    setTimeout(next, wait);
  }

  function report() {
    const unanswered = lost ? `, ${lost} without an answer` : "";
    say(`${answered} requests, ${failed} of them failed on purpose${unanswered}; now ${rate(Date.now() - started).toFixed(0)} a second`);
    setTimeout(report, REPORT_MS);
  }

  next();
  setTimeout(report, REPORT_MS);
}

/** Requests a second, `ms` after the start. */
function rate(ms) {
  const { least, most } = PER_SECOND;
  return least + ((most - least) * (1 - Math.cos((2 * Math.PI * ms) / WAVE_MS))) / 2;
}

function path() {
  let at = Math.random() * VISITS.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, make] of VISITS) {
    at -= weight;
    if (at < 0) return make();
  }
  return "/";
}
