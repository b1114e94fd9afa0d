// Asks the gateway for changes once per second, and shows them.

const POLL_MS = 1000;
const RETRY_MS = 2000;
const GIVE_UP_MS = 5000;

const store = new Store();
const table = new SeriesTable(store);
const pushes = new PushList(store);
let paused = false;
let lostSince = null;

async function poll() {
  try {
    if (paused || document.hidden) return;
    const state = await ask();
    // The page may have been paused since the request.
    if (state && !paused) {
      if (store.take(state)) begunAnew(state);
      render();
    }
  } finally {
    showStatus();
    setTimeout(poll, lostSince === null ? POLL_MS : RETRY_MS);
  }
}

/** The gateway's answer, or nothing if there is none. */
async function ask() {
  try {
    const asked = await fetch(`/api/state?${new URLSearchParams(store.cursor)}`, { signal: AbortSignal.timeout(GIVE_UP_MS) });
    if (!asked.ok) throw new Error(`HTTP ${asked.status}`);
    const state = await asked.json();
    lostSince = null;
    return state;
  } catch (error) {
    console.warn("the gateway did not answer:", error.message);
    lostSince ??= Date.now();
  }
}

function begunAnew(state) {
  pushes.clear();
  table.openId = null;
  table.rows.clear();
  byId("notice").hidden = false;
  setText(byId("notice"), `The gateway was restarted, seen at ${formatTime(state.now_ms)}. Its counts began again at zero.`);
}

function render() {
  const { latest } = store;
  const empty = latest.series_total === 0 && latest.pushes_total === 0;
  byId("empty").hidden = !empty;
  byId("overview").hidden = empty;
  byId("content").hidden = empty;
  if (empty) return;
  renderOverview(latest);
  table.render();
  if (latest.series_total === 0) setText(byId("none"), "Pushes arrive, but no metric was accepted so far. The last pushes say why.");
  pushes.render();
}

function renderOverview(latest) {
  if (latest.pod !== "") setText(byId("pod"), latest.pod);
  setText(byId("total-series"), formatTotal(latest.series_total));
  const hidden = latest.series_total - store.series.size;
  setText(byId("series-limit"), `of at most ${formatTotal(latest.series_limit)}${hidden > 0 ? `; the first ${formatTotal(store.series.size)} are shown` : ""}`);
  setText(byId("total-accepted"), formatTotal(latest.accepted_total));
  setText(byId("total-rejected"), formatTotal(latest.rejected_total));
  byId("rejected-tile").classList.toggle("some", latest.rejected_total > 0);
  setText(byId("total-pushes"), formatTotal(latest.pushes_total));
  setText(byId("repeats"), latest.dedupe_hits > 0 ? `of them ${plural(latest.dedupe_hits, "repeat")}` : "");

  const accepted = formatRate(store.rateNow(store.accepted));
  const rejected = formatRate(store.rateNow(store.rejected));
  setText(byId("accepted-rate"), `${accepted}/s now`);
  setText(byId("rejected-rate"), latest.rejected_total > 0 ? `${rejected}/s now` : "");
  const lines = [
    { kind: "accepted", name: "accepted", rates: store.rates(store.accepted) },
    { kind: "rejected", name: "rejected", rates: store.rates(store.rejected), sticks: true },
  ];
  if (latest.rejected_total === 0) lines.pop();
  const chart = byId("throughput");
  const label = `Metrics per second over the last 2 minutes: now ${accepted} accepted and ${rejected} rejected`;
  rateChart(chart, Math.max(chart.clientHeight, 96), lines, (place) => store.timeOf(place), label, byId("throughput-readout"));
}

