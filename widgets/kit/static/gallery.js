// A gallery: a tile per image, there only while in sight; pictures are asked for a page at a time.

const FRAME = 3; // CSS px of the frame that marks an image
const LINE = 20; // CSS px of the line that a caption has
const WAITING = 120; // pictures in sight that are asked for at once
const AHEAD = 2; // requests for pictures next to them that wait for an answer
const KEPT = 4; // pages kept on either side of those in sight

/**
 * Create the picture of an image, or a sign that it cannot be read.
 * @param {Picture} picture
 */
function pictureOf({ address }) {
  if (!address) return el("div", "gallery-broken", "!");
  const image = el("img");
  image.alt = "";
  image.draggable = false;
  image.src = address;
  return image;
}

/** @param {Picture} picture */
function captionOf({ caption, id }) {
  return caption || `image ${id}`;
}

/** @param {string} action what the button does */
function actionButton(action) {
  // For the pointer alone, as an option holds no button: Shift and Enter on the image do the same.
  const button = el("span", "gallery-action", "≈");
  button.title = action;
  button.setAttribute("aria-hidden", "true");
  return button;
}

class GalleryView {
  /**
   * @param {Model} model
   * @param {HTMLElement} host
   */
  constructor(model, host) {
    this.model = model;
    this.root = rootOf(model, host, "gallery");
    addSummary(model, this.root);
    this.list = el("div", "gallery-list");
    this.sheet = el("div", "gallery-sheet");
    this.empty = el("div", "gallery-empty", "No images");
    this.list.append(this.sheet, this.empty);
    this.root.append(this.list);
    // The list is what has the focus: its options are announced one by one.
    this.root.removeAttribute("tabindex");
    this.list.tabIndex = 0;
    this.list.setAttribute("role", "listbox");
    this.name = uniqueId("gallery");
    this.card = cardOf("gallery-card", this.root, () => this.closeDetail());
    /** @type {Map<number, HTMLElement>} those in sight, by position */
    this.tiles = new Map();
    this.count = 0;
    this.edge = 0; // CSS px of a picture
    this.captioned = false;
    this.chosen = -1; // position of the chosen image
    this.cursor = 0; // where the keyboard is
    this.opened = -1; // the position whose detail is open
    /** @type {Rows | Shelves} */
    this.places = this.arrange();
    this.fits = false; // whether it has a width, which it has not in a hidden tab
    this.timer = 0;
    const atOnce = Math.max(AHEAD, Math.floor(WAITING / model.get("paged")));
    this.pictures = new Pictures(model, atOnce, (positions) => this.arrive(positions));
    this.readModel();
  }

  /** Take what the model shows now, from its top. */
  readModel() {
    const { model, list } = this;
    for (const tile of this.tiles.values()) tile.remove();
    this.tiles.clear();
    this.closeDetail();
    this.pictures.start();
    this.count = model.get("count");
    this.edge = model.get("edge");
    this.captioned = model.get("captioned");
    this.chosen = model.get("chosen");
    this.cursor = Math.max(0, this.chosen);
    this.root.style.setProperty("--edge", `${this.edge}px`);
    this.root.style.setProperty("--height", `${model.get("height")}px`);
    list.scrollTop = 0;
    this.empty.hidden = this.count > 0;
    this.places = this.arrange();
    this.fits = false;
    this.dim();
  }

  /** Clear the sheet, and return where the images stand on it. */
  arrange() {
    const { list, sheet, count } = this;
    const step = this.edge + 2 * FRAME + GAP;
    const row = step + (this.captioned ? LINE : 0);
    const layout = { list, sheet, count, step, row };
    const shelves = this.model.get("shelves") ?? []; // a plain gallery has no such trait
    list.classList.toggle("shelves", shelves.length > 0);
    sheet.replaceChildren();
    return shelves.length ? new Shelves(layout, shelves) : new Rows(layout);
  }

  reset() {
    this.readModel();
    this.layout();
    this.request();
  }

  layout() {
    if (!this.list.clientWidth) return; // in a hidden tab; the observer calls again
    this.fits = true;
    if (this.places.fit()) {
      for (const [position, tile] of this.tiles) this.places.place(tile, position);
    }
    this.paint();
  }

  dim() {
    if (this.places instanceof Shelves) this.places.dim(this.model.get("until"));
  }

