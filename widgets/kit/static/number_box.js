// A box for a number. It is a box for text, so that what is typed can be read even if it is none:
// Python says what was expected.

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const box = el("input");
  box.inputMode = "decimal";
  box.setAttribute("autocomplete", "off");
  box.setAttribute("role", "spinbutton");
  let sent = "";
  const field = fieldOf(model, host, box, (content) => {
    box.value = sent = content;
    say();
  });

  function say() {
    const value = Number(box.value);
    if (box.value.trim() && Number.isFinite(value)) {
      box.setAttribute("aria-valuenow", String(value));
    } else box.removeAttribute("aria-valuenow");
  }
  /** @param {string} type */
  function send(type) {
    sent = box.value;
    say();
    field.send(type, box.value);
  }
  /** @param {number} steps */
  function move(steps) {
    const step = model.get("step");
    const moved = Number(box.value) + steps * step;
    if (Number.isFinite(moved)) box.value = String(Number(moved.toPrecision(12)));
    send("typed");
  }
  box.addEventListener("change", () => {
    if (box.value !== sent) send("typed"); // Enter has sent it already
  });
  box.addEventListener("keydown", (event) => {
    const steps = byKey(event, { ArrowUp: 1, ArrowDown: -1 });
    if (steps === undefined && !isEnter(event)) return;
    event.preventDefault();
    if (steps === undefined) send("submit");
    else move(steps);
  });
  return field.end;
}

export default { render };
