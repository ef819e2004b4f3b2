// A radius: how many images lie at each distance, and precision against recall as it grows.

const BOX = { width: 300, height: 150, left: 40, right: 10, top: 8, bottom: 32 };

/**
 * What is found within each distance; no matches where relevance is not known.
 * @typedef {object} Counts
 * @property {string[]} names
 * @property {number[]} found
 * @property {number[]} matches
 */

/**
 * Draw how many images lie at each distance, those without a match hatched, and shade what lies
 * within the radius.
 * @param {Chart} chart
 * @param {Counts} counts
 * @param {number} radius
 */
function drawCounts(chart, { names, found, matches }, radius) {
  chart.clear();
  const at = (/** @type {number[]} */ within) =>
    names.map((_, i) => within[i] - (within[i - 1] ?? 0));
  const all = at(found);
  const good = matches.length ? at(matches) : all;
  const high = Math.max(1, ...all);
  const hatching = chart.hatching(4, 1.6);
  const step = (chart.right - chart.left) / Math.max(names.length, 1);
  const edge = chart.left + step * (radius + 1);
  chart.bar(chart.left, edge - chart.left, 0, 1, "inside");
  for (const share of [0, 0.5, 1]) chart.rule(share, grouped(Math.round(high * share)));
  const width = Math.max(step - 1, step * 0.75);
  names.forEach((_, i) => {
    const x = chart.left + step * i + Math.min(0.5, step / 8);
    if (good[i] > 0) chart.bar(x, width, 0, good[i] / high, "good");
    if (all[i] > good[i]) chart.bar(x, width, good[i] / high, all[i] / high, "bad", hatching);
  });
  const ends = { x1: edge, x2: edge, y1: chart.top - 4, y2: chart.bottom };
  chart.add("line", { ...ends, class: "radius" });
  if (names.length) chart.label(0, names[0]);
  if (names.length > 1) chart.label(1, names[names.length - 1]);
}

/**
 * Draw precision against recall: of this query, and in gray the mean of others.
 * @param {Chart} chart
 * @param {Counts} counts with matches
 * @param {number} radius
 * @param {Float32Array} mean precision at each distance, then recall; empty for none
 */
function drawPrecision(chart, { found, matches }, radius, mean) {
  chart.clear();
  for (const share of [0, 0.5, 1]) {
    chart.rule(share, share.toFixed(1));
    chart.label(share, share.toFixed(1));
  }
  const middle = chart.y(0.5);
  chart.write("recall", chart.x(0.5), chart.bottom + 28, "middle");
  const turned = { x: 11, y: middle, transform: `rotate(-90 11 ${middle})` };
  chart.add("text", { ...turned, class: "tick middle" }).textContent = "precision";
  const half = mean.length / 2;
  chart.line(
    Array.from({ length: half }, (_, i) => [mean[half + i], mean[i]]),
    "mean",
  );
  const total = Math.max(matches[matches.length - 1], 1);
  /** @type {[number, number][]} */
  const points = found.map((n, i) => [matches[i] / total, n ? matches[i] / n : NaN]);
  chart.line(points, "mine");
  const [recall, precision] = points[radius] ?? [NaN, NaN];
  if (!Number.isFinite(precision)) return;
  chart.add("circle", { cx: chart.x(recall), cy: chart.y(precision), r: 5, class: "point" });
}

/**
 * Say what is found within a radius, and its precision and recall where they are known.
 * @param {Counts} counts
 * @param {number} radius
 */
function readingOf({ names, found, matches }, radius) {
  const n = found[radius] ?? 0;
  const text = `Within ${names[radius] ?? "nothing"}: ${grouped(n)} image${n === 1 ? "" : "s"}`;
  if (!matches.length) return text;
  const good = matches[radius] ?? 0;
  const total = matches[names.length - 1] ?? 0;
  const precision = n ? (good / n).toFixed(2) : "not defined";
  const recall = total ? (good / total).toFixed(2) : "not defined";
  return `${text}, ${grouped(good)} match: precision ${precision}, recall ${recall}`;
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-radius");
  root.removeAttribute("tabindex"); // the slider has the focus
  addSummary(model, root);
  const charts = el("div", "charts");
  const [counts, precision] = [new Chart(BOX), new Chart(BOX)];
  const figures = [
    { title: "Images by distance", chart: counts },
    { title: "Precision and recall by radius", chart: precision },
  ].map(({ title, chart }) => {
    const figure = el("figure", "chart");
    figure.append(el("figcaption", "", title), chart.element);
    return figure;
  });
  charts.append(...figures);
  const row = el("label", "slider");
  const slider = el("input");
  slider.type = "range";
  slider.min = "0";
  slider.step = "1";
  row.append(el("span", "", "radius"), slider);
  const reading = el("p", "reading");
  reading.setAttribute("aria-live", "polite");
  const legend = el("div", "legend");
  root.append(row, charts, reading, legend);
  /** @type {number} the slider's, which the model follows when it rests */
  let radius = model.get("radius");
  let waiting = 0;

  function draw() {
    const shown = {
      names: model.get("names"),
      found: model.get("found"),
      matches: model.get("matches"),
    };
    const known = shown.matches.length > 0;
    slider.max = String(Math.max(shown.names.length - 1, 0));
    slider.value = String(radius);
    slider.setAttribute("aria-valuetext", shown.names[radius] ?? "");
    root.classList.toggle("unlabeled", !known);
    figures[1].hidden = !known;
    drawCounts(counts, shown, radius);
    if (known) drawPrecision(precision, shown, radius, numbers(model.get("_mean"), Float32Array));
    reading.textContent = readingOf(shown, radius);
    legend.replaceChildren();
    if (!known) return;
    legend.append(legendEntry("key good", "match"), legendEntry("key bad", "no match"));
    legend.append(legendEntry("key mine", "this query"));
    if (model.get("_mean")?.byteLength)
      legend.append(legendEntry("key mean", model.get("mean_of")));
  }
  const redraw = eachFrame(draw);

  /** Tell Python once the slider rests. */
  function settle() {
    clearTimeout(waiting);
    if (model.get("radius") !== radius) save(model, "radius", radius);
  }
  slider.addEventListener("input", () => {
    radius = Number(slider.value);
    redraw();
    clearTimeout(waiting);
    waiting = setTimeout(settle, 150);
  });
  slider.addEventListener("change", settle);
  counts.element.addEventListener("click", (event) => {
    const n = model.get("names").length;
    if (!n) return;
    const share = counts.shareAt(/** @type {MouseEvent} */ (event));
    radius = clamp(Math.floor(share * n), 0, n - 1);
    redraw();
    settle();
  });

  const update = () => {
    radius = model.get("radius");
    redraw();
  };
  draw();
  return endAll(
    onChange(model, ["radius", "names", "found", "matches", "_mean", "mean_of"], update),
    counts.onResize(redraw),
    precision.onResize(redraw),
    redraw.cancel,
    () => clearTimeout(waiting),
  );
}

export default { render };
