// Images as points: one canvas for the points, one above it for pictures, rings and the lasso.
const AT_ONCE = 6; // pictures a message, as in map_view.py
const KEPT = 400; // pictures
const PAD = 30; // CSS px around the points
const NEAR = 12; // CSS px from the pointer within which a point is meant
const OTHER = 8; // the group of all that have none of their own
const STILL = 4; // CSS px that a click may move
const PICTURE = 40; // CSS px of the pictures on the map
const APART = 104; // CSS px from one of them to the next
const MOVING = 500; // ms that points take from one layout to another

// Okabe and Ito's, with black or white for the eighth; "other" is grey.
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442", "ink",
  "#999999"];
const turned = (n, r, from, inner = r) => Array.from({ length: n }, (_, i) => {
  const angle = from + (2 * Math.PI * i) / n;
  const far = i % 2 ? inner : r;
  return [far * Math.cos(angle), far * Math.sin(angle)];
});
const cross = (r, from) => {
  const thin = r * 0.38;
  const corners = [[-thin, -r], [thin, -r], [thin, -thin], [r, -thin], [r, thin], [thin, thin],
    [thin, r], [-thin, r], [-thin, thin], [-r, thin], [-r, -thin], [-thin, -thin]];
  const [c, s] = [Math.cos(from), Math.sin(from)];
  return corners.map(([x, y]) => [x * c - y * s, x * s + y * c]);
};
// A shape for each colour, of about the same area; null is a disc, "other" a small ring.
const UP = -Math.PI / 2;
const SHAPES = [null, (r) => turned(4, r * 1.2, Math.PI / 4), (r) => turned(3, r * 1.35, UP),
  (r) => turned(4, r * 1.3, UP), (r) => cross(r * 1.15, 0), (r) => turned(3, r * 1.35, -UP),
  (r) => cross(r * 1.15, Math.PI / 4), (r) => turned(10, r * 1.45, UP, r * 0.62)];

/** Whether the theme is dark: told by the text, since the ground is the page's own. */
function isDark(element) {
  const [r, g, b] = (getComputedStyle(element).color.match(/[\d.]+/g) ?? []).map(Number);
  return 0.3 * r + 0.6 * g + 0.1 * b > 128;
}

/** Draw a group's mark around the origin. */
function drawMark(drawn, group, r, dark) {
  const shape = SHAPES[group];
  const colour = COLOURS[group] === "ink" ? (dark ? "#fff" : "#000") : COLOURS[group];
  drawn.beginPath();
  if (shape) {
    for (const [x, y] of shape(r)) drawn.lineTo(x, y);
    drawn.closePath();
  } else drawn.arc(0, 0, group === OTHER ? r * 0.6 : r, 0, 2 * Math.PI);
  drawn.fillStyle = drawn.strokeStyle = colour;
  if (group === OTHER) {
    drawn.lineWidth = Math.max(1, r * 0.35);
    drawn.stroke();
    return;
  }
  drawn.fill();
  // A thin edge parts neighbours, and yellow from white.
  drawn.lineWidth = Math.min(1, r / 4);
  drawn.strokeStyle = dark ? "rgb(0 0 0 / 70%)" : "rgb(0 0 0 / 45%)";
  drawn.stroke();
}

