// A button that asks Python for a file and saves it.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-download");
  root.removeAttribute("tabindex");
  const button = el("button");
  const sign = el("i", `fa fa-${model.get("icon")}`); // in place of the words, where there is little room
  sign.setAttribute("aria-hidden", "true");
  const words = el("span", "words", model.get("label"));
  button.title = model.get("label");
  button.append(sign, words);
  button.addEventListener("click", () => model.send({ type: "ask" }));
  const said = el("span", "unseen");
  said.setAttribute("role", "status");
  root.append(button, said);
  let shown = 0;

  function sayWhen() {
    const waits = model.get("waiting");
    if (waits) button.style.minWidth = `${button.offsetWidth}px`;
    words.textContent = waits ? "Saved when ready" : model.get("label");
    said.textContent = waits ? `${model.get("label")}: saved when it is ready` : "";
  }
  sayWhen();
  const end = onChange(model, ["waiting"], sayWhen);

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
    words.textContent = "Saved ✓";
    sign.className = "fa fa-check";
    said.textContent = `Saved ${content.name}`;
    clearTimeout(shown);
    shown = setTimeout(() => {
      words.textContent = model.get("label");
      sign.className = `fa fa-${model.get("icon")}`;
      said.textContent = "";
    }, 2500);
  }
  model.on("msg:custom", saveFile);
  return () => {
    clearTimeout(shown);
    end();
    model.off("msg:custom", saveFile);
  };
}

export default { render };
