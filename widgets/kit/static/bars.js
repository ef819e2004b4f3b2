// Bars with names, one row per name; only rows in sight exist. A threshold may be dragged: the bars
// follow at once, and the model when it is released.

const ROW = 24; // CSS px of a row, as in bars.css
const NUMBER = 66; // CSS px of the numbers at the right, as in bars.css

/**
 * Round to a number of one digit and zeros.
 * @param {number} value
 */
function roundToDigit(value) {
  const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return Math.round(value / unit) * unit;
}

/** What the bars show, and where a value lies along them. */
class BarScale {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    this.width = 0; // CSS px of a row
    /** @type {number | null} the threshold while it is dragged */
    this.dragged = null;
    /** @type {string[]} */
    this.labels = [];
    this.values = new Float32Array(0); // series after series
    this.kept = new Uint8Array(0); // 1 for each name that is kept, where there is no threshold
    this.root = false; // whether lengths go by the square root
    this.top = 1; // the value of the longest bar
    this.read();
  }

  read() {
    this.labels = this.model.get("labels");
    this.values = numbers(this.model.get("_values"), Float32Array);
    this.kept = numbers(this.model.get("_kept"), Uint8Array);
    this.root = this.model.get("root");
    let top = (this.model.get("threshold") ?? 0) * 1.1;
    for (const value of this.values) top = Math.max(top, value);
    if (!(top > 0)) top = 1;
    this.top = this.model.get("draggable") ? top * 1.05 : top; // room to drag beyond the longest
  }

  get count() {
    return this.labels.length;
  }

  /** Bars per row. */
  get perRow() {
    return this.values.length / Math.max(this.count, 1);
  }

  /** CSS px of the names. */
  get nameWidth() {
    return this.width < 300 ? 84 : this.width < 400 ? 104 : 148;
  }

  /** CSS px of the longest bar. */
  get track() {
    return Math.max(this.width - this.nameWidth - NUMBER, 20);
  }

  /** @returns {number | null} */
  get threshold() {
    return this.dragged ?? this.model.get("threshold");
  }

  /**
   * Return how long a bar is, as a share of the longest.
   * @param {number} value
   */
  shareOf(value) {
    const share = Math.max(value, 0) / this.top;
    return this.root ? Math.sqrt(share) : share;
  }

  /** @param {number} share */
  valueOf(share) {
    return this.top * (this.root ? share * share : share);
  }

  /** @param {number} value */
  x(value) {
    return this.nameWidth + this.track * this.shareOf(value);
  }

  /**
   * @param {number} row
   * @param {number} series
   */
  valueAt(row, series) {
    return this.values[series * this.count + row];
  }

  /** @param {number} row */
  isKept(row) {
    const [low, high] = [this.threshold, this.model.get("ceiling")];
    if (low === null) return this.kept[row] === 1;
    return this.values[row] > low && (high === null || this.values[row] <= high);
  }

  /** Return the first row that a threshold drops below one that it keeps; 0 for none. */
  get cut() {
    if (this.threshold === null) return 0;
    for (let i = 1; i < this.count; i++) if (this.isKept(i - 1) && !this.isKept(i)) return i;
    return 0;
  }
}

/**
 * Create a row: its name, a bar for each series, and the last number.
 * @param {BarScale} scale
 * @param {number} i
 */
