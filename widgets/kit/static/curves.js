// Curves over one horizontal axis, a small chart each: the present run in color, an earlier one in
// gray behind it.

/** @typedef {{ x: Float32Array, y: Float32Array }} Curve */

const BOX = { width: 220, height: 110, left: 44, right: 8, top: 8, bottom: 20 };
const LABEL = 13; // CSS px of height that a label of the vertical axis takes
const LABELED = 90; // CSS px of width below which the end of the horizontal axis alone is labeled
const DOTTED = 20; // a curve of fewer points shows each of them

/**
 * Find up to four round numbers from low to high, and the decimals that they need.
 * @param {number} low
 * @param {number} high
 */
function roundNumbers(low, high) {
  const rough = (high - low) / 3;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5].map((m) => m * unit).find((s) => s >= rough) ?? 10 * unit;
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(v);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/**
 * Find the range of an axis, zero included and never empty; null without a finite value.
 * @param {Curve[]} curves
 * @param {number} top where the axis ends, 0 for the highest value
 */
function rangeOf(curves, top) {
  const values = curves.flatMap(({ y }) => Array.from(y)).filter(Number.isFinite);
  if (!values.length) return null;
  const low = Math.min(0, ...values);
  const high = Math.max(top, 0, ...values);
  return { low, high: high - low >= 1e-9 ? high : low + 1e-3 };
}

/**
 * Write the value of a curve nearest to x; null without any.
 * @param {Curve} curve
 * @param {number} at
 */
function valueNear(curve, at) {
  if (!curve.x.length) return null;
  let best = 0;
  for (let i = 1; i < curve.x.length; i++) {
    if (Math.abs(curve.x[i] - at) < Math.abs(curve.x[best] - at)) best = i;
  }
  return curve.y[best].toFixed(3);
}

/**
 * Draw one chart: the earlier curve first, so that the present one lies above it.
 * @param {Chart} chart
 * @param {{ now: Curve, before: Curve }} curves
 * @param {number} top of the vertical axis, see `rangeOf`
 * @param {number} end of the horizontal axis
 * @param {string} unit
 * @param {number | null} cursor where the values are read
 */
