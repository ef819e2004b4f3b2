// An image from a file, a drop or the clipboard, made small before it is sent.

const EDGE = 512; // pixels, as in upload.py
const LARGEST = 50e6; // bytes of a file that is read at all

/**
 * Return an image as PNG bytes: upright, at most EDGE pixels, on white where it is transparent.
 * @param {Blob} file
 */
async function shrink(file) {
  const image = await createImageBitmap(file);
  const scale = Math.min(1, EDGE / Math.max(image.width, image.height));
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  const context = offscreenContext(width, height);
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(image, 0, 0, width, height);
  image.close();
  const blob = await context.canvas.convertToBlob({ type: "image/png" });
  return blob.arrayBuffer();
}

/** @param {RenderProps} props */
function render({ model, el: host }) {
  const root = rootOf(model, host, "upload");
  const label = () => root.setAttribute("aria-label", "An image of your own");
  const button = el("button", "upload-button", "Your image…");
  button.type = "button";
  button.title = "An image of your own: choose a file, drop one here, or paste it";
  const hint = el("span", "upload-hint", "or drop one here, or paste it");
  const line = el("p", "upload-line");
  line.setAttribute("aria-live", "polite");
  const input = el("input");
  input.type = "file";
  input.accept = "image/*";
  input.hidden = true;
  const top = el("div", "upload-top");
  top.append(button, hint, input);
  root.append(top, line);
  let latest = 0; // the newest image wins where one takes long to decode

  /**
   * @param {string} name
   * @param {string} reason
   */
  function fail(name, reason) {
    line.textContent = `${name}: ${reason}`;
    model.send({ type: "error", name, reason });
  }

  /** @param {File} file */
  async function take(file) {
    const turn = ++latest;
    const name = file.name || "pasted image";
    if (file.size > LARGEST) {
      fail(name, `${Math.round(file.size / 1e6)} MB; files up to 50 MB are read`);
      return;
    }
    line.textContent = `Reading ${name}…`;
    const bytes = await shrink(file).catch(() => null);
    if (turn !== latest) return;
    if (bytes) model.send({ type: "image", name }, undefined, [bytes]);
    else fail(name, "not an image this browser can read");
  }

  /**
   * Take the first file of a drop or a paste.
   * @param {DataTransfer | null} data
   * @param {string} source
   */
  function takeFrom(data, source) {
    if (data?.files.length) take(data.files[0]);
    else fail(source, "it holds no image");
  }

  /** @param {Event} event */
  function keep(event) {
    event.preventDefault();
    event.stopPropagation();
  }
  /** @param {Event} event */
  function welcome(event) {
    keep(event);
    root.classList.add("over");
  }
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files?.length) take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });
  // Firefox pastes where the selection is, which the keyboard leaves behind.
  root.addEventListener("focusin", () => document.getSelection()?.collapse(root, 0));
  root.addEventListener("paste", (event) => {
    keep(event);
    takeFrom(event.clipboardData, "the clipboard");
  });
  root.addEventListener("dragenter", welcome);
  root.addEventListener("dragover", welcome);
  root.addEventListener("dragleave", (event) => {
    if (!root.contains(/** @type {Node | null} */ (event.relatedTarget))) {
      root.classList.remove("over");
    }
  });
  root.addEventListener("drop", (event) => {
    keep(event);
    root.classList.remove("over");
    takeFrom(event.dataTransfer, "what was dropped");
  });

  function tell() {
    label();
    line.textContent = model.get("summary");
  }
  tell();
  const stop = onChange(model, ["summary"], tell);
  return () => {
    latest++; // an image that is still being decoded is not sent
    stop();
  };
}

export default { render };
