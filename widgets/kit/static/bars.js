const ROW = 21;
const NUMBER = 66;

function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-bars");
  const head = make("div", "head");
  const legend = make("div", "legend");
  const axis = make("div", "axis");
  const ticks = make("div", "ticks");
  const handle = make("div", "handle");
  const handleText = make("span", "handle-text");
  handle.append(handleText);
  axis.append(ticks, handle);
  const body = make("div", "body");
  const rows = make("div", "rows");
  const scroll = make("div", "scroll");
  scroll.tabIndex = -1; // no stop of its own: the arrow keys are the root's
  const line = make("div", "threshold");
  const upper = make("div", "threshold upper");
  scroll.append(rows);
  body.append(scroll, line, upper);
  root.append(head, legend, axis, body);
  scroll.setAttribute("role", "listbox");
  handle.setAttribute("role", "slider");
  handle.setAttribute("aria-label", "threshold");

  let labels, values, kept, most, cursor = 0, dragged = null, waiting = 0, width = 0;
  const n = () => labels.length;
  const scale = (v) => (model.get("root") ? Math.sqrt(Math.max(v, 0)) : Math.max(v, 0));
  const name = () => (scroll.clientWidth < 400 ? 104 : 148);
  const track = () => Math.max(scroll.clientWidth - name() - NUMBER, 20);
  const at = (v) => name() + (track() * scale(v)) / scale(most);
  const threshold = () => (dragged === null ? model.get("threshold") : dragged);
  const number = (v) => v.toLocaleString("en", {
    minimumFractionDigits: model.get("digits"), maximumFractionDigits: model.get("digits"),
  });

  /** The nearest number of one digit and zeros. */
  function nice(value) {
    const unit = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
    return Math.round(value / unit) * unit;
  }

  function isKept(i) {
    const low = threshold(), high = model.get("ceiling");
    if (low === null) return kept[i] === 1;
    return values[i] > low && (high === null || values[i] <= high);
  }

  function read() {
    const was = labels?.[cursor];
    labels = model.get("labels");
    cursor = Math.max(labels.indexOf(was), 0);
    values = numbers(model.get("_values"), Float32Array);
    kept = numbers(model.get("_kept"), Uint8Array);
    most = model.get("threshold") === null ? 0 : model.get("threshold") * 1.1;
    for (const value of values) most = Math.max(most, value);
    if (!(most > 0)) most = 1;
    if (model.get("draggable")) most *= 1.05; // room to drag beyond the longest bar
  }

  function row(i) {
    const item = make("div", `row ${isKept(i) ? "kept" : "dropped"}`);
    item.style.top = `${i * ROW}px`;
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(model.get("chosen") === i));
    if (model.get("chosen") === i) item.classList.add("chosen");
    if (cursor === i && document.activeElement === root) item.classList.add("cursor");
    if (model.get("checkable")) {
      const box = make("input");
      box.type = "checkbox";
      box.tabIndex = -1;
      box.checked = !model.get("unticked").includes(i);
      box.setAttribute("aria-label", labels[i]);
      item.classList.toggle("unticked", !box.checked);
      box.addEventListener("change", () => tick(i));
      box.addEventListener("click", (event) => event.stopPropagation());
      item.append(box);
    }
    const label = make("span", "name", labels[i]);
    label.title = labels[i];
    const lane = make("span", "lane");
    const series = model.get("series");
    const count = values.length / Math.max(n(), 1);
    const said = [];
    for (let s = 0; s < count; s += 1) {
      const value = values[s * n() + i];
      const bar = make("span", `bar s${s} of${count}`);
      bar.style.width = value > 0 ? `max(2px, ${(100 * scale(value)) / scale(most)}%)` : "0";
      lane.append(bar);
      said.push(`${count > 1 ? `${series[s]}: ` : ""}${number(value)}`);
    }
    const shown = make("span", "number", count ? number(values[(count - 1) * n() + i]) : "");
    if (count) item.title = `${labels[i]}: ${said.join(", ")} ${model.get("unit")}`;
    item.append(label, lane, shown);
    item.addEventListener("click", () => choose(i));
    return item;
  }

  function draw() {
    const before = width;
    width = scroll.clientWidth;
    // While JupyterLab changes its theme nothing has a width for part of one frame, too short for
    // the observer of sizes to see: look again.
    if (before && !width) redraw();
    root.style.setProperty("--name", `${name()}px`);
    root.classList.toggle("names-only", values.length === 0);
    root.classList.toggle("fixed", !model.get("draggable"));
    handle.tabIndex = model.get("draggable") ? 0 : -1;
    const title = model.get("summary");
    head.textContent = title;
    head.hidden = !title;
    const names = model.get("series").filter(Boolean);
    legend.hidden = names.length < 2;
    legend.replaceChildren(...names.map((said, s) => {
      const one = make("span", "entry");
      one.append(make("span", `bar s${s} key`), make("span", "", said));
      return one;
    }));
    scroll.style.height = `${Math.min(model.get("height"), n() * ROW + 2)}px`;
    rows.style.height = `${n() * ROW}px`;
    const first = Math.max(0, Math.floor(scroll.scrollTop / ROW) - 4);
    const last = Math.min(n(), Math.ceil((scroll.scrollTop + model.get("height")) / ROW) + 4);
    const items = [];
    for (let i = first; i < last; i += 1) items.push(row(i));
    rows.replaceChildren(...items);
    drawThreshold();
  }

  function drawThreshold() {
    const low = threshold(), high = model.get("ceiling");
    axis.hidden = line.hidden = low === null;
    upper.hidden = low === null || high === null || high > most;
    if (low === null) return;
    line.style.left = handle.style.left = `${at(Math.min(low, most))}px`;
    if (!upper.hidden) upper.style.left = `${at(high)}px`;
    const marks = [];
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      const value = nice(model.get("root") ? most * share * share : most * share);
      const mark = make("span", "tick", value.toLocaleString("en"));
      mark.style.left = `${at(value)}px`;
      marks.push(mark);
    }
    ticks.replaceChildren(...marks);
    let stay = 0;
    for (let i = 0; i < n(); i += 1) stay += isKept(i);
    const bound = low.toLocaleString("en", { maximumFractionDigits: low < 1000 ? 1 : 0 });
    const count = (m) => m.toLocaleString("en");
    handleText.textContent = `> ${bound}: ${count(stay)} kept, ${count(n() - stay)} dropped`;
    handleText.classList.toggle("left", at(low) > name() + track() / 2);
    handle.setAttribute("aria-valuenow", String(low));
    handle.setAttribute("aria-valuetext", handleText.textContent);
  }

  const redraw = eachFrame(draw);

  function choose(i) {
    cursor = i;
    model.set("chosen", i);
    model.save_changes();
    redraw();
  }

  function tick(i) {
    const now = model.get("unticked");
    model.set("unticked", now.includes(i) ? now.filter((j) => j !== i) : [...now, i]);
    model.save_changes();
    redraw();
  }

  function settle(value) {
    clearTimeout(waiting);
    dragged = null;
    model.set("threshold", value);
    model.save_changes();
    redraw();
  }

  function valueAt(event) {
    const share = (event.clientX - body.getBoundingClientRect().left - name()) / track();
    const inside = Math.min(Math.max(share, 0), 1);
    return model.get("root") ? most * inside * inside : most * inside;
  }

  for (const grip of [handle, line]) {
    grip.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      grip.setPointerCapture(event.pointerId);
      const move = (moved) => { dragged = valueAt(moved); redraw(); };
      const up = (released) => {
        grip.removeEventListener("pointermove", move);
        grip.removeEventListener("pointerup", up);
        grip.removeEventListener("pointercancel", cancel);
        if (dragged !== null) settle(valueAt(released));
      };
      const cancel = () => {
        grip.removeEventListener("pointermove", move);
        grip.removeEventListener("pointerup", up);
        grip.removeEventListener("pointercancel", cancel);
        dragged = null;
        redraw();
      };
      grip.addEventListener("pointermove", move);
      grip.addEventListener("pointerup", up);
      grip.addEventListener("pointercancel", cancel);
    });
  }
  handle.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10,
      PageUp: 10, Home: -most, End: most }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    dragged = Math.min(Math.max(Math.round(threshold()) + step, 0), most);
    redraw();
    clearTimeout(waiting);
    waiting = setTimeout(() => settle(dragged), 150);
  });
  root.addEventListener("keydown", (event) => {
    if (event.target !== root || !n()) return;
    const page = Math.max(1, Math.floor(model.get("height") / ROW) - 1);
    const moves = { ArrowUp: -1, ArrowDown: 1, PageUp: -page, PageDown: page, Home: -n(), End: n() };
    if (event.key in moves) {
      cursor = Math.min(Math.max(cursor + moves[event.key], 0), n() - 1);
      const top = cursor * ROW;
      if (top < scroll.scrollTop) scroll.scrollTop = top;
      else if (top + ROW > scroll.scrollTop + scroll.clientHeight) {
        scroll.scrollTop = top + ROW - scroll.clientHeight;
      }
    } else if (event.key === "Enter") choose(cursor);
    else if (event.key === " " && model.get("checkable")) tick(cursor);
    else if (event.key === " ") choose(cursor);
    else return;
    event.preventDefault();
    redraw();
  });
  root.addEventListener("focus", redraw);
  root.addEventListener("blur", redraw);
  scroll.addEventListener("scroll", redraw);
  const seen = new ResizeObserver(redraw);
  seen.observe(scroll);

  const update = () => { read(); redraw(); };
  const deaf = onChange(model, ["labels", "series", "_values", "_kept", "threshold", "ceiling", "root", "digits",
    "unit", "height", "chosen", "checkable", "unticked", "draggable", "summary"], update);
  read();
  draw();
  return () => {
    deaf();
    seen.disconnect();
    redraw.cancel();
    clearTimeout(waiting);
  };
}

export default { render };
