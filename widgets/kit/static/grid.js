// A heatmap of pairs: one canvas for the numbers, one above it for what the pointer is at.
const PAGE = 60; // as in grid.py
const SMALL = 12; // CSS px of a cell below which thumbnails no longer fit beside it
const PICTURE = 48; // CSS px of the largest thumbnail along a side
const NAME = 96; // CSS px at most for the groups' names
const FINITE = 32766; // as in grid.py: the codes of least and greatest are -FINITE and FINITE

// Cividis from its light end to its dark one, as the figures have it: alike is dark.
const SEQUENTIAL = ["#fee838", "#e1cc55", "#c3b369", "#a59c74", "#8a8678", "#707173", "#575d6d",
  "#3b496c", "#123570", "#00224e"];
const DIVERGING = { light: ["#0072b2", "#7fb8da", "#f4f4f4", "#f2cf80", "#c47f00"],
  dark: ["#56b4e9", "#457699", "#363636", "#8f6a1b", "#e69f00"] };

/** 256 colours evenly through the stops, each as one 32-bit pixel. */
function coloursOf(stops) {
  const parts = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  const bytes = new Uint8ClampedArray(1024);
  for (let i = 0; i < 256; i++) {
    const at = (i / 255) * (parts.length - 1);
    const from = Math.min(Math.floor(at), parts.length - 2);
    for (let k = 0; k < 3; k++) {
      bytes[4 * i + k] = parts[from][k] + (at - from) * (parts[from + 1][k] - parts[from][k]);
    }
    bytes[4 * i + 3] = 255;
  }
  return new Uint32Array(bytes.buffer);
}

/** Whether the theme is dark: told by the text, since the ground is the page's own. */
function isDark(element) {
  const [r, g, b] = (getComputedStyle(element).color.match(/[\d.]+/g) ?? []).map(Number);
  return 0.3 * r + 0.6 * g + 0.1 * b > 128;
}

function said(value, digits = 2) {
  if (Number.isNaN(value)) return "no number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const large = Math.abs(value) >= 1e5;
  return (large ? value.toExponential(digits) : value.toFixed(digits)).replace("-", "−");
}

