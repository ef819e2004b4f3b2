// A small table; the arrow keys reach its rows, and Enter or a click chooses one.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-table");
  root.removeAttribute("tabindex"); // the table is what the keyboard reaches
  addSummary(model, root);
  const table = el("table");
  table.setAttribute("role", "grid");
  root.append(table);
  const redraw = eachFrame(draw);
  const choose = (/** @type {number} */ i) => save(model, "chosen", i);
  const keys = rowsOf(table, () => model.get("rows").length, choose, redraw);

  /**
   * @param {string[]} cells
   * @param {number} i
   */
  function rowOf(cells, i) {
    const mark = model.get("marks")[i] || "";
    const row = el("tr", "row");
    row.setAttribute("aria-selected", String(model.get("chosen") === i));
    row.classList.toggle("marked", mark !== "");
    row.append(el("td", "mark", mark));
    for (const cell of cells) row.append(el("td", /^[-−\d.]+$/.test(cell) ? "number" : "", cell));
    keys.add(row, i);
    return row;
  }

  function draw() {
    const head = el("tr");
    head.append(el("th", "mark"));
    for (const name of model.get("columns")) head.append(el("th", "", name));
    table.replaceChildren(head, ...model.get("rows").map(rowOf));
    table.hidden = !model.get("rows").length;
    table.setAttribute("aria-label", model.get("summary") || "Table");
    keys.announce();
  }
  draw();
  return endAll(onChange(model, ["columns", "rows", "marks", "chosen"], redraw), redraw.cancel);
}

export default { render };
