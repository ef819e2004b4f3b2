// A small table; the arrow keys reach its rows, and Enter or a click chooses one.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-table");
  root.removeAttribute("tabindex"); // the table has the focus: its rows are announced one by one
  addSummary(model, root);
  const table = el("table");
  table.tabIndex = 0;
  table.setAttribute("role", "grid");
  root.append(table);
  const id = uniqueId("table");
  let cursor = 0;

  /**
   * @param {string[]} cells
   * @param {number} i
   */
  function rowOf(cells, i) {
    const mark = model.get("marks")[i] || "";
    const row = el("tr", "row");
    row.id = `${id}-${i}`;
    row.setAttribute("aria-selected", String(model.get("chosen") === i));
    row.classList.toggle("marked", mark !== "");
    row.classList.toggle("cursor", cursor === i && document.activeElement === table);
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
    const n = model.get("rows").length;
    table.hidden = !n;
    cursor = clamp(cursor, 0, Math.max(n - 1, 0));
    table.setAttribute("aria-label", model.get("summary") || "Table");
    setActive(table, n ? `${id}-${cursor}` : null);
  }
  const redraw = eachFrame(draw);

  /** @param {number} i */
  function choose(i) {
    cursor = i;
    table.focus({ preventScroll: true });
    save(model, "chosen", i);
    redraw();
  }
  table.addEventListener("keydown", (event) => {
    const n = model.get("rows").length;
    const move = byKey(event, { ArrowUp: -1, ArrowDown: 1, Home: -n, End: n });
    if (move) cursor = clamp(cursor + move, 0, n - 1);
    else if (isPress(event) && n) choose(cursor);
    else return;
    event.preventDefault();
    redraw();
    table.rows[cursor + 1].scrollIntoView({ block: "nearest" });
  });
  table.addEventListener("focus", redraw);
  table.addEventListener("blur", redraw);
  draw();
  return endAll(onChange(model, ["columns", "rows", "marks", "chosen"], redraw), redraw.cancel);
}

export default { render };
