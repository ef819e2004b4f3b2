// What all views of the kit share. Text from users is only ever set as textContent.

/** An element with a class and, where given, a text. */
function make(tag, className = "", text = undefined) {
  const element = document.createElement(tag);
  element.className = className;
  if (text !== undefined) element.textContent = text;
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
