// A heatmap of pairs: one canvas for the numbers, one above it for what the pointer is at.

const SMALL = 12; // CSS px of a cell below which thumbnails no longer fit next to it
const NAMED = 13; // CSS px that a group takes at least to be named
const PICTURE = 48; // CSS px of the largest thumbnail along a side
const SHARE = 8; // of a low heatmap's height, one part at most is a thumbnail's
const NAME = 96; // CSS px at most for the groups' names

class GridView {
  /**
   * @param {Model} model
   * @param {HTMLElement} host
   */
  constructor(model, host) {
    this.model = model;
    this.root = rootOf(model, host, "grid");
    this.root.setAttribute("aria-roledescription", "heatmap");
    addSummary(model, this.root);
    this.body = el("div", "grid-body");
    this.cells = el("canvas", "grid-cells");
    this.over = el("canvas", "grid-over");
    this.sides = el("div", "grid-sides");
    this.body.append(this.sides, this.cells, this.over);
    this.empty = el("div", "grid-empty", "No images");
    this.bar = el("div", "grid-bar");
    this.label = el("span", "grid-label");
    this.low = el("span");
    this.ramp = el("canvas", "grid-ramp");
    this.ramp.width = 256;
    this.ramp.height = 1;
    this.high = el("span");
    this.bar.append(this.label, this.low, this.ramp, this.high);
    this.reading = el("p", "grid-reading");
    this.reading.setAttribute("aria-live", "polite");
    this.root.append(this.body, this.empty, this.bar, this.reading);
    this.spoken = addSpoken(this.root);
    this.card = cardOf("grid-card", this.root, () => this.look(null));
    this.pictures = new Pictures(model, 1, (positions) => this.arrive(positions));
    this.redrawMarks = eachFrame(() => {
      this.drawMarks();
      this.fillStrips();
    });
    this.values = new Values(model);
    this.square = 0; // CSS px of the heatmap's edge; 0 while hidden
    this.left = 0;
    this.top = 0;
    this.picture = 0; // CSS px of the thumbnails along the sides
    this.readModel();
  }

  readModel() {
    const { model } = this;
    this.pictures.start();
    /** @type {number[]} */
    this.ids = model.get("ids");
    /** @type {string[]} */
    this.groups = model.get("groups");
    this.pictured = model.get("pictured");
    this.values = new Values(model);
    this.n = this.values.n;
    /** @type {Cell | null} the picked cell */
    this.picked = model.get("cell");
    /** @type {Cell | null} the cell that the pointer or the keys are at */
    this.at = null;
    this.card.hide();
    this.empty.hidden = this.n > 0;
    this.body.hidden = this.bar.hidden = this.reading.hidden = this.n === 0;
    this.square = 0;
  }

  reset() {
    this.readModel();
    this.layout();
    this.tell();
  }

  tell() {
    this.reading.textContent = this.model.get("reading");
  }

  /** CSS px of a cell's edge. */
  get step() {
    return this.square / this.n;
  }

  layout() {
    const width = this.root.clientWidth;
    if (!width || !this.n) return; // in a hidden tab; the observer calls again
    const names = Math.min(this.widthOfNames(), Math.floor(width / 4));
    const longest = Math.max(0, ...this.spans().map(([from, to]) => to - from));
    let place = this.placeFor(width, names);
    // Groups of few images have no names, and no room is kept for them.
    if ((longest * place.square) / this.n < NAMED) place = this.placeFor(width, 0);
    const { square, fits, level } = place;
    if (square !== this.square) {
      Object.assign(this, { square, left: place.left, top: place.top, picture: place.picture });
      this.drawSides(fits, level, place.names);
      this.draw();
    }
    this.request();
  }

