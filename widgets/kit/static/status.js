// The status line: what is shown, what is being worked on, and each error until it is dismissed.
// When the kernel was restarted it says that instead: the style sheet shows it as soon as JupyterLab
// marks the view as disconnected.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-status");
  root.removeAttribute("tabindex");
  const ended = el("div", "ended", "The kernel was restarted: run this cell again.");
  const sentence = el("div", "sentence");
  const busy = el("div", "busy");
  const errors = el("div", "errors");
  sentence.setAttribute("aria-live", "polite");
  ended.setAttribute("role", "alert");
  errors.setAttribute("role", "alert");
  root.append(ended, sentence, busy, errors);

  /** @param {string} message */
  function lineOf(message) {
    const line = el("div", "error");
    const dismiss = el("button", "dismiss", "Dismiss");
    dismiss.addEventListener("click", () => model.send({ type: "dismiss", error: message }));
    line.append(el("span", "sign", "⚠"), el("span", "message", message), dismiss);
    return line;
  }

  function draw() {
    sentence.textContent = model.get("summary");
    busy.textContent = model.get("busy");
    errors.replaceChildren(...model.get("errors").map(lineOf));
  }
  draw();
  return onChange(model, ["summary", "busy", "errors"], draw);
}

export default { render };