/** The points by squares of the plane, so that those at a place are found without the others. */
class Squares {
  constructor(points) {
    this.points = points;
    const n = points.length / 2;
    let [left, low, right, high] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
      left = Math.min(left, points[2 * i]);
      right = Math.max(right, points[2 * i]);
      low = Math.min(low, points[2 * i + 1]);
      high = Math.max(high, points[2 * i + 1]);
    }
    this.bounds = n ? [left, low, right, high] : [0, 0, 0, 0];
    this.side = Math.max(1, Math.min(256, Math.ceil(Math.sqrt(n / 3))));
    this.step = Math.max(right - left, high - low, 1e-12) / this.side;
    const squares = this.side * this.side;
    this.starts = new Uint32Array(squares + 1);
    const at = new Uint32Array(n);
    for (let i = 0; i < n; i++) {
      at[i] = this.row(points[2 * i + 1]) * this.side + this.column(points[2 * i]);
      this.starts[at[i] + 1] += 1;
    }
    for (let k = 0; k < squares; k++) this.starts[k + 1] += this.starts[k];
    const next = this.starts.slice();
    this.members = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.members[next[at[i]]++] = i;
  }

  within(value) { return Math.max(0, Math.min(this.side - 1, Math.floor(value / this.step))); }
  column(x) { return this.within(x - this.bounds[0]); }
  row(y) { return this.within(y - this.bounds[1]); }

  /** Call for each point in the squares that a box touches. */
  visit(left, low, right, high, call) {
    const [first, last] = [this.column(left), this.column(right)];
    for (let row = this.row(low); row <= this.row(high); row++) {
      const from = this.starts[row * this.side + first];
      const to = this.starts[row * this.side + last + 1];
      for (let k = from; k < to; k++) call(this.members[k]);
    }
  }

  /** The point nearest to a place, no further than `most`; -1 where there is none. */
  nearest(x, y, most) {
    let best = -1;
    let least = most * most;
    this.visit(x - most, y - most, x + most, y + most, (i) => {
      const far = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
      if (far <= least) [best, least] = [i, far];
    });
    return best;
  }

  /** The points inside a closed line of [x, y], by the number of its edges to their right. */
  inside(line) {
    const xs = line.map(([x]) => x);
    const ys = line.map(([, y]) => y);
    const found = [];
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    this.visit(...box, (i) => {
      const [x, y] = [this.points[2 * i], this.points[2 * i + 1]];
      let odd = false;
      for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
        if ((ys[a] > y) === (ys[b] > y)) continue;
        if (x < xs[a] + ((y - ys[a]) / (ys[b] - ys[a])) * (xs[b] - xs[a])) odd = !odd;
      }
      if (odd) found.push(i);
    });
    return Int32Array.from(found).sort();
  }
}