  /**
   * Return where the cells are, and how large, if names of this width are around them.
   * @param {number} width of the view
   * @param {number} names
   */
  placeFor(width, names) {
    // Where it grows the window decides, and what is above the cells is not known yet.
    const grows = isGrowing(this.body);
    const edge = grows ? this.body.clientHeight : this.model.get("edge");
    const largest = Math.min(PICTURE, Math.floor(edge / SHARE));
    const room = Math.min(edge, width - names - (this.pictured ? largest : 0) - 4);
    const fits = room / this.n >= SMALL; // a thumbnail next to each cell
    const thumbnail = fits ? Math.min(largest, Math.floor(room / this.n)) : largest;
    const picture = this.pictured ? thumbnail : 0;
    const wide = Math.min(edge, width - names - picture - 4);
    const level = this.spans().every(([from, to]) => ((to - from) * wide) / this.n >= 64);
    const left = names + picture;
    const top = picture + (names ? (level ? 20 : names) : 0);
    const square = Math.max(40, grows ? Math.min(wide, edge - top) : wide);
    return { square, left, top, picture, fits, level, names };
  }

  /** Return the width of the longest name, within limits. */
  widthOfNames() {
    const context = contextOf(el("canvas"));
    context.font = getComputedStyle(this.root).font;
    const widths = [...new Set(this.groups)].map((group) => context.measureText(group).width + 6);
    return Math.min(NAME, Math.ceil(Math.max(0, ...widths)));
  }

  /** Return the groups as ranges [from, to) of positions. */
  spans() {
    const { groups } = this;
    const starts = groups.flatMap((group, i) => (i === 0 || group !== groups[i - 1] ? [i] : []));
    return starts.map((start, i) => [start, starts[i + 1] ?? this.n]);
  }

  /**
   * @param {boolean} fits whether there is a thumbnail next to each cell
   * @param {boolean} level whether the names above the heatmap fit without being turned
   * @param {number} width of the names; 0 for none
   */
  drawSides(fits, level, width) {
    this.body.style.width = `${this.left + this.square}px`;
    this.body.style.height = `${this.top + this.square}px`;
    this.sides.replaceChildren();
    for (const [from, to] of this.spans()) {
      // Names would overlap; the card says them.
      if (width && (to - from) * this.step >= NAMED) this.addNames(from, to, level, width);
    }
    if (!this.picture) return;
    const count = fits ? this.n : 1; // else the one of the row or column that is looked at
    for (const side of ["row", "column"]) {
      for (let i = 0; i < count; i++) {
        const element = el("div", "grid-picture");
        element.dataset[side] = String(i);
        element.style.width = element.style.height = `${this.picture - 1}px`;
        if (fits) this.placePicture(element, i);
        this.sides.append(element);
      }
    }
    this.fillStrips();
  }

  /**
   * Add a group's name at the left of its rows and above its columns.
   * @param {number} from
   * @param {number} to
   * @param {boolean} level
   * @param {number} width
   */
  addNames(from, to, level, width) {
    const { left, top, step } = this;
    const middle = ((from + to) / 2) * step;
    const aside = el("div", "grid-name beside", this.groups[from]);
    aside.style.width = `${width - 4}px`;
    aside.style.top = `${top + middle - 9}px`;
    const above = el("div", `grid-name ${level ? "level" : "upright"}`, this.groups[from]);
    above.style.left = `${left + (level ? from * step : middle - 9)}px`;
    if (level) above.style.width = `${(to - from) * step}px`;
    else above.style.height = `${width - 4}px`;
    for (const name of [aside, above]) {
      name.dir = "auto";
      name.title = this.groups[from];
      this.sides.append(name);
    }
  }

  /**
   * Put a thumbnail next to the row or above the column of an image.
   * @param {HTMLElement} element
   * @param {number} i
   */
  placePicture(element, i) {
    const { left, top, picture, square } = this;
    const along = clamp((i + 0.5) * this.step - picture / 2, 0, square - picture);
    const isRow = element.dataset.row !== undefined;
    element.style.left = `${isRow ? left - picture : left + along}px`;
    element.style.top = `${isRow ? top + along : top - picture}px`;
    this.fill(element, i);
  }

