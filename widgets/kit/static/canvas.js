// What the views that draw on a canvas share: sharp pixels, and the theme's colors.

/**
 * Fit a canvas to its size in CSS pixels on this screen, clear it, and return its context, which
 * counts in CSS pixels.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
function clearedContext(canvas, width, height) {
  const wide = Math.round(width * window.devicePixelRatio);
  const high = Math.round(height * window.devicePixelRatio);
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  const context = contextOf(canvas);
  context.setTransform(wide / width, 0, 0, high / height, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/**
 * Return the context of a canvas, which every browser that runs JupyterLab has.
 * @param {HTMLCanvasElement} canvas
 */
function contextOf(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * Return the context of a new canvas that is never shown.
 * @param {number} width
 * @param {number} height
 */
function offscreenContext(width, height) {
  const canvas = new OffscreenCanvas(width, height);
  return /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
}

/**
 * Return whether the theme is dark. The text tells it, since the ground is the page's own.
 * @param {HTMLElement} element
 */
function isDark(element) {
  const [r, g, b] = (getComputedStyle(element).color.match(/[\d.]+/g) ?? []).map(Number);
  return 0.3 * r + 0.6 * g + 0.1 * b > 128;
}

/**
 * Call back when JupyterLab's theme changes; return the function that ends it.
 * @param {() => void} callback
 */
function onTheme(callback) {
  const observer = new MutationObserver(callback);
  const names = ["data-jp-theme-light", "data-jp-theme-name", "class"];
  observer.observe(document.body, { attributes: true, attributeFilter: names });
  return () => observer.disconnect();
}
