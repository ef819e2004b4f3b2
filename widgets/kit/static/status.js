// The status line: what is shown and the notes to it, what is being worked on, each error until it is
// dismissed or something works, and a log of all errors, folded.
// When the kernel was restarted it says that instead: the style sheet shows it as soon as JupyterLab
// marks the view as disconnected, which it does not do by itself when the kernel crashed.

const CRASHED = ["autorestarting", "dead"]; // states of a kernel
const SHOWN_NOTES = 2; // more of them are folded away

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-status");
  root.removeAttribute("tabindex");
  const ended = el("div", "ended", "The kernel was restarted: run this cell again.");
  const sentence = el("div", "sentence");
  const notes = el("div", "notes");
  const busy = el("div", "busy");
  const errors = el("div", "errors");
  const log = el("details", "log");
  const title = el("summary");
  const lines = el("ul");
  log.append(title, lines);
  ended.setAttribute("role", "alert");
  errors.setAttribute("role", "alert");
  root.append(ended, sentence, notes, busy, errors, log);
  const spoken = addSpoken(root);

  /** @param {string} message */
  function lineOf(message) {
    const line = el("div", "error");
    const dismiss = el("button", "dismiss", "Dismiss");
    dismiss.addEventListener("click", () => model.send({ type: "dismiss", error: message }));
    line.append(el("span", "sign", "⚠"), el("span", "message", message), dismiss);
    return line;
  }

  /** @param {string[]} said */
  function listOf(said) {
    const list = el("ul");
    list.append(...said.map((note) => el("li", "", note)));
    if (said.length <= SHOWN_NOTES) return list;
    const folded = el("details");
    folded.append(el("summary", "", `${said.length} notes`), list);
    return folded;
  }

  function draw() {
    const said = model.get("notes");
    notes.replaceChildren(...(said.length ? [listOf(said)] : []));
    sentence.textContent = model.get("summary");
    // Only when it is another one: what is set again is said again.
    const heard = model.get("spoken") || model.get("summary");
    if (spoken.textContent !== heard) spoken.textContent = heard;
    busy.textContent = model.get("busy");
    errors.replaceChildren(...model.get("errors").map(lineOf));
    const earlier = /** @type {string[]} */ (model.get("log"));
    log.hidden = !earlier.length;
    title.textContent = `What went wrong (${earlier.length})`;
    lines.replaceChildren(...earlier.toReversed().map((message) => el("li", "", message)));
  }
  draw();

  const manager = model.widget_manager;
  const signal = manager?.kernel?.statusChanged;
  /** @type {(kernel: unknown, status: string) => void} */
  const onKernel = (_, status) => {
    if (CRASHED.includes(status)) manager.disconnect();
  };
  signal?.connect(onKernel);
  const leave = () => signal?.disconnect(onKernel);
  return endAll(
    leave,
    onChange(model, ["summary", "spoken", "notes", "busy", "errors", "log"], draw),
  );
}

export default { render };
