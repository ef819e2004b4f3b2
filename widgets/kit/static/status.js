// The status line: what is shown and the notes to it, what is being worked on and a button that
// cancels it, each error until it is dismissed or something works, and a log of all errors, folded.
// When the kernel was restarted it says that instead: the style sheet shows it as soon as JupyterLab
// marks the view as disconnected, which it does not do by itself when the kernel crashed. While the
// connection is lost, it says since when.

const CRASHED = ["autorestarting", "dead"]; // states of a kernel
const PATIENCE = 1500; // ms without a connection until it is said
const SHOWN_NOTES = 2; // more of them are folded away
const OF_KERNEL = ["status", "kernel_info_reply"]; // the server sends messages of its own too
const ASKED_AGAIN = 5000; // ms from one question to the kernel to the next

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-status");
  root.removeAttribute("tabindex");
  const ended = el("div", "ended", "The kernel was restarted: run this cell again.");
  const away = el("div", "away");
  const sentence = el("div", "sentence");
  const notes = el("div", "notes");
  const busy = el("div", "busy");
  const cancel = el("button", "cancel", "Cancel");
  const doing = el("div", "doing");
  doing.append(busy, cancel);
  cancel.addEventListener("click", () => model.send({ type: "cancel" }));
  const errors = el("div", "errors");
  const log = el("details", "log");
  const title = el("summary");
  const lines = el("ul");
  log.append(title, lines);
  ended.setAttribute("role", "alert");
  away.setAttribute("role", "alert");
  errors.setAttribute("role", "alert");
  root.append(ended, away, sentence, notes, doing, errors, log);
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
    const [what, far] = [model.get("busy"), model.get("far")];
    root.classList.toggle("is-busy", Boolean(what));
    busy.replaceChildren(...(what ? [el("span", "what", what)] : []));
    if (far) busy.append(el("span", "far", `, ${far}`));
    cancel.hidden = !model.get("can_cancel");
    // As much of the headline fades.
    if (what) root.style.setProperty("--busy", `${doing.offsetWidth}px`);
    errors.replaceChildren(...model.get("errors").map(lineOf));
    const earlier = /** @type {string[]} */ (model.get("log"));
    log.hidden = !earlier.length;
    host.classList.toggle("has-errors", earlier.length + model.get("errors").length > 0);
    title.textContent = `What went wrong (${earlier.length})`;
    lines.replaceChildren(...earlier.toReversed().map((message) => el("li", "", message)));
  }
  draw();

  const manager = model.widget_manager;
  const signal = manager?.kernel?.statusChanged;
  const connection = manager?.kernel?.connectionStatusChanged;
  let waiting = 0;
  /** @type {(kernel: unknown, status: string) => void} */
  const onConnection = (_, status) => {
    if (status === "connected") {
      clearTimeout(waiting);
      waiting = 0;
      away.textContent = "";
    } else if (!waiting) {
      const since = new Date().toLocaleTimeString();
      waiting = setTimeout(() => {
        away.textContent = `No connection to the kernel since ${since}. What you see is as it was then; it follows when the connection is back.`;
      }, PATIENCE);
    }
  };
  /** @type {(kernel: unknown, status: string) => void} */
  const onKernel = (_, status) => {
    if (CRASHED.includes(status)) manager.disconnect();
  };
  const messages = manager?.kernel?.anyMessage;
  /** @type {(kernel: unknown, heard: { msg: any, direction: string }) => void} */
  const onMessage = (_, { msg, direction }) => {
    if (direction !== "recv" || !OF_KERNEL.includes(msg.header.msg_type)) return;
    // Of a restart by another window only this is heard: the messages are those of another session.
    const session = model.get("session");
    if (session && msg.header.session !== session) manager.disconnect();
  };
  // A new kernel may have spoken before the server listened: who comes to the explorer asks it.
  let asked = -ASKED_AGAIN;
  /** @type {(event: Event) => void} */
  const onCome = ({ target, timeStamp }) => {
    const explorer = root.closest(".uhscm-explorer");
    if (!explorer?.contains(/** @type {Node} */ (target)) || timeStamp - asked < ASKED_AGAIN)
      return;
    asked = timeStamp;
    manager?.kernel?.requestKernelInfo?.().catch(() => {}); // its status is what is heard
  };
  document.addEventListener("pointerover", onCome);
  document.addEventListener("focusin", onCome);
  messages?.connect(onMessage);
  signal?.connect(onKernel);
  connection?.connect(onConnection);
  const leave = () => {
    signal?.disconnect(onKernel);
    messages?.disconnect(onMessage);
    connection?.disconnect(onConnection);
    clearTimeout(waiting);
    document.removeEventListener("pointerover", onCome);
    document.removeEventListener("focusin", onCome);
  };
  return endAll(
    leave,
    onChange(
      model,
      ["summary", "spoken", "notes", "busy", "far", "can_cancel", "errors", "log"],
      draw,
    ),
  );
}

export default { render };
