function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-table");
  summaryOf(model, root);
  const table = make("table");
  root.append(table);
  let cursor = 0;

  function draw() {
    const rows = model.get("rows"), marks = model.get("marks");
    const head = make("tr");
    head.append(make("th", "mark"), ...model.get("columns").map((name) => make("th", "", name)));
    table.replaceChildren(head, ...rows.map((cells, i) => {
      const row = make("tr", "row");
      row.setAttribute("aria-selected", String(model.get("chosen") === i));
      if (marks[i]) row.classList.add("marked");
      if (cursor === i && document.activeElement === root) row.classList.add("cursor");
      row.append(make("td", "mark", marks[i] || ""));
      for (const cell of cells) {
        row.append(make("td", /^[-\d.]+$/.test(cell) ? "number" : "", cell));
      }
      row.addEventListener("click", () => choose(i));
      return row;
    }));
    table.hidden = !rows.length;
  }
  const redraw = eachFrame(draw);

  function choose(i) {
    cursor = i;
    model.set("chosen", i);
    model.save_changes();
    redraw();
  }
  root.addEventListener("keydown", (event) => {
    const n = model.get("rows").length;
    const move = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (move) cursor = Math.min(Math.max(cursor + move, 0), n - 1);
    else if (event.key === "Enter" && n) choose(cursor);
    else return;
    event.preventDefault();
    redraw();
  });
  root.addEventListener("focus", redraw);
  root.addEventListener("blur", redraw);
  const deaf = onChange(model, ["columns", "rows", "marks", "chosen"], redraw);
  draw();
  return () => {
    deaf();
    redraw.cancel();
  };
}

export default { render };
