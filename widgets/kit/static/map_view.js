// Images as points: one canvas for the points, one above it for pictures, rings and the lasso.

const KEPT = 400; // pictures
const NEAR = 12; // CSS px from the pointer within which a point is meant
const MOVING = 500; // ms that points take from one layout to another
const RESTING = 160; // ms after which the map counts as standing still

const HINT =
  "Drag to move, Shift-drag for a lasso, click for one image; after a click the wheel zooms. " +
  "Keys: arrows, Enter, + − 0.";

// Exported for the types of map_gestures.js alone.
export class MapView {
  /**
   * @param {Model} model
   * @param {HTMLElement} host
   */
  constructor(model, host) {
    this.model = model;
    this.root = rootOf(model, host, "map");
    this.root.setAttribute("aria-roledescription", "map of images");
    addSummary(model, this.root);
    this.tools = new Tools(this);
    this.stage = el("div", "map-stage");
    this.dots = el("canvas", "map-dots");
    this.over = el("canvas", "map-over");
    this.empty = el("div", "map-empty", "No images");
    this.stage.append(this.empty, this.dots, this.over);
    this.legend = el("div", "map-legend");
    this.legend.setAttribute("role", "group");
    this.legend.setAttribute("aria-label", "Groups: press one to pick its images");
    this.progress = el("p", "map-progress");
    this.offer = el("button", "map-offer");
    this.offer.type = "button";
    this.offer.addEventListener("click", () => this.takeOffer());
    this.running = el("div", "map-running");
    this.running.append(this.progress, this.offer);
    const hint = el("p", "map-hint", HINT);
    this.root.append(this.stage, this.legend, this.running, hint);
    this.spoken = addSpoken(this.root);
    this.card = cardOf("map-card", this.root, () => this.look(-1));
    this.redraw = eachFrame(() => this.draw());
    this.redrawOver = eachFrame(() => this.drawOver());
    this.pictures = new Pictures(model, 1, (positions) => this.arrive(positions));
    this.camera = new Camera({ x: 0, y: 0, scale: 1, whole: 1, width: 0, height: 0 });
    this.dark = false;
    this.points = new Float32Array(0); // x and y of each, where they belong
    this.places = this.points; // where they are drawn, which differs while they move
    this.index = new PointIndex(this.points);
    this.members = new Uint8Array(0); // each point's group
    this.order = new Uint32Array(0); // in which they are drawn
    this.picked = new Uint8Array(0); // 1 for each picked point
    this.pickedCount = 0;
    this.chosen = -1;
    this.at = -1; // the point that the pointer or the keys are at
    this.byKeys = false; // whether the keyboard is what moved last
    this.lassoing = false; // whether a drag draws a lasso
    this.withPictures = true;
    /** @type {number[]} points whose picture is drawn on the map */
    this.placed = [];
    /** @type {Drag | null} */
    this.drag = null;
    /** @type {[number, number][] | null} the lasso, in CSS px */
    this.lasso = null;
    this.moving = 0; // the frame of points that move to their places
    this.resting = 0; // the timer that ends when the map stands still
    this.isLate = false; // whether a layout came during a drag
  }

  get n() {
    return this.points.length / 2;
  }

  // -- what comes from Python --------------------------------------------------------------------

  /** Take the model's points: the same images move to their new places, others replace them. */
  readPoints() {
    if (this.drag) {
      this.isLate = true; // the hand holds on to what is drawn
      return;
    }
    const { model } = this;
    const isSame = model.get("generation") === this.pictures.generation && this.camera.width > 0;
    const [before, seen] = [this.places, this.camera];
    if (!isSame) {
      this.pictures.start();
      this.placed = [];
    }
    this.points = numbers(model.get("points"), Float32Array);
    this.members = numbers(model.get("members"), Uint8Array);
    this.index = new PointIndex(this.points);
    this.order = drawingOrder(this.members);
    this.empty.hidden = this.n > 0;
    cancelAnimationFrame(this.moving);
    this.moving = 0;
    this.places = this.points;
    this.look(-1);
    this.readMarks();
    this.drawLegend();
    // A part of one layout is another part of the next: begin with all.
    if (this.camera.width) this.camera = this.camera.fit(this.index.bounds);
    if (isSame && before.length === this.points.length) this.animate(before, seen);
    this.redraw();
    this.settle();
  }

