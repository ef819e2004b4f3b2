// An image from a file, a drop or the clipboard, made small before it is sent.
const EDGE = 512; // pixels, as in upload.py
const MOST = 50e6; // bytes of a file that is read at all

export default {
  render({ model, el }) {
    const root = rootOf(model, el, "upload");
    const label = () => root.setAttribute("aria-label", "An image of your own");
    model.on("change:summary", label);
    label();
    const button = make("button", "upload-button", "Your image…");
    button.type = "button";
    const hint = make("span", "upload-hint", "or drop one here, or paste it");
    const line = make("p", "upload-line");
    line.setAttribute("aria-live", "polite");
    const input = make("input");
    input.type = "file";
    input.accept = "image/*";
    input.hidden = true;
    const top = make("div", "upload-top");
    top.append(button, hint, input);
    root.append(top, line);
    let latest = 0; // the newest image wins where one takes long to decode

    const fail = (name, reason) => {
      line.textContent = `${name}: ${reason}`;
      model.send({ type: "error", name, reason });
    };

    async function take(file) {
      const turn = ++latest;
      const name = file.name || "pasted image";
      if (file.size > MOST) {
        return fail(name, `${Math.round(file.size / 1e6)} MB; files up to 50 MB are read`);
      }
      line.textContent = `Reading ${name}…`;
      let bytes;
      try {
        bytes = await shrunk(file);
      } catch {
        if (turn === latest) fail(name, "not an image this browser can read");
        return;
      }
      if (turn === latest) model.send({ type: "image", name }, undefined, [bytes]);
    }

    /** The image as PNG bytes, upright, on white where it is transparent. */
    async function shrunk(file) {
      const image = await createImageBitmap(file);
      const scale = Math.min(1, EDGE / Math.max(image.width, image.height));
      const canvas = make("canvas");
      canvas.width = Math.max(1, Math.round(image.width * scale));
      canvas.height = Math.max(1, Math.round(image.height * scale));
      const drawn = canvas.getContext("2d");
      drawn.fillStyle = "#fff";
      drawn.fillRect(0, 0, canvas.width, canvas.height);
      drawn.imageSmoothingQuality = "high";
      drawn.drawImage(image, 0, 0, canvas.width, canvas.height);
      image.close();
      const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
      return blob.arrayBuffer();
    }

    /** The first file of a drop, a paste or the dialog. */
    function takeFrom(files, source) {
      if (files.length) take(files[0]);
      else fail(source, "it holds no image");
    }

    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      if (input.files.length) take(input.files[0]);
      input.value = ""; // so that the same file can be chosen again
    });
    root.addEventListener("paste", (event) => {
      event.preventDefault();
      event.stopPropagation();
      takeFrom(event.clipboardData.files, "the clipboard");
    });
    const over = (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.add("over");
    };
    root.addEventListener("dragenter", over);
    root.addEventListener("dragover", over);
    root.addEventListener("dragleave", (event) => {
      if (!root.contains(event.relatedTarget)) root.classList.remove("over");
    });
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      root.classList.remove("over");
      takeFrom(event.dataTransfer.files, "what was dropped");
    });

    const tell = () => { line.textContent = model.get("summary"); };
    model.on("change:summary", tell);
    tell();
    return () => {
      latest++;
      model.off("change:summary", tell);
      model.off("change:summary", label);
    };
  },
};
