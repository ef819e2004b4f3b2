// The numbers of a heatmap, and how they are drawn.

const FINITE = 32766; // as in grid.py: the codes of least and greatest are -FINITE and FINITE
const NOT_A_NUMBER = -32768;

// From next to the ground, for nothing in common, to what stands out from it most, for the same.
const SEQUENTIAL = {
  light: ["#f6f6f6", "#d3e2ec", "#9cc4de", "#5b9dca", "#2372ae", "#0a4a80", "#00264a"],
  dark: ["#1f1f1f", "#21364a", "#235278", "#2b76ae", "#56a3d9", "#9dd0f3", "#f4fbff"],
};
const DIVERGING = {
  light: ["#0072b2", "#7fb8da", "#f4f4f4", "#f2cf80", "#c47f00"],
  dark: ["#56b4e9", "#457699", "#363636", "#8f6a1b", "#e69f00"],
};

/** A cell as [row, column]. @typedef {[number, number]} Cell */

/** The n × n numbers of a heatmap. */
class Values {
  /** @param {Model} model */
  constructor(model) {
    this.n = model.get("ids").length;
    this.codes = numbers(model.get("values"), Int16Array);
    this.least = model.get("least");
    this.greatest = model.get("greatest");
  }

  /**
   * Return the number at a place, counted row by row.
   * @param {number} i
   */
  at(i) {
    const code = this.codes[i];
    if (code === NOT_A_NUMBER) return NaN;
    if (Math.abs(code) > FINITE) return code > 0 ? Infinity : -Infinity;
    const share = code / FINITE / 2 + 0.5; // of the range, which itself may be too large a number
    return this.least * (1 - share) + this.greatest * share;
  }

  /** @param {Cell} cell */
  ofCell([row, column]) {
    return this.at(row * this.n + column);
  }
}

/**
 * Return 256 colors evenly through the stops, each as one 32-bit pixel.
 * @param {string[]} stops
 */
function colorsThrough(stops) {
  const parts = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  const bytes = new Uint8ClampedArray(1024);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (parts.length - 1);
    const from = Math.min(Math.floor(at), parts.length - 2);
    for (let k = 0; k < 3; k++) {
      bytes[4 * i + k] = parts[from][k] + (at - from) * (parts[from + 1][k] - parts[from][k]);
    }
    bytes[4 * i + 3] = 255;
  }
  return new Uint32Array(bytes.buffer);
}

/**
 * Write a number for people.
 * @param {number} value
 */
function writeNumber(value) {
  if (Number.isNaN(value)) return "no number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const text = Math.abs(value) >= 1e5 ? value.toExponential(2) : value.toFixed(2);
  return text.replace(/^-(?=0\.0+$)/, "").replace("-", "−");
}

/**
 * Return the heatmap as a canvas of a pixel per number. What is no number is left clear, so that
 * the hatching below shows through.
 * @param {Values} values
 * @param {Uint32Array} colors
 * @param {number} low the number of the first color
 * @param {number} high the number of the last
 */
function heatmapOf(values, colors, low, high) {
  const { n } = values;
  const pixels = new ImageData(n, n);
  const words = new Uint32Array(pixels.data.buffer);
  const scale = 255 / (high - low);
  for (let i = 0; i < n * n; i++) {
    const value = values.at(i);
    if (!Number.isNaN(value)) words[i] = colors[Math.round(clamp((value - low) * scale, 0, 255))];
  }
  const context = offscreenContext(n, n);
  context.putImageData(pixels, 0, 0);
  return context.canvas;
}

/**
 * Draw the colors from the first to the last into a canvas of 256 × 1 pixels.
 * @param {HTMLCanvasElement} ramp
 * @param {Uint32Array} colors
 */
function drawRamp(ramp, colors) {
  const strip = new ImageData(256, 1);
  new Uint32Array(strip.data.buffer).set(colors);
  contextOf(ramp).putImageData(strip, 0, 0);
}

/**
 * Draw lines between groups, in white and black so that no color hides them.
 * @param {CanvasRenderingContext2D} context
 * @param {number[]} places in CSS px
 * @param {number} square edge of the heatmap
 */
function drawBorders(context, places, square) {
  for (const place of places.map(Math.round)) {
    for (const [color, at] of /** @type {const} */ ([
      ["#fff", place - 1],
      ["rgb(0 0 0 / 70%)", place],
    ])) {
      context.fillStyle = color;
      context.fillRect(at, 0, 1, square);
      context.fillRect(0, at, square, 1);
    }
  }
}

/**
 * Outline a box in white on black so that no color hides it.
 * @param {CanvasRenderingContext2D} context
 * @param {[number, number, number, number]} box x, y, width, height
 * @param {number} thick
 * @param {number[]} [dashes]
 */
function outline(context, box, thick, dashes = []) {
  context.strokeStyle = "#000";
  context.lineWidth = thick + 2;
  context.setLineDash([]);
  context.strokeRect(...box);
  context.strokeStyle = "#fff";
  context.lineWidth = thick;
  context.setLineDash(dashes);
  context.strokeRect(...box);
}

/**
 * Draw the cross-hair through the cell that is looked at, and the frame of the picked one.
 * @param {CanvasRenderingContext2D} context
 * @param {{ at: Cell | null, picked: Cell | null }} cells
 * @param {number} step edge of a cell
 * @param {number} square edge of the heatmap
 */
function drawMarks(context, { at, picked }, step, square) {
  if (at) {
    const thick = step < 6 ? 0 : step; // around cells that can be seen, through smaller ones
    const [y, x] = at.map((position) => (position + 0.5) * step - thick / 2);
    outline(context, [-4, y, square + 8, thick], 1, [5, 3]); // dashed, as lines of groups are not
    outline(context, [x, -4, thick, square + 8], 1, [5, 3]);
  }
  if (picked) {
    const size = Math.max(step, 8);
    const [y, x] = picked.map((position) => (position + 0.5) * step - size / 2);
    outline(context, [x, y, size, size], 3);
  }
}
