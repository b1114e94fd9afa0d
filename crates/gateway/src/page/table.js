// The table of series: filter, sort, pages. Only the rows of one page are in the document, so two
// thousand series are as fast as twenty-five.

const PAGE_ROWS = 25;

const quantile = (place) => (series) => series.histogram?.quantiles[place] ?? null;

// `key` is the sort key of a column. Numbers start with the highest.
const COLUMNS = [
  { id: "series", title: "Series", key: (series) => series.text },
  { id: "type", title: "Type", key: (series) => series.metric.type },
  { id: "value", title: "Value", number: true, key: (series) => series.value, hint: "A counter's total, a histogram's number of observations" },
  { id: "rate", title: "Rate/s", number: true, key: (series, store) => store.rateNow(series.activity), hint: "Mean of the last 10 seconds" },
  { id: "spark", title: "Last 2 minutes" },
  ...QUANTILES.map((id, place) => ({
    id,
    title: `≈ ${id}`,
    spoken: `${id}, estimate`,
    number: true,
    key: quantile(place),
    hint: `Estimate of the ${id.slice(1)}th percentile of all observations, as histogram_quantile makes it`,
  })),
];

class SeriesTable {
  constructor(store) {
    this.store = store;
    this.rows = new Map();
    this.view = { words: "", type: "", sort: "series", descending: false, page: 0 };
    this.openId = null;
    this.body = document.querySelector("#table > tbody");
    this.head();
  }

  head() {
    const row = document.querySelector("#table > thead > tr");
    for (const column of COLUMNS) {
      const th = make("th", { scope: "col", class: `${column.id}${column.number ? " number" : ""}` });
      if (column.key) {
        const button = make("button", { type: "button" }, column.title);
        if (column.hint) button.title = column.hint;
        if (column.spoken) button.setAttribute("aria-label", column.spoken);
        button.addEventListener("click", () => this.sortBy(column));
        th.append(button);
      } else {
        th.append(make("span", {}, column.title));
      }
      column.th = th;
      row.append(th);
    }
  }

  sortBy(column) {
    const again = this.view.sort === column.id;
    this.change({ sort: column.id, descending: again ? !this.view.descending : Boolean(column.number) });
  }

  /** Changes the view. Every change except a change of the page goes to the first page. */
  change(view) {
    this.view = { ...this.view, page: 0, ...view };
    this.render();
    this.onchange?.(this.view);
  }

  /** The series that match the filter, in order. */
  shown() {
    const { words, type, sort, descending } = this.view;
    const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
    const list = [];
    for (const series of this.store.series.values()) {
      if (type && series.metric.type !== type) continue;
      if (wanted.every((word) => series.found.includes(word))) list.push(series);
    }
    const column = COLUMNS.find(({ id }) => id === sort);
    const keys = new Map(list.map((series) => [series, column.key(series, this.store)]));
    const turn = descending ? -1 : 1;
    return list.sort((a, b) => {
      const [x, y] = [keys.get(a), keys.get(b)];
      // Series without this number come last in either order.
      if (x === null || y === null) return x === y ? compare(a.text, b.text) : x === null ? 1 : -1;
      return compare(x, y) * turn || compare(a.text, b.text);
    });
  }

