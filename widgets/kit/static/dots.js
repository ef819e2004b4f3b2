// A dot plot: a row per name with a dot at its value and a line over its interval, on one axis.

/** @typedef {{ value: number, low: number, high: number }} Row */

/**
 * Find round numbers from at or below low to at or above high, and the decimals that they need.
 * @param {number} low
 * @param {number} high
 * @param {number} parts about how many, as there is room for
 */
function axisOf(low, high, parts) {
  const rough = Math.max(high - low, 0.004) / parts;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * unit).find((s) => s >= rough) ?? 10 * unit;
  const first = Math.floor(low / step + 1e-6);
  const last = Math.max(Math.ceil(high / step - 1e-6), first + 1);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-dots");
  root.removeAttribute("tabindex"); // the list is what the keyboard reaches
  addSummary(model, root);
  const head = el("div", "row head");
  const list = el("div", "rows");
  list.setAttribute("role", "listbox");
  root.append(head, list);
  const redraw = eachFrame(draw);
  const choose = (/** @type {number} */ row) => model.send({ type: "choose", row });
  const keys = rowsOf(list, () => model.get("labels").length, choose, redraw);

  /** @returns {Row[]} */
  function read() {
    const flat = numbers(model.get("_rows"), Float32Array);
    const n = flat.length / 3;
    return Array.from({ length: n }, (_, i) => ({
      value: flat[i],
      low: flat[n + i],
      high: flat[2 * n + i],
    }));
  }

  /**
   * @param {Row} row
   * @param {number} i
   * @param {(v: number) => string} place
   * @param {number} digits
   */
  function rowOf({ value, low, high }, i, place, digits) {
    const element = el("div", "row");
    const [label, mark] = [model.get("labels")[i], model.get("marks")[i] || ""];
    const note = model.get("notes")[i] || "";
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", String(mark !== ""));
    const known = Number.isFinite(value);
    const spread = Number.isFinite(low) && Number.isFinite(high);
    const said = [
      mark && `${mark}: `,
      label,
      known ? `, ${model.get("unit")} ${value.toFixed(3)}` : "",
      spread ? `, 95% interval ${low.toFixed(3)} to ${high.toFixed(3)}` : "",
      note && `, ${note}`,
    ];
    element.setAttribute("aria-label", said.join(""));
    const track = el("span", "track");
    if (spread) {
      const line = el("span", "interval");
      line.style.left = place(low);
      line.style.right = `calc(100% - ${place(high)})`;
      track.append(line);
    }
    if (known) {
      const dot = el("span", "dot");
      dot.style.left = place(value);
      dot.title = value.toFixed(digits + 1);
      track.append(dot);
    }
    const name = el("span", "name", label);
    name.title = model.get("titles")[i] || label;
    element.append(el("span", "mark", mark), name, track, el("span", "note", note));
    keys.add(element, i);
    return element;
  }

  function draw() {
    const rows = read();
    const all = rows.flatMap(({ value, low, high }) => [value, low, high]).filter(Number.isFinite);
    root.classList.toggle("empty", !rows.length);
    const ends = [Math.min(...all, Infinity), Math.max(...all, -Infinity)];
    const { ticks, digits } = axisOf(ends[0], ends[1], root.clientWidth < 560 ? 2 : 4);
    const [first, last] = all.length ? [ticks[0], ticks[ticks.length - 1]] : [0, 1];
    const place = (/** @type {number} */ v) => `${((v - first) / (last - first)) * 100}%`;
    const axis = el("span", "track axis");
    for (const tick of all.length ? ticks : []) {
      const text = el("span", "tick", tick.toFixed(digits));
      text.style.left = place(tick);
      axis.append(text);
    }
    head.replaceChildren(
      el("span", "mark"),
      el("span", "name", ""),
      axis,
      el("span", "note", model.get("unit")),
    );
    list.replaceChildren(...rows.map((row, i) => rowOf(row, i, place, digits)));
    for (const track of list.querySelectorAll(".track")) {
      for (const tick of all.length ? ticks : []) {
        const rule = el("span", "rule");
        rule.style.left = place(tick);
        track.prepend(rule);
      }
    }
    list.setAttribute("aria-label", model.get("summary") || `Settings by ${model.get("unit")}`);
    keys.announce();
  }
  draw();
  const names = ["labels", "notes", "marks", "titles", "unit", "_rows", "summary"];
  return endAll(onChange(model, names, redraw), redraw.cancel);
}

export default { render };
