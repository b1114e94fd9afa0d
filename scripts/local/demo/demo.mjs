// What `make demo` adds to `make dev`: a shop in front of the example caller, and its visitors.

/** The first config is the Worker that answers on DEV_PORT. */
export const CONFIGS = ["scripts/local/demo/wrangler.toml"];

export const NAMES = ["demo-shop"];

export const ABOUT = `A shop stands in front of the example caller, and its visitors come in waves of two minutes. Open the
gateway's page and watch.`;

/** Paths, by how often they are asked for. The last two are the example caller's. */
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
// A machine that cannot keep up gets fewer visitors, instead of a queue without end.
const MOST_AT_ONCE = 50;
const REPORT_MS = 15_000;

/**
 * Sends requests to `caller` until the process ends, and says now and then how many.
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
    // Random arrivals, as those of people who don't know each other.
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