export default {
  render({ model, el }) {
    const root = rootOf(model, el, "map");
    root.setAttribute("aria-roledescription", "map of images");
    summaryOf(model, root);
    const tools = make("div", "map-tools");
    const stage = make("div", "map-stage");
    const dots = make("canvas", "map-dots");
    const over = make("canvas", "map-over");
    const empty = make("div", "map-empty", "No images");
    stage.append(empty, dots, over);
    const legend = make("div", "map-legend");
    legend.setAttribute("role", "group");
    legend.setAttribute("aria-label", "Groups: press one to pick its images");
    const progress = make("p", "map-progress");
    const hint = make("p", "map-hint", "Drag to move, Shift-drag for a lasso, click for one image; "
      + "after a click the wheel zooms. Keys: arrows, Enter, + − 0.");
    const spoken = make("p", "map-spoken");
    spoken.setAttribute("aria-live", "polite");
    root.append(tools, stage, legend, progress, hint, spoken);
    const card = cardOf("map-card", root, () => look(-1));

    const button = (text, title, call) => {
      const made = make("button", "", text);
      made.type = "button";
      made.title = title;
      made.addEventListener("click", call);
      tools.append(made);
      return made;
    };
    const movesButton = button("✥ Move", "Drag to move the map", () => choosesTool(false));
    const lassoButton = button("◌ Lasso", "Drag around images to pick them", () => choosesTool(true));
    button("+", "Zoom in (+)", () => zoomed(1.6));
    button("−", "Zoom out (−)", () => zoomed(1 / 1.6));
    button("Whole map", "See all points (0)", () => whole());
    const pictured = button("Pictures", "Show some of the images on the map", () => {
      withPictures = !withPictures;
      dress();
      settle();
    });
    tools.append(make("span", "map-gap"));
    const clear = button("Pick none", "Let go of the picked images", () => pick(new Int32Array(0)));

    let n = 0;
    let generation = -1;
    let points = new Float32Array(0); // where they belong
    let places = points; // where they are drawn, which differs while they move
    let members, squares, order, names;
    let picked = new Uint8Array(0);
    let pickedCount = 0;
    let chosen = -1;
    let at = -1; // the point that the pointer or the keys are at
    let byKeys = false;
    let width = 0; // CSS px; 0 while hidden
    const height = () => model.get("height");
    let view = { x: 0, y: 0, scale: 1 }; // the middle, and CSS px a unit
    let fitted = 1; // the scale that shows all
    let lassoing = false; // the tool
    let withPictures = true;
    let line = null; // of the lasso under way, in CSS px
    let grip = null; // of the drag under way
    let moving = 0; // the frame of points under way to their places
    let waits = false; // a layout came during a drag
    let placed = []; // points whose picture is drawn on the map
    const pictures = new Map(); // position -> { image, address, caption, group }; the latest last
    let asked = false;
    let dark = false;

    const toX = (x) => (x - view.x) * view.scale + width / 2;
    const toY = (y) => height() / 2 - (y - view.y) * view.scale;
    const fromX = (x) => (x - width / 2) / view.scale + view.x;
    const fromY = (y) => (height() / 2 - y) / view.scale + view.y;
    const zoom = () => view.scale / fitted;
    const radius = () => {
      const base = Math.max(1.7, Math.min(5, 0.3 * Math.sqrt((width * height()) / Math.max(n, 1))));
      return Math.min(9, base * Math.max(1, Math.min(3.5, zoom() ** 0.4)));
    };

    // -- what is shown ---------------------------------------------------------------------------

    function read() {
      if (grip) { waits = true; return; } // the hand holds on to the picture that it is drawn on
      const same = model.get("generation") === generation && width > 0;
      const before = places;
      const seen = view;
      generation = model.get("generation");
      points = numbers(model.get("points"), Float32Array);
      n = points.length / 2;
      members = numbers(model.get("members"), Uint8Array);
      names = model.get("legend");
      squares = new Squares(points);
      empty.hidden = n > 0;
      if (!same) forget();
      order = shuffled(n);
      cancelAnimationFrame(moving);
      moving = 0;
      places = points;
      look(-1);
      readMarks();
      drawLegend();
      // One who has zoomed in on one layout would be somewhere else on another: begin with all.
      if (width) fit();
      if (same && before.length === points.length && !still()) travel(before, seen);
      redraw();
      settle();
    }

    const still = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

    /** Let the points go from where they are on the screen to where they belong. */
    function travel(before, seen) {
      const from = new Float32Array(before.length);
      for (let i = 0; i < n; i++) { // where the new view sees what the old one saw
        from[2 * i] = fromX((before[2 * i] - seen.x) * seen.scale + width / 2);
        from[2 * i + 1] = fromY(height() / 2 - (before[2 * i + 1] - seen.y) * seen.scale);
      }
      if (from.every((value, i) => Math.abs(value - points[i]) * view.scale < 0.5)) return;
      places = new Float32Array(from);
      const begun = performance.now();
      const step = (now) => {
        const part = Math.max(0, Math.min(1, (now - begun) / MOVING));
        const eased = part * part * (3 - 2 * part);
        for (let k = 0; k < from.length; k++) {
          places[k] = from[k] + eased * (points[k] - from[k]);
        }
        if (part === 1) places = points;
        moving = part < 1 ? requestAnimationFrame(step) : 0;
        draw();
      };
      moving = requestAnimationFrame(step);
    }

    /**
     * The order of drawing, the same each time: "other" lies below, and of the rest no group above
     * all others.
     */
    function shuffled(count) {
      const made = Uint32Array.from({ length: count }, (_, i) => i);
      let state = 1;
      for (let i = count - 1; i > 0; i--) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        const j = state % (i + 1);
        [made[i], made[j]] = [made[j], made[i]];
      }
      const isOther = (i) => members[i] === OTHER;
      return Uint32Array.from([...made.filter(isOther), ...made.filter((i) => !isOther(i))]);
    }

    function readMarks() {
      picked = new Uint8Array(n);
      const positions = numbers(model.get("picked"), Int32Array);
      for (const position of positions) picked[position] = 1;
      pickedCount = positions.length;
      chosen = model.get("chosen");
      dress();
    }

    function dress() {
      stage.classList.toggle("lasso", lassoing);
      movesButton.setAttribute("aria-pressed", String(!lassoing));
      lassoButton.setAttribute("aria-pressed", String(lassoing));
      pictured.setAttribute("aria-pressed", String(withPictures));
      clear.disabled = pickedCount === 0;
    }

    function drawLegend() {
      dark = isDark(root);
      legend.hidden = names.length === 0;
      const counts = new Array(names.length).fill(0);
      for (const group of members) counts[group] += 1;
      const ratio = window.devicePixelRatio || 1;
      legend.replaceChildren(...names.map((name, group) => {
        const entry = make("button", "map-group");
        entry.type = "button";
        entry.title = `Pick the ${counts[group].toLocaleString("en")} images of ${name}`;
        const mark = make("canvas");
        mark.width = mark.height = 16 * ratio;
        const drawn = mark.getContext("2d");
        drawn.setTransform(ratio, 0, 0, ratio, 8 * ratio, 8 * ratio);
        drawMark(drawn, group, 5, dark);
        const said = make("span", "map-name", name);
        said.dir = "auto";
        entry.append(mark, said, make("span", "map-count", counts[group].toLocaleString("en")));
        entry.addEventListener("click", () => {
          pick(Int32Array.from(order).filter((i) => members[i] === group).sort());
        });
        return entry;
      }));
    }

    function layout() {
      stage.style.height = `${height()}px`;
      const next = stage.clientWidth;
      if (!next || next === width) return; // in a hidden tab; the observer calls again
      const whole = width === 0 || zoom() === 1;
      width = next;
      if (whole) fit();
      if (!model.get("shown")) {
        model.set("shown", true);
        model.save_changes();
      }
      draw();
      settle();
    }

    /** See all points. */
    function fit() {
      const [left, low, right, high] = squares.bounds;
      const room = Math.min((width - 2 * PAD) / Math.max(right - left, 1e-12),
        (height() - 2 * PAD) / Math.max(high - low, 1e-12));
      fitted = Math.min(room, 1e9);
      view = { x: (left + right) / 2, y: (low + high) / 2, scale: fitted };
    }

    function context(canvas) {
      const ratio = window.devicePixelRatio || 1;
      const [wide, high] = [Math.round(width * ratio), Math.round(height() * ratio)];
      if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
      const drawn = canvas.getContext("2d");
      drawn.setTransform(ratio, 0, 0, ratio, 0, 0);
      drawn.clearRect(0, 0, width, height());
      return drawn;
    }

    /** A group's mark as pixels: for each that isn't empty [x, y, red, green, blue, opacity]. */
    function stamp(group, r, ringed, opacity) {
      const ratio = window.devicePixelRatio || 1;
      const half = Math.ceil((r * 1.5 + 3) * ratio);
      const drawn = new OffscreenCanvas(2 * half, 2 * half).getContext("2d");
      drawn.setTransform(ratio, 0, 0, ratio, half, half);
      if (ringed) {
        drawn.beginPath();
        drawn.arc(0, 0, r * 1.4 + 0.8, 0, 2 * Math.PI);
        drawn.lineWidth = 1;
        drawn.strokeStyle = dark ? "#fff" : "#000";
        drawn.stroke();
      }
      drawMark(drawn, group, r, dark);
      const { data } = drawn.getImageData(0, 0, 2 * half, 2 * half);
      const pixels = [];
      for (let k = 0; k < data.length; k += 4) {
        if (!data[k + 3]) continue;
        const [x, y] = [(k / 4) % (2 * half), Math.floor(k / 8 / half)];
        const share = (opacity * data[k + 3]) / 255;
        pixels.push(x - half, y - half, data[k], data[k + 1], data[k + 2], share);
      }
      return Float32Array.from(pixels);
    }

    /** All points, pixel by pixel: several times as fast as a call of the canvas for each. */
    function draw() {
      if (!width) return;
      const drawn = context(dots);
      const [wide, high] = [dots.width, dots.height];
      const image = drawn.createImageData(wide, high);
      const { data } = image;
      const ratio = window.devicePixelRatio || 1;
      const r = radius();
      const far = 2 * r * ratio + 4;
      const [scale, across, down] = [view.scale * ratio, toX(0) * ratio, toY(0) * ratio];
      const ringed = pickedCount > 0 && pickedCount <= 60; // more could not be told apart
      for (const pass of pickedCount ? [0, 1] : [0]) {
        const opacity = pickedCount === 0 ? 0.85 : pass ? 1 : 0.15;
        const stamps = Array.from({ length: Math.max(names.length, 1) }, (_, group) => (
          stamp(group, r, ringed && pass === 1, opacity)));
        for (const i of order) {
          if (pickedCount && picked[i] !== pass) continue;
          const left = Math.round(places[2 * i] * scale + across);
          const top = Math.round(down - places[2 * i + 1] * scale);
          if (left < -far || top < -far || left > wide + far || top > high + far) continue;
          const pixels = stamps[members[i] ?? 0];
          for (let k = 0; k < pixels.length; k += 6) {
            const x = left + pixels[k];
            const y = top + pixels[k + 1];
            if (x < 0 || y < 0 || x >= wide || y >= high) continue;
            const at = 4 * (y * wide + x);
            const share = pixels[k + 5];
            const below = (data[at + 3] / 255) * (1 - share);
            const whole = share + below;
            data[at] = (pixels[k + 2] * share + data[at] * below) / whole;
            data[at + 1] = (pixels[k + 3] * share + data[at + 1] * below) / whole;
            data[at + 2] = (pixels[k + 4] * share + data[at + 2] * below) / whole;
            data[at + 3] = 255 * whole;
          }
        }
      }
      drawn.putImageData(image, 0, 0);
      drawOver();
    }

    function drawOver() {
      if (!width) return;
      const drawn = context(over);
      const r = radius();
      if (withPictures) {
        for (const i of placed) {
          const picture = pictures.get(i);
          if (picture?.image?.complete && picture.image.naturalWidth) drawPicture(drawn, i, picture);
        }
      }
      const ring = (i, far, wide) => {
        for (const [colour, thick] of [[dark ? "#000" : "#fff", wide + 2], [dark ? "#fff" : "#000", wide]]) {
          drawn.beginPath();
          drawn.arc(toX(places[2 * i]), toY(places[2 * i + 1]), far, 0, 2 * Math.PI);
          drawn.strokeStyle = colour;
          drawn.lineWidth = thick;
          drawn.stroke();
        }
      };
      if (chosen >= 0 && chosen < n) {
        ring(chosen, r + 4, 2);
        ring(chosen, r + 9, 1.5);
      }
      if (at >= 0) ring(at, r + 3, 2);
      if (line) {
        drawn.beginPath();
        for (const [x, y] of line) drawn.lineTo(x, y);
        drawn.closePath();
        drawn.fillStyle = dark ? "rgb(255 255 255 / 12%)" : "rgb(0 0 0 / 8%)";
        drawn.fill();
        drawn.lineWidth = 1.5;
        drawn.strokeStyle = dark ? "#fff" : "#000";
        drawn.setLineDash([5, 3]);
        drawn.stroke();
        drawn.setLineDash([]);
      }
    }

    function drawPicture(drawn, i, picture) {
      const [x, y] = cornerOf(i);
      const colour = COLOURS[members[i] ?? 0];
      drawn.fillStyle = colour === "ink" ? (dark ? "#fff" : "#000") : colour;
      drawn.fillRect(x - 2, y - 2, PICTURE + 4, PICTURE + 4);
      drawn.globalAlpha = pickedCount && !picked[i] ? 0.4 : 1;
      drawn.drawImage(picture.image, x, y, PICTURE, PICTURE);
      drawn.globalAlpha = 1;
    }
    const cornerOf = (i) => [toX(places[2 * i]) - PICTURE / 2, toY(places[2 * i + 1]) - PICTURE / 2];

    const redraw = eachFrame(draw);
    const lookAgain = eachFrame(drawOver);

    // -- pictures --------------------------------------------------------------------------------

    let settling = 0;
    /** Once the map stands still: choose the points whose pictures are drawn, and ask for them. */
    function settle() {
      clearTimeout(settling);
      settling = setTimeout(() => {
        if (moving || grip) return settle();
        placed = withPictures && width ? spread() : [];
        ask();
        lookAgain();
      }, 160);
    }

    /** In each square of the screen the point nearest to its middle. */
    function spread() {
      const [columns, rows] = [Math.floor(width / APART), Math.floor(height() / APART)];
      if (columns < 1 || rows < 1) return [];
      const [wide, high] = [width / columns, height() / rows];
      const best = new Int32Array(columns * rows).fill(-1);
      const least = new Float32Array(columns * rows).fill(((APART - PICTURE) / 2 - 3) ** 2);
      const see = (i) => {
        if (pickedCount && !picked[i]) return;
        const [x, y] = [toX(points[2 * i]), toY(points[2 * i + 1])];
        const [column, row] = [Math.floor(x / wide), Math.floor(y / high)];
        if (column < 0 || row < 0 || column >= columns || row >= rows) return;
        const far = (x - (column + 0.5) * wide) ** 2 + (y - (row + 0.5) * high) ** 2;
        if (far < least[row * columns + column]) {
          best[row * columns + column] = i;
          least[row * columns + column] = far;
        }
      };
      squares.visit(fromX(0), fromY(height()), fromX(width), fromY(0), see);
      return [...best].filter((i) => i >= 0);
    }

    function ask() {
      if (asked) return;
      const wanted = [...new Set([at, ...placed])].filter((i) => i >= 0 && !pictures.has(i));
      if (!wanted.length) return;
      asked = true;
      // What is looked at goes by itself: it is there the sooner.
      const positions = wanted[0] === at ? [at] : wanted.slice(0, AT_ONCE);
      model.send({ type: "want", generation, positions });
    }

    function receive(content, buffers) {
      if (content.type !== "pictures" || content.generation !== generation) return;
      asked = false;
      const addresses = addressesOf(buffers[0], content.sizes);
      content.positions.forEach((position, k) => {
        drop(position); // it may have been asked for by another view of this model
        const image = addresses[k] ? new Image() : null;
        if (image) {
          image.onload = lookAgain;
          image.src = addresses[k];
        }
        const [caption, group] = [content.captions[k], content.groups[k]];
        pictures.set(position, { image, address: addresses[k], caption, group });
        if (position === at) open();
      });
      const needed = new Set([at, ...placed]);
      for (const position of [...pictures.keys()]) {
        if (pictures.size <= KEPT) break;
        if (!needed.has(position)) drop(position);
      }
      ask();
    }

    function drop(position) {
      const picture = pictures.get(position);
      if (picture?.address) URL.revokeObjectURL(picture.address);
      pictures.delete(position);
    }
    function forget() {
      for (const position of [...pictures.keys()]) drop(position);
      placed = [];
      asked = false;
    }

    // -- looking at one --------------------------------------------------------------------------

    function look(position) {
      if (position === at) return;
      at = position;
      stage.classList.toggle("at", at >= 0);
      if (at >= 0) {
        open();
        ask();
      } else card.hide();
      lookAgain();
    }

    function open() {
      const picture = pictures.get(at);
      const large = make("div", "map-large");
      if (picture?.address) large.style.backgroundImage = `url("${picture.address}")`;
      else if (picture) large.textContent = "!";
      const words = make("div", "map-words", picture?.caption ?? "…");
      const group = make("div", "map-of", picture?.group ?? "");
      words.dir = group.dir = "auto";
      card.element.replaceChildren(large, words, group);
      const box = stage.getBoundingClientRect();
      card.beside(new DOMRect(box.left + toX(points[2 * at]) - 8, box.top + toY(points[2 * at + 1]) - 8,
        16, 16));
      if (byKeys) speak();
    }

    function speak() {
      const picture = pictures.get(at);
      if (!picture) return;
      const said = [picture.caption, picture.group, picked[at] ? "picked" : "",
        at === chosen ? "chosen" : ""];
      spoken.textContent = said.filter(Boolean).join(", ");
    }

    /** The point at a place of the screen; else the one whose picture is there. */
    function hit(x, y) {
      if (moving) return -1;
      const near = squares.nearest(fromX(x), fromY(y), Math.max(NEAR, radius()) / view.scale);
      if (near >= 0 && Math.hypot(toX(points[2 * near]) - x, toY(points[2 * near + 1]) - y) <= radius() + 2) {
        return near;
      }
      const under = withPictures ? placed.findLast((i) => {
        const [left, top] = cornerOf(i);
        return pictures.has(i) && x >= left && y >= top && x < left + PICTURE && y < top + PICTURE;
      }) : undefined;
      return under ?? near;
    }

    // -- gestures --------------------------------------------------------------------------------

    function choosesTool(lasso) {
      lassoing = lasso;
      dress();
    }

    function pick(positions) {
      picked = new Uint8Array(n);
      for (const position of positions) picked[position] = 1;
      pickedCount = positions.length;
      dress();
      redraw();
      settle();
      model.send({ type: "pick", generation }, undefined, [positions.buffer]);
    }

    function choose(position) {
      chosen = position;
      lookAgain();
      model.send({ type: "choose", generation, position });
    }

    /** Zoom by a factor, what lies at (x, y) on the screen staying there. */
    function zoomed(factor, x = width / 2, y = height() / 2) {
      if (!width || !n) return;
      const scale = Math.max(fitted / 2, Math.min(fitted * 2000, view.scale * factor));
      const [left, up] = [fromX(x), fromY(y)];
      view = { x: left - (x - width / 2) / scale, y: up + (y - height() / 2) / scale, scale };
      look(-1);
      redraw();
      settle();
    }

    function whole() {
      if (!width) return;
      fit();
      look(-1);
      redraw();
      settle();
    }

    const placeOf = (event) => {
      const box = stage.getBoundingClientRect();
      return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
    };
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !width || !n) return;
      event.preventDefault(); // no text is marked
      root.focus({ preventScroll: true });
      stage.setPointerCapture(event.pointerId);
      const [x, y] = placeOf(event);
      grip = { x, y, view, lasso: lassoing || event.shiftKey, far: false, id: event.pointerId };
    });
    stage.addEventListener("pointermove", (event) => {
      const [x, y] = placeOf(event);
      if (!grip) {
        byKeys = false;
        look(hit(x, y));
        return;
      }
      if (event.pointerId !== grip.id) return;
      if (!grip.far && Math.hypot(x - grip.x, y - grip.y) < STILL) return;
      grip.far = true;
      look(-1);
      if (grip.lasso) {
        line ??= [[grip.x, grip.y]];
        const [lastX, lastY] = line.at(-1);
        if (Math.hypot(x - lastX, y - lastY) >= 2) line.push([x, y]);
        lookAgain();
      } else {
        stage.classList.add("moving");
        view = { ...grip.view, x: grip.view.x - (x - grip.x) / view.scale,
          y: grip.view.y + (y - grip.y) / view.scale };
        redraw();
      }
    });
    const release = (event, counts) => {
      if (!grip || event.pointerId !== grip.id) return;
      const { far, lasso } = grip;
      grip = null;
      stage.classList.remove("moving");
      const drawnLine = line;
      line = null;
      if (counts && far && lasso && drawnLine?.length > 2) {
        pick(squares.inside(drawnLine.map(([x, y]) => [fromX(x), fromY(y)])));
      } else if (counts && !far) {
        const position = hit(...placeOf(event));
        if (position >= 0) choose(position);
      }
      if (waits) {
        waits = false;
        read();
      }
      lookAgain();
      settle();
    };
    stage.addEventListener("pointerup", (event) => release(event, true));
    stage.addEventListener("pointercancel", (event) => release(event, false));
    stage.addEventListener("pointerleave", () => { if (!byKeys && !grip) look(-1); });
    // The page scrolls by the wheel until the map is the one meant: after a click, or with Ctrl.
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !root.contains(document.activeElement)) return;
      event.preventDefault();
      event.stopPropagation();
      const lines = event.deltaMode === 1 ? 30 : 1;
      const step = Math.max(-200, Math.min(200, event.deltaY * lines));
      zoomed(Math.exp(-step * (event.ctrlKey ? 0.008 : 0.0025)), ...placeOf(event));
    }, { passive: false });

    /** The nearest point in a direction, those straight ahead before those aside; -1 for none. */
    function towards(from, dx, dy) {
      let best = -1;
      let least = Infinity;
      const [x, y] = from;
      for (let i = 0; i < n; i++) {
        const [a, b] = [points[2 * i] - x, points[2 * i + 1] - y];
        const ahead = a * dx + b * dy;
        const aside = Math.abs(a * dy) + Math.abs(b * dx);
        if (ahead <= 0 || aside > ahead) continue;
        const far = ahead + 2 * aside;
        if (far < least) [best, least] = [i, far];
      }
      return best;
    }

    root.addEventListener("keydown", (event) => {
      if (event.target !== root || !n || !width) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      const chooses = event.key === "Enter" || event.key === " ";
      const scales = { "+": 1.6, "=": 1.6, "-": 1 / 1.6, "−": 1 / 1.6 }[event.key];
      if (!way && !chooses && !scales && event.key !== "0") return;
      event.preventDefault();
      if (scales) return zoomed(scales);
      if (event.key === "0") return whole();
      if (moving) return;
      byKeys = true;
      const start = at >= 0 ? at : chosen;
      if (chooses) {
        if (start < 0) return;
        look(start);
        choose(start);
        return speak();
      }
      // The first key shows where one is; only then do the arrows move.
      const middle = [view.x, view.y];
      const next = at >= 0 ? towards([points[2 * at], points[2 * at + 1]], ...way)
        : start >= 0 ? start : squares.nearest(...middle, Infinity);
      if (next < 0) return;
      const [x, y] = [toX(points[2 * next]), toY(points[2 * next + 1])];
      if (x < 0 || y < 0 || x > width || y > height()) { // bring it into sight
        view = { ...view, x: points[2 * next], y: points[2 * next + 1] };
        draw();
        settle();
      }
      look(next);
      speak();
    });
    root.addEventListener("blur", () => { byKeys = false; look(-1); });

    // -- what comes from Python ------------------------------------------------------------------

    const marked = () => {
      if (model.get("generation") !== generation) return;
      readMarks();
      redraw();
      settle();
    };
    const tell = () => { progress.textContent = model.get("progress"); };
    const retheme = () => {
      drawLegend();
      redraw();
    };
    const sizes = new ResizeObserver(layout);
    sizes.observe(stage);
    const offTheme = onTheme(retheme);
    model.on("change:version", read);
    model.on("change:picked", marked);
    model.on("change:chosen", marked);
    model.on("change:progress", tell);
    model.on("msg:custom", receive);
    read();
    tell();
    layout();

    return () => {
      model.off("change:version", read);
      model.off("change:picked", marked);
      model.off("change:chosen", marked);
      model.off("change:progress", tell);
      model.off("msg:custom", receive);
      sizes.disconnect();
      offTheme();
      cancelAnimationFrame(moving);
      clearTimeout(settling);
      redraw.cancel();
      lookAgain.cancel();
      card.hide();
      forget();
    };
  },
};
