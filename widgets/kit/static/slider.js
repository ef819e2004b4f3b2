// A number to drag along a scale; it is shown while it is dragged and sent when it is let go.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const box = el("input");
  const readout = el("output");
  box.type = "range";
  const say = () => {
    readout.textContent = Number(box.value).toFixed(model.get("digits"));
  };
  const scale = () => {
    for (const name of /** @type {const} */ (["min", "max", "step"])) {
      box[name] = String(model.get(name));
    }
  };
  scale();
  const field = fieldOf(model, host, box, (content) => {
    box.value = String(content);
    say();
  });
  readout.htmlFor.add(box.id);
  box.after(readout);
  box.addEventListener("input", say);
  box.addEventListener("change", () => field.send("typed", Number(box.value)));
  const end = onChange(model, ["min", "max", "step"], () => {
    scale();
    box.value = String(model.get("_held").content);
    say();
  });
  return endAll(end, field.end);
}

export default { render };