  /**
   * Show a thumbnail once it has come, "!" where the image cannot be read.
   * @param {HTMLElement} element
   * @param {number} i
   */
  fill(element, i) {
    const address = this.pictures.get(i)?.address;
    element.style.backgroundImage = address ? `url("${address}")` : "";
    element.textContent = address === "" ? "!" : "";
  }

  /** @returns {NodeListOf<HTMLElement>} */
  sidePictures() {
    return this.sides.querySelectorAll(".grid-picture");
  }

  /** Fill the strips next to small cells: the row and the column that are looked at. */
  fillStrips() {
    if (!this.picture || this.step >= SMALL) return;
    const cell = this.at ?? this.picked;
    for (const element of this.sidePictures()) {
      element.hidden = !cell;
      if (cell) this.placePicture(element, element.dataset.row === undefined ? cell[1] : cell[0]);
    }
  }

  /** @param {HTMLCanvasElement} canvas */
  context(canvas) {
    canvas.style.left = `${this.left}px`;
    canvas.style.top = `${this.top}px`;
    canvas.style.width = canvas.style.height = `${this.square}px`;
    return clearedContext(canvas, this.square, this.square);
  }

  draw() {
    if (!this.square) return;
    const { model, square } = this;
    const scales = model.get("diverging") ? DIVERGING : SEQUENTIAL;
    const colors = colorsThrough(isDark(this.root) ? scales.dark : scales.light);
    const [low, high] = [model.get("low"), model.get("high")];
    const context = this.context(this.cells);
    // Squares stay sharp, unless they are too many.
    context.imageSmoothingEnabled = this.n > this.cells.width;
    context.drawImage(heatmapOf(this.values, colors, low, high), 0, 0, square, square);
    const borders = this.spans().map(([start]) => start * this.step);
    drawBorders(context, borders.slice(1), square);
    drawRamp(this.ramp, colors);
    this.label.textContent = model.get("label");
    this.low.textContent = writeNumber(low);
    this.high.textContent = writeNumber(high);
    this.drawMarks();
  }

  drawMarks() {
    if (this.square) drawMarks(this.context(this.over), this, this.step, this.square);
  }

  /** @param {Cell} cell */
  numberAt(cell) {
    return `${this.model.get("label")} = ${writeNumber(this.values.ofCell(cell))}`;
  }

  /**
   * Open the detail of a pair: both pictures, their names and the number.
   * @param {Cell} cell
   */
  openDetail(cell) {
    const both = el("div", "grid-both");
    both.append(this.halfOf("row", cell[0]), this.halfOf("column", cell[1]));
    const number = el("div", "grid-number", this.numberAt(cell));
    this.card.element.replaceChildren(both, number);
    const box = this.over.getBoundingClientRect();
    const step = this.step * zoomOf(this.over);
    const [y, x] = cell.map((position) => position * step);
    this.card.openNextTo(new DOMRect(box.left + x, box.top + y, step, step));
  }

  /**
   * @param {string} side
   * @param {number} position
   */
  halfOf(side, position) {
    const half = el("div", "grid-half");
    if (this.pictured) {
      const image = el("div", "grid-large");
      this.fill(image, position);
      half.append(image);
    }
    half.append(el("div", "grid-faint", side), el("div", "", `image ${this.ids[position]}`));
    if (this.groups.length) {
      const group = el("div", "grid-group", this.groups[position]);
      group.dir = "auto";
      half.append(group);
    }
    return half;
  }

  /** @param {Cell | null} cell */
  look(cell) {
    if (this.at && cell && this.at[0] === cell[0] && this.at[1] === cell[1]) return;
    this.at = cell;
    if (cell) this.openDetail(cell);
    else this.card.hide();
    this.redrawMarks();
  }

