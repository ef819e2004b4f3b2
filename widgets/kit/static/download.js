// A button that asks Python for a file and saves it.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-download");
  root.removeAttribute("tabindex");
  const button = el("button", "", model.get("label"));
  button.addEventListener("click", () => model.send({ type: "ask" }));
  root.append(button);

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
  }
  model.on("msg:custom", saveFile);
  return () => model.off("msg:custom", saveFile);
}

export default { render };
