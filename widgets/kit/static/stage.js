// The frame around an explorer: it tells the views inside how high the window is, keeps the size of
// text and pictures, and has buttons for more room.

const BY_HAND =
  "Right-click the explorer and choose Create New View for Cell Output: it opens in a panel of its own.";
// What JupyterLab scrolls an output in.
const PAGES = ".jp-WindowedPanel-outer, .jp-LinkedOutputView";
const TABS = ":scope > .jupyter-widget-tab > .lm-TabBar"; // of a workbench
const SIZES = [0.75, 0.85, 1, 1.15, 1.3, 1.5, 1.75, 2, 2.5];
const KEPT = "uhscm-size"; // what the page remembers the size as, and the event that tells it
const LEAST = { width: 300, height: 360 }; // CSS px below which nothing is fitted into the window
// CSS px of width, and of the window's height, below which there is room for what is used together alone
const TIGHT = { width: 640, height: 596 };
const NARROW = 520; // CSS px of width below which that is stacked
const MOVES = ".uhscm-later, .uhscm-later-if-narrow"; // what has another place in a small window
const MARKS = ["has-growing", "has-growing-later", "has-list"];
const GROWING = ".uhscm-grows"; // what takes the height that is left
const LATER = ".uhscm-columns > .uhscm-later"; // what is used later, in one of two columns
const EMPTY = '[class="lm-Widget"]'; // the place of a part that is still to come
const LOW = 600; // CSS px of height below which a card unfolds where a list shares its column
const USUAL = { width: 1250, height: 800 }; // CSS px of a page; in a larger one all is larger
const LARGEST = 1.4; // by that much at most

/**
 * JupyterLab's commands and its panels, where its server lets pages use them.
 * @typedef {{ id: string }} Panel
 * @typedef {{
 *   widgets: (area: string) => Iterable<Panel>,
 *   add: (panel: Panel, area: string, options: { ref: string, mode: string }) => void,
 * }} Shell
 * @typedef {{ commands: { execute: (command: string) => Promise<unknown> }, shell: Shell }} Lab
 */

/** Return the size of text and pictures that was chosen in this page, 1 at first. */
function chosenSize() {
  try {
    const kept = Number(localStorage.getItem(KEPT));
    return SIZES.includes(kept) ? kept : 1;
  } catch {
    return 1; // a page that may not remember anything
  }
}

/** @param {number} size */
function chooseSize(size) {
  try {
    localStorage.setItem(KEPT, String(size));
  } catch {
    // It lasts as long as nothing is drawn again.
  }
  document.dispatchEvent(new CustomEvent(KEPT, { detail: size }));
}

/**
 * Open a cell's output in a panel to the right of its notebook. JupyterLab's command splits the
 * window across, so that both would have half of its height.
 * @param {Lab} lab
 * @param {Element | null} notebook
 */
async function openNextTo({ commands, shell }, notebook) {
  const before = new Set(shell.widgets("main"));
  await commands.execute("notebook:create-output-view");
  const opened = [...shell.widgets("main")].find((panel) => !before.has(panel));
  if (opened && notebook) shell.add(opened, "main", { ref: notebook.id, mode: "split-right" });
}

/**
 * Move an element to another place in its box, with the keyboard's place and all that is scrolled.
 * @param {Element} part
 * @param {Element | null} next what follows it there
 */
function moveBefore(part, next) {
  const box = /** @type {Element & { moveBefore?: Element["insertBefore"] }} */ (
    part.parentElement
  );
  if (box.moveBefore) {
    box.moveBefore(part, next);
    return;
  }
  const at = /** @type {HTMLElement | null} */ (document.activeElement);
  box.insertBefore(part, next);
  if (part.contains(at)) at?.focus({ preventScroll: true });
}

/**
 * Create a button with a sign, and words where there is room for them.
 * @param {HTMLElement} sign
 * @param {string} words
 */
