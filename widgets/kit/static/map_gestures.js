// What a hand and a keyboard do with a map.

const STILL = 4; // CSS px that a click may move

/** @typedef {import("./map_view.js").MapView} MapView */

/**
 * A drag: where it began, what the map showed then, and how far it has come.
 * @typedef {object} Drag
 * @property {number} id of the pointer
 * @property {number} x
 * @property {number} y
 * @property {Camera} camera
 * @property {boolean} lasso whether it draws a lasso or moves the map
 * @property {boolean} far whether it is more than a click
 */

/** The buttons above a map. */
class Tools {
  /** @param {MapView} map */
  constructor(map) {
    this.map = map;
    this.bar = el("div", "map-tools");
    map.root.append(this.bar);
    this.move = this.add("✥ Move", "Drag to move the map", () => this.use(false));
    this.lasso = this.add("◌ Lasso", "Drag around images to pick them", () => this.use(true));
    this.add("+", "Zoom in (+)", () => map.zoom(1.6));
    this.add("−", "Zoom out (−)", () => map.zoom(1 / 1.6));
    this.add("Whole map", "See all points (0)", () => map.showAll());
    this.pictures = this.add("Pictures", "Show some of the images on the map", () => {
      map.withPictures = !map.withPictures;
      this.show();
      map.settle();
    });
    this.bar.append(el("span", "map-gap"));
    this.clear = this.add("Pick none", "Let go of the picked images", () => {
      map.pick(new Int32Array(0));
    });
  }

  /**
   * @param {string} text
   * @param {string} title
   * @param {() => void} call
   */
  add(text, title, call) {
    const button = el("button", "", text);
    button.type = "button";
    button.title = title;
    button.addEventListener("click", call);
    this.bar.append(button);
    return button;
  }

  /** @param {boolean} lasso whether a drag draws a lasso or moves the map */
  use(lasso) {
    this.map.lassoing = lasso;
    this.show();
  }

  /** Show which tools are in use. */
  show() {
    const { stage, lassoing, withPictures, pickedCount } = this.map;
    stage.classList.toggle("lasso", lassoing);
    this.move.setAttribute("aria-pressed", String(!lassoing));
    this.lasso.setAttribute("aria-pressed", String(lassoing));
    this.pictures.setAttribute("aria-pressed", String(withPictures));
    this.clear.disabled = pickedCount === 0;
  }
}

/**
 * Let the pointer look at points, choose one, move the map and draw a lasso.
 * @param {MapView} map
 */
function followPointer(map) {
  const { stage } = map;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !map.camera.width || !map.n) return;
    event.preventDefault(); // no text is marked
    map.root.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    const [x, y] = map.placeOf(event);
    const lasso = map.lassoing || event.shiftKey;
    map.drag = { id: event.pointerId, x, y, camera: map.camera, lasso, far: false };
  });
  stage.addEventListener("pointermove", (event) => {
    const [x, y] = map.placeOf(event);
    if (map.drag) {
      if (event.pointerId === map.drag.id) dragTo(map, map.drag, x, y);
      return;
    }
    map.byKeys = false;
    map.look(map.pointAt(x, y));
  });
  stage.addEventListener("pointerup", (event) => {
    const { drag, lasso } = map;
    if (!drag || event.pointerId !== drag.id) return;
    endDrag(map);
    if (!drag.far) {
      const position = map.pointAt(...map.placeOf(event));
      if (position >= 0) map.choose(position);
    } else if (drag.lasso && lasso && lasso.length > 2) {
      const { camera } = map;
      map.pick(map.index.inside(lasso.map(([x, y]) => [camera.fromX(x), camera.fromY(y)])));
    }
    map.catchUp();
  });
  stage.addEventListener("pointercancel", (event) => {
    if (event.pointerId !== map.drag?.id) return;
    endDrag(map);
    map.catchUp();
  });
  stage.addEventListener("pointerleave", () => {
    if (!map.byKeys && !map.drag) map.look(-1);
  });
}

/**
 * Move the map, or draw on at the lasso.
 * @param {MapView} map
 * @param {Drag} drag
 * @param {number} x
 * @param {number} y
 */
function dragTo(map, drag, x, y) {
  if (!drag.far && Math.hypot(x - drag.x, y - drag.y) < STILL) return;
  drag.far = true;
  map.look(-1);
  if (drag.lasso) {
    map.lasso ??= [[drag.x, drag.y]];
    const [lastX, lastY] = map.lasso[map.lasso.length - 1];
    if (Math.hypot(x - lastX, y - lastY) >= 2) map.lasso.push([x, y]);
    map.redrawOver();
    return;
  }
  map.stage.classList.add("moving");
  const { camera } = drag;
  map.camera = camera.with({
    x: camera.x - (x - drag.x) / camera.scale,
    y: camera.y + (y - drag.y) / camera.scale,
  });
  map.redraw();
}

/** @param {MapView} map */
function endDrag(map) {
  map.drag = null;
  map.lasso = null;
  map.stage.classList.remove("moving");
}

/**
 * Let the wheel zoom once the map is the one meant: after a click, or with Ctrl. The page scrolls
 * by it until then.
 * @param {MapView} map
 */
function followWheel(map) {
  map.stage.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !map.root.contains(document.activeElement)) return;
      event.preventDefault();
      event.stopPropagation();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
      const step = clamp(event.deltaY * lines, -200, 200);
      map.zoom(Math.exp(-step * (event.ctrlKey ? 0.008 : 0.0025)), ...map.placeOf(event));
    },
    { passive: false },
  );
}

/**
 * Let the arrow keys go from point to point, Enter choose one, and +, − and 0 zoom.
 * @param {MapView} map
 */
function followKeys(map) {
  const { root } = map;
  root.addEventListener("keydown", (event) => {
    if (event.target !== root || !map.n || !map.camera.width || hasModifier(event)) return;
    const factor = byKey(event, { "+": 1.6, "=": 1.6, "-": 1 / 1.6, "−": 1 / 1.6 });
    const direction = byKey(event, {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    });
    if (!direction && !isPress(event) && !factor && event.key !== "0") return;
    event.preventDefault();
    if (factor) map.zoom(factor);
    else if (event.key === "0") map.showAll();
    else if (map.moving) return;
    else if (direction) stepTowards(map, direction);
    else pressPoint(map);
  });
  root.addEventListener("blur", () => {
    map.byKeys = false;
    map.look(-1);
  });
}

/**
 * Choose the point that the keyboard is at.
 * @param {MapView} map
 */
function pressPoint(map) {
  map.byKeys = true;
  const position = map.at >= 0 ? map.at : map.chosen;
  if (position < 0) return;
  map.look(position);
  map.choose(position);
  map.speak();
}

/**
 * Go to the next point in a direction. The first key shows where one is; only then do the arrows
 * move.
 * @param {MapView} map
 * @param {number[]} direction
 */
function stepTowards(map, direction) {
  map.byKeys = true;
  const { at, chosen, camera, index, points } = map;
  let next = chosen;
  if (at >= 0) next = index.towards(points[2 * at], points[2 * at + 1], direction);
  else if (chosen < 0) next = index.nearest(camera.x, camera.y, Infinity);
  if (next < 0) return;
  map.bringIntoSight(next);
  map.look(next);
  map.speak();
}