  /** @param {Cell} cell */
  choose(cell) {
    this.picked = cell;
    this.redrawMarks();
    this.model.send({ type: "choose", generation: this.pictures.generation, cell });
  }

  /** @param {Cell} cell */
  speak(cell) {
    const [row, column] = cell.map((position) => {
      const group = this.groups.length ? `${this.groups[position]}, ` : "";
      return `${position + 1}, ${group}image ${this.ids[position]}`;
    });
    this.spoken.textContent = `Row ${row}; column ${column}: ${this.numberAt(cell)}`;
  }

  /** Ask for all pictures, one page after the other, once the numbers are on the screen. */
  request() {
    if (!this.pictured || !this.square) return;
    const missing = this.ids.findIndex((_, i) => !this.pictures.has(i));
    if (missing >= 0) this.pictures.askForPages([this.pictures.pageOf(missing)]);
  }

  /** @param {number[]} positions */
  arrive(positions) {
    if (this.step >= SMALL) {
      for (const element of this.sidePictures()) {
        const i = Number(element.dataset.row ?? element.dataset.column);
        if (positions.includes(i)) this.fill(element, i);
      }
    }
    this.fillStrips();
    if (this.at) this.openDetail(this.at);
    this.request();
  }

  followModel() {
    if (this.model.get("generation") !== this.pictures.generation) return;
    this.picked = this.model.get("cell");
    this.redrawMarks();
  }
}

/**
 * Let the pointer and the keyboard reach and pick the cells.
 * @param {GridView} view
 */
function listen(view) {
  const { root, over } = view;
  let byKeys = false; // whether the keyboard is what moved last

  /**
   * @param {MouseEvent} event
   * @returns {Cell}
   */
  function cellOf(event) {
    const box = over.getBoundingClientRect();
    const at = (/** @type {number} */ place) =>
      clamp(Math.floor((place / box.width) * view.n), 0, view.n - 1);
    return [at(event.clientY - box.top), at(event.clientX - box.left)];
  }
  over.addEventListener("pointermove", (event) => {
    byKeys = false;
    view.look(cellOf(event));
  });
  over.addEventListener("pointerleave", () => {
    if (!byKeys) view.look(null);
  });
  over.addEventListener("click", (event) => {
    root.focus({ preventScroll: true });
    view.choose(cellOf(event));
  });
  root.addEventListener("blur", () => {
    byKeys = false;
    view.look(null);
  });
  root.addEventListener("keydown", (event) => {
    if (!view.n || !view.square || hasModifier(event)) return;
    const [row, column] = view.at ?? view.picked ?? [0, 0];
    const to = byKey(event, {
      ArrowLeft: [row, column - 1],
      ArrowRight: [row, column + 1],
      ArrowUp: [row - 1, column],
      ArrowDown: [row + 1, column],
      PageUp: [row - 10, column],
      PageDown: [row + 10, column],
      Home: [row, 0],
      End: [row, view.n - 1],
    });
    if (!to && !isPress(event)) return;
    event.preventDefault();
    byKeys = true;
    // The first key shows where one is; only then do the arrows move.
    const [y, x] = to && (view.at || view.picked) ? to : [row, column];
    /** @type {Cell} */
    const cell = [clamp(y, 0, view.n - 1), clamp(x, 0, view.n - 1)];
    view.look(cell);
    if (!to) view.choose(cell);
    view.speak(cell);
  });
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const view = new GridView(model, host);
  listen(view);
  view.layout();
  view.tell();
  return endAll(
    onResize(view.root, () => view.layout()),
    onTheme(() => view.draw()),
    onChange(model, ["generation"], () => view.reset()),
    onChange(model, ["cell"], () => view.followModel()),
    onChange(model, ["reading"], () => view.tell()),
    view.redrawMarks.cancel,
    () => view.card.hide(),
    () => view.pictures.stop(),
  );
}

export default { render };