function showStatus() {
  const state = lostSince !== null ? "unreachable" : paused ? "paused" : "live";
  const status = byId("status");
  // Screen readers announce a change, and not every update.
  if (status.dataset.state === state) return;
  status.dataset.state = state;
  setText(status, { live: "Live", paused: "Paused", unreachable: "Unreachable" }[state]);
  const lost = state === "unreachable";
  document.title = lost ? "Unreachable: Metrics gateway" : "Metrics gateway";
  document.querySelector("main").classList.toggle("stale", lost);
  const notice = byId("unreachable");
  notice.hidden = !lost;
  const what = store.latest ? "Below is what it told last." : "It has not told anything yet.";
  setText(notice, lost ? `The gateway at ${location.host} has not answered since ${formatTime(lostSince)}. ${what} Trying again every ${RETRY_MS / 1000} seconds.` : "");
}

// The view is stored in the address, so that it survives a reload and can be shared.
function keepView({ words, type, sort, descending, page }) {
  const kept = new URLSearchParams();
  if (words) kept.set("q", words);
  if (type) kept.set("type", type);
  if (sort !== "series" || descending) kept.set("sort", `${descending ? "-" : ""}${sort}`);
  if (page > 0) kept.set("page", String(page + 1));
  const text = String(kept);
  history.replaceState(null, "", text ? `#${text}` : location.pathname);
}

function takeView() {
  const kept = new URLSearchParams(location.hash.slice(1));
  const words = kept.get("q") ?? "";
  const type = ["counter", "histogram"].find((type) => type === kept.get("type")) ?? "";
  const [, minus, sort] = /^(-?)(\w+)$/.exec(kept.get("sort") ?? "") ?? [null, "", "series"];
  const sortable = COLUMNS.some(({ id, key }) => id === sort && key);
  const page = Math.max(0, (Number.parseInt(kept.get("page"), 10) || 1) - 1);
  table.view = { words, type, sort: sortable ? sort : "series", descending: sortable && minus === "-", page };
  byId("filter").value = words;
  document.querySelector(`input[name="type"][value="${type}"]`).checked = true;
}

let telling;
function tellMatches() {
  clearTimeout(telling);
  // After a pause in typing: an announcement for every key would interrupt the user.
  telling = setTimeout(() => setText(byId("matches"), `${plural(table.count ?? 0, "series", "series")} shown`), 600);
}

function listen() {
  byId("filter").addEventListener("input", (event) => {
    table.change({ words: event.target.value });
    tellMatches();
  });
  for (const radio of document.querySelectorAll('input[name="type"]')) {
    radio.addEventListener("change", () => {
      table.change({ type: radio.value });
      tellMatches();
    });
  }
  byId("previous").addEventListener("click", () => table.change({ page: table.view.page - 1 }));
  byId("next").addEventListener("click", () => table.change({ page: table.view.page + 1 }));
  byId("problems").addEventListener("change", (event) => {
    pushes.problemsOnly = event.target.checked;
    pushes.render();
  });
  byId("pause").addEventListener("click", (event) => {
    paused = !paused;
    event.target.setAttribute("aria-pressed", String(paused));
    showStatus();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input[type=search]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      byId("filter").focus();
    }
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    // The view is stored in the part of the address that this link would change.
    event.preventDefault();
    byId(store.latest?.pushes_total > 0 ? "series" : "empty").focus();
  });
  addEventListener("resize", () => store.latest && render());
  addEventListener("hashchange", () => {
    takeView();
    if (store.latest) render();
  });
  table.onchange = keepView;
}

// A push of hello_total, byte by byte: frame header, Metric, name, type, value.
setText(
  byId("shell-snippet"),
  String.raw`printf '\000\000\000\000\032\012\030\012\013hello_total\030\001\051\000\000\000\000\000\000\360\077' \
  | curl --data-binary @- -so /dev/null -w '%{http_code}\n' \
      -H 'content-type: application/grpc-web+proto' \
      ${location.origin}/marqo.metrics.v1.MetricsIngest/Push`,
);
for (const pre of document.querySelectorAll(".empty pre")) addCopyButton(pre);
takeView();
listen();
poll();