function buttonOf(sign, words) {
  const button = el("button");
  const text = el("span", "words", words);
  sign.setAttribute("aria-hidden", "true");
  button.append(sign, text);
  const name = (/** @type {string} */ said) => {
    button.title = said;
    button.setAttribute("aria-label", said);
    text.textContent = said;
  };
  name(words);
  return { button, name };
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-stage");
  root.removeAttribute("tabindex");
  const smaller = buttonOf(el("span", "", "A−"), "Smaller text and pictures");
  const larger = buttonOf(el("span", "", "A+"), "Larger text and pictures");
  const full = buttonOf(el("i", "fa fa-expand"), "Full screen");
  const next = buttonOf(el("i", "fa fa-columns"), "Open next to the notebook");
  smaller.button.classList.add("short");
  larger.button.classList.add("short");
  const said = el("span", "said");
  said.setAttribute("role", "status");
  root.append(smaller.button, larger.button, full.button, next.button, said);

  let size = chosenSize();
  /** @type {ResizeObserver | null} */
  let observer = null;
  let waiting = 0;

  const framed = () => /** @type {HTMLElement | null} */ (root.closest(".uhscm-explorer"));
  const whole = () =>
    /** @type {HTMLElement} */ (root.closest(".uhscm-workbench") ?? framed() ?? root);
  const isFull = () => document.fullscreenElement === whole();

  /** @type {WeakMap<Element, number>} */
  const places = new WeakMap(); // among the parts of a box, in a large window

  /**
   * Put what is used later behind the other parts of its box, or back to its own place. It is the
   * page that is put in order, so that Tab and screen readers go the way that the eye reads.
   * @param {Element} box
   * @param {string} later selects what is used later in a window of this size
   */
  function arrange(box, later) {
    const parts = [...box.children];
    if (parts.some((part) => part.matches(EMPTY))) {
      refit();
      return;
    }
    parts.forEach((part, i) => {
      if (!places.has(part)) places.set(part, i);
    });
    const place = (/** @type {Element} */ part) =>
      (places.get(part) ?? 0) + (part.matches(later) ? parts.length : 0);
    parts.sort((a, b) => place(a) - place(b));
    for (let i = parts.length - 1; i >= 0; i--) {
      const [part, next] = [parts[i], parts[i + 1] ?? null];
      if (part.matches(MOVES) && part.nextElementSibling !== next) moveBefore(part, next);
    }
  }

  /** Tell the views how high the window is, if what is in it can be fitted into it. */
  function fit() {
    const [outer, inner] = [whole(), framed()];
    if (!outer.offsetWidth) return; // in a hidden tab; the observer calls again
    const page = isFull() ? outer : outer.closest(PAGES);
    const width = page?.clientWidth ?? window.innerWidth;
    const height = page?.clientHeight ?? window.innerHeight;
    const room = Math.min(width / USUAL.width, height / USUAL.height);
    const zoom = size * clamp(room, 1, LARGEST);
    // By the window's own height: a sentence that takes another line moves nothing to another place.
    const isTight = (/** @type {HTMLElement} */ box) =>
      box.offsetWidth < TIGHT.width || height / zoom < TIGHT.height;
    if (inner === null || outer === inner) outer.style.zoom = String(zoom);
    smaller.button.disabled = size === SIZES[0];
    larger.button.disabled = size === SIZES[SIZES.length - 1];
    if (inner === null) {
      const tabs = outer.querySelector(TABS);
      if (tabs) turned.observe(tabs, { subtree: true, attributeFilter: ["class"] });
      const contents = outer.querySelector(".widget-tab-contents");
      if (contents) {
        // So that a tab which waits for its explorer is as high as one that has it.
        const above = contents.getBoundingClientRect().top - outer.getBoundingClientRect().top;
        outer.style.setProperty("--room", `${Math.floor((height - above) / zoom - 22)}px`);
      }
      outer.classList.toggle("is-tight", isTight(outer));
      outer.classList.toggle("is-narrow", outer.offsetWidth < NARROW);
      return;
    }
    if (!inner.offsetWidth) return; // another tab of the workbench is in view
    // What is above it in a workbench, and a margin below.
    const above = inner.getBoundingClientRect().top - outer.getBoundingClientRect().top;
    const left = (height - above) / zoom - 10;
    const fits = left >= LEAST.height && inner.offsetWidth >= LEAST.width;
    inner.classList.toggle("is-fitted", fits);
    const tight = inner.classList.toggle("is-tight", isTight(inner));
    inner.classList.toggle("is-slim", inner.offsetWidth < TIGHT.width);
    const narrow = inner.classList.toggle("is-narrow", inner.offsetWidth < NARROW);
    inner.classList.toggle("is-low", left < LOW);
    const later = narrow ? MOVES : tight ? ".uhscm-later" : ":not(*)";
    const boxes = [...inner.querySelectorAll(MOVES)].map((part) => part.parentElement);
    for (const box of new Set(boxes)) if (box) arrange(box, later);
    inner.style.setProperty("--room", `${Math.floor(left)}px`);
    for (const columns of /** @type {NodeListOf<HTMLElement>} */ (
      inner.querySelectorAll(".uhscm-columns")
    )) {
      if (!columns.checkVisibility()) continue; // in a hidden tab
      const before = columns.getBoundingClientRect().top - inner.getBoundingClientRect().top;
      columns.style.setProperty("--rest", `${Math.floor(left - before / zoom)}px`);
    }
  }
  const refit = eachFrame(fit);

  /** @type {Map<string, Set<Element | null>>} */
  let marked = new Map(); // elements by the class that says what is in them

  /**
   * Tell the style sheet which parts of an explorer have in them what grows, see `rootOf`.
   * @param {Element} box
   */
  function mark(box) {
    /** @type {typeof marked} */
    const found = new Map(MARKS.map((name) => [name, new Set()]));
    for (const part of box.querySelectorAll(GROWING)) {
      found.get("has-list")?.add(part.parentElement);
      for (let at = part.parentElement; at && at !== box; at = at.parentElement) {
        found.get("has-growing")?.add(at);
        if (at.matches(LATER)) found.get("has-growing-later")?.add(at.parentElement);
      }
    }
    for (const [name, elements] of found) {
      for (const old of marked.get(name) ?? []) if (!elements.has(old)) old?.classList.remove(name);
      for (const element of elements) element?.classList.add(name);
    }
    marked = found;
  }
  const changed = new MutationObserver(() => {
    const box = framed();
    if (box) mark(box);
  });

  /** Follow the sizes of the window and of the explorer, once it is in a page. */
  function watch() {
    if (!root.isConnected) {
      waiting = requestAnimationFrame(watch);
      return;
    }
    observer = new ResizeObserver(refit);
    observer.observe(whole());
    // A tab that comes into sight; its own buttons do not, in a workbench.
    observer.observe(root.closest(".uhscm-head") ?? root);
    const page = whole().closest(PAGES);
    if (page) observer.observe(page);
    whole().addEventListener("focusin", onFocus);
    const box = framed();
    if (box) {
      changed.observe(box, { childList: true, subtree: true });
      mark(box);
    }
    fit();
  }

  // A control of a workbench may open another tab, and goes out of sight with its own.
  /** @type {Element | null} */
  let used = null;
  const onFocus = (/** @type {FocusEvent} */ event) => {
    used = /** @type {Element} */ (event.target);
  };
  const turned = new MutationObserver(
    eachFrame(() => {
      const at = document.activeElement;
      if (!used || used.checkVisibility() || (at !== used && at !== document.body)) return;
      /** @type {HTMLElement | null} */ (whole().querySelector(`${TABS} .lm-mod-current`))?.focus();
    }),
  );

  /** @param {number} step */
  function resize(step) {
    chooseSize(SIZES[clamp(SIZES.indexOf(size) + step, 0, SIZES.length - 1)]);
  }
  const onSize = (/** @type {Event} */ event) => {
    size = /** @type {CustomEvent<number>} */ (event).detail;
    refit();
  };
  const fail = (/** @type {unknown} */ error) => {
    said.textContent = String(error instanceof Error ? error.message : error);
  };
  const onFull = () => {
    full.name(isFull() ? "Leave full screen" : "Full screen");
    refit();
  };
  smaller.button.addEventListener("click", () => resize(-1));
  larger.button.addEventListener("click", () => resize(1));
  full.button.addEventListener("click", () => {
    (isFull() ? document.exitFullscreen() : whole().requestFullscreen()).catch(fail);
  });
  next.button.addEventListener("click", () => {
    const lab = /** @type {{ jupyterapp?: Lab }} */ (/** @type {unknown} */ (window)).jupyterapp;
    if (lab) openNextTo(lab, root.closest(".jp-NotebookPanel")).catch(fail);
    else said.textContent = BY_HAND;
  });
  document.addEventListener(KEPT, onSize);
  document.addEventListener("fullscreenchange", onFull);
  window.addEventListener("resize", refit);
  watch();
  return () => {
    cancelAnimationFrame(waiting);
    observer?.disconnect();
    turned.disconnect();
    changed.disconnect();
    whole().removeEventListener("focusin", onFocus);
    refit.cancel();
    document.removeEventListener(KEPT, onSize);
    document.removeEventListener("fullscreenchange", onFull);
    window.removeEventListener("resize", refit);
  };
}

export default { render };
