// A bar and a sentence that say how far a long piece of work is.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-progress");
  root.removeAttribute("tabindex");
  const bar = el("progress");
  const words = el("span", "words");
  root.append(bar, words);

  function draw() {
    const total = model.get("total");
    const summary = model.get("summary");
    root.hidden = !summary;
    words.textContent = summary;
    bar.setAttribute("aria-label", summary);
    if (total) {
      bar.max = total;
      bar.value = model.get("done");
    } else {
      bar.removeAttribute("value"); // moves to and fro, as the end is not known
    }
  }
  draw();
  return onChange(model, ["done", "total", "summary"], draw);
}

export default { render };
