// The details of an open row: charts, all labels in full, and a query to copy.

const QUANTILES = ["p50", "p90", "p99"];

class Details {
  constructor(store, series) {
    this.store = store;
    this.series = series;
    this.facts = make("dl", { class: "facts" });
    this.unit = unitOf(series.metric.name);
    this.counted = series.histogram ? "Observations per second" : `Increase per second${this.unit && `, ${this.unit}`}`;
    this.rate = this.plot(this.counted);
    this.plots = make("div", { class: "plots" }, this.rate.figure);
    this.element = make("div", {}, this.facts, this.plots);
    if (series.histogram) {
      this.buckets = this.plot("Observations by bucket");
      this.plots.append(this.buckets.figure);
      this.table = make("tbody");
      this.element.append(
        make(
          "details",
          {},
          make("summary", {}, "Buckets as a table"),
          make("table", {}, make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Up to"), make("th", { scope: "col" }, "Observations"), make("th", { scope: "col" }, "Cumulative"))), this.table),
        ),
      );
    }
    const pre = make("pre", {}, make("code", {}, this.query()));
    this.element.append(make("div", { class: "snippet" }, pre));
    addCopyButton(pre);
    this.addFacts();
  }

  plot(title) {
    const readout = make("span", { class: "sub" });
    const chart = make("div", { class: "chart" });
    return { chart, readout, figure: make("figure", {}, make("figcaption", {}, make("span", {}, title), readout), chart) };
  }

  query() {
    const { metric, labels } = this.series;
    if (metric.type === "counter") return `rate(${metric.name}${selector(labels)}[5m])`;
    return `histogram_quantile(0.9, sum by (le) (rate(${metric.name}_bucket${selector(labels)}[5m])))`;
  }

  addFact(name, value) {
    const dd = make("dd", {}, value);
    this.facts.append(make("dt", {}, name), dd);
    return dd;
  }

  addFacts() {
    const { metric, labels, histogram } = this.series;
    this.help = this.addFact("Help", "");
    // Narrow windows hide this column.
    this.addFact("Type", metric.type);
    for (const [name, value] of Object.entries(labels)) {
      const shown = value === "" ? make("span", { class: "sub" }, "empty") : make("bdi", { class: "mono value-text" }, quoted(value));
      this.addFact(make("span", { class: "mono" }, name), shown);
    }
    this.total = this.addFact(histogram ? "Observations" : "Total", "");
    this.changed = this.addFact("Last change", "");
  }

  update() {
    const { store, series } = this;
    const { metric, histogram } = series;
    const rates = store.rates(series.activity);
    setText(this.help, metric.help === "" ? "none was given" : visible(metric.help));
    const ago = Math.max(0, Math.round((store.latest.now_ms - series.changedAt) / 1000));
    setText(this.changed, ago < 2 ? "just now" : ago < 120 ? `${ago} s ago` : `${Math.round(ago / 60)} min ago`);

    const now = formatRate(store.rateNow(series.activity));
    this.rate.readout.dataset.rest = `${now}/s now`;
    const label = `${this.counted}, over the last 2 minutes: now ${now}, highest ${formatShort(Math.max(...rates))}`;
    const line = { kind: metric.type, name: "rate", rates };
    rateChart(this.rate.chart, 180, [line], (place) => store.timeOf(place), label, this.rate.readout);

    if (!histogram) return setText(this.total, formatTotal(series.value));
    const mean = series.value > 0 ? histogram.sum / series.value : 0;
    setText(this.total, `${formatTotal(series.value)}, sum ${formatTotal(histogram.sum)}, mean ${formatShort(mean)}`);
    this.updateBuckets(histogram, metric.bounds);
  }

  updateBuckets({ buckets, quantiles }, bounds) {
    const marks = QUANTILES.map((name, place) => ({ name, value: quantiles[place] }));
    const estimates = marks.map(({ name, value }) => `${name} ${formatShort(value)}`).join(", ");
    setText(this.buckets.readout, `${this.unit && `in ${this.unit}; `}p50, p90, p99 are estimates`);
    const told = buckets.flatMap((count, bucket) => (count > 0 ? [`${formatTotal(count)} up to ${bucketName(bounds, bucket)}`] : []));
    bucketChart(this.buckets.chart, 180, bounds, buckets, marks, `Observations by bucket: ${told.join(", ")}. Estimates: ${estimates}`);

    // Replaced only when it differs, so that a text selection in it is kept.
    const counts = buckets.join();
    if (counts === this.table.counts) return;
    this.table.counts = counts;
    let cumulative = 0;
    const rows = buckets.map((count, bucket) => {
      cumulative += count;
      return make("tr", {}, make("th", { scope: "row" }, bucketName(bounds, bucket)), make("td", {}, formatTotal(count)), make("td", {}, formatTotal(cumulative)));
    });
    this.table.replaceChildren(...rows);
  }
}

function bucketName(bounds, bucket) {
  return bucket < bounds.length ? formatBound(bounds[bucket]) : "+Inf";
}
