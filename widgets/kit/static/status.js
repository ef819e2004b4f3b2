function render({ model, el }) {
  const root = rootOf(model, el, "uhscm-status");
  root.removeAttribute("tabindex");
  const sentence = make("div", "sentence");
  const busy = make("div", "busy");
  const errors = make("div", "errors");
  sentence.setAttribute("aria-live", "polite");
  errors.setAttribute("role", "alert");
  root.append(sentence, busy, errors);

  function draw() {
    sentence.textContent = model.get("summary");
    busy.textContent = model.get("busy");
    errors.replaceChildren(...model.get("errors").map((message) => {
      const line = make("div", "error");
      const dismiss = make("button", "dismiss", "Dismiss");
      dismiss.addEventListener("click", () => model.send({ type: "dismiss", error: message }));
      line.append(make("span", "sign", "⚠"), make("span", "message", message), dismiss);
      return line;
    }));
  }
  const deaf = onChange(model, ["summary", "busy", "errors"], draw);
  draw();
  return deaf;
}

export default { render };
