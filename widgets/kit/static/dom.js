// What every view builds on: elements, the view's root, and how it follows its model. The views are
// joined with these parts as text (see view.py), so a name declared here is known to all of them.
// Text from users only ever becomes textContent.

/**
 * What the views use of anywidget's model.
 * @typedef {object} Model
 * @property {(name: string) => any} get
 * @property {(name: string, value: unknown) => void} set
 * @property {() => void} save_changes
 * @property {(event: string, callback: (...args: any[]) => void) => void} on
 * @property {(event: string, callback: (...args: any[]) => void) => void} off
 * @property {any} [widget_manager] JupyterLab's, which knows the kernel
 * @property {(content: object, callbacks?: undefined, buffers?: ArrayBufferLike[]) => void} send
 */

/**
 * What anywidget hands to a view: its model, and the element to fill. It calls the function that
 * `render` returns when the view is removed.
 * @typedef {{ model: Model, el: HTMLElement }} RenderProps
 */

/**
 * Create an element with a class and, where given, a text.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {string} [text]
 */
function el(tag, className = "", text = undefined) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/**
 * Write the first line of a text so that it is cut in its middle where it is too long: names differ
 * at their ends. Signs that join would come apart there, so right-to-left texts stay whole.
 * @param {HTMLElement} element with the class "uhscm-cut"
 * @param {string} text
 */
function writeCut(element, text) {
  const [name, ...others] = text.split("\n");
  const first = name.replace(/(?<=.)\.[A-Za-z]{3,4}$/, ""); // a file's suffix tells none from another
  const joins = /[\u0590-\u08ff]/.test(first);
  const word = first.lastIndexOf(" ") + 1; // a last word stays whole, if it is short
  const end = first.length - word <= 8 && word ? word : first.length - 5;
  const at = joins ? first.length : Math.max(end, 0);
  const rest = el("span", "rest", others.map((line) => `\n${line}`).join(""));
  element.replaceChildren(
    el("span", "start", first.slice(0, at)),
    el("span", "", first.slice(at)),
    rest,
  );
}

/**
 * Return an id that no other element has. A counter would not do: each view loads these lines again.
 * @param {string} prefix
 */
function uniqueId(prefix) {
  return `${prefix}-${Math.random().toString(36).slice(2)}`;
}

/**
 * Create the root of a view: reachable by Tab, with keys of its own (JupyterLab's shortcuts stay
 * out), left by Escape, and named by the model's summary. Its host gets a class for the style sheet:
 * `:has()` would say the same, but lets the browser style every element again at each change.
 * @param {Model} model
 * @param {HTMLElement} host
 * @param {string} name
 */
function rootOf(model, host, name) {
  const root = el("div", `uhscm ${name}`);
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.dataset.lmSuppressShortcuts = "true";
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape" && document.activeElement instanceof HTMLElement) {
      document.activeElement.blur();
    }
  });
  const label = () => root.setAttribute("aria-label", model.get("summary"));
  model.on("change:summary", label);
  label();
  host.append(root);
  host.classList.add(`of-${name}`);
  return root;
}

/**
 * Add the line that says what a view shows. The style sheet hides it while it is empty.
 * @param {Model} model
 * @param {HTMLElement} root
 */
function addSummary(model, root) {
  const line = el("p", "uhscm-summary");
  const write = () => {
    line.textContent = model.get("summary");
  };
  model.on("change:summary", write);
  write();
  root.append(line);
}

/**
 * Add a line that is heard and not seen: what the keys have reached in a drawing.
 * @param {HTMLElement} root
 */
function addSpoken(root) {
  const line = el("p", "uhscm-spoken");
  line.setAttribute("aria-live", "polite");
  root.append(line);
  return line;
}

/**
 * Create an entry of a legend: a sample, drawn by the style sheet, and its text.
 * @param {string} sample
 * @param {string} text
 * @param {string} [sign]
 */
function legendEntry(sample, text, sign = undefined) {
  const entry = el("span", "entry");
  entry.append(el("span", sample, sign), el("span", "", text));
  return entry;
}

/**
 * Create a card that opens next to an item, above the page and out of the pointer's way. It hangs
 * on the body, because JupyterLab clips what leaves an output, and never moves anything.
 * @param {string} name
 * @param {HTMLElement} root
 * @param {() => void} leave called when the page around the root is scrolled, which takes the item
 *   away from under the card
 */
