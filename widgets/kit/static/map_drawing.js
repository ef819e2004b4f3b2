// How a map is drawn: its points in the colors and shapes of their groups, pictures, rings, lasso.

const RINGED = 60; // picked points that have a ring at most; more could not be told apart

// Okabe and Ito's, with black or white for the eighth; "other" is gray.
// biome-ignore format: a list of colors
const COLORS = [
  "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442", "ink", "#999999",
];
const UP = -Math.PI / 2;
// A shape for each color, of about the same area; null is a disc, "other" a small ring.
/** @type {(((r: number) => [number, number][]) | null)[]} */
const SHAPES = [
  null,
  (r) => star(4, r * 1.2, Math.PI / 4),
  (r) => star(3, r * 1.35, UP),
  (r) => star(4, r * 1.3, UP),
  (r) => cross(r * 1.15, 0),
  (r) => star(3, r * 1.35, -UP),
  (r) => cross(r * 1.15, Math.PI / 4),
  (r) => star(10, r * 1.45, UP, r * 0.62),
];

/**
 * Return n corners around the origin, every second one at the inner radius.
 * @param {number} n
 * @param {number} r
 * @param {number} from the first corner's angle
 * @param {number} [inner]
 * @returns {[number, number][]}
 */
function star(n, r, from, inner = r) {
  return Array.from({ length: n }, (_, i) => {
    const angle = from + (2 * Math.PI * i) / n;
    const far = i % 2 ? inner : r;
    return [far * Math.cos(angle), far * Math.sin(angle)];
  });
}

/**
 * Return the corners of a cross around the origin.
 * @param {number} r
 * @param {number} angle
 * @returns {[number, number][]}
 */
function cross(r, angle) {
  const thin = r * 0.38;
  const quarter = [
    [-thin, -r],
    [thin, -r],
    [thin, -thin],
  ];
  return [0, 1, 2, 3].flatMap((turn) => {
    const [c, s] = [Math.cos(angle - turn * UP), Math.sin(angle - turn * UP)];
    return quarter.map(
      ([x, y]) => /** @type {[number, number]} */ ([x * c - y * s, x * s + y * c]),
    );
  });
}

/**
 * Return the color of lines on this ground, or with `reverse` that of the ground.
 * @param {boolean} dark
 * @param {boolean} [reverse]
 */
function ink(dark, reverse = false) {
  return dark !== reverse ? "#fff" : "#000";
}

/**
 * @param {number} group
 * @param {boolean} dark
 */
function colorOf(group, dark) {
  const color = COLORS[group] ?? COLORS[0];
  return color === "ink" ? ink(dark) : color;
}

/**
 * Draw a group's mark around the origin.
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {number} group
 * @param {number} r
 * @param {boolean} dark
 */
function drawMark(context, group, r, dark) {
  const shape = SHAPES[group];
  context.beginPath();
  if (shape) {
    for (const [x, y] of shape(r)) context.lineTo(x, y);
    context.closePath();
  } else context.arc(0, 0, group === OTHER ? r * 0.6 : r, 0, 2 * Math.PI);
  context.fillStyle = context.strokeStyle = colorOf(group, dark);
  if (group === OTHER) {
    context.lineWidth = Math.max(1, r * 0.35);
    context.stroke();
    return;
  }
  context.fill();
  // A thin edge parts neighbors, and yellow from white.
  context.lineWidth = Math.min(1, r / 4);
  context.strokeStyle = dark ? "rgb(0 0 0 / 70%)" : "rgb(0 0 0 / 45%)";
  context.stroke();
}

/**
 * Return a group's mark as pixels: for each that is not empty [x, y, red, green, blue, opacity].
 * @param {number} group
 * @param {{ r: number, dark: boolean, ringed: boolean, opacity: number }} style
 */
function stampOf(group, { r, dark, ringed, opacity }) {
  const ratio = window.devicePixelRatio;
  const half = Math.ceil((r * 1.5 + 3) * ratio);
  const context = offscreenContext(2 * half, 2 * half);
  context.setTransform(ratio, 0, 0, ratio, half, half);
  if (ringed) {
    context.beginPath();
    context.arc(0, 0, r * 1.4 + 0.8, 0, 2 * Math.PI);
    context.lineWidth = 1;
    context.strokeStyle = ink(dark);
    context.stroke();
  }
  drawMark(context, group, r, dark);
  const { data } = context.getImageData(0, 0, 2 * half, 2 * half);
  const pixels = [];
  for (let k = 0; k < data.length; k += 4) {
    if (!data[k + 3]) continue;
    const [x, y] = [(k / 4) % (2 * half), Math.floor(k / 8 / half)];
    const share = (opacity * data[k + 3]) / 255;
    pixels.push(x - half, y - half, data[k], data[k + 1], data[k + 2], share);
  }
  return Float32Array.from(pixels);
}

