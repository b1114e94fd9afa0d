// The scaling curves as a picture: two panels, drawn by hand.

const WIDTH = 860;
const HEIGHT = 340;
const PANEL = { width: 340, height: 220, top: 56 };
const LEFTS = [62, 486];
const OURS = "#1f6feb";
const FLOOR = "#8b949e";

/** @param {Awaited<ReturnType<typeof import("./curve.mjs").measureCurve>>} curve */
export function draw({ by_series, by_labels }) {
  const most = Math.max(...[...by_series, ...by_labels].map(({ cpu_us_per_sample }) => cpu_us_per_sample));
  const top = niceCeiling(most);
  const log = (n) => Math.log10(n) / 4;
  const linear = (n) => n / 32;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="CPU time per sample by number of series and by number of labels">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
<g fill="#24292f">
${panel(LEFTS[0], "by distinct series in a flush (two labels)", by_series, "series", log, top)}
${panel(LEFTS[1], "by labels of a sample (100 series)", by_labels, "labels", linear, top)}
</g>
${legend()}
</svg>
`;
}

function panel(left, title, points, key, scale, top) {
  const x = (point) => left + scale(point[key]) * PANEL.width;
  const y = (value) => PANEL.top + PANEL.height * (1 - value / top);
  const lines = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const value = top * part;
    return `<line x1="${left}" x2="${left + PANEL.width}" y1="${n(y(value))}" y2="${n(y(value))}" stroke="#d0d7de"/>
<text x="${left - 8}" y="${n(y(value) + 4)}" text-anchor="end">${n(value)}</text>`;
  });
  const ticks = points.map(
    (point) => `<text x="${n(x(point))}" y="${PANEL.top + PANEL.height + 18}" text-anchor="middle">${short(point[key])}</text>`,
  );
  const line = (field, colour, dash) => {
    const path = points.map((point) => `${n(x(point))},${n(y(point[field]))}`).join(" ");
    const dots = points.map((point) => `<circle cx="${n(x(point))}" cy="${n(y(point[field]))}" r="3" fill="${colour}"/>`);
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>\n${dots.join("")}`;
  };
  return `<text x="${left}" y="${PANEL.top - 34}" font-size="14" font-weight="600">${title}</text>
<text x="${left}" y="${PANEL.top - 14}" fill="#57606a">µs of CPU per sample, whole process</text>
${lines.join("\n")}
${ticks.join("\n")}
${line("floor_us_per_sample", FLOOR, ' stroke-dasharray="5 4"')}
${line("cpu_us_per_sample", OURS, "")}`;
}

function legend() {
  const y = HEIGHT - 18;
  return `<g fill="#24292f"><circle cx="70" cy="${y}" r="4" fill="${OURS}"/><text x="82" y="${y + 4}">this Worker: record of 100 packed samples, and the flush</text>
<circle cx="486" cy="${y}" r="4" fill="${FLOOR}"/><text x="498" y="${y + 4}">a no-op that takes the same calls</text></g>`;
}

function niceCeiling(value) {
  const unit = 10 ** Math.floor(Math.log10(value));
  return unit * [1, 2, 4, 5, 8, 10].find((step) => step * unit >= value);
}

const short = (count) => (count >= 1000 ? `${count / 1000}k` : String(count));
const n = (value) => String(Math.round(value * 100) / 100);