function rowOf(scale, i) {
  const { model } = scale;
  const digits = model.get("digits");
  const write = (/** @type {number} */ value) =>
    value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const said = scale.isKept(i) ? "kept" : "dropped";
  const item = el("div", `row ${said}`);
  item.style.top = `${i * ROW}px`;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", String(model.get("chosen") === i));
  item.classList.toggle("chosen", model.get("chosen") === i);
  const name = el("span", "name", scale.labels[i]);
  name.title = scale.labels[i];
  const lane = el("span", "lane");
  const count = scale.perRow;
  const texts = [];
  const least = digits ? 0.5 / 10 ** digits : 0;
  for (let s = 0; s < count; s++) {
    const value = scale.valueAt(i, s);
    const bar = el("span", `bar s${s} of${count}`);
    bar.hidden = !(value > 0 && value >= least); // next to a number that reads 0 is no bar
    bar.style.width = value > 0 ? `max(2px, ${100 * scale.shareOf(value)}%)` : "0";
    lane.append(bar);
    texts.push(`${count > 1 ? `${model.get("series")[s]}: ` : ""}${write(value)}`);
  }
  const last = count ? write(scale.valueAt(i, count - 1)) : "";
  if (count) item.title = `${scale.labels[i]}: ${texts.join(", ")} ${model.get("unit")}`;
  const isSplit = scale.kept.includes(0) || scale.threshold !== null;
  item.setAttribute("aria-label", `${item.title || scale.labels[i]}${isSplit ? `, ${said}` : ""}`);
  item.append(name, lane, el("span", "number", last));
  return item;
}

/**
 * Let the threshold be dragged, and moved by keys. `settle` gets the value once it rests.
 * @param {BarScale} scale
 * @param {Record<"handle" | "line" | "grip" | "body", HTMLElement>} parts
 * @param {() => void} redraw
 * @param {(value: number) => void} settle
 */
function makeDraggable(scale, { handle, line, grip, body }, redraw, settle) {
  let waiting = 0;
  const valueAt = (/** @type {PointerEvent} */ event) => {
    const x = pointOf(event, body)[0] - scale.nameWidth;
    return scale.valueOf(clamp(x / scale.track, 0, 1));
  };
  const finish = (/** @type {number} */ value) => {
    clearTimeout(waiting);
    scale.dragged = null;
    settle(value);
  };

  for (const part of [handle, line, grip]) {
    part.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      part.setPointerCapture(event.pointerId);
      const drag = new AbortController(); // ends the listeners of this drag
      const { signal } = drag;
      const move = (/** @type {PointerEvent} */ moved) => {
        scale.dragged = valueAt(moved);
        redraw();
      };
      const release = (/** @type {PointerEvent} */ released) => {
        drag.abort();
        if (scale.dragged !== null) finish(valueAt(released));
      };
      const cancel = () => {
        drag.abort();
        scale.dragged = null;
        redraw();
      };
      part.addEventListener("pointermove", move, { signal });
      part.addEventListener("pointerup", release, { signal });
      part.addEventListener("pointercancel", cancel, { signal });
    });
  }
  handle.addEventListener("keydown", (event) => {
    const { threshold, top } = scale;
    const step = byKey(event, {
      ArrowLeft: -1,
      ArrowDown: -1,
      ArrowRight: 1,
      ArrowUp: 1,
      PageDown: -10,
      PageUp: 10,
      Home: -top,
      End: top,
    });
    if (!step || threshold === null) return;
    event.preventDefault();
    event.stopPropagation();
    const value = clamp(Math.round(threshold) + step, 0, top);
    scale.dragged = value;
    redraw();
    clearTimeout(waiting);
    waiting = setTimeout(() => finish(value), 150);
  });
  return () => clearTimeout(waiting);
}

/** Create the parts of the view, inside one another. */
function buildParts() {
  const head = el("div", "head");
  const legend = el("div", "legend");
  const axis = el("div", "axis");
  const ticks = el("div", "ticks");
  const handle = el("div", "handle");
  const handleText = el("span", "handle-text");
  handle.append(handleText);
  handle.setAttribute("role", "slider");
  handle.setAttribute("aria-label", "threshold");
  axis.append(ticks, handle);
  const wrong = el("div", "wrong");
  wrong.id = uniqueId("wrong");
  wrong.setAttribute("role", "alert");
  const body = el("div", "body");
  const rows = el("div", "rows");
  const scroll = el("div", "scroll");
  scroll.tabIndex = 0;
  scroll.setAttribute("role", "listbox");
  const line = el("div", "threshold");
  const upper = el("div", "threshold upper");
  // What the pointer drags next to the rows scrolls with them, so a wheel over it moves them too.
  const grip = el("div", "grip");
  scroll.append(rows, grip);
  body.append(scroll, line, upper);
  const list = { head, legend, body, scroll, rows };
  return { ...list, axis, ticks, handle, handleText, line, grip, upper, wrong };
}

