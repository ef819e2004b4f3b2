// A hash code: a cell a bit, in groups of eight; below it another code and where the two differ.
function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-code");
  root.setAttribute("aria-roledescription", "hash code");
  summaryOf(model, root);
  const legend = make("div", "legend");
  const groups = make("div", "groups");
  const reading = make("p", "reading");
  reading.setAttribute("aria-live", "polite");
  root.append(legend, groups, reading);
  let cells = [], at = null;

  const differs = (i) => model.get("other").length > 0
    && model.get("bits")[i] !== model.get("other")[i];

  /** One bit in words. */
  function said(i) {
    const share = model.get("shares")[i];
    const parts = [`Bit ${i} is ${model.get("bits")[i]}`];
    if (model.get("flipped").includes(i)) parts.push("flipped");
    if (model.get("other").length) {
      parts.push(differs(i) ? `differs from ${model.get("names")[1]}`
        : `the same in ${model.get("names")[1]}`);
    }
    if (share !== undefined) parts.push(`1 in ${Math.round(100 * share)}% of the database`);
    const meaning = model.get("meanings")[i];
    return `${parts.join(", ")}${meaning ? `. It goes with ${meaning}` : ""}`;
  }

  function read() {
    for (const [i, { column }] of cells.entries()) column.classList.toggle("at", i === at);
    reading.textContent = at === null || at >= cells.length
      ? "Point at a bit, or use ← and →, to read what it stands for; click it, or press Enter, to flip it."
      : said(at);
  }

  function draw() {
    const bits = model.get("bits"), other = model.get("other"), names = model.get("names");
    const key = (name, text) => {
      const entry = make("span", "entry");
      entry.append(make("span", `bit ${name}`), make("span", "", text));
      return entry;
    };
    const entries = [key("one", "1"), key("zero", "0")];
    if (model.get("flipped").length) entries.push(key("one flipped", "flipped"));
    if (other.length) {
      entries.push(make("span", "", `above ${names[0]}, below ${names[1]}`));
      const mark = make("span", "entry");
      mark.append(make("span", "xor", "≠"), make("span", "", "differs"));
      entries.push(mark);
    }
    legend.replaceChildren(...entries);
    cells = [];
    const made = [];
    for (let start = 0; start < bits.length; start += 8) {
      const group = make("div", "group");
      group.append(make("span", "first", String(start)));
      const row = make("div", "columns");
      for (let i = start; i < Math.min(start + 8, bits.length); i += 1) {
        const column = make("div", "column");
        const flipped = model.get("flipped").includes(i) ? " flipped" : "";
        column.append(make("span", `bit ${bits[i] ? "one" : "zero"}${flipped}`));
        if (other.length) {
          column.append(make("span", `bit below ${other[i] ? "one" : "zero"}`));
          column.append(make("span", "xor", differs(i) ? "≠" : ""));
        }
        column.dataset.bit = i;
        row.append(column);
        cells.push({ column });
      }
      group.append(row);
      made.push(group);
    }
    groups.replaceChildren(...made);
    read();
  }

  const bitOf = (event) => {
    const column = event.target.closest(".column");
    return column ? Number(column.dataset.bit) : null;
  };
  const flip = (bit) => model.send({ type: "flip", bit });
  groups.addEventListener("pointerover", (event) => { at = bitOf(event) ?? at; read(); });
  groups.addEventListener("pointerleave", () => { at = null; read(); });
  groups.addEventListener("click", (event) => {
    const bit = bitOf(event);
    if (bit !== null) flip(bit);
  });
  root.addEventListener("keydown", (event) => {
    if (!cells.length) return;
    const to = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -8, ArrowDown: 8, Home: -cells.length,
      End: cells.length }[event.key];
    const enters = event.key === "Enter" || event.key === " ";
    if (to === undefined && !enters) return;
    event.preventDefault();
    if (enters) { if (at !== null) flip(at); return; }
    at = at === null ? 0 : Math.max(0, Math.min(cells.length - 1, at + to));
    read();
  });
  root.addEventListener("blur", () => { at = null; read(); });

  const redraw = eachFrame(draw);
  const deaf = onChange(model, ["bits", "flipped", "other", "names", "meanings", "shares"], redraw);
  draw();
  return () => {
    deaf();
    redraw.cancel();
  };
}

export default { render };