function drawCurves(chart, { now, before }, top, end, unit, cursor) {
  chart.clear();
  const range = rangeOf([now, before], top);
  const { low, high } = range ?? { low: 0, high: top || 1 };
  const share = (/** @type {number} */ v) => (v - low) / (high - low);
  const fixed = { found: [0, top / 2, top], digits: top < 2 ? 1 : 0 }; // so that its end is read
  const { found, digits } = top && high === top ? fixed : roundNumbers(low, high);
  const apart = found.length > 1 ? chart.y(share(found[0])) - chart.y(share(found[1])) : LABEL;
  for (const v of apart >= LABEL ? found : [found[0], found[found.length - 1]]) {
    chart.rule(share(v), v.toFixed(digits));
  }
  if (chart.x(1) - chart.x(0) >= LABELED) chart.label(0, "0");
  chart.label(1, `${grouped(end, 1)} ${unit}${end === 1 ? "" : "s"}`);
  if (!range) chart.writeNone();
  for (const [curve, className] of /** @type {const} */ ([
    [before, "before"],
    [now, "now"],
  ])) {
    /** @type {[number, number][]} */
    const points = Array.from(curve.x, (x, i) => [x / end, share(curve.y[i])]);
    const drawn = chart.line(points, className);
    if (drawn.length >= DOTTED) continue;
    for (const [cx, cy] of drawn) chart.add("circle", { cx, cy, r: 2, class: className });
  }
  if (cursor === null) return;
  const x = chart.x(cursor / end);
  chart.add("line", { x1: x, x2: x, y1: chart.top, y2: chart.bottom, class: "cursor" });
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-curves");
  addSummary(model, root);
  const legend = el("div", "legend");
  const figures = el("div", "charts");
  const reading = el("p", "reading");
  root.append(legend, figures, reading);
  const spoken = addSpoken(root);
  /** @type {{ now: Curve[], before: Curve[] }} */
  const curves = { now: [], before: [] };
  /** @type {Chart[]} */
  let charts = [];
  let unfollow = () => {};
  /** @type {number | null} */
  let cursor = null;

  /** @param {"now" | "before"} which */
  function readCurves(which) {
    const values = numbers(model.get(`_${which}`), Float32Array);
    /** @type {number[]} */
    const sizes = model.get(`_${which}_sizes`);
    let start = 0;
    curves[which] = charts.map((_, i) => {
      const n = sizes[i] || 0;
      const x = values.subarray(start, start + n);
      const y = values.subarray(start + n, start + 2 * n);
      start += 2 * n;
      return { x, y };
    });
  }

  function lastX() {
    let last = model.get("until");
    for (const { x } of [...curves.now, ...curves.before]) {
      if (x.length) last = Math.max(last, x[x.length - 1]);
    }
    return last > 0 ? last : 1;
  }

  function build() {
    charts = [];
    figures.replaceChildren();
    for (const panel of model.get("panels")) {
      const chart = new Chart(BOX);
      const figure = el("figure", "chart");
      const caption = el("figcaption");
      caption.append(el("b", "", panel.name), el("span", "hint", ` ${panel.hint}`));
      figure.append(caption, chart.element);
      figures.append(figure);
      charts.push(chart);
    }
    unfollow();
    unfollow = endAll(...charts.map((chart) => chart.onResize(redraw)));
    update();
  }

  function draw() {
    const [now, before] = model.get("names");
    legend.replaceChildren();
    if (now) legend.append(legendEntry("key now", now));
    if (before) legend.append(legendEntry("key before", before));
    const end = lastX();
    charts.forEach((chart, p) => {
      const both = { now: curves.now[p], before: curves.before[p] };
      drawCurves(chart, both, model.get("panels")[p].top, end, model.get("unit"), cursor);
    });
    reading.textContent = readingAt(cursor);
  }

  /** @param {number | null} at */
  function readingAt(at) {
    const unit = model.get("unit");
    const begin = `${unit[0].toUpperCase()}${unit.slice(1)} 0 is before training.`;
    if (at === null) return `Point at a chart, or use ← and →, to read its values. ${begin}`;
    const texts = charts.flatMap((_, p) => {
      const now = valueNear(curves.now[p], at);
      const before = valueNear(curves.before[p], at);
      if (now === null && before === null) return [];
      const grey = before === null ? "" : ` (grey ${before})`;
      return [`${model.get("panels")[p].name} ${now ?? "–"}${grey}`];
    });
    return `${unit} ${at.toFixed(1)}: ${texts.join(", ")}`;
  }

  const redraw = eachFrame(draw);
  function update() {
    readCurves("now");
    readCurves("before");
    redraw();
  }
  figures.addEventListener("pointermove", (event) => {
    const chart = charts.find(({ element }) =>
      element.contains(/** @type {Node} */ (event.target)),
    );
    if (!chart) return;
    cursor = clamp(chart.shareAt(event), 0, 1) * lastX();
    redraw();
  });
  figures.addEventListener("pointerleave", () => {
    cursor = null;
    redraw();
  });
  root.addEventListener("keydown", (event) => {
    const move = byKey(event, { ArrowLeft: -1, ArrowRight: 1 });
    if (!move) return;
    event.preventDefault();
    const end = lastX();
    cursor = clamp((cursor ?? end) + (move * end) / 60, 0, end);
    spoken.textContent = readingAt(cursor);
    redraw();
  });
  const data = ["_now", "_now_sizes", "_before", "_before_sizes"];
  build();
  draw();
  return endAll(
    onChange(model, ["until", "names", "unit", ...data], update),
    onChange(model, ["panels"], build),
    () => unfollow(),
    redraw.cancel,
  );
}

export default { render };