  /** Create the tiles that came into sight, and remove those that left it. */
  paint() {
    if (!this.fits) return;
    const near = new Set();
    for (const [from, to] of this.places.inSight(1)) {
      for (let position = from; position < to; position++) near.add(position);
    }
    for (const [position, tile] of this.tiles) {
      if (near.has(position)) continue;
      tile.remove();
      this.tiles.delete(position);
    }
    for (const position of near) if (!this.tiles.has(position)) this.addTile(position);
    this.showCursor();
    this.timer ||= setTimeout(() => {
      this.timer = 0;
      this.request();
    }, 40);
  }

  /** @param {number} position */
  addTile(position) {
    const tile = el("div", "gallery-tile");
    tile.id = `${this.name}-${position}`;
    tile.dataset.position = String(position);
    tile.setAttribute("role", "option");
    tile.setAttribute("aria-posinset", String(position + 1));
    tile.setAttribute("aria-setsize", String(this.count));
    this.tiles.set(position, tile);
    this.places.place(tile, position);
    this.fill(position);
  }

  /**
   * Fill a tile with what is known about its image.
   * @param {number} position
   */
  fill(position) {
    const tile = this.tiles.get(position);
    if (!tile) return;
    const picture = this.pictures.get(position);
    const frame = el("div", "gallery-frame");
    tile.replaceChildren(frame);
    tile.classList.toggle("waiting", !picture);
    tile.setAttribute("aria-selected", String(position === this.chosen));
    if (!picture) {
      tile.setAttribute("aria-label", `Image ${position + 1}, not loaded yet`);
      return;
    }
    const mark = picture.mark ?? null;
    tile.classList.toggle("good", mark === true);
    tile.classList.toggle("bad", mark === false);
    frame.append(pictureOf(picture));
    if (mark !== null) frame.append(el("span", "gallery-mark", mark ? "✓" : "✗"));
    if (position === this.chosen) frame.append(el("span", "gallery-pin", "●"));
    const action = this.model.get("action");
    if (action) frame.append(actionButton(action));
    if (this.captioned) {
      const line = el("div", "gallery-caption uhscm-cut");
      writeCut(line, picture.caption ?? "");
      line.dir = "auto";
      tile.append(line);
    }
    const relevance = mark === null ? "" : `${this.wordOf(mark)}, `;
    tile.setAttribute("aria-label", relevance + captionOf(picture));
  }

  /** @param {boolean} mark */
  wordOf(mark) {
    return this.model.get("mark_words")[mark ? 0 : 1];
  }

  /**
   * Return the pages of some spans of positions.
   * @param {Span[]} spans
   */
  pagesOf(spans) {
    const pages = new Set();
    for (const [from, to] of spans) {
      const last = this.pictures.pageOf(Math.max(from, to - 1));
      for (let page = this.pictures.pageOf(from); page <= last; page++) pages.add(page);
    }
    return pages;
  }

  /**
   * Ask for the pages in sight, and once those are there for what is next to them. Only what is far
   * from both is given back, or it would be asked for again and again.
   */
  request() {
    if (!this.fits || !this.list.clientWidth || !this.count) return;
    const { pictures } = this;
    const near = this.pagesOf(this.places.inSight(1)); // those that have tiles
    pictures.drop((position) => {
      const page = pictures.pageOf(position);
      return [...near].every((other) => Math.abs(other - page) > KEPT);
    });
    pictures.askForPages(this.pagesOf(this.places.inSight(0)));
    if (!pictures.asked.size) pictures.askForPages(near, AHEAD);
  }

  /** @param {number[]} positions */
  arrive(positions) {
    this.request(); // it asks for sizes, for which the browser would lay out the page once filled
    for (const position of positions) this.fill(position);
    if (positions.includes(this.opened)) this.openDetail(this.opened);
  }

  /**
   * Open the detail of an image: a larger picture and the whole caption.
   * @param {number} position
   */
  openDetail(position) {
    this.opened = position;
    const tile = this.tiles.get(position);
    const picture = this.pictures.get(position);
    if (!tile || !picture) {
      this.card.hide();
      return;
    }
    const large = pictureOf(picture);
    large.style.width = large.style.height = `${2 * this.edge}px`;
    const parts = [large];
    const mark = picture.mark ?? null;
    if (mark !== null) parts.push(el("div", "", `${mark ? "✓" : "✗"} ${this.wordOf(mark)}`));
    const words = el("div", "gallery-words", captionOf(picture));
    words.dir = "auto";
    parts.push(words);
    this.card.element.style.width = `${2 * this.edge + 18}px`;
    this.card.element.replaceChildren(...parts);
    this.card.openNextTo(tile.getBoundingClientRect());
  }

