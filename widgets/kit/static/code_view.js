// A hash code: a cell per bit, in groups of eight; below it another code, and where they differ.

const HINT =
  "Point at a bit, or use ← and →, to read what it stands for; click it, or press Enter, to flip it.";

/**
 * @typedef {object} Code
 * @property {number[]} bits
 * @property {number[]} flipped positions
 * @property {number[]} other bits of another code; empty for none
 * @property {string[]} names of the two codes
 * @property {string[]} meanings
 * @property {number[]} shares
 */

/**
 * @param {Code} code
 * @param {number} i
 */
function differs({ bits, other }, i) {
  return other.length > 0 && bits[i] !== other[i];
}

/**
 * Say in how much of the database a bit is 1; shares that are rounded to nothing are not nothing.
 * @param {number} share
 */
function shareInWords(share) {
  if (share < 0.005) return "Less than 1%";
  if (share > 0.995) return "More than 99%";
  return `${Math.round(100 * share)}%`;
}

/**
 * Describe a bit.
 * @param {Code} code
 * @param {number} i
 */
function sentenceOf(code, i) {
  const flipped = code.flipped.includes(i) ? ", flipped" : "";
  const unlike = differs(code, i) ? "unlike" : "like";
  const other = code.other.length ? `, ${unlike} the ${code.names[1]}` : "";
  const sentences = [`Bit ${i} is ${code.bits[i]}${flipped}${other}.`];
  const [share, meaning] = [code.shares[i], code.meanings[i]];
  if (share === 0 || share === 1) {
    sentences.push(`The whole database has a ${share} there, so it tells no images apart.`);
  } else {
    if (share !== undefined)
      sentences.push(`${shareInWords(share)} of the database has a 1 there.`);
    if (meaning) sentences.push(`It correlates with ${meaning}.`);
    else if (meaning === "") sentences.push("It correlates with no concept.");
  }
  return sentences.join(" ");
}

/** @param {Code} code */
function legendOf({ flipped, other, names }) {
  const entries = [legendEntry("bit one", "1"), legendEntry("bit zero", "0")];
  if (flipped.length) entries.push(legendEntry("bit one flipped", "flipped"));
  if (other.length) {
    entries.push(el("span", "", `above ${names[0]}, below ${names[1]}`));
    entries.push(legendEntry("xor", "differs", "≠"));
  }
  return entries;
}

/**
 * Create the column of a bit: its value, the other code's, and whether they differ.
 * @param {Code} code
 * @param {number} i
 */
function columnOf(code, i) {
  const column = el("div", "column");
  column.dataset.bit = String(i);
  const flipped = code.flipped.includes(i) ? " flipped" : "";
  column.append(el("span", `bit ${code.bits[i] ? "one" : "zero"}${flipped}`));
  if (code.other.length) {
    column.append(el("span", `bit below ${code.other[i] ? "one" : "zero"}`));
    column.append(el("span", "xor", differs(code, i) ? "≠" : ""));
  }
  return column;
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-code");
  root.setAttribute("aria-roledescription", "hash code");
  addSummary(model, root);
  const legend = el("div", "legend");
  const groups = el("div", "groups");
  const reading = el("p", "reading");
  reading.setAttribute("aria-live", "polite");
  root.append(legend, groups, reading);
  /** @type {HTMLElement[]} */
  let columns = [];
  /** @type {number | null} the bit that is read */
  let at = null;

  /** @returns {Code} */
  function readCode() {
    return {
      bits: model.get("bits"),
      flipped: model.get("flipped"),
      other: model.get("other"),
      names: model.get("names"),
      meanings: model.get("meanings"),
      shares: model.get("shares"),
    };
  }

  /** @param {number | null} bit */
  function look(bit) {
    at = bit;
    columns.forEach((column, i) => {
      column.classList.toggle("at", i === at);
    });
    reading.textContent = at === null || at >= columns.length ? HINT : sentenceOf(readCode(), at);
  }

  function draw() {
    const code = readCode();
    legend.replaceChildren(...legendOf(code));
    columns = code.bits.map((_, i) => columnOf(code, i));
    groups.replaceChildren();
    for (let start = 0; start < columns.length; start += 8) {
      const group = el("div", "group");
      const row = el("div", "columns");
      row.append(...columns.slice(start, start + 8));
      group.append(el("span", "first", String(start)), row);
      groups.append(group);
    }
    look(at);
  }

  /** @param {Event} event */
  function bitOf(event) {
    const column = /** @type {Element} */ (event.target).closest(".column");
    return column instanceof HTMLElement ? Number(column.dataset.bit) : null;
  }
  /** @param {number | null} bit */
  function flip(bit) {
    if (bit !== null) model.send({ type: "flip", bit });
  }
  groups.addEventListener("pointerover", (event) => look(bitOf(event) ?? at));
  groups.addEventListener("pointerleave", () => look(null));
  groups.addEventListener("click", (event) => flip(bitOf(event)));
  root.addEventListener("keydown", (event) => {
    const last = columns.length - 1;
    if (last < 0) return;
    const start = at ?? 0;
    const to = byKey(event, {
      ArrowLeft: start - 1,
      ArrowRight: start + 1,
      ArrowUp: start - 8,
      ArrowDown: start + 8,
      Home: 0,
      End: last,
    });
    if (to === undefined && !isPress(event)) return;
    event.preventDefault();
    if (to === undefined) flip(at);
    else look(at === null ? 0 : clamp(to, 0, last));
  });
  root.addEventListener("blur", () => look(null));

  const redraw = eachFrame(draw);
  const traits = ["bits", "flipped", "other", "names", "meanings", "shares"];
  draw();
  return endAll(onChange(model, traits, redraw), redraw.cancel);
}

export default { render };
