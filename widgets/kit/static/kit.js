// What all views of the kit share. Text from users is only ever set as textContent.

/** An element with a class and, where given, a text. */
function make(tag, className = "", text = undefined) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** An element of a drawing, with its attributes. */
function draws(tag, attributes, parent = undefined) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

/**
 * The root of a view: reachable by Tab, with keys of its own (JupyterLab's shortcuts stay out),
 * left by Escape, and named by the model's summary.
 */
function rootOf(model, el, name) {
  const root = make("div", `uhscm ${name}`);
  root.tabIndex = 0;
  root.setAttribute("role", "group");
  root.dataset.lmSuppressShortcuts = "true";
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") document.activeElement.blur();
  });
  const label = () => root.setAttribute("aria-label", model.get("summary"));
  model.on("change:summary", label);
  label();
  el.append(root);
  return root;
}

/** Typed numbers out of the bytes of a trait or of a message, copied so that they are aligned. */
function numbers(bytes, Type) {
  if (!bytes || bytes.byteLength === 0) return new Type(0);
  return new Type(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** Call when any of these traits changes; returns the clean-up. */
function onChange(model, names, callback) {
  for (const name of names) model.on(`change:${name}`, callback);
  return () => { for (const name of names) model.off(`change:${name}`, callback); };
}

/** Call at most once a frame, with the latest arguments. */
function eachFrame(callback) {
  let asked = 0;
  const call = () => { asked = 0; callback(); };
  const ask = () => { if (!asked) asked = requestAnimationFrame(call); };
  ask.cancel = () => cancelAnimationFrame(asked);
  return ask;
}

/** A colour of JupyterLab's theme at this element, such as "--jp-ui-font-color1". */
function themed(element, variable, otherwise) {
  return getComputedStyle(element).getPropertyValue(variable).trim() || otherwise;
}

/** Call when JupyterLab's theme changes; returns the clean-up. */
function onTheme(callback) {
  const observer = new MutationObserver(callback);
  const names = ["data-jp-theme-light", "data-jp-theme-name", "class"];
  observer.observe(document.body, { attributes: true, attributeFilter: names });
  return () => observer.disconnect();
}

/** The line above a view that says what it shows; it takes no room while there is nothing said. */
function summaryOf(model, root) {
  const line = make("p", "uhscm-summary");
  const say = () => { line.textContent = model.get("summary"); };
  model.on("change:summary", say);
  say();
  root.append(line);
  return line;
}

/**
 * A card beside something, above the page and out of the pointer's way. It hangs on the body, as
 * JupyterLab clips what leaves an output, and never moves anything. `leave` is called when the page
 * around the root is scrolled, which takes the item away from under the card.
 */
function cardOf(name, root, leave) {
  const card = make("div", `uhscm uhscm-card ${name}`);
  card.setAttribute("aria-hidden", "true"); // says what the item's own label says
  const scrolled = (event) => { if (!root.contains(event.target)) leave(); };
  return {
    element: card,
    /** Put it to the right of a box of the window, else to the left, always in sight. */
    beside(box) {
      if (!card.isConnected) {
        document.body.append(card);
        document.addEventListener("scroll", scrolled, true); // scrolling does not bubble
      }
      const right = box.right + 10;
      const fits = right + card.offsetWidth < window.innerWidth;
      const left = fits ? right : box.left - 10 - card.offsetWidth;
      const bottom = window.innerHeight - card.offsetHeight - 4;
      card.style.left = `${Math.max(4, left)}px`;
      card.style.top = `${Math.max(4, Math.min(box.top, bottom))}px`;
    },
    hide() {
      card.remove();
      document.removeEventListener("scroll", scrolled, true);
    },
  };
}

/** One message's pictures, each from its part of the joined bytes, as addresses to be revoked. */
function addressesOf(buffer, sizes) {
  const bytes = numbers(buffer, Uint8Array);
  let start = 0;
  return sizes.map((size) => {
    const part = bytes.subarray(start, start + size);
    start += size;
    return size ? URL.createObjectURL(new Blob([part], { type: "image/jpeg" })) : "";
  });
}
