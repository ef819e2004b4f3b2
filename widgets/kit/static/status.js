// The status line: what is shown and the notes to it, what is being worked on, each error until it is
// dismissed or something works, and a log of all errors, folded.
// When the kernel was restarted it says that instead: the style sheet shows it as soon as JupyterLab
// marks the view as disconnected, which it does not do by itself when the kernel crashed. While the
// connection is lost, it says since when.

const CRASHED = ["autorestarting", "dead"]; // states of a kernel
const PATIENCE = 1500; // ms without a connection until it is said
const SHOWN_NOTES = 2; // more of them are folded away

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "uhscm-status");
  root.removeAttribute("tabindex");
  const ended = el("div", "ended", "The kernel was restarted: run this cell again.");
  const away = el("div", "away");
  const sentence = el("div", "sentence");
  const notes = el("div", "notes");
  const busy = el("div", "busy");
  const errors = el("div", "errors");
  const log = el("details", "log");
  const title = el("summary");
  const lines = el("ul");
  log.append(title, lines);
  ended.setAttribute("role", "alert");
  away.setAttribute("role", "alert");
  errors.setAttribute("role", "alert");
  root.append(ended, away, sentence, notes, busy, errors, log);
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
    root.style.setProperty("--busy", `${busy.offsetWidth}px`); // as much of the headline fades
    errors.replaceChildren(...model.get("errors").map(lineOf));
    const earlier = /** @type {string[]} */ (model.get("log"));
    log.hidden = !earlier.length;
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
  let session = "";
  /** @type {(kernel: unknown, heard: { msg: any, direction: string }) => void} */
  const onMessage = (_, { msg, direction }) => {
    if (direction !== "recv" || msg.header.msg_type !== "status") return; // the server sends others
    // Of a restart by another window only this is heard: the messages are those of another session.
    if (session && msg.header.session !== session) manager.disconnect();
    session ||= msg.header.session;
  };
  messages?.connect(onMessage);
  signal?.connect(onKernel);
  connection?.connect(onConnection);
  const leave = () => {
    signal?.disconnect(onKernel);
    messages?.disconnect(onMessage);
    connection?.disconnect(onConnection);
    clearTimeout(waiting);
  };
  return endAll(
    leave,
    onChange(model, ["summary", "spoken", "notes", "busy", "errors", "log"], draw),
  );
}

export default { render };
