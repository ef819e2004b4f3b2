// The card of a pair: the answer, concept parts with boxes, bits by concept, a scale, the numbers.

const LONGEST = 2; // the part of a bar as wide as its lane: parts add up to S + 1, which is 2 at most

/**
 * @typedef {{ key: string, name: string, value: number, ticked: boolean }} Part
 * @typedef {{ name: string, differ: number, agree: number }} BitsOf
 * @typedef {{ bits: number, actual: number, expected: number, low: number, high: number,
 *   changed: number | null }} Scale
 * @typedef {{ heading: string, parts: Part[], total: string, bits: string, groups: BitsOf[], scale: Scale | null,
 *   columns: string[], rows: string[][], notes: string[] }} Card
 */

/** The parts as a list of boxes: one stop for Tab, arrows between the boxes, Space ticks. */
class Parts {
  /** @param {(part: Part, ticked: boolean) => void} tick */
  constructor(tick) {
    this.tick = tick;
    this.element = el("ul", "parts");
    this.element.setAttribute("aria-label", "Parts of the similarity, by concept");
    /** @type {{ part: Part, item: HTMLElement, box: HTMLInputElement, bar: HTMLElement,
     *   number: HTMLElement }[]} */
    this.rows = [];
    this.element.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** @param {Part[]} parts */
  show(parts) {
    const keys = parts.map((part) => part.key).join("\n");
    // The same boxes stay, and so does the keyboard's place among them.
    if (keys !== this.rows.map(({ part }) => part.key).join("\n")) this.build(parts);
    this.rows.forEach((row, i) => {
      const part = parts[i];
      row.part = part;
      row.box.checked = part.ticked;
      row.box.disabled = parts.length === 1;
      row.item.classList.toggle("unticked", !part.ticked);
      const said = part.value.toFixed(2);
      row.bar.style.width = `${Math.min((100 * Number(said)) / LONGEST, 100)}%`; // none next to 0.00
      row.number.textContent = said;
    });
  }

  /** @param {Part[]} parts */
  build(parts) {
    this.rows = parts.map((part, i) => {
      const item = el("li");
      const label = el("label");
      const box = el("input");
      box.type = "checkbox";
      box.tabIndex = i === 0 ? 0 : -1;
      box.addEventListener("change", () => this.tick(this.rows[i].part, box.checked));
      box.addEventListener("focus", () => this.stopAt(i));
      const name = el("span", "name", part.name);
      name.title = part.name;
      const lane = el("span", "lane");
      const bar = el("span", "bar");
      const number = el("span", "number");
      lane.append(bar);
      label.append(box, name, lane, number);
      item.append(label);
      return { part, item, box, bar, number };
    });
    this.element.replaceChildren(...this.rows.map(({ item }) => item));
  }

  /** @param {number} at */
  stopAt(at) {
    this.rows.forEach(({ box }, i) => {
      box.tabIndex = i === at ? 0 : -1;
    });
  }

  /** @param {KeyboardEvent} event */
  onKey(event) {
    const at = this.rows.findIndex(({ box }) => box === event.target);
    const last = this.rows.length - 1;
    const to = byKey(event, {
      ArrowUp: at - 1,
      ArrowDown: at + 1,
      Home: 0,
      End: last,
    });
    if (at < 0 || to === undefined || hasModifier(event)) return;
    event.preventDefault();
    this.rows[clamp(to, 0, last)].box.focus();
  }
}

/**
 * Create the table of the bits: differing ones filled, agreeing ones hollow.
 * @param {BitsOf[]} groups
 * @param {string} said what the table says, in a sentence
 */
function tableOfBits(groups, said) {
  const table = el("table", "bits");
  table.setAttribute("aria-label", said);
  const head = table.createTHead().insertRow();
  for (const text of ["bits for", "", "differ", "agree"]) {
    const cell = el("th", "", text);
    cell.scope = "col";
    head.append(cell);
  }
  const most = Math.max(...groups.map(({ differ, agree }) => differ + agree), 1);
  const body = table.createTBody();
  for (const { name, differ, agree } of groups) {
    const row = body.insertRow();
    const label = el("th", "name", name);
    label.scope = "row";
    const bar = el("td", "lane");
    bar.setAttribute("aria-hidden", "true");
    for (const [kind, count] of /** @type {const} */ ([
      ["differ", differ],
      ["agree", agree],
    ])) {
      const part = el("span", `bar ${kind}`);
      part.style.width = `${(100 * count) / most}%`;
      if (count) bar.append(part);
    }
    row.append(label, bar, el("td", "number", String(differ)), el("td", "number", String(agree)));
  }
  return table;
}

/**
 * Draw the actual distance among the expected ones.
 * @param {Scale} scale
 */
function scaleOf({ bits, actual, expected, low, high, changed }) {
  const box = el("div", "scale");
  const at = (/** @type {number} */ value) => `${(100 * value) / bits}%`;
  const track = el("div", "track");
  track.setAttribute("aria-hidden", "true"); // the line below says it
  const range = el("span", "range");
  range.style.left = at(low);
  range.style.width = at(high - low);
  track.append(range);
  const places = /** @type {[string, number | null][]} */ ([
    ["expected", expected],
    ["changed", changed],
    ["actual", actual],
  ]);
  for (const [kind, value] of places) {
    if (value === null) continue;
    const mark = el("span", `mark ${kind}`);
    mark.style.left = at(value);
    track.append(mark);
  }
  const ends = el("div", "ends");
  ends.setAttribute("aria-hidden", "true");
  ends.append(el("span", "", "0"), el("span", "", `${bits} bits`));
  const legend = el("div", "legend");
  legend.append(
    legendEntry("mark actual", `actual ${actual}`),
    legendEntry("mark expected", `expected ${grouped(expected, 1)}`),
    legendEntry("range", `9 of 10 pairs: ${low} to ${high}`),
  );
  if (changed !== null && changed !== actual) {
    legend.append(legendEntry("mark changed", `after ${changed}`));
  }
  box.append(track, ends, legend);
  return box;
}

/**
 * Create the table of the numbers, before and after.
 * @param {string[]} columns
 * @param {string[][]} rows
 */
function tableOfNumbers(columns, rows) {
  const table = el("table", "numbers");
  const head = table.createTHead().insertRow();
  for (const text of ["", ...columns]) {
    const cell = el(text ? "th" : "td", "", text);
    if (cell instanceof HTMLTableCellElement && text) cell.scope = "col";
    head.append(cell);
  }
  const body = table.createTBody();
  for (const [name, ...texts] of rows) {
    const row = body.insertRow();
    const label = el("th", "", name);
    label.scope = "row";
    row.append(label, ...texts.map((text) => el("td", "", text)));
  }
  return table;
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-pair");
  root.tabIndex = -1; // the boxes are what the keyboard reaches
  const sentence = el("p", "sentence");
  sentence.setAttribute("aria-live", "polite");
  const heading = el("p", "faint heading");
  const parts = new Parts((part, ticked) => {
    model.send({ type: "tick", key: part.key, ticked });
  });
  const problem = el("p", "problem");
  problem.setAttribute("role", "alert");
  // In a small window where something that is used with the card shares its column, the rest unfolds.
  const more = el("button", "more");
  const below = el("div", "below");
  below.id = uniqueId("below");
  more.setAttribute("aria-controls", below.id);
  const unfold = (/** @type {boolean} */ open) => {
    more.textContent = open ? "▾ Less on this pair" : "▸ More on this pair";
    more.setAttribute("aria-expanded", String(open));
  };
  unfold(false);
  more.addEventListener("click", () => unfold(more.getAttribute("aria-expanded") === "false"));
  const total = el("p", "faint");
  const rest = el("div");
  below.append(total, rest);
  root.append(sentence, heading, parts.element, problem, more, below);

  function draw() {
    /** @type {Card} */
    const card = model.get("_card");
    sentence.textContent = model.get("summary");
    problem.textContent = model.get("error");
    heading.textContent = card.heading ?? "";
    parts.show(card.parts);
    total.textContent = card.total ?? "";
    more.hidden = !card.total;
    rest.replaceChildren();
    if (card.scale) rest.append(scaleOf(card.scale));
    if (card.rows.length) rest.append(tableOfNumbers(card.columns, card.rows));
    if (card.groups.length) rest.append(tableOfBits(card.groups, card.bits));
    for (const note of card.notes) rest.append(el("p", "note", note));
  }

  const redraw = eachFrame(draw);
  draw();
  return endAll(onChange(model, ["_card", "summary", "error"], redraw), redraw.cancel);
}

export default { render };