/**
 * Lay a stamp over an image.
 * @param {ImageData} image
 * @param {Float32Array} pixels
 * @param {number} left of its middle
 * @param {number} top
 */
function stampOnto({ data, width, height }, pixels, left, top) {
  for (let k = 0; k < pixels.length; k += 6) {
    const x = left + pixels[k];
    const y = top + pixels[k + 1];
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    const at = 4 * (y * width + x);
    const share = pixels[k + 5];
    const below = (data[at + 3] / 255) * (1 - share);
    const whole = share + below;
    data[at] = (pixels[k + 2] * share + data[at] * below) / whole;
    data[at + 1] = (pixels[k + 3] * share + data[at + 1] * below) / whole;
    data[at + 2] = (pixels[k + 4] * share + data[at + 2] * below) / whole;
    data[at + 3] = 255 * whole;
  }
}

/**
 * What is drawn of a map: where the points are, in their order of drawing, whose they are and
 * which of them are picked.
 * @typedef {object} Scene
 * @property {Camera} camera
 * @property {boolean} dark
 * @property {Float32Array} places
 * @property {Uint32Array} order
 * @property {Uint8Array} members
 * @property {Uint8Array} picked
 * @property {number} pickedCount
 */

/**
 * Draw all points pixel by pixel: several times as fast as a call of the canvas for each. What is
 * not picked lies below, faint.
 * @param {HTMLCanvasElement} canvas
 * @param {Scene} scene
 */
function drawPoints(canvas, { camera, dark, places, order, members, picked, pickedCount }) {
  const context = clearedContext(canvas, camera.width, camera.height);
  const image = context.createImageData(canvas.width, canvas.height);
  const ratio = window.devicePixelRatio;
  const r = camera.radiusOf(order.length);
  const far = 2 * r * ratio + 4;
  const [right, bottom] = [canvas.width + far, canvas.height + far];
  const scale = camera.scale * ratio;
  const [across, down] = [camera.toX(0) * ratio, camera.toY(0) * ratio];
  for (const pass of pickedCount ? [0, 1] : [0]) {
    const opacity = pickedCount === 0 ? 0.85 : pass ? 1 : 0.15;
    const style = { r, dark, opacity, ringed: pass === 1 && pickedCount <= RINGED };
    const stamps = COLORS.map((_, group) => stampOf(group, style));
    for (const i of order) {
      if (pickedCount && picked[i] !== pass) continue;
      const left = Math.round(places[2 * i] * scale + across);
      const top = Math.round(down - places[2 * i + 1] * scale);
      if (left < -far || top < -far || left > right || top > bottom) continue;
      stampOnto(image, stamps[members[i]], left, top);
    }
  }
  context.putImageData(image, 0, 0);
}

/**
 * Draw a picture at its point, framed in its group's color.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {number} i
 * @param {HTMLImageElement} image
 */
function drawPicture(context, { camera, dark, places, members, picked, pickedCount }, i, image) {
  const left = camera.toX(places[2 * i]) - PICTURE / 2;
  const top = camera.toY(places[2 * i + 1]) - PICTURE / 2;
  context.fillStyle = colorOf(members[i], dark);
  context.fillRect(left - 2, top - 2, PICTURE + 4, PICTURE + 4);
  context.globalAlpha = pickedCount && !picked[i] ? 0.4 : 1;
  context.drawImage(image, left, top, PICTURE, PICTURE);
  context.globalAlpha = 1;
}

/**
 * Draw a ring around a point.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {number} i
 * @param {number} r
 * @param {number} thick
 */
function drawRing(context, { camera, dark, places }, i, r, thick) {
  context.beginPath();
  context.arc(camera.toX(places[2 * i]), camera.toY(places[2 * i + 1]), r, 0, 2 * Math.PI);
  context.strokeStyle = ink(dark, true);
  context.lineWidth = thick + 2;
  context.stroke();
  context.strokeStyle = ink(dark);
  context.lineWidth = thick;
  context.stroke();
}

/**
 * Draw the lasso.
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number][]} line
 * @param {boolean} dark
 */
function drawLasso(context, line, dark) {
  context.beginPath();
  for (const [x, y] of line) context.lineTo(x, y);
  context.closePath();
  context.fillStyle = dark ? "rgb(255 255 255 / 12%)" : "rgb(0 0 0 / 8%)";
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = ink(dark);
  context.setLineDash([5, 3]);
  context.stroke();
  context.setLineDash([]);
}
