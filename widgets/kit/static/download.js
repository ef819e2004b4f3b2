function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-download");
  root.removeAttribute("tabindex");
  const button = make("button", "", model.get("label"));
  button.addEventListener("click", () => model.send({ type: "ask" }));
  root.append(button);
  function save(message, buffers) {
    if (message.type !== "file") return;
    const link = make("a");
    link.href = URL.createObjectURL(new Blob([buffers[0]]));
    link.download = message.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
  model.on("msg:custom", save);
  return () => model.off("msg:custom", save);
}

export default { render };
