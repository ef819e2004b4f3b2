// Small charts drawn as SVG: their frame, rules, labels, lines and hatching.

/**
 * Create an element of a drawing, with its attributes.
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {Element} [parent]
 */
function svg(tag, attributes, parent = undefined) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  parent?.append(element);
  return element;
}

/**
 * A chart whose inside spans 0 to 1 both ways, y upwards. It is drawn in the size that it has in the
 * page, so that text has its own size in any chart: `onResize` says when that is another one, so that
 * no drawing has to ask, for which the browser would lay out the whole page again.
 * Screen readers get what a view says in words instead.
 */
class Chart {
  /**
   * @param {{ width: number, height: number, left: number, right: number, top: number,
   *   bottom: number }} box the margins, and the proportions where nothing else decides, in CSS px
   */
  constructor({ width, height, left, right, top, bottom }) {
    this.margins = { right, bottom };
    this.left = left;
    this.top = top;
    this.element = svg("svg", { "aria-hidden": "true" });
    this.element.style.aspectRatio = `${width} / ${height}`;
    this.hatch = uniqueId("hatch");
    this.width = this.right = this.bottom = 0;
    this.resize(width, height);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    this.width = width;
    this.right = width - this.margins.right;
    this.bottom = height - this.margins.bottom;
    this.element.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }

  /** @param {number} share */
  x(share) {
    return this.left + (this.right - this.left) * share;
  }

  /** @param {number} share */
  y(share) {
    return this.bottom - (this.bottom - this.top) * share;
  }

  /**
   * Return how far along the horizontal axis the pointer is: 0 to 1 inside the chart.
   * @param {MouseEvent} event
   */
  shareAt(event) {
    const box = this.element.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * this.width;
    return (x - this.left) / (this.right - this.left);
  }

  /**
   * Call back when the chart has another size in the page; return the function that ends it.
   * @param {() => void} callback
   */
  onResize(callback) {
    return onResize(this.element, () => {
      const { clientWidth, clientHeight } = this.element;
      if (!clientWidth) return; // in a hidden tab
      this.resize(clientWidth, clientHeight);
      callback();
    });
  }

  /** Begin a new drawing. */
  clear() {
    this.element.replaceChildren();
  }

  /**
   * @param {string} tag
   * @param {Record<string, string | number>} attributes
   */
  add(tag, attributes) {
    return svg(tag, attributes, this.element);
  }

  /**
   * Write text with its anchor ("start", "middle" or "end") at (x, y).
   * @param {string} text
   * @param {number} x
   * @param {number} y
   * @param {string} anchor
   */
  write(text, x, y, anchor) {
    this.add("text", { x, y, class: `tick ${anchor}` }).textContent = text;
  }

  /**
   * Draw a horizontal line across the chart.
   * @param {number} share
   * @param {string} className
   */
  across(share, className) {
    const y = this.y(share);
    this.add("line", { x1: this.left, x2: this.right, y1: y, y2: y, class: className });
  }

  /**
   * Draw a horizontal rule with its label at the left.
   * @param {number} share
   * @param {string} label
   */
  rule(share, label) {
    this.across(share, "rule");
    this.write(label, this.left - 5, this.y(share) + 3.5, "end");
  }

  /**
   * Label the horizontal axis below a share of it, the ends within the chart.
   * @param {number} share
   * @param {string} label
   */
  label(share, label) {
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    this.write(label, this.x(share), this.bottom + 14, anchor);
  }

  /**
   * Draw a bar from x to x + width, between two heights.
   * @param {number} x
   * @param {number} width
   * @param {number} from
   * @param {number} to
   * @param {string} className
   * @param {string} [pattern] what `hatching` returned
   */
  bar(x, width, from, to, className, pattern = undefined) {
    const y = this.y(to);
    const rect = this.add("rect", { x, width, y, height: this.y(from) - y, class: className });
    if (pattern) rect.setAttribute("fill", pattern);
  }

  /**
   * Draw a line through the points that have two finite shares; return their coordinates.
   * @param {[number, number][]} points
   * @param {string} className
   */
  line(points, className) {
    const drawn = points
      .filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
      .map(([x, y]) => [this.x(x).toFixed(1), this.y(y).toFixed(1)]);
    if (drawn.length) this.add("polyline", { points: drawn.join(" "), class: className });
    return drawn;
  }

  /**
   * Define a pattern of slanted lines and return how a fill refers to it.
   * @param {number} size from one line to the next
   * @param {number} thick
   */
  hatching(size, thick) {
    const pattern = svg(
      "pattern",
      {
        id: this.hatch,
        width: size,
        height: size,
        patternUnits: "userSpaceOnUse",
        patternTransform: "rotate(45)",
      },
      this.add("defs", {}),
    );
    svg("rect", { width: thick, height: size, class: "hatch" }, pattern);
    return `url(#${this.hatch})`;
  }

  /** Say in place of the drawing that there is no number yet. */
  writeNone() {
    this.add("text", { x: this.x(0.5), y: this.y(0.5), class: "none" }).textContent =
      "no value yet";
  }
}
