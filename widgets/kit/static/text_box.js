// A box for a text. Each key is sent as a message of its own: changes of a trait would be held back
// while the kernel answers, so that a button or Enter would act on a part of the text.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const isLine = model.get("rows") === 1;
  const box = isLine ? el("input") : el("textarea");
  box.setAttribute("dir", "auto");
  box.setAttribute("spellcheck", "false");
  box.setAttribute("autocomplete", "off");
  const field = fieldOf(model, host, box, (content) => {
    if (box.value !== content) box.value = content;
  });
  const draw = () => {
    box.placeholder = model.get("placeholder");
    if (!isLine) /** @type {HTMLTextAreaElement} */ (box).rows = model.get("rows");
  };
  box.addEventListener("input", () => field.send("typed", box.value));
  box.addEventListener("keydown", (event) => {
    const key = /** @type {KeyboardEvent} */ (event);
    if (!isEnter(key) || !(isLine || key.ctrlKey || key.metaKey)) return;
    event.preventDefault();
    field.send("submit", box.value);
  });
  box.addEventListener("change", () => {
    if (model.get("leaving")) field.send("submit", box.value);
  });
  draw();
  return endAll(field.end, onChange(model, ["placeholder", "rows"], draw));
}

export default { render };
