// A button that asks Python for a file and saves it.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-download");
  root.removeAttribute("tabindex");
  const button = el("button", "", model.get("label"));
  button.addEventListener("click", () => model.send({ type: "ask" }));
  const said = el("span", "unseen");
  said.setAttribute("role", "status");
  root.append(button, said);
  let shown = 0;

  /**
   * @param {{ type: string, name: string }} content
   * @param {DataView<ArrayBuffer>[]} buffers
   */
  function saveFile(content, buffers) {
    if (content.type !== "file") return;
    const link = el("a");
    link.href = URL.createObjectURL(new Blob([buffers[0]]));
    link.download = content.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    button.style.minWidth = `${button.offsetWidth}px`; // what stands next to it stays where it is
    button.textContent = "Saved ✓";
    said.textContent = `Saved ${content.name}`;
    clearTimeout(shown);
    shown = setTimeout(() => {
      button.textContent = model.get("label");
      said.textContent = "";
    }, 2500);
  }
  model.on("msg:custom", saveFile);
  return () => {
    clearTimeout(shown);
    model.off("msg:custom", saveFile);
  };
}

export default { render };