export default {
  render({ model, el }) {
    const root = rootOf(model, el, "grid");
    root.setAttribute("aria-roledescription", "heatmap");
    summaryOf(model, root);
    const body = make("div", "grid-body");
    const cells = make("canvas", "grid-cells");
    const over = make("canvas", "grid-over");
    const sides = make("div", "grid-sides");
    body.append(sides, cells, over);
    const empty = make("div", "grid-empty", "No images");
    const bar = make("div", "grid-bar");
    const [low, ramp, high] = [make("span"), make("canvas", "grid-ramp"), make("span")];
    const label = make("span", "grid-label");
    [ramp.width, ramp.height] = [256, 1];
    bar.append(label, low, ramp, high);
    const reading = make("p", "grid-reading");
    reading.setAttribute("aria-live", "polite");
    const spoken = make("p", "grid-spoken");
    spoken.setAttribute("aria-live", "polite");
    root.append(body, empty, bar, reading, spoken);
    const card = cardOf("grid-card", root, () => go(null));

    let n = 0;
    let generation, ids, groups, codes, pictured, middle, half;
    let addresses = [];
    let square = 0; // CSS px of the heatmap's edge; 0 while hidden
    let left = 0;
    let top = 0;
    let picture = 0; // CSS px of the thumbnails along the sides
    let cell = null; // the picked [row, column]
    let at = null; // the [row, column] that the pointer or the keys are at
    let byKeys = false;

    const valueAt = ([row, column]) => {
      const code = codes[row * n + column];
      if (code === -32768) return NaN;
      if (Math.abs(code) > FINITE) return code > 0 ? Infinity : -Infinity;
      return middle + (code / FINITE) * half;
    };

    function reset() {
      for (const address of addresses) if (address) URL.revokeObjectURL(address);
      [generation, ids, groups, pictured, cell] =
        ["generation", "ids", "groups", "pictured", "cell"].map((key) => model.get(key));
      n = ids.length;
      codes = numbers(model.get("values"), Int16Array);
      const [least, greatest] = [model.get("least"), model.get("greatest")];
      middle = least / 2 + greatest / 2;
      half = greatest / 2 - least / 2;
      addresses = new Array(n).fill(null);
      at = null;
      card.hide();
      empty.hidden = n > 0;
      body.hidden = bar.hidden = reading.hidden = n === 0;
      square = 0;
      layout();
      tell();
    }

    function layout() {
      const width = root.clientWidth;
      if (!width || !n) return; // in a hidden tab; the observer calls again
      const names = Math.min(widthOfNames(), Math.floor(width / 4));
      const most = model.get("edge");
      const room = Math.min(most, width - names - (pictured ? PICTURE : 0) - 4);
      const fits = room / n >= SMALL;
      picture = pictured ? (fits ? Math.min(PICTURE, Math.floor(room / n)) : PICTURE) : 0;
      const next = Math.max(40, Math.min(most, width - names - picture - 4));
      const level = spans().every(([from, to]) => ((to - from) * next) / n >= 64);
      left = names + picture;
      top = picture + (groups.length ? (level ? 20 : names) : 0);
      if (next !== square) {
        square = next;
        drawSides(fits, level, names);
        draw();
      }
      request();
    }

    /** As wide as the longest name, within limits. */
    function widthOfNames() {
      const words = make("canvas").getContext("2d");
      words.font = getComputedStyle(root).font;
      const widths = [...new Set(groups)].map((group) => words.measureText(group).width + 6);
      return Math.min(NAME, Math.ceil(Math.max(0, ...widths)));
    }

    /** The groups as [from, to) of positions. */
    function spans() {
      const starts = groups.flatMap((group, i) => (i === 0 || group !== groups[i - 1] ? [i] : []));
      return starts.map((start, i) => [start, starts[i + 1] ?? n]);
    }

    function drawSides(fits, level, names) {
      body.style.width = `${left + square}px`;
      body.style.height = `${top + square}px`;
      sides.replaceChildren();
      const step = square / n;
      for (const [from, to] of spans()) {
        if ((to - from) * step < 13) continue; // names would overlap; the card says them
        const beside = make("div", "grid-name beside", groups[from]);
        beside.style.width = `${names - 4}px`;
        beside.style.top = `${top + ((from + to) / 2) * step - 9}px`;
        const above = make("div", `grid-name ${level ? "level" : "upright"}`, groups[from]);
        const size = (to - from) * step;
        above.style.left = `${left + (level ? from * step : ((from + to) / 2) * step - 9)}px`;
        if (level) above.style.width = `${size}px`;
        else above.style.height = `${names - 4}px`;
        for (const name of [beside, above]) {
          name.dir = "auto";
          name.title = groups[from];
          sides.append(name);
        }
      }
      if (!picture) return;
      const count = fits ? n : 1; // else the one thumbnail of the row or column that is looked at
      for (const side of ["row", "column"]) {
        for (let i = 0; i < count; i++) {
          const image = make("div", "grid-picture");
          image.dataset[side] = i;
          image.style.width = image.style.height = `${picture - 1}px`;
          if (fits) putPicture(image, side, i);
          sides.append(image);
        }
      }
      looked();
    }

    function putPicture(image, side, i) {
      const step = square / n;
      const along = Math.max(0, Math.min(square - picture, (i + 0.5) * step - picture / 2));
      image.style.left = `${side === "row" ? left - picture : left + along}px`;
      image.style.top = `${side === "row" ? top + along : top - picture}px`;
      fill(image, i);
    }

    /** A thumbnail once it is there, "!" where the image can't be read. */
    function fill(element, i) {
      const address = addresses[i];
      element.style.backgroundImage = address ? `url("${address}")` : "";
      element.textContent = address === "" ? "!" : "";
    }

    /** In the strips beside small cells: the pictures of the row and column that are looked at. */
    function looked() {
      if (!picture || square / n >= SMALL) return;
      const pair = at ?? cell;
      for (const image of sides.querySelectorAll(".grid-picture")) {
        image.hidden = !pair;
        if (pair && image.dataset.row) putPicture(image, "row", pair[0]);
        else if (pair) putPicture(image, "column", pair[1]);
      }
    }

    function context(canvas) {
      const ratio = window.devicePixelRatio || 1;
      const size = Math.round(square * ratio);
      if (canvas.width !== size || canvas.height !== size) canvas.width = canvas.height = size;
      canvas.style.left = `${left}px`;
      canvas.style.top = `${top}px`;
      canvas.style.width = canvas.style.height = `${square}px`;
      const drawn = canvas.getContext("2d");
      drawn.setTransform(size / square, 0, 0, size / square, 0, 0);
      drawn.clearRect(0, 0, square, square);
      return drawn;
    }

    function draw() {
      if (!square) return;
      const stops = model.get("diverging")
        ? DIVERGING[isDark(root) ? "dark" : "light"] : SEQUENTIAL;
      const colours = coloursOf(stops);
      const [from, to] = [model.get("low"), model.get("high")];
      const scale = 255 / (to - from);
      const pixels = new ImageData(n, n);
      const words = new Uint32Array(pixels.data.buffer);
      for (let i = 0; i < n * n; i++) {
        const code = codes[i];
        if (code === -32768) continue; // left clear: the hatching below shows through
        const value = Math.abs(code) > FINITE ? code * Infinity : middle + (code / FINITE) * half;
        const index = Math.max(0, Math.min(255, (value - from) * scale));
        words[i] = colours[Math.round(index)];
      }
      const image = new OffscreenCanvas(n, n);
      image.getContext("2d").putImageData(pixels, 0, 0);
      const drawn = context(cells);
      drawn.imageSmoothingEnabled = n > cells.width; // squares stay sharp, unless they are too many
      drawn.drawImage(image, 0, 0, square, square);
      const step = square / n;
      for (const [start] of spans().slice(1)) {
        const line = Math.round(start * step);
        for (const [colour, place] of [["#fff", line - 1], ["rgb(0 0 0 / 70%)", line]]) {
          drawn.fillStyle = colour;
          drawn.fillRect(place, 0, 1, square);
          drawn.fillRect(0, place, square, 1);
        }
      }
      const strip = new ImageData(256, 1);
      new Uint32Array(strip.data.buffer).set(colours);
      ramp.getContext("2d").putImageData(strip, 0, 0);
      label.textContent = model.get("label");
      low.textContent = said(from);
      high.textContent = said(to);
      drawOver();
    }

    /** The cross-hair and the picked cell, in white on black so that no colour hides them. */
    function drawOver() {
      if (!square) return;
      const drawn = context(over);
      const step = square / n;
      const outline = (x, y, width, height, wide, dashes = []) => {
        for (const [colour, line, dash] of [["#000", wide + 2, []], ["#fff", wide, dashes]]) {
          drawn.strokeStyle = colour;
          drawn.lineWidth = line;
          drawn.setLineDash(dash);
          drawn.strokeRect(x, y, width, height);
        }
      };
      if (at) {
        const thick = step < 6 ? 0 : step; // around cells that can be seen, through smaller ones
        const [y, x] = at.map((position) => (position + 0.5) * step - thick / 2);
        outline(-4, y, square + 8, thick, 1, [5, 3]); // dashed: the lines of groups are not
        outline(x, -4, thick, square + 8, 1, [5, 3]);
      }
      if (cell) {
        const size = Math.max(step, 8);
        const [y, x] = cell.map((position) => (position + 0.5) * step - size / 2);
        outline(x, y, size, size, 3);
      }
    }
    const lookAgain = eachFrame(() => { drawOver(); looked(); });

    // The detail of one pair: both pictures, their names and the number.
    function open() {
      const pair = at;
      const shown = pair.map((position, side) => {
        const half = make("div", "grid-half");
        if (pictured) {
          const image = make("div", "grid-large");
          fill(image, position);
          half.append(image);
        }
        half.append(make("div", "grid-faint", side ? "column" : "row"));
        half.append(make("div", "", `image ${ids[position]}`));
        if (groups.length) {
          const group = make("div", "grid-group", groups[position]);
          group.dir = "auto";
          half.append(group);
        }
        return half;
      });
      const both = make("div", "grid-both");
      both.append(...shown);
      const number = make("div", "grid-number", `${model.get("label")} = ${said(valueAt(pair))}`);
      card.element.replaceChildren(both, number);
      const step = square / n;
      const box = over.getBoundingClientRect();
      const [y, x] = pair.map((position) => position * step);
      card.beside(new DOMRect(box.left + x, box.top + y, step, step));
    }

    function go(pair) {
      if (at && pair && at[0] === pair[0] && at[1] === pair[1]) return;
      at = pair;
      if (at) open();
      else card.hide();
      lookAgain();
    }

    function choose(pair) {
      cell = pair;
      lookAgain();
      model.send({ type: "choose", generation, cell: pair });
    }

    const pairOf = (event) => {
      const box = over.getBoundingClientRect();
      return [event.clientY - box.top, event.clientX - box.left]
        .map((place) => Math.max(0, Math.min(n - 1, Math.floor((place / box.width) * n))));
    };
    over.addEventListener("pointermove", (event) => { byKeys = false; go(pairOf(event)); });
    over.addEventListener("pointerleave", () => { if (!byKeys) go(null); });
    over.addEventListener("click", (event) => {
      root.focus({ preventScroll: true });
      choose(pairOf(event));
    });
    root.addEventListener("blur", () => { byKeys = false; go(null); });
    root.addEventListener("keydown", (event) => {
      if (!n || !square || event.ctrlKey || event.metaKey || event.altKey) return;
      const [row, column] = at ?? cell ?? [0, 0];
      const to = {
        ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
        ArrowUp: [row - 1, column], ArrowDown: [row + 1, column],
        PageUp: [row - 10, column], PageDown: [row + 10, column],
        Home: [row, 0], End: [row, n - 1],
      }[event.key];
      const chooses = event.key === "Enter" || event.key === " ";
      if (!to && !chooses) return;
      event.preventDefault();
      byKeys = true;
      // The first key shows where one is; only then do the arrows move.
      const first = !at && !cell;
      go(chooses || first ? [row, column] : to.map((p) => Math.max(0, Math.min(n - 1, p))));
      if (chooses) choose(at);
      const names = at.map((position) => (groups.length ? `${groups[position]}, ` : "")
        + `image ${ids[position]}`);
      const value = `${model.get("label")} = ${said(valueAt(at))}`;
      spoken.textContent = `Row ${at[0] + 1}, ${names[0]}; column ${at[1] + 1}, ${names[1]}: ${value}`;
    });

    // Pictures: all of them, one page after the other, once the numbers are on the screen.
    function request() {
      if (!pictured || !square) return;
      const page = addresses.findIndex((address) => address === null);
      if (page >= 0) model.send({ type: "want", generation, page: Math.floor(page / PAGE) });
    }
    function receive(content, buffers) {
      if (content.type !== "page" || content.generation !== generation) return;
      const start = content.page * PAGE;
      if (addresses[start] !== null) return; // asked for by another view of this model
      addressesOf(buffers[0], content.sizes).forEach((address, i) => {
        addresses[start + i] = address;
      });
      if (square / n >= SMALL) {
        for (const image of sides.querySelectorAll(".grid-picture")) {
          const i = Number(image.dataset.row ?? image.dataset.column);
          if (i >= start && i < start + PAGE) fill(image, i);
        }
      }
      looked();
      if (at) open();
      request();
    }

    function tell() { reading.textContent = model.get("reading"); }
    const moved = () => {
      if (model.get("generation") !== generation) return;
      cell = model.get("cell");
      lookAgain();
    };
    const sizes = new ResizeObserver(layout);
    sizes.observe(root);
    const offTheme = onTheme(draw);
    model.on("change:generation", reset);
    model.on("change:cell", moved);
    model.on("change:reading", tell);
    model.on("msg:custom", receive);
    reset();

    return () => {
      model.off("change:generation", reset);
      model.off("change:cell", moved);
      model.off("change:reading", tell);
      model.off("msg:custom", receive);
      sizes.disconnect();
      offTheme();
      lookAgain.cancel();
      card.hide();
      for (const address of addresses) if (address) URL.revokeObjectURL(address);
    };
  },
};