  closeDetail() {
    this.opened = -1;
    this.card.hide();
  }

  /** Show where the keyboard is. */
  showCursor() {
    for (const [position, tile] of this.tiles) {
      tile.classList.toggle("cursor", position === this.cursor);
    }
    const tile = this.tiles.get(this.cursor);
    setActive(this.list, tile?.id ?? null);
  }

  /** @param {number} position */
  reveal(position) {
    if (!this.fits) return;
    this.places.reveal(position);
    this.paint();
  }

  /** @param {number} position */
  mark(position) {
    const before = this.chosen;
    this.chosen = position;
    this.fill(before);
    this.fill(position);
  }

  /**
   * Choose an image, or press its button.
   * @param {number} position
   * @param {boolean} acts
   */
  press(position, acts) {
    const { generation } = this.pictures;
    if (acts) {
      this.model.send({ type: "act", generation, position });
      return;
    }
    this.cursor = position;
    this.mark(position);
    this.showCursor();
    this.model.send({ type: "choose", generation, position });
  }

  followModel() {
    const chosen = this.model.get("chosen");
    if (this.model.get("generation") !== this.pictures.generation || chosen === this.chosen) return;
    this.mark(chosen);
    if (chosen < 0) return;
    this.cursor = chosen;
    this.reveal(chosen);
  }
}

/**
 * Let the pointer and the keyboard reach, open and choose the images.
 * @param {GalleryView} view
 */
function listen(view) {
  const { list } = view;
  /** @param {Event} event */
  function positionOf(event) {
    const tile = /** @type {Element} */ (event.target).closest(".gallery-tile");
    return tile instanceof HTMLElement ? Number(tile.dataset.position) : -1;
  }
  list.addEventListener("pointerdown", () => list.classList.remove("keys"));
  list.addEventListener("click", (event) => {
    const position = positionOf(event);
    if (position < 0) return;
    list.focus({ preventScroll: true });
    const button = /** @type {Element} */ (event.target).closest(".gallery-action");
    view.press(position, button !== null);
  });
  list.addEventListener("pointerover", (event) => {
    const position = positionOf(event);
    if (position < 0) view.closeDetail();
    else if (position !== view.opened) view.openDetail(position);
  });
  list.addEventListener("pointerleave", () => view.closeDetail());
  list.addEventListener("blur", () => {
    list.classList.remove("keys");
    view.closeDetail();
  });
  list.addEventListener("keydown", (event) => {
    if (!view.count || !view.fits || hasModifier(event)) return;
    const to = view.places.move(view.cursor, event);
    if (to === undefined && !isPress(event)) return;
    event.preventDefault();
    list.classList.add("keys");
    if (to === undefined) {
      view.press(view.cursor, event.shiftKey && view.model.get("action") !== "");
      return;
    }
    view.cursor = clamp(to, 0, view.count - 1);
    view.reveal(view.cursor);
    view.openDetail(view.cursor);
  });
  const onScroll = eachFrame(() => {
    view.paint();
    // What the pointer is over has moved on; what the keys are at is still the one meant.
    const isKeyed = list.classList.contains("keys") && view.opened === view.cursor;
    if (isKeyed && view.tiles.has(view.cursor)) view.openDetail(view.cursor);
    else view.closeDetail();
  });
  list.addEventListener("scroll", onScroll, true); // a shelf's own scrolling too
  return onScroll.cancel;
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const view = new GalleryView(model, host);
  const label = () => view.list.setAttribute("aria-label", model.get("summary") || "Images");
  label();
  view.layout();
  view.request();
  return endAll(
    listen(view),
    onResize(view.list, () => view.layout()),
    onChange(model, ["generation"], () => view.reset()),
    onChange(model, ["summary"], label),
    onChange(model, ["chosen"], () => view.followModel()),
    onChange(model, ["until"], () => view.dim()),
    () => clearTimeout(view.timer),
    () => view.closeDetail(),
    () => view.pictures.stop(),
  );
}

export default { render };
