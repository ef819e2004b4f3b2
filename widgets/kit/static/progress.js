function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-progress");
  root.removeAttribute("tabindex");
  const bar = make("progress");
  const words = make("span", "words");
  root.append(bar, words);

  function draw() {
    const total = model.get("total"), said = model.get("summary");
    root.hidden = !said;
    words.textContent = said;
    bar.setAttribute("aria-label", said);
    if (total) {
      bar.max = total;
      bar.value = model.get("done");
    } else {
      bar.removeAttribute("value"); // goes to and fro: nobody knows how far it is
    }
  }
  const deaf = onChange(model, ["done", "total", "summary"], draw);
  draw();
  return deaf;
}

export default { render };
