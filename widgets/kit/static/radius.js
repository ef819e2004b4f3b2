// A radius: how many images lie at each distance, and precision against recall as it grows.
const WIDE = 300, HIGH = 150, LEFT = 40, RIGHT = 10, TOP = 8, BOTTOM = 32;
let hatches = 0;

function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-radius");
  root.removeAttribute("tabindex"); // the slider has the focus
  summaryOf(model, root);
  const charts = make("div", "charts");
  const chart = (title) => {
    const figure = make("figure", "chart");
    const svg = draws("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true" });
    figure.append(make("figcaption", "", title), svg);
    charts.append(figure);
    return { figure, svg };
  };
  const counts = chart("Images by distance");
  const curve = chart("Precision and recall by radius");
  const hatch = `uhscm-radius-${(hatches += 1)}`;
  const row = make("label", "slider");
  const slider = make("input");
  slider.type = "range";
  slider.min = 0;
  slider.step = 1;
  row.append(make("span", "", "radius"), slider);
  const reading = make("p", "reading");
  reading.setAttribute("aria-live", "polite");
  const legend = make("div", "legend");
  root.append(charts, row, reading, legend);
  let radius = 0, waiting = 0;

  const value = (name, i) => model.get(name)[i] ?? 0;
  const count = (v) => v.toLocaleString("en");
  const x = (share) => LEFT + (WIDE - LEFT - RIGHT) * share;
  const y = (share) => TOP + (HIGH - TOP - BOTTOM) * (1 - share);
  const words = (svg, text, px, py, kind = "") => {
    draws("text", { x: px, y: py, class: `tick ${kind}` }, svg).textContent = text;
  };

  function drawCounts() {
    const { svg } = counts;
    svg.replaceChildren();
    const names = model.get("names"), known = model.get("matches").length > 0;
    const at = (name, i) => value(name, i) - (i ? value(name, i - 1) : 0);
    let most = 1;
    names.forEach((_, i) => { most = Math.max(most, at("found", i)); });
    const defs = draws("defs", {}, svg);
    const pattern = draws("pattern", { id: hatch, width: 4, height: 4,
      patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, defs);
    draws("rect", { width: 1.6, height: 4, class: "hatch" }, pattern);
    const step = (WIDE - LEFT - RIGHT) / Math.max(names.length, 1);
    draws("rect", { x: LEFT, y: TOP, width: step * (radius + 1), height: HIGH - TOP - BOTTOM,
      class: "inside" }, svg);
    for (const share of [0, 0.5, 1]) {
      draws("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(share), y2: y(share), class: "rule" }, svg);
      words(svg, count(Math.round(most * share)), LEFT - 4, y(share) + 4, "end");
    }
    names.forEach((_, i) => {
      const all = at("found", i), good = known ? at("matches", i) : all;
      const left = LEFT + step * i + Math.min(0.5, step / 8), width = Math.max(step - 1, step * 0.75);
      const bar = (from, to, kind) => {
        if (to > from) {
          draws("rect", { x: left, width, y: y(to / most), height: y(from / most) - y(to / most),
            class: kind }, svg);
        }
      };
      bar(0, good, "good");
      const rest = { from: good, to: all };
      if (rest.to > rest.from) {
        draws("rect", { x: left, width, y: y(rest.to / most), fill: `url(#${hatch})`,
          height: y(rest.from / most) - y(rest.to / most), class: "bad" }, svg);
      }
    });
    const edge = LEFT + step * (radius + 1);
    draws("line", { x1: edge, x2: edge, y1: TOP - 4, y2: HIGH - BOTTOM, class: "radius" }, svg);
    const last = names.length - 1;
    if (last >= 0) {
      words(svg, names[0], LEFT, HIGH - BOTTOM + 13);
      if (last) words(svg, names[last], WIDE - RIGHT, HIGH - BOTTOM + 13, "end");
      
    }
  }

  function drawCurve() {
    const { svg } = curve;
    const found = model.get("found"), matches = model.get("matches");
    curve.figure.hidden = !matches.length;
    root.classList.toggle("unjudged", !matches.length);
    svg.replaceChildren();
    if (!matches.length) return;
    for (const share of [0, 0.5, 1]) {
      draws("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(share), y2: y(share), class: "rule" }, svg);
      words(svg, share.toFixed(1), LEFT - 4, y(share) + 4, "end");
      words(svg, share.toFixed(1), x(share), HIGH - BOTTOM + 13, share ? (share === 1 ? "end" : "middle") : "");
    }
    words(svg, "recall", x(0.5), HIGH - 4, "middle");
    const side = draws("text", { x: 11, y: y(0.5), class: "tick middle",
      transform: `rotate(-90 11 ${y(0.5)})` }, svg);
    side.textContent = "precision";
    const mean = numbers(model.get("_mean"), Float32Array);
    const half = mean.length / 2;
    const path = (points, kind) => {
      const drawn = points.filter(([r, p]) => Number.isFinite(r) && Number.isFinite(p))
        .map(([r, p]) => `${x(r).toFixed(1)},${y(p).toFixed(1)}`);
      if (drawn.length) draws("polyline", { points: drawn.join(" "), class: kind }, svg);
    };
    path(Array.from({ length: half }, (_, i) => [mean[half + i], mean[i]]), "mean");
    const total = Math.max(matches[matches.length - 1], 1);
    const points = found.map((n, i) => [matches[i] / total, n ? matches[i] / n : NaN]);
    path(points, "mine");
    const [r, p] = points[radius] ?? [NaN, NaN];
    if (Number.isFinite(p)) {
      draws("circle", { cx: x(r), cy: y(p), r: 5, class: "point" }, svg);
    }
  }

  function say() {
    const names = model.get("names");
    slider.setAttribute("aria-valuetext", names[radius] ?? "");
    const n = value("found", radius), good = value("matches", radius);
    const known = model.get("matches").length > 0;
    const total = known ? value("matches", names.length - 1) : 0;
    const found = `Within ${names[radius] ?? "nothing"}: ${count(n)} image${n === 1 ? "" : "s"}`;
    if (!known) reading.textContent = found;
    else {
      const precision = n ? (good / n).toFixed(2) : "not defined";
      reading.textContent = `${found}, ${count(good)} match: precision ${precision}, recall `
        + `${total ? (good / total).toFixed(2) : "not defined"}`;
    }
    const entries = [];
    const entry = (kind, text) => {
      const one = make("span", "entry");
      one.append(make("span", `key ${kind}`), make("span", "", text));
      entries.push(one);
    };
    if (known) {
      entry("good", "match");
      entry("bad", "no match");
      entry("mine", "this query");
      if (model.get("_mean")?.byteLength) entry("mean", model.get("mean_of"));
    }
    legend.replaceChildren(...entries);
  }

  function draw() {
    slider.max = Math.max(model.get("names").length - 1, 0);
    slider.value = radius;
    drawCounts();
    drawCurve();
    say();
  }
  const redraw = eachFrame(draw);
  const update = () => { radius = model.get("radius"); redraw(); };

  function settle() {
    clearTimeout(waiting);
    waiting = 0;
    if (model.get("radius") === radius) return;
    model.set("radius", radius);
    model.save_changes();
  }
  slider.addEventListener("input", () => {
    radius = Number(slider.value);
    redraw();
    clearTimeout(waiting);
    waiting = setTimeout(settle, 150);
  });
  slider.addEventListener("change", settle);
  counts.svg.addEventListener("click", (event) => {
    const box = counts.svg.getBoundingClientRect();
    const share = (((event.clientX - box.left) / box.width) * WIDE - LEFT) / (WIDE - LEFT - RIGHT);
    const n = model.get("names").length;
    if (!n) return;
    radius = Math.max(0, Math.min(n - 1, Math.floor(share * n)));
    redraw();
    settle();
  });

  const deaf = onChange(model, ["radius", "names", "found", "matches", "_mean", "mean_of"], update);
  radius = model.get("radius");
  draw();
  return () => {
    deaf();
    redraw.cancel();
    clearTimeout(waiting);
  };
}

export default { render };
