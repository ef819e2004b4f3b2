// The points of a map: where they lie on the plane and on the screen, and which of them is meant.

const PADDING = 30; // CSS px around the points
const PICTURE = 40; // CSS px of the pictures on the map
const APART = 104; // CSS px from one of them to the next
const OTHER = 8; // the group of all that have none of their own, as in map_view.py

/** The part of the plane that is on the screen, y upwards on the plane and downwards on it. */
class Camera {
  /**
   * @param {{ x: number, y: number, scale: number, whole: number, width: number,
   *   height: number }} values the point in the middle; CSS px per unit, now and where all points
   *   are seen; the size in CSS px, a width of 0 while hidden
   */
  constructor({ x, y, scale, whole, width, height }) {
    this.x = x;
    this.y = y;
    this.scale = scale;
    this.whole = whole;
    this.width = width;
    this.height = height;
  }

  /** @param {{ x?: number, y?: number, scale?: number, width?: number, height?: number }} changes */
  with(changes) {
    return new Camera({ ...this, ...changes });
  }

  /** @param {number} x */
  toX(x) {
    return (x - this.x) * this.scale + this.width / 2;
  }

  /** @param {number} y */
  toY(y) {
    return this.height / 2 - (y - this.y) * this.scale;
  }

  /** @param {number} x */
  fromX(x) {
    return (x - this.width / 2) / this.scale + this.x;
  }

  /** @param {number} y */
  fromY(y) {
    return (this.height / 2 - y) / this.scale + this.y;
  }

  /** How many times as large as where all points are seen. */
  get zoom() {
    return this.scale / this.whole;
  }

  /**
   * See all points.
   * @param {number[]} bounds left, low, right, high
   */
  fit([left, low, right, high]) {
    const across = (this.width - 2 * PADDING) / Math.max(right - left, 1e-12);
    const up = (this.height - 2 * PADDING) / Math.max(high - low, 1e-12);
    const whole = Math.min(across, up, 1e9);
    const middle = { x: (left + right) / 2, y: (low + high) / 2 };
    return new Camera({ ...this, ...middle, scale: whole, whole });
  }

  /**
   * Zoom by a factor, what lies at (x, y) on the screen staying there.
   * @param {number} factor
   * @param {number} x
   * @param {number} y
   */
  zoomAt(factor, x, y) {
    const scale = clamp(this.scale * factor, this.whole / 2, this.whole * 2000);
    const left = this.fromX(x) - (x - this.width / 2) / scale;
    const up = this.fromY(y) + (y - this.height / 2) / scale;
    return this.with({ x: left, y: up, scale });
  }

  /**
   * Return the radius of n points: smaller the more there are, larger the nearer they are seen.
   * @param {number} n
   */
  radiusOf(n) {
    const base = clamp(0.3 * Math.sqrt((this.width * this.height) / Math.max(n, 1)), 1.7, 5);
    return Math.min(9, base * clamp(this.zoom ** 0.4, 1, 3.5));
  }
}

/** The points by squares of the plane, so that those at a place are found without the others. */
class PointIndex {
  /** @param {Float32Array} points x and y of each */
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
    this.side = clamp(Math.ceil(Math.sqrt(n / 3)), 1, 256);
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

  /** @param {number} x */
  column(x) {
    return clamp(Math.floor((x - this.bounds[0]) / this.step), 0, this.side - 1);
  }

  /** @param {number} y */
  row(y) {
    return clamp(Math.floor((y - this.bounds[1]) / this.step), 0, this.side - 1);
  }

  /**
   * Call for each point in the squares that a box touches.
   * @param {number[]} box left, low, right, high
   * @param {(i: number) => void} call
   */
  visit([left, low, right, high], call) {
    const [first, last] = [this.column(left), this.column(right)];
    for (let row = this.row(low); row <= this.row(high); row++) {
      const from = this.starts[row * this.side + first];
      const to = this.starts[row * this.side + last + 1];
      for (let k = from; k < to; k++) call(this.members[k]);
    }
  }

  /**
   * Return the point nearest to a place within a distance, or -1.
   * @param {number} x
   * @param {number} y
   * @param {number} distance
   */
  nearest(x, y, distance) {
    let best = -1;
    let least = distance * distance;
    this.visit([x - distance, y - distance, x + distance, y + distance], (i) => {
      const far = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
      if (far <= least) [best, least] = [i, far];
    });
    return best;
  }

  /**
   * Return the nearest point in a direction, those straight ahead before those aside, or -1.
   * @param {number} x
   * @param {number} y
   * @param {number[]} direction
   */
  towards(x, y, [dx, dy]) {
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < this.points.length / 2; i++) {
      const [a, b] = [this.points[2 * i] - x, this.points[2 * i + 1] - y];
      const ahead = a * dx + b * dy;
      const aside = Math.abs(a * dy) + Math.abs(b * dx);
      if (ahead <= 0 || aside > ahead) continue;
      if (ahead + 2 * aside < least) [best, least] = [i, ahead + 2 * aside];
    }
    return best;
  }

  /**
   * Return the points inside a closed line, by the number of its edges to their right.
   * @param {[number, number][]} line
   */
  inside(line) {
    const xs = line.map(([x]) => x);
    const ys = line.map(([, y]) => y);
    /** @type {number[]} */
    const found = [];
    const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    this.visit(box, (i) => {
      const [x, y] = [this.points[2 * i], this.points[2 * i + 1]];
      let odd = false;
      for (let a = 0, b = xs.length - 1; a < xs.length; b = a++) {
        if (ys[a] > y === ys[b] > y) continue;
        if (x < xs[a] + ((y - ys[a]) / (ys[b] - ys[a])) * (xs[b] - xs[a])) odd = !odd;
      }
      if (odd) found.push(i);
    });
    return Int32Array.from(found).sort();
  }

  /**
   * Return in each square of the screen the point nearest to its middle, for a picture that covers
   * no other.
   * @param {Camera} camera
   * @param {(i: number) => boolean} counts
   */
  spread(camera, counts) {
    const { width, height } = camera;
    const [columns, rows] = [Math.floor(width / APART), Math.floor(height / APART)];
    if (columns < 1 || rows < 1) return [];
    const [wide, high] = [width / columns, height / rows];
    const best = new Int32Array(columns * rows).fill(-1);
    const least = new Float32Array(columns * rows).fill(((APART - PICTURE) / 2 - 3) ** 2);
    const box = [camera.fromX(0), camera.fromY(height), camera.fromX(width), camera.fromY(0)];
    this.visit(box, (i) => {
      if (!counts(i)) return;
      const [x, y] = [camera.toX(this.points[2 * i]), camera.toY(this.points[2 * i + 1])];
      const [column, row] = [Math.floor(x / wide), Math.floor(y / high)];
      if (column < 0 || row < 0 || column >= columns || row >= rows) return;
      const far = (x - (column + 0.5) * wide) ** 2 + (y - (row + 0.5) * high) ** 2;
      const square = row * columns + column;
      if (far < least[square]) [best[square], least[square]] = [i, far];
    });
    return [...best].filter((i) => i >= 0);
  }
}

/**
 * Return the order of drawing, the same each time: "other" lies below, and of the rest no group
 * above all others.
 * @param {Uint8Array} members
 */
function drawingOrder(members) {
  const order = Uint32Array.from(members, (_, i) => i);
  let state = 1;
  for (let i = order.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = state % (i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const isOther = (/** @type {number} */ i) => members[i] === OTHER;
  return Uint32Array.from([...order.filter(isOther), ...order.filter((i) => !isOther(i))]);
}
