// What all controls share: their name, what is wrong with their value, and what is sent to Python.

/**
 * Create the root of a control: its name, the element that holds the value, and what is wrong.
 * @param {Model} model
 * @param {HTMLElement} host
 * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} box
 * @param {(content: any) => void} write puts what Python holds into the box
 */
function fieldOf(model, host, box, write) {
  const id = uniqueId("field");
  const root = el("div", `uhscm uhscm-field of-${box.type}`);
  const label = el("label");
  const wrong = el("div", "wrong");
  let sent = 0; // messages
  box.id = id;
  label.htmlFor = id;
  wrong.id = `${id}-wrong`;
  wrong.setAttribute("role", "alert");
  root.dataset.lmSuppressShortcuts = "true";
  root.append(label, box, wrong);
  host.append(root);

  function draw() {
    const error = model.get("error");
    label.textContent = model.get("label");
    label.classList.toggle("unseen", !model.get("labelled"));
    root.style.setProperty("--name", model.get("label_width") || "auto");
    box.disabled = model.get("disabled");
    box.setAttribute("aria-invalid", String(Boolean(error)));
    if (error) box.setAttribute("aria-describedby", wrong.id);
    else box.removeAttribute("aria-describedby");
    // Only when it is another one, because screen readers say it again each time.
    if (wrong.textContent !== error) wrong.textContent = error;
    root.classList.toggle("is-wrong", Boolean(error));
  }
  function take() {
    const held = model.get("_held");
    const answered = (model.get("_heard")[id] ?? 0) === sent;
    // What was typed here may have more by now, or may still be on its way to Python.
    if (held.view !== id && answered) write(held.content);
  }
  /** @param {string} type @param {unknown} content */
  const send = (type, content) => model.send({ type, content, view: id, number: ++sent });
  root.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") box.blur();
  });
  draw();
  take();
  const end = endAll(
    onChange(model, ["error", "label", "labelled", "label_width", "disabled"], draw),
    onChange(model, ["_held"], take),
  );
  return { root, send, take, end };
}

/**
 * Return whether a key ends what is typed; Enter may also choose among the signs of an alphabet.
 * @param {KeyboardEvent} event
 */
function isEnter(event) {
  return event.key === "Enter" && !event.isComposing;
}