  render() {
    const list = this.shown();
    const pages = Math.max(1, Math.ceil(list.length / PAGE_ROWS));
    this.view.page = Math.min(this.view.page, pages - 1);
    const first = this.view.page * PAGE_ROWS;
    const page = list.slice(first, first + PAGE_ROWS);

    for (const { id, th } of COLUMNS) {
      if (id === this.view.sort) th.setAttribute("aria-sort", this.view.descending ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    }
    this.place(page);
    this.count = list.length;
    setText(byId("range"), list.length === 0 ? "" : `${formatTotal(first + 1)}–${formatTotal(first + page.length)} of ${formatTotal(list.length)}`);
    byId("pages").hidden = pages === 1;
    byId("previous").disabled = this.view.page === 0;
    byId("next").disabled = this.view.page === pages - 1;
    byId("none").hidden = list.length > 0;
    setText(byId("none"), "No series matches this filter.");
  }

  /** Puts a page's rows in order, and moves only rows that are out of place. */
  place(page) {
    const focused = document.activeElement;
    const wanted = [];
    const kept = new Map();
    for (const series of page) {
      const row = this.rows.get(series.id) ?? this.row(series);
      kept.set(series.id, row);
      wanted.push(row.element);
      if (series.id === this.openId) wanted.push(this.opened(row));
    }
    this.rows = kept;
    wanted.forEach((element, place) => {
      if (this.body.children[place] !== element) this.body.insertBefore(element, this.body.children[place] ?? null);
    });
    while (this.body.children.length > wanted.length) this.body.lastElementChild.remove();
    // Moving a row loses its focus.
    if (focused !== document.activeElement && this.body.contains(focused)) focused.focus({ preventScroll: true });
    for (const row of kept.values()) row.update();
    // As wide as the visible columns of this window.
    const columns = COLUMNS.filter(({ th }) => th.offsetWidth > 0).length;
    for (const cell of this.body.querySelectorAll("tr.details > td")) cell.colSpan = columns;
    if (this.openId !== null && kept.has(this.openId)) kept.get(this.openId).details.update();
  }

  opened(row) {
    if (!row.detailsRow) {
      row.details = new Details(this.store, row.series);
      row.detailsRow = make("tr", { class: "details", id: `details-${row.series.id}` }, make("td", {}, row.details.element));
    }
    return row.detailsRow;
  }

  toggle(id) {
    this.openId = this.openId === id ? null : id;
    this.render();
  }

  row(series) {
    const button = make("button", { type: "button", class: "open", "aria-expanded": "false" }, seriesText(series));
    const cells = COLUMNS.map(({ id, number }) => make("td", { class: `${id}${number ? " number" : ""}` }));
    const [name, type, value, rate, spark, ...quantiles] = cells;
    name.append(button);
    type.append(make("span", { class: `kind ${series.metric.type}` }, series.metric.type));
    const element = make("tr", { class: "row" }, ...cells);
    element.addEventListener("click", () => {
      // A click that ends a text selection must not open the row.
      if (getSelection().isCollapsed) this.toggle(series.id);
    });

    const update = () => {
      const open = this.openId === series.id;
      button.setAttribute("aria-expanded", String(open));
      if (open) button.setAttribute("aria-controls", `details-${series.id}`);
      else button.removeAttribute("aria-controls");
      const total = formatFitting(series.value);
      if (value.textContent !== "" && value.textContent !== total) flash(value);
      setText(value, total);
      value.title = formatTotal(series.value);
      const now = formatRate(this.store.rateNow(series.activity));
      setText(rate, now);
      const rates = this.store.rates(series.activity);
      const drawn = rates.join();
      if (drawn !== spark.drawn) {
        spark.drawn = drawn;
        const label = `Now ${now} per second, highest ${formatShort(Math.max(...rates))}`;
        spark.replaceChildren(sparkline(rates, series.metric.type, label));
      }
      quantiles.forEach((cell, place) => setText(cell, series.histogram ? formatShort(series.histogram.quantiles[place]) : ""));
    };
    return { series, element, update };
  }
}

function compare(x, y) {
  return x < y ? -1 : x > y ? 1 : 0;
}

/** A name that may break after its underscores in a narrow column. */
function breakable(name) {
  return name.split(/(?<=_)(?=[^_])/).flatMap((part, place) => (place > 0 ? [make("wbr"), part] : [part]));
}

/** The series in Prometheus's notation. Values cannot change the direction of the text around them. */
function seriesText({ metric, labels, text }) {
  const span = make("span", { class: "text", title: text }, make("span", { class: "series-name" }, ...breakable(metric.name)));
  const pairs = Object.entries(labels);
  if (pairs.length === 0) return span;
  span.append(" ");
  const all = make("span", { class: "labels" }, "{");
  pairs.forEach(([name, value], place) => {
    all.append(place > 0 ? ", " : "", `${name}="`, make("bdi", {}, quoted(value)), '"');
  });
  all.append("}");
  span.append(all);
  return span;
}

function flash(cell) {
  cell.classList.remove("flash");
  void cell.offsetWidth; // restarts the animation
  cell.classList.add("flash");
}
