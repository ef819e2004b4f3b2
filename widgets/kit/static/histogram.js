const WIDE = 300, HIGH = 130, LEFT = 36, RIGHT = 6, TOP = 8, BOTTOM = 20;
let patterns = 0;

function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-histogram");
  const title = make("div", "title");
  const legend = make("div", "legend");
  const svg = draws("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, "aria-hidden": "true" });
  const reading = make("p", "reading");
  root.append(title, legend, svg, reading);
  const hatch = `uhscm-hatch-${(patterns += 1)}`;
  let at = null;

  function draw() {
    title.textContent = model.get("title");
    const names = model.get("series");
    legend.replaceChildren(...names.map((name, s) => {
      const entry = make("span", "entry");
      entry.append(make("span", `key s${s}`), make("span", "", name));
      return entry;
    }));
    const values = numbers(model.get("_values"), Float32Array);
    const count = Math.max(names.length, 1);
    const n = Math.floor(values.length / count);
    let most = model.get("most") ?? 0;
    if (!most) for (const v of values) most = Math.max(most, v);
    if (!(most > 0)) most = 1;
    const wide = WIDE - LEFT - RIGHT, high = HIGH - TOP - BOTTOM;
    const y = (v) => TOP + high * (1 - Math.min(v / most, 1));
    svg.replaceChildren();
    const defs = draws("defs", {}, svg);
    const pattern = draws("pattern", {
      id: hatch, width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
    }, defs);
    draws("rect", { width: 2.2, height: 5, class: "hatch" }, pattern);
    for (const share of [0, 0.5, 1]) {
      draws("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(most * share), y2: y(most * share), class: "rule" }, svg);
      const text = draws("text", { x: LEFT - 5, y: y(most * share) + 3.5, class: "tick end" }, svg);
      const percent = 100 * most * share;
      text.textContent = `${percent.toFixed(percent && percent < 9.5 ? 1 : 0)}%`;
    }
    const low = model.get("low"), top = model.get("high");
    for (const [share, anchor] of [[0, "start"], [0.5, "middle"], [1, "end"]]) {
      const text = draws("text", { x: LEFT + wide * share, y: HIGH - 6, class: `tick ${anchor}` }, svg);
      const value = (low + (top - low) * share).toLocaleString("en", { maximumFractionDigits: 1 });
      text.textContent = share === 1 ? `${value} ${model.get("unit")}` : value;
    }
    if (!n) {
      draws("text", { x: LEFT + wide / 2, y: TOP + high / 2, class: "none" }, svg).textContent = "no value yet";
    }
    const step = wide / Math.max(n, 1);
    for (let s = 0; s < count; s += 1) {
      for (let i = 0; i < n; i += 1) {
        const v = values[s * n + i];
        if (!(v > 0)) continue;
        const box = { x: LEFT + i * step + 0.3, y: y(v), width: Math.max(step - 0.6, 0.5), height: TOP + high - y(v), class: `bar s${s}` };
        if (s) box.fill = `url(#${hatch})`;
        draws("rect", box, svg);
      }
    }
    const line = model.get("line");
    if (line !== null) draws("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(line), y2: y(line), class: "line" }, svg);
    if (at !== null && at < n) {
      draws("rect", { x: LEFT + at * step, y: TOP, width: step, height: high, class: "at" }, svg);
      const from = low + ((top - low) * at) / (model.get("whole") ? Math.max(n - 1, 1) : n);
      const said = Array.from({ length: count }, (_, s) => `${names[s] ? `${names[s]}: ` : ""}${(100 * values[s * n + at]).toFixed(1)}%`);
      reading.textContent = `${from.toLocaleString("en", { maximumFractionDigits: 2 })} ${model.get("unit")}: ${said.join(", ")}`;
    } else reading.textContent = model.get("summary");
  }

  const redraw = eachFrame(draw);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const share = (((event.clientX - box.left) / box.width) * WIDE - LEFT) / (WIDE - LEFT - RIGHT);
    const n = numbers(model.get("_values"), Float32Array).length / Math.max(model.get("series").length, 1);
    at = share >= 0 && share < 1 ? Math.floor(share * n) : null;
    redraw();
  });
  svg.addEventListener("pointerleave", () => { at = null; redraw(); });
  root.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!move) return;
    event.preventDefault();
    const n = numbers(model.get("_values"), Float32Array).length / Math.max(model.get("series").length, 1);
    at = Math.min(Math.max((at ?? -1) + move, 0), n - 1);
    redraw();
  });
  const deaf = onChange(model, ["title", "low", "high", "whole", "unit", "line", "most", "series", "_values", "summary"], redraw);
  draw();
  return () => {
    deaf();
    redraw.cancel();
  };
}

export default { render };
