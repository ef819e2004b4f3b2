// A list of which one is chosen: the browser's own, which every reader and keyboard knows.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const box = el("select");
  function list() {
    const names = /** @type {string[]} */ (model.get("_names"));
    box.replaceChildren(...names.map((name) => el("option", "", name)));
  }
  list();
  const field = fieldOf(model, host, box, (content) => {
    box.selectedIndex = content ?? -1;
  });
  box.addEventListener("change", () => field.send("typed", box.selectedIndex));
  const end = onChange(model, ["_names"], () => {
    list();
    box.selectedIndex = model.get("_held").content ?? -1;
  });
  return endAll(end, field.end);
}

export default { render };