/**
 * Draw the threshold, its axis, and how many rows it keeps.
 * @param {BarScale} scale
 * @param {ReturnType<typeof buildParts>} parts
 */
function drawThreshold(scale, { axis, ticks, handle, handleText, line, grip, upper }) {
  const low = scale.threshold;
  const high = scale.model.get("ceiling");
  axis.hidden = line.hidden = grip.hidden = low === null;
  upper.hidden = low === null || high === null || high > scale.top;
  if (low === null) return;
  const left = scale.x(Math.min(low, scale.top));
  line.style.left = grip.style.left = handle.style.left = `${left}px`;
  grip.style.height = `${scale.count * ROW}px`;
  if (!upper.hidden) upper.style.left = `${scale.x(high)}px`;
  ticks.replaceChildren();
  // Where texts would lie over one another, the upper bound's and the first ticks stay.
  const taken = upper.hidden ? [] : [[scale.x(high), scale.x(high) + 48]];
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    const value = roundToDigit(scale.valueOf(share));
    const text = grouped(value);
    const [at, half] = [scale.x(value), 4 * text.length + 3];
    if (taken.some(([from, to]) => at + half > from && at - half < to)) continue;
    taken.push([at - half, at + half]);
    const tick = el("span", "tick", text);
    tick.style.left = `${at}px`;
    ticks.append(tick);
  }
  let kept = 0;
  for (let i = 0; i < scale.count; i++) kept += Number(scale.isKept(i));
  const counts = `${grouped(kept)} kept, ${grouped(scale.count - kept)} dropped`;
  const bound = low < 0 ? "no threshold" : `> ${grouped(low, low < 1 ? 2 : low < 1000 ? 1 : 0)}`;
  handleText.textContent = `${bound}: ${counts}`;
  handleText.classList.toggle("left", left > scale.nameWidth + scale.track / 2);
  handle.setAttribute("aria-valuenow", String(low));
  handle.setAttribute("aria-valuetext", handleText.textContent);
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-bars");
  const parts = buildParts();
  const { head, legend, axis, handle, body, rows, scroll, wrong } = parts;
  root.removeAttribute("tabindex"); // the list has the focus: its rows are announced one by one
  // By Tab the threshold comes after the rows: a click on one is followed by a look at the other.
  root.append(head, legend, wrong, body, axis);
  const id = uniqueId("bars");
  const scale = new BarScale(model);
  let cursor = 0;
  let opened = false; // whether rows have been in sight

  function read() {
    const before = scale.labels;
    scale.read();
    cursor = Math.max(scale.labels.indexOf(before[cursor]), 0);
    if (scale.labels.join("\n") !== before.join("\n")) {
      // Other rows: those at the top matter most, unless one is chosen.
      cursor = model.get("chosen") ?? 0;
      scroll.scrollTop = 0;
      rows.style.height = `${scale.count * ROW}px`;
      moveCursor(0);
    }
    redraw();
  }

  /** @param {number} i */
  function interactiveRow(i) {
    const item = rowOf(scale, i);
    item.id = `${id}-${i}`;
    item.setAttribute("aria-posinset", String(i + 1));
    item.setAttribute("aria-setsize", String(scale.count));
    item.classList.toggle("cursor", cursor === i && document.activeElement === scroll);
    item.addEventListener("click", () => choose(i));
    return item;
  }

  function draw() {
    const before = scale.width;
    scale.width = scroll.clientWidth;
    // While JupyterLab changes its theme nothing has a width for part of one frame, too short for
    // the observer of sizes to see: look again.
    if (before && !scale.width) redraw();
    const height = model.get("height");
    const draggable = model.get("draggable");
    root.style.setProperty("--name", `${scale.nameWidth}px`);
    root.classList.toggle("names-only", scale.values.length === 0);
    root.classList.toggle("fixed", !draggable);
    handle.tabIndex = draggable ? 0 : -1;
    head.textContent = model.get("summary");
    head.hidden = !model.get("summary");
    /** @type {string[]} */
    const series = model.get("series").filter(Boolean);
    legend.hidden = series.length < 2;
    legend.replaceChildren(...series.map((name, s) => legendEntry(`bar s${s} key`, name)));
    root.style.setProperty("--height", `${Math.min(height, scale.count * ROW + 2)}px`);
    root.style.setProperty("--all", `${scale.count * ROW + 2}px`);
    rows.style.height = `${scale.count * ROW}px`;
    if (!opened && scroll.clientHeight && scale.count) {
      opened = true; // with both sides of the threshold in sight
      scroll.scrollTop = scale.cut * ROW - (scroll.clientHeight * 2) / 3;
    }
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 4);
    const bottom = scroll.scrollTop + scroll.clientHeight;
    const last = Math.min(scale.count, Math.ceil(bottom / ROW) + 4);
    rows.replaceChildren();
    for (let i = first; i < last; i++) rows.append(interactiveRow(i));
    setActive(scroll, cursor >= first && cursor < last ? `${id}-${cursor}` : null);
    scroll.setAttribute("aria-label", model.get("summary") || "Bars");
    drawThreshold(scale, parts);
    const error = model.get("error");
    root.classList.toggle("is-wrong", Boolean(error));
    handle.setAttribute("aria-invalid", String(Boolean(error)));
    if (error) handle.setAttribute("aria-describedby", wrong.id);
    else handle.removeAttribute("aria-describedby");
    // Only when it is another one, because screen readers say it again each time.
    if (wrong.textContent !== error) wrong.textContent = error;
  }
  const redraw = eachFrame(draw);

  /** @param {number} i */
  function choose(i) {
    cursor = i;
    save(model, "chosen", i);
    redraw();
  }

  /** @param {number} step */
  function moveCursor(step) {
    cursor = clamp(cursor + step, 0, scale.count - 1);
    const top = cursor * ROW;
    const bottom = top + ROW - scroll.clientHeight;
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (bottom > scroll.scrollTop) scroll.scrollTop = bottom;
  }

  scroll.addEventListener("keydown", (event) => {
    if (!scale.count) return;
    const page = Math.max(1, Math.floor(scroll.clientHeight / ROW) - 1);
    const step = byKey(event, {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -page,
      PageDown: page,
      Home: -scale.count,
      End: scale.count,
    });
    if (step) moveCursor(step);
    else if (isPress(event)) choose(cursor);
    else return;
    event.preventDefault();
    redraw();
  });
  scroll.addEventListener("scroll", redraw);
  // Not drawn again: a row that is gone before the pointer is up is not clicked.
  const mark = () => {
    const row = document.getElementById(`${id}-${cursor}`);
    row?.classList.toggle("cursor", document.activeElement === scroll);
  };
  scroll.addEventListener("focus", mark);
  scroll.addEventListener("blur", mark);

  const bars = ["labels", "series", "_values", "_kept", "threshold", "ceiling", "root", "unit"];
  const state = ["digits", "height", "chosen", "draggable", "summary", "error"];
  draw();
  return endAll(
    makeDraggable(scale, parts, redraw, (value) => {
      save(model, "threshold", value);
      redraw();
    }),
    onChange(model, [...bars, ...state], read),
    onResize(scroll, redraw),
    redraw.cancel,
  );
}

export default { render };
