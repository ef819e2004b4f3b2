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
 * A mark as pixels that are laid over an image whose colors are multiplied by their opacity.
 * @typedef {object} Stamp
 * @property {number} reach px from its middle to its edge, at most
 * @property {Int32Array} xs of its pixels, from its middle
 * @property {Int32Array} ys
 * @property {Int32Array} offsets of its pixels in an image of this width
 * @property {Int32Array} colors
 * @property {Int32Array} rests how much of what is below remains, of 256
 */

/**
 * Return the mark of each group as a stamp.
 * @param {number} width of the image
 * @param {{ r: number, dark: boolean, ringed: boolean, opacity: number }} style
 */
function stampsOf(width, { r, dark, ringed, opacity }) {
  const ratio = window.devicePixelRatio;
  const reach = Math.ceil((r * 1.5 + 3) * ratio);
  const side = 2 * reach;
  // All on one canvas: to read each from its own takes as long as to draw thousands of points.
  const context = offscreenContext(side, side * COLORS.length);
  COLORS.forEach((_, group) => {
    context.setTransform(ratio, 0, 0, ratio, reach, side * group + reach);
    if (ringed) {
      context.beginPath();
      context.arc(0, 0, r * 1.4 + 0.8, 0, 2 * Math.PI);
      context.lineWidth = 1;
      context.strokeStyle = ink(dark);
      context.stroke();
    }
    drawMark(context, group, r, dark);
  });
  const { data } = context.getImageData(0, 0, side, side * COLORS.length);
  return COLORS.map((_, group) => {
    const of = data.subarray(4 * side * side * group, 4 * side * side * (group + 1));
    return stampFrom(of, reach, width, opacity);
  });
}

/**
 * @param {Uint8ClampedArray} data of a square, the red, green, blue and opacity of each pixel
 * @param {number} reach
 * @param {number} width
 * @param {number} opacity
 * @returns {Stamp}
 */
function stampFrom(data, reach, width, opacity) {
  /** @type {number[][]} */
  const [xs, ys, offsets, colors, rests] = [[], [], [], [], []];
  for (let k = 0; k < data.length; k += 4) {
    const rest = Math.round(256 - (256 * opacity * data[k + 3]) / 255);
    if (rest === 256) continue;
    const [x, y] = [((k / 4) % (2 * reach)) - reach, Math.floor(k / 8 / reach) - reach];
    // As much as an opaque image loses to it: no sum is above 255.
    const share = 255 - ((255 * rest + 128) >> 8);
    const [red, green, blue] = [0, 1, 2].map((c) => Math.round((data[k + c] * share) / 255));
    xs.push(x);
    ys.push(y);
    offsets.push(y * width + x);
    colors.push((share << 24) | (blue << 16) | (green << 8) | red);
    rests.push(rest);
  }
  return {
    reach,
    xs: Int32Array.from(xs),
    ys: Int32Array.from(ys),
    offsets: Int32Array.from(offsets),
    colors: Int32Array.from(colors),
    rests: Int32Array.from(rests),
  };
}

const PAIR = 0x00ff00ff; // two of the four channels of a pixel: both are multiplied at once
const HALVES = 0x00800080; // rounds both

/**
 * Lay a stamp over an image.
 * @param {Int32Array} pixels of the image
 * @param {number} width
 * @param {number} height
 * @param {Stamp} stamp
 * @param {number} left of its middle
 * @param {number} top
 */
function stampOnto(pixels, width, height, stamp, left, top) {
  const { reach, xs, ys, offsets, colors, rests } = stamp;
  const at = top * width + left;
  const isCut = left < reach || top < reach || left >= width - reach || top >= height - reach;
  for (let k = 0; k < offsets.length; k++) {
    if (isCut) {
      const [x, y] = [left + xs[k], top + ys[k]];
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
    }
    const below = pixels[at + offsets[k]];
    const rest = rests[k];
    const redBlue = ((Math.imul(below & PAIR, rest) + HALVES) >>> 8) & PAIR;
    const greenOpacity = (Math.imul((below >>> 8) & PAIR, rest) + HALVES) & ~PAIR;
    pixels[at + offsets[k]] = colors[k] + redBlue + greenOpacity;
  }
}

/**
 * Divide the colors of an image by their opacity, as a canvas wants them.
 * @param {Uint8ClampedArray} data
 */
function divideByOpacity(data) {
  const pixels = new Int32Array(data.buffer);
  for (let i = 0; i < pixels.length; i++) {
    const opacity = pixels[i] >>> 24;
    if (opacity === 0 || opacity === 255) continue;
    const factor = 255 / opacity;
    for (let k = 4 * i; k < 4 * i + 3; k++) data[k] *= factor;
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
  const { width, height } = canvas;
  const image = context.createImageData(width, height);
  const pixels = new Int32Array(image.data.buffer);
  const ratio = window.devicePixelRatio;
  const r = camera.radiusOf(order.length);
  const far = 2 * r * ratio + 4;
  const [right, bottom] = [width + far, height + far];
  const scale = camera.scale * ratio;
  const [across, down] = [camera.toX(0) * ratio, camera.toY(0) * ratio];
  for (const pass of pickedCount ? [0, 1] : [0]) {
    const opacity = pickedCount === 0 ? 0.85 : pass ? 1 : 0.15;
    const style = { r, dark, opacity, ringed: pass === 1 && pickedCount <= RINGED };
    const stamps = stampsOf(width, style);
    for (const i of order) {
      if (pickedCount && picked[i] !== pass) continue;
      const left = Math.round(places[2 * i] * scale + across);
      const top = Math.round(down - places[2 * i + 1] * scale);
      if (left < -far || top < -far || left > right || top > bottom) continue;
      stampOnto(pixels, width, height, stamps[members[i]], left, top);
    }
  }
  divideByOpacity(image.data);
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
