// A small table; the arrow keys reach its rows, and Enter or a click chooses one.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-table");
  addSummary(model, root);
  const table = el("table");
  root.append(table);
  let cursor = 0;

  /**
   * @param {string[]} cells
   * @param {number} i
   */
  function rowOf(cells, i) {
    const mark = model.get("marks")[i] || "";
    const row = el("tr", "row");
    row.setAttribute("aria-selected", String(model.get("chosen") === i));
    row.classList.toggle("marked", mark !== "");
    row.classList.toggle("cursor", cursor === i && document.activeElement === root);
    row.append(el("td", "mark", mark));
    for (const cell of cells) row.append(el("td", /^[-\d.]+$/.test(cell) ? "number" : "", cell));
    row.addEventListener("click", () => choose(i));
    return row;
  }

  function draw() {
    const head = el("tr");
    head.append(el("th", "mark"));
    for (const name of model.get("columns")) head.append(el("th", "", name));
    table.replaceChildren(head, ...model.get("rows").map(rowOf));
    table.hidden = !model.get("rows").length;
  }
  const redraw = eachFrame(draw);

  /** @param {number} i */
  function choose(i) {
    cursor = i;
    save(model, "chosen", i);
    redraw();
  }
  root.addEventListener("keydown", (event) => {
    const n = model.get("rows").length;
    const move = byKey(event, { ArrowUp: -1, ArrowDown: 1 });
    if (move) cursor = clamp(cursor + move, 0, n - 1);
    else if (event.key === "Enter" && n) choose(cursor);
    else return;
    event.preventDefault();
    redraw();
  });
  root.addEventListener("focus", redraw);
  root.addEventListener("blur", redraw);
  draw();
  return endAll(onChange(model, ["columns", "rows", "marks", "chosen"], redraw), redraw.cancel);
}

export default { render };
