// A histogram: upright bars over one axis; those of a second series are hatched.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-histogram");
  const title = el("div", "title");
  const legend = el("div", "legend");
  const chart = new Chart({ width: 300, height: 130, left: 36, right: 6, top: 8, bottom: 20 });
  const reading = el("p", "reading");
  root.append(title, legend, chart.element, reading);
  const spoken = addSpoken(root);
  /** @type {number | null} the bar that is read */
  let at = null;

  /** Return the series, each with its name and its n numbers. */
  function read() {
    /** @type {string[]} */
    const names = model.get("series").length ? model.get("series") : [""];
    const values = numbers(model.get("_values"), Float32Array);
    const n = Math.floor(values.length / names.length);
    const series = names.map((name, s) => ({ name, values: values.subarray(s * n, (s + 1) * n) }));
    return { n, series };
  }

  /** @param {{ values: Float32Array }[]} series */
  function highest(series) {
    const set = model.get("most");
    if (set) return set;
    let high = 0;
    for (const { values } of series) for (const v of values) high = Math.max(high, v);
    return high > 0 ? high : 1;
  }

  /** @param {number} high */
  function drawAxes(high) {
    for (const share of [0, 0.5, 1]) {
      const percent = 100 * high * share;
      chart.rule(share, `${percent.toFixed(percent && percent < 9.5 ? 1 : 0)}%`);
    }
    const [from, to] = [model.get("low"), model.get("high")];
    const whole = model.get("whole");
    for (const share of from === to ? [0] : [0, 0.5, 1]) {
      const exact = from + (to - from) * share;
      const value = whole ? Math.round(exact) : exact; // there is no bit 32.5
      const text = grouped(value, whole ? 0 : 1);
      const place = whole && share === 0.5 ? (value - from + 0.5) / (to - from + 1) : share;
      chart.label(place, share === 1 ? `${text} ${model.get("unit")}` : text);
    }
  }

  function draw() {
    const { n, series } = read();
    title.textContent = model.get("title");
    const named = series.filter(({ name }) => name);
    legend.replaceChildren(...named.map(({ name }, s) => legendEntry(`key s${s}`, name)));
    const high = highest(series);
    chart.clear();
    const hatching = chart.hatching(5, 2.2);
    drawAxes(high);
    if (!n) chart.writeNone();
    const step = (chart.right - chart.left) / Math.max(n, 1);
    const wide = Math.max(step - 0.6, 0.5);
    series.forEach(({ values }, s) => {
      values.forEach((v, i) => {
        if (!(v > 0)) return;
        const x = chart.left + i * step + 0.3;
        chart.bar(x, wide, 0, Math.min(v / high, 1), `bar s${s}`, s ? hatching : undefined);
      });
    });
    const line = model.get("line");
    if (line !== null) chart.across(Math.min(line / high, 1), "line");
    if (at !== null && at < n) chart.bar(chart.left + at * step, step, 0, 1, "at");
    reading.textContent = at !== null && at < n ? readingAt(at) : model.get("summary");
  }

  /** @param {number} i */
  function readingAt(i) {
    const { n, series } = read();
    const [low, high] = [model.get("low"), model.get("high")];
    const value = low + ((high - low) * i) / (model.get("whole") ? Math.max(n - 1, 1) : n);
    const texts = series.map(({ name, values }) => {
      return `${name ? `${name}: ` : ""}${(100 * values[i]).toFixed(1)}%`;
    });
    return `${grouped(value, 2)} ${model.get("unit")}: ${texts.join(", ")}`;
  }

  const redraw = eachFrame(draw);
  chart.element.addEventListener("pointermove", (event) => {
    const share = chart.shareAt(/** @type {PointerEvent} */ (event));
    at = share >= 0 && share < 1 ? Math.floor(share * read().n) : null;
    redraw();
  });
  chart.element.addEventListener("pointerleave", () => {
    at = null;
    redraw();
  });
  root.addEventListener("keydown", (event) => {
    const move = byKey(event, { ArrowLeft: -1, ArrowRight: 1 });
    if (!move) return;
    event.preventDefault();
    const { n } = read();
    if (!n) return;
    at = clamp((at ?? -1) + move, 0, n - 1);
    spoken.textContent = readingAt(at);
    redraw();
  });
  const axes = ["title", "low", "high", "whole", "unit", "line", "most"];
  draw();
  return endAll(
    onChange(model, [...axes, "series", "_values", "summary"], redraw),
    chart.onResize(redraw),
    redraw.cancel,
  );
}

export default { render };
