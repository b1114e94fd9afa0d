// The kinds of panels and variables that build.mjs makes the dashboard of, and how they are laid out.

export const DATASOURCE = { type: "prometheus", uid: "${datasource}" };
const WIDTH = 24;

/** One stable colour for each way a sample ends, on all panels. */
const COLOURS = {
  delivered: "green",
  coalesced: "blue",
  rejected: "orange",
  dropped: "red",
  unknown: "purple",
  refused: "yellow",
  retried: "super-light-blue",
};

export function row(title, panels) {
  return { title, panels };
}

function panel(type, title, description, targets, { width, height }, fieldConfig, options) {
  return {
    type,
    title,
    description,
    datasource: DATASOURCE,
    gridPos: { w: width, h: height },
    targets: targets.map((target, index) => ({ refId: String.fromCharCode(65 + index), datasource: DATASOURCE, ...target })),
    fieldConfig: { overrides: [], ...fieldConfig },
    options,
  };
}

/**
 * `zeroIf`: a query whose presence makes an absent share 0. Without it a loss that never happened and a
 * Prometheus that sees nothing would look the same.
 */
export function stat(title, description, unit, expr, { thresholds, decimals, zeroIf } = {}) {
  return panel(
    "stat",
    title,
    description,
    [{ expr: zeroIf === undefined ? expr : `(${expr}) or 0 * (${zeroIf})`, legendFormat: title, range: true }],
    { width: 4, height: 4 },
    {
      defaults: {
        unit,
        ...(decimals === undefined ? {} : { decimals }),
        color: { mode: "thresholds" },
        thresholds: { mode: "absolute", steps: thresholds ?? [{ color: "green", value: null }] },
      },
    },
    {
      colorMode: "value",
      graphMode: "area",
      justifyMode: "auto",
      orientation: "auto",
      reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
      textMode: "auto",
    },
  );
}

export function series(title, description, unit, targets, { stack = false, colours = false } = {}) {
  return panel(
    "timeseries",
    title,
    description,
    targets.map(([expr, legendFormat]) => ({ expr, legendFormat, range: true })),
    { width: 8, height: 8 },
    {
      defaults: {
        unit,
        min: 0,
        color: { mode: "palette-classic" },
        custom: {
          drawStyle: "line",
          fillOpacity: stack ? 30 : 10,
          lineWidth: 1,
          showPoints: "auto",
          spanNulls: false,
          stacking: { mode: stack ? "normal" : "none", group: "A" },
        },
      },
      overrides: colours
        ? Object.entries(COLOURS).map(([name, fixedColor]) => ({
            matcher: { id: "byName", options: name },
            properties: [{ id: "color", value: { mode: "fixed", fixedColor } }],
          }))
        : [],
    },
    {
      legend: { calcs: ["mean", "max"], displayMode: "table", placement: "bottom", showLegend: true },
      tooltip: { mode: "multi", sort: "desc" },
    },
  );
}

export function heatmap(title, description, expr) {
  return panel(
    "heatmap",
    title,
    description,
    [{ expr, legendFormat: "{{le}}", format: "heatmap", range: true }],
    { width: 8, height: 8 },
    { defaults: { custom: { scaleDistribution: { type: "linear" } } } },
    {
      calculate: false,
      color: { mode: "scheme", scheme: "Oranges", steps: 64, exponent: 0.5, reverse: false, scale: "exponential", fill: "dark-orange" },
      cellGap: 1,
      exemplars: { color: "rgba(255,0,255,0.7)" },
      filterValues: { le: 1e-9 },
      legend: { show: true },
      rowsFrame: { layout: "auto" },
      tooltip: { mode: "single", yHistogram: false, showColorScale: false },
      yAxis: { axisPlacement: "left", reverse: false, unit: "ms" },
    },
  );
}

export function table(title, description, valueName, exprs) {
  return {
    ...panel(
      "table",
      title,
      description,
      exprs.map((expr) => ({ expr, format: "table", instant: true, range: false })),
      { width: 8, height: 8 },
      { defaults: { custom: { align: "auto", cellOptions: { type: "auto" }, inspect: false } } },
      { cellHeight: "sm", showHeader: true, sortBy: [{ displayName: valueName, desc: true }] },
    ),
    transformations: [
      { id: "organize", options: { excludeByName: { Time: true }, indexByName: {}, renameByName: { Value: valueName, __name__: "Metric", worker: "Caller" } } },
    ],
  };
}

export function variable(name, label, query) {
  return {
    type: "query",
    name,
    label,
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: "variable" },
    refresh: 2,
    sort: 1,
    includeAll: true,
    // Not the list of all values: a series without the label is part of "All", too.
    allValue: ".*",
    multi: true,
    current: { selected: true, text: ["All"], value: ["$__all"] },
    options: [],
    regex: "",
    hide: 0,
    skipUrlSync: false,
  };
}

/** Rows in order, and in each row the panels from left to right, wrapped. */
export function laidOut(rows) {
  const panels = [];
  let y = 0;
  let id = 0;
  for (const { title, panels: own } of rows) {
    panels.push({ type: "row", id: ++id, title, collapsed: false, gridPos: { x: 0, y, w: WIDTH, h: 1 }, panels: [] });
    y += 1;
    let x = 0;
    let height = 0;
    for (const { gridPos, ...rest } of own) {
      if (x + gridPos.w > WIDTH) {
        x = 0;
        y += height;
        height = 0;
      }
      panels.push({ id: ++id, ...rest, gridPos: { x, y, ...gridPos } });
      x += gridPos.w;
      height = Math.max(height, gridPos.h);
    }
    y += height;
  }
  return panels;
}