  readMarks() {
    const positions = numbers(this.model.get("picked"), Int32Array);
    this.setPicked(positions);
    this.chosen = this.model.get("chosen");
    if (this.chosen >= this.n) this.chosen = -1;
    this.tools.show();
  }

  followMarks() {
    if (this.model.get("generation") !== this.pictures.generation) return;
    this.readMarks();
    this.redraw();
    this.settle();
  }

  /** @param {Int32Array} positions */
  setPicked(positions) {
    this.picked = new Uint8Array(this.n);
    for (const position of positions) this.picked[position] = 1;
    this.pickedCount = positions.length;
  }

  /** Read the points that came during a drag, now that it has ended. */
  catchUp() {
    if (this.isLate) {
      this.isLate = false;
      this.readPoints();
    }
    this.redrawOver();
    this.settle();
  }

  /**
   * Let the points move from where they are on the screen to where they belong.
   * @param {Float32Array} before
   * @param {Camera} seen the camera that saw them there
   */
  animate(before, seen) {
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const { camera, points } = this;
    const from = new Float32Array(before.length);
    for (let i = 0; i < this.n; i++) {
      from[2 * i] = camera.fromX(seen.toX(before[2 * i]));
      from[2 * i + 1] = camera.fromY(seen.toY(before[2 * i + 1]));
    }
    if (from.every((value, k) => Math.abs(value - points[k]) * camera.scale < 0.5)) return;
    const places = new Float32Array(from);
    this.places = places;
    const start = performance.now();
    const frame = (/** @type {number} */ now) => {
      const part = clamp((now - start) / MOVING, 0, 1);
      const eased = part * part * (3 - 2 * part);
      for (let k = 0; k < from.length; k++) places[k] = from[k] + eased * (points[k] - from[k]);
      if (part === 1) this.places = points;
      this.moving = part < 1 ? requestAnimationFrame(frame) : 0;
      this.draw();
    };
    this.moving = requestAnimationFrame(frame);
  }

  // -- what is drawn -----------------------------------------------------------------------------

  drawLegend() {
    this.dark = isDark(this.root);
    /** @type {string[]} */
    const names = this.model.get("legend");
    const counts = new Array(names.length).fill(0);
    for (const group of this.members) counts[group] += 1;
    this.legend.hidden = names.length === 0;
    this.legend.replaceChildren(
      ...names.map((name, group) => this.legendButton(name, group, grouped(counts[group]))),
    );
  }

  /**
   * @param {string} name
   * @param {number} group
   * @param {string} count
   */
  legendButton(name, group, count) {
    const button = el("button", "map-group");
    button.type = "button";
    button.title = `Pick the ${count} images of ${name}`;
    const mark = el("canvas");
    const context = clearedContext(mark, 16, 16);
    context.translate(8, 8);
    drawMark(context, group, 5, this.dark);
    const text = el("span", "map-name", name);
    text.dir = "auto";
    button.append(mark, text, el("span", "map-count", count));
    button.addEventListener("click", () => {
      const positions = Int32Array.from(this.order).filter((i) => this.members[i] === group);
      this.pick(positions.sort());
    });
    return button;
  }

  layout() {
    this.root.style.setProperty("--height", `${this.model.get("height")}px`);
    const { clientWidth: width, clientHeight: height } = this.stage;
    const { camera } = this;
    if (!width || (width === camera.width && height === camera.height)) return; // in a hidden tab; the observer calls again
    const showsAll = this.camera.width === 0 || this.camera.zoom === 1;
    this.camera = this.camera.with({ width, height });
    if (showsAll) this.camera = this.camera.fit(this.index.bounds);
    if (!this.model.get("shown")) save(this.model, "shown", true);
    this.draw();
    this.settle();
  }

