// Buttons that give the workbench around them more room.

const BY_HAND =
  "Right-click the workbench and choose Create New View for Cell Output: it opens in a panel of its own.";

/**
 * JupyterLab's commands, where its server lets pages use them.
 * @typedef {{ commands: { execute: (command: string) => Promise<unknown> } }} Lab
 */

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-stage");
  root.removeAttribute("tabindex");
  const full = el("button", "", "Full screen");
  const next = el("button", "", "Open next to the notebook");
  const said = el("span", "said");
  said.setAttribute("role", "status");

  const stage = () => root.closest(".uhscm-workbench") ?? root;
  const fail = (/** @type {unknown} */ error) => {
    said.textContent = String(error instanceof Error ? error.message : error);
  };
  const isFull = () => document.fullscreenElement === stage();
  full.addEventListener("click", () => {
    (isFull() ? document.exitFullscreen() : stage().requestFullscreen()).catch(fail);
  });
  const onFull = () => {
    full.textContent = isFull() ? "Leave full screen" : "Full screen";
  };
  document.addEventListener("fullscreenchange", onFull);

  next.addEventListener("click", () => {
    const lab = /** @type {{ jupyterapp?: Lab }} */ (/** @type {unknown} */ (window)).jupyterapp;
    if (lab) lab.commands.execute("notebook:create-output-view").catch(fail);
    else said.textContent = BY_HAND;
  });
  root.append(full, next, said);
  return () => document.removeEventListener("fullscreenchange", onFull);
}

export default { render };
