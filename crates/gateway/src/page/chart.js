// Charts as SVG. Each has a text alternative.

/** A small line without axes. Screen readers read `label`. */
function sparkline(rates, kind, label, width = 120, height = 24) {
  const top = Math.max(...rates);
  const points = rates.map((rate, place) => {
    const x = (place / (rates.length - 1)) * width;
    const y = top === 0 ? height - 1 : height - 1 - (rate / top) * (height - 3);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return makeSvg(
    "svg",
    { class: kind, width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    makeSvg("path", { class: "area", d: `M0,${height} L${points.join(" L")} L${width},${height} Z` }),
    makeSvg("polyline", { class: "line", points: points.join(" ") }),
  );
}

/** The smallest round number that is not below `value`. */
function niceTop(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const top = [1, 1.5, 2, 3, 4, 6, 8, 10].map((step) => step * power).find((top) => top >= value * 0.999999);
  // The largest and smallest numbers have no round number above them.
  return Number.isFinite(top) ? top : value;
}

/** An upper estimate of a text's width in a chart, in pixels. */
const textWidth = (text) => 7 * text.length;

/** The space for the labels of the vertical axis. */
const axisWidth = (values) => Math.max(44, 10 + Math.max(...values.map((value) => textWidth(formatAxis(value)))));

/**
 * Lines over the last two minutes. `lines` is a list of { kind, name, rates }, with `sticks` for rare
 * events. `timeOf` returns the time of a place. `readout` shows the values under the pointer.
 */
function rateChart(container, height, lines, timeOf, label, readout) {
  const width = Math.max(container.clientWidth, 200);
  const highest = niceTop(Math.max(...lines.flatMap((line) => line.rates)));
  const marked = [0, highest / 2, highest];
  const [left, right, top, bottom] = [axisWidth(marked), 6, 8, 18];
  const count = lines[0].rates.length;
  const x = (place) => left + (place / (count - 1)) * (width - left - right);
  const y = (rate) => height - bottom - (rate / highest) * (height - top - bottom);

  const svg = makeSvg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const rate of marked) {
    svg.append(
      makeSvg("line", { class: "grid", x1: left, x2: width - right, y1: y(rate), y2: y(rate) }),
      makeSvg("text", { x: left - 6, y: y(rate) + 4, "text-anchor": "end" }, formatAxis(rate)),
    );
  }
  svg.append(
    makeSvg("text", { x: left, y: height - 4 }, "2 min ago"),
    makeSvg("text", { x: width - right, y: height - 4, "text-anchor": "end" }, "now"),
  );
  for (const line of lines) {
    if (line.sticks) {
      const sticks = line.rates.map((rate, place) => (rate > 0 ? `M${x(place).toFixed(1)},${y(0)}V${Math.min(y(rate), y(0) - 3).toFixed(1)}` : ""));
      svg.append(makeSvg("g", { class: line.kind }, makeSvg("path", { class: "line", d: sticks.join("") || "M0,0" })));
      continue;
    }
    const points = line.rates.map((rate, place) => `${x(place).toFixed(1)},${y(rate).toFixed(1)}`).join(" L");
    svg.append(
      makeSvg(
        "g",
        { class: line.kind },
        makeSvg("path", { class: "area", d: `M${x(0)},${y(0)} L${points} L${x(count - 1)},${y(0)} Z` }),
        makeSvg("path", { class: "line", d: `M${points}` }),
      ),
    );
  }

  const tell = (place) => {
    const values = lines.map((line) => `${line.name} ${formatShort(line.rates[place])}/s`);
    setText(readout, `${formatTime(timeOf(place))}: ${values.join(", ")}`);
  };
  const point = (clientX) => {
    const box = svg.getBoundingClientRect();
    const place = Math.round(((clientX - box.left - left) / (width - left - right)) * (count - 1));
    return Math.min(Math.max(place, 0), count - 1);
  };
  // Each answer redraws the chart, while the pointer stays in place.
  const hover = () => {
    svg.querySelector(".cursor")?.remove();
    if (container.pointerX === undefined) return setText(readout, readout.dataset.rest ?? "");
    const place = point(container.pointerX);
    svg.append(makeSvg("line", { class: "cursor", x1: x(place), x2: x(place), y1: top, y2: height - bottom }));
    tell(place);
  };
  svg.addEventListener("pointermove", (event) => {
    container.pointerX = event.clientX;
    hover();
  });
  svg.addEventListener("pointerleave", () => {
    container.pointerX = undefined;
    hover();
  });
  container.replaceChildren(svg);
  hover();
}

/** Observations by bucket, with marks at the estimated quantiles. */
function bucketChart(container, height, bounds, counts, marks, label) {
  const width = Math.max(container.clientWidth, 200);
  const highest = niceTop(Math.max(...counts));
  const [left, right, top, bottom] = [axisWidth([highest]), 6, 44, 22];
  const step = (width - left - right) / counts.length;
  const y = (count) => height - bottom - (count / highest) * (height - top - bottom);

  const svg = makeSvg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const count of [0, highest]) {
    svg.append(
      makeSvg("line", { class: "grid", x1: left, x2: width - right, y1: y(count), y2: y(count) }),
      makeSvg("text", { x: left - 6, y: y(count) + 4, "text-anchor": "end" }, formatAxis(count)),
    );
  }
  counts.forEach((count, bucket) => {
    if (count === 0) return;
    // A single observation among millions stays visible.
    const high = Math.max(y(0) - y(count), 1.5);
    svg.append(makeSvg("rect", { class: "column", x: left + bucket * step + 1.5, y: y(0) - high, width: Math.max(step - 3, 1), height: high, rx: 1.5 }));
  });

  // Each bound is at the right edge of its bucket. Bounds without space are left out.
  const widest = Math.max(...bounds.map((bound) => textWidth(formatAxis(bound))));
  const every = Math.max(1, Math.ceil((widest + 8) / step));
  bounds.forEach((bound, bucket) => {
    if ((bounds.length - 1 - bucket) % every !== 0) return;
    const [text, at] = [formatAxis(bound), left + (bucket + 1) * step];
    // Next to "up to", without covering it.
    if (at - textWidth(text) / 2 < left) return;
    svg.append(makeSvg("text", { x: at, y: height - 5, "text-anchor": "middle" }, text));
  });

  svg.append(makeSvg("text", { x: left - 6, y: height - 5, "text-anchor": "end" }, "up to"));

  const names = [];
  marks.forEach(({ name, value }, row) => {
    if (value === null) return;
    let bucket = bounds.findIndex((bound) => value <= bound);
    if (bucket < 0) bucket = bounds.length - 1;
    const upper = bounds[bucket];
    const lower = bucket > 0 ? bounds[bucket - 1] : Math.min(0, upper);
    const share = upper > lower ? (value - lower) / (upper - lower) : 1;
    const at = left + (bucket + share) * step;
    const end = at > width - 90;
    svg.append(
      makeSvg("line", { class: "mark", x1: at, x2: at, y1: 4 + row * 13, y2: y(0) }),
    );
    names.push(makeSvg("text", { class: "mark-name", x: end ? at - 4 : at + 4, y: 13 + row * 13, "text-anchor": end ? "end" : "start" }, `${name} ${formatShort(value)}`));
  });
  // Drawn after the lines, so that a line does not cross a name.
  svg.append(...names);
  container.replaceChildren(svg);
}