  draw() {
    if (!this.camera.width) return;
    drawPoints(this.dots, this);
    this.drawOver();
  }

  drawOver() {
    const { camera, at, chosen } = this;
    if (!camera.width) return;
    const context = clearedContext(this.over, camera.width, camera.height);
    const r = camera.radiusOf(this.n);
    for (const i of this.withPictures ? this.placed : []) {
      const image = this.pictures.get(i)?.image;
      if (image?.complete && image.naturalWidth) drawPicture(context, this, i, image);
    }
    if (chosen >= 0) {
      drawRing(context, this, chosen, r + 4, 2);
      drawRing(context, this, chosen, r + 9, 1.5);
    }
    if (at >= 0) drawRing(context, this, at, r + 3, 2);
    if (this.lasso) drawLasso(context, this.lasso, this.dark);
  }

  // -- pictures ----------------------------------------------------------------------------------

  /** Once the map stands still, choose the points whose pictures are drawn, and ask for them. */
  settle() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      if (this.moving || this.drag) {
        this.settle();
        return;
      }
      const counts = (/** @type {number} */ i) => !this.pickedCount || this.picked[i] === 1;
      const isOn = this.withPictures && this.camera.width > 0;
      this.placed = isOn ? this.index.spread(this.camera, counts) : [];
      this.ask();
      this.redrawOver();
    }, RESTING);
  }

  ask() {
    const missing = [...new Set([this.at, ...this.placed])].filter((i) => {
      return i >= 0 && !this.pictures.has(i);
    });
    // What is looked at goes by itself: it is there the sooner.
    this.pictures.askFor(
      missing[0] === this.at ? [this.at] : missing.slice(0, this.pictures.paged),
    );
  }

  /** @param {number[]} positions */
  arrive(positions) {
    for (const position of positions) {
      const picture = this.pictures.get(position);
      if (!picture?.address || picture.image) continue;
      picture.image = new Image();
      picture.image.onload = this.redrawOver;
      picture.image.src = picture.address;
    }
    if (positions.includes(this.at)) this.openDetail();
    const needed = new Set([this.at, ...this.placed]);
    this.pictures.drop((position) => !needed.has(position), KEPT);
    this.ask();
  }

  // -- looking at one, and gestures --------------------------------------------------------------

  /** @param {MouseEvent} event @returns {[number, number]} */
  placeOf(event) {
    const [x, y] = pointOf(event, this.stage);
    return [x - this.stage.clientLeft, y - this.stage.clientTop];
  }

  /** @param {number} i */
  onScreen(i) {
    return [this.camera.toX(this.points[2 * i]), this.camera.toY(this.points[2 * i + 1])];
  }

  /**
   * Return the point at a place of the screen, or else the one whose picture is there; -1 for none.
   * @param {number} x
   * @param {number} y
   */
  pointAt(x, y) {
    if (this.moving) return -1;
    const { camera } = this;
    const r = camera.radiusOf(this.n);
    const far = (/** @type {number} */ i) => {
      const [left, top] = this.onScreen(i);
      return [Math.abs(left - x), Math.abs(top - y)];
    };
    const distance = Math.max(NEAR, r) / camera.scale;
    const near = this.index.nearest(camera.fromX(x), camera.fromY(y), distance);
    if (near >= 0 && Math.hypot(...far(near)) <= r + 2) return near;
    if (!this.withPictures) return near;
    const under = this.placed.findLast((i) => {
      return this.pictures.has(i) && Math.max(...far(i)) <= PICTURE / 2;
    });
    return under ?? near;
  }

  /** @param {number} position -1 for none */
  look(position) {
    if (position === this.at) return;
    this.at = position;
    this.stage.classList.toggle("at", position >= 0);
    if (position >= 0) {
      this.openDetail();
      this.ask();
    } else this.card.hide();
    this.redrawOver();
  }

  openDetail() {
    const picture = this.pictures.get(this.at);
    const large = el("div", "map-large");
    if (picture?.address) large.style.backgroundImage = `url("${picture.address}")`;
    else if (picture) large.textContent = "!";
    const words = el("div", "map-words", picture?.caption ?? "…");
    const group = el("div", "map-of", picture?.group ?? "");
    words.dir = group.dir = "auto";
    this.card.element.replaceChildren(large, words, group);
    const box = this.stage.getBoundingClientRect();
    const zoom = zoomOf(this.stage);
    const [x, y] = this.onScreen(this.at).map((place) => zoom * (place - 8));
    this.card.openNextTo(new DOMRect(box.left + x, box.top + y, 16 * zoom, 16 * zoom));
    if (this.byKeys) this.speak();
  }

  /** Let a screen reader say what the keyboard is at. */
  speak() {
    const picture = this.pictures.get(this.at);
    if (!picture) return;
    const parts = [picture.caption, picture.group];
    if (this.picked[this.at]) parts.push("picked");
    if (this.at === this.chosen) parts.push("chosen");
    this.spoken.textContent = parts.filter(Boolean).join(", ");
  }

  /** Show what is running, and the button next to it, which keeps the focus while the words change. */
  tell() {
    this.progress.textContent = this.model.get("progress");
    this.running.hidden = !this.progress.textContent;
    const offer = this.model.get("offer");
    if (this.offer.textContent !== offer) this.offer.textContent = offer;
    this.offer.hidden = !offer;
  }

  takeOffer() {
    const { generation } = this.pictures;
    this.model.send({ type: "take", generation, offer: this.model.get("offer") });
  }

  /** @param {number} position */
  choose(position) {
    this.chosen = position;
    this.redrawOver();
    this.model.send({ type: "choose", generation: this.pictures.generation, position });
  }

  /** @param {Int32Array<ArrayBuffer>} positions */
  pick(positions) {
    this.setPicked(positions);
    this.tools.show();
    this.redraw();
    this.settle();
    const { generation } = this.pictures;
    this.model.send({ type: "pick", generation }, undefined, [positions.buffer]);
  }

  /** @param {Camera} camera */
  show(camera) {
    this.camera = camera;
    this.look(-1);
    this.redraw();
    this.settle();
  }

  /**
   * Zoom by a factor, what lies at (x, y) on the screen staying there: by default the middle.
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(factor, x = this.camera.width / 2, y = this.camera.height / 2) {
    if (this.camera.width && this.n) this.show(this.camera.zoomAt(factor, x, y));
  }

  showAll() {
    if (this.camera.width) this.show(this.camera.fit(this.index.bounds));
  }

  /** @param {number} i */
  bringIntoSight(i) {
    const { camera } = this;
    const [x, y] = this.onScreen(i);
    if (x >= 0 && y >= 0 && x <= camera.width && y <= camera.height) return;
    this.camera = camera.with({ x: this.points[2 * i], y: this.points[2 * i + 1] });
    this.draw();
    this.settle();
  }
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const map = new MapView(model, host);
  followPointer(map);
  followWheel(map);
  followKeys(map);
  map.readPoints();
  map.tell();
  map.layout();
  return endAll(
    onResize(map.stage, () => map.layout()),
    onTheme(() => {
      map.drawLegend();
      map.redraw();
    }),
    onChange(model, ["version"], () => map.readPoints()),
    onChange(model, ["picked", "chosen"], () => map.followMarks()),
    onChange(model, ["progress", "offer"], () => map.tell()),
    map.redraw.cancel,
    map.redrawOver.cancel,
    () => cancelAnimationFrame(map.moving),
    () => clearTimeout(map.resting),
    () => map.card.hide(),
    () => map.pictures.stop(),
  );
}

export default { render };
