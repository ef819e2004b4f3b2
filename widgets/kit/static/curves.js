const WIDE = 240, HIGH = 110, LEFT = 46, RIGHT = 8, TOP = 8, BOTTOM = 20;

/** Up to four round numbers from low to high. */
function roundNumbers(low, high) {
  const rough = (high - low) / 3;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough);
  const found = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) found.push(v);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-curves");
  summaryOf(model, root);
  const legend = make("div", "legend");
  const charts = make("div", "charts");
  const reading = make("p", "reading");
  root.append(legend, charts, reading);
  let curves = { now: [], before: [] }, cursor = null, parts = [];

  function read() {
    const panels = model.get("panels");
    for (const which of ["now", "before"]) {
      const values = numbers(model.get(`_${which}`), Float32Array);
      const sizes = model.get(`_${which}_sizes`);
      let start = 0;
      curves[which] = panels.map((_, i) => {
        const n = sizes[i] || 0;
        const x = values.subarray(start, start + n), y = values.subarray(start + n, start + 2 * n);
        start += 2 * n;
        return { x, y };
      });
    }
  }

  function lastX() {
    let most = model.get("until");
    for (const which of ["now", "before"]) {
      for (const { x } of curves[which]) if (x.length) most = Math.max(most, x[x.length - 1]);
    }
    return most > 0 ? most : 1;
  }

  function build() {
    parts = model.get("panels").map((panel) => {
      const box = make("figure", "chart");
      const caption = make("figcaption");
      caption.append(make("b", "", panel.name), make("span", "hint", ` ${panel.hint}`));
      const svg = draws("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true" });
      box.append(caption, svg);
      return { box, svg };
    });
    charts.replaceChildren(...parts.map((part) => part.box));
  }

  function draw() {
    const names = model.get("names");
    legend.replaceChildren(...names.flatMap((name, i) => {
      if (!name) return [];
      const entry = make("span", "entry");
      entry.append(make("span", `key ${i ? "before" : "now"}`), make("span", "", name));
      return [entry];
    }));
    const end = lastX();
    const said = [];
    const nearest = (curve, at) => {
      if (!curve.x.length) return null;
      let best = 0;
      for (let i = 1; i < curve.x.length; i += 1) {
        if (Math.abs(curve.x[i] - at) < Math.abs(curve.x[best] - at)) best = i;
      }
      return best;
    };
    parts.forEach(({ svg }, p) => {
      svg.replaceChildren();
      const both = [curves.before[p], curves.now[p]];
      let low = Infinity, high = -Infinity;
      for (const { y } of both) {
        for (const v of y) if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
      }
      const none = !(low <= high);
      if (none) { low = 0; high = 1; }
      if (high - low < 1e-9) { high += Math.abs(high) * 0.05 + 1e-3; low -= Math.abs(low) * 0.05 + 1e-3; }
      const atX = (x) => LEFT + ((WIDE - LEFT - RIGHT) * x) / end;
      const atY = (y) => TOP + ((HIGH - TOP - BOTTOM) * (high - y)) / (high - low);
      const { found, digits } = roundNumbers(low, high);
      for (const v of found) {
        draws("line", { x1: LEFT, x2: WIDE - RIGHT, y1: atY(v), y2: atY(v), class: "rule" }, svg);
        const text = draws("text", { x: LEFT - 5, y: atY(v) + 3.5, class: "tick y" }, svg);
        text.textContent = v.toFixed(digits);
      }
      for (const [x, anchor] of [[0, "start"], [end, "end"]]) {
        const text = draws("text", { x: atX(x), y: HIGH - 5, class: `tick ${anchor}` }, svg);
        text.textContent = x ? `${x.toLocaleString("en", { maximumFractionDigits: 1 })} ${model.get("unit")}s` : "0";
      }
      if (none) {
        const text = draws("text", { x: (LEFT + WIDE) / 2, y: HIGH / 2, class: "none" }, svg);
        text.textContent = "no value yet";
      }
      both.forEach((curve, which) => {
        const style = which ? "now" : "before";
        const points = Array.from(curve.x, (x, i) => `${atX(x).toFixed(1)},${atY(curve.y[i]).toFixed(1)}`)
          .filter((_, i) => Number.isFinite(curve.y[i]));
        if (points.length) draws("polyline", { points: points.join(" "), class: style }, svg);
        if (points.length && points.length < 20) {
          for (const point of points) {
            const [cx, cy] = point.split(",");
            draws("circle", { cx, cy, r: 2, class: style }, svg);
          }
        }
      });
      if (cursor !== null) {
        draws("line", { x1: atX(cursor), x2: atX(cursor), y1: TOP, y2: HIGH - BOTTOM, class: "cursor" }, svg);
        const values = [curves.now[p], curves.before[p]].map((curve) => {
          const i = nearest(curve, cursor);
          return i === null ? null : curve.y[i].toFixed(3);
        });
        const shown = values.filter((v) => v !== null);
        if (shown.length) {
          said.push(`${model.get("panels")[p].name} ${values[0] ?? "–"}${values[1] === null ? "" : ` (grey ${values[1]})`}`);
        }
      }
    });
    reading.textContent = cursor === null ? "Point at a chart, or use ← and →, to read its values."
      : `${model.get("unit")} ${cursor.toFixed(1)}: ${said.join(", ")}`;
  }

  const redraw = eachFrame(draw);
  charts.addEventListener("pointermove", (event) => {
    const svg = event.target.closest("svg");
    if (!svg) return;
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDE;
    const share = Math.min(Math.max((x - LEFT) / (WIDE - LEFT - RIGHT), 0), 1);
    cursor = share * lastX();
    redraw();
  });
  charts.addEventListener("pointerleave", () => { cursor = null; redraw(); });
  root.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const end = lastX();
    cursor = Math.min(Math.max((cursor === null ? end : cursor) + (move * end) / 60, 0), end);
    redraw();
  });
  const update = () => { read(); redraw(); };
  const rebuild = () => { build(); update(); };
  const deaf = onChange(model, ["until", "names", "_now", "_now_sizes", "_before", "_before_sizes", "unit"], update);
  model.on("change:panels", rebuild);
  build();
  read();
  draw();
  return () => {
    deaf();
    model.off("change:panels", rebuild);
    redraw.cancel();
  };
}

export default { render };