function cardOf(name, root, leave) {
  const element = el("div", `uhscm uhscm-card ${name}`);
  element.setAttribute("aria-hidden", "true"); // it repeats the item's own label
  const onScroll = (/** @type {Event} */ event) => {
    if (!root.contains(/** @type {Node} */ (event.target))) leave();
  };
  return {
    element,
    /**
     * Put the card to the right of a box of the window, or else to its left, always in sight.
     * @param {DOMRect} box
     */
    openNextTo(box) {
      if (!element.isConnected) {
        (document.fullscreenElement ?? document.body).append(element);
        const around = /** @type {HTMLElement} */ (element.parentElement);
        element.style.zoom = String(zoomOf(root) / zoomOf(around));
        document.addEventListener("scroll", onScroll, true); // scrolling does not bubble
      }
      const { width, height } = element.getBoundingClientRect();
      const zoom = zoomOf(element);
      const right = box.right + 10;
      const fits = right + width < window.innerWidth;
      const left = fits ? right : box.left - 10 - width;
      const bottom = window.innerHeight - height - 4;
      element.style.left = `${Math.max(4, left) / zoom}px`;
      element.style.top = `${clamp(box.top, 4, bottom) / zoom}px`;
    },
    hide() {
      element.remove();
      document.removeEventListener("scroll", onScroll, true);
    },
  };
}

/**
 * Return how many CSS pixels of the window one of the element's own is, see stage.js.
 * @param {HTMLElement} element
 */
function zoomOf(element) {
  return element.offsetWidth ? element.getBoundingClientRect().width / element.offsetWidth : 1;
}

/**
 * Return whether a part of a view takes the height that is left in the window, see stage.css.
 * @param {Element} element
 */
function isGrowing(element) {
  return getComputedStyle(element).flexGrow === "1";
}

/**
 * Return where a pointer is in an element, in its own CSS pixels.
 * @param {MouseEvent} event
 * @param {HTMLElement} element
 * @returns {[number, number]}
 */
function pointOf(event, element) {
  const box = element.getBoundingClientRect();
  const zoom = zoomOf(element);
  return [(event.clientX - box.left) / zoom, (event.clientY - box.top) / zoom];
}

/**
 * Call back when any of these traits changes; return the function that ends it.
 * @param {Model} model
 * @param {string[]} names
 * @param {() => void} callback
 */
function onChange(model, names, callback) {
  for (const name of names) model.on(`change:${name}`, callback);
  return () => {
    for (const name of names) model.off(`change:${name}`, callback);
  };
}

/**
 * Call back when the element's size changes, also when a hidden tab is opened; return the function
 * that ends it.
 * @param {Element} element
 * @param {() => void} callback
 */
function onResize(element, callback) {
  const observer = new ResizeObserver(callback);
  observer.observe(element);
  return () => observer.disconnect();
}

/**
 * Return a function that calls each of these, for a view's end.
 * @param {(() => void)[]} endings
 */
function endAll(...endings) {
  return () => {
    for (const end of endings) end();
  };
}

/**
 * Return a function that asks for `callback` to be called, at most once per frame.
 * @param {() => void} callback
 */
function eachFrame(callback) {
  let asked = 0;
  const ask = () => {
    asked ||= requestAnimationFrame(() => {
      asked = 0;
      callback();
    });
  };
  return Object.assign(ask, { cancel: () => cancelAnimationFrame(asked) });
}

/**
 * Set a trait and send it to Python.
 * @param {Model} model
 * @param {string} name
 * @param {unknown} value
 */
function save(model, name, value) {
  model.set(name, value);
  model.save_changes();
}

/**
 * Read typed numbers from the bytes of a trait or message, copied so that they are aligned.
 * @template T
 * @param {DataView | null | undefined} bytes
 * @param {new (source: ArrayBufferLike | number) => T} Type
 */
function numbers(bytes, Type) {
  if (!bytes || bytes.byteLength === 0) return new Type(0);
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return Math.max(low, Math.min(high, value));
}

/**
 * Write a number with separators, such as "1,000".
 * @param {number} value
 * @param {number} [digits] decimals at most
 */
function grouped(value, digits = 0) {
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

/**
 * Name the part that the arrow keys have reached in what has the focus, so that it is announced.
 * @param {HTMLElement} element
 * @param {string | null} id
 */
function setActive(element, id) {
  if (id === null) element.removeAttribute("aria-activedescendant");
  else element.setAttribute("aria-activedescendant", id);
}

/**
 * Return whether a key is pressed together with one that makes it a shortcut of the browser.
 * @param {KeyboardEvent} event
 */
function hasModifier(event) {
  return event.ctrlKey || event.metaKey || event.altKey;
}

/**
 * Return whether a key presses what the keyboard is at.
 * @param {KeyboardEvent} event
 */
function isPress(event) {
  return event.key === "Enter" || event.key === " ";
}

/**
 * Look the pressed key up in a table; return undefined for a key that is not in it.
 * @template T
 * @param {KeyboardEvent} event
 * @param {Record<string, T>} table
 * @returns {T | undefined}
 */
function byKey(event, table) {
  return table[event.key];
}
