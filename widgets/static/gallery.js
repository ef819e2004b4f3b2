// A gallery: tiles exist only while in sight, and pictures are asked for a page at a time.
const PAGE = 60; // as in gallery.py
const FRAME = 3; // CSS px of the frame that marks an image
const GAP = 8; // CSS px between images, with room for the frame of the chosen one
const LINE = 20; // CSS px of the line that a caption has
const AT_ONCE = 2; // requests under way, so that what has scrolled away is not waited for
const KEPT = 4; // pages kept on either side of those in sight

export default {
  render({ model, el }) {
    const root = rootOf(model, el, "gallery");
    const name = `gallery-${Math.random().toString(36).slice(2)}`;
    summaryOf(model, root);
    const list = make("div", "gallery-list");
    const sheet = make("div", "gallery-sheet");
    const empty = make("div", "gallery-empty", "No images");
    list.append(sheet, empty);
    root.append(list);
    // The list is what has the focus: its options are announced one by one.
    root.removeAttribute("tabindex");
    list.tabIndex = 0;
    list.setAttribute("role", "listbox");
    const label = () => list.setAttribute("aria-label", model.get("summary") || "Images");

    let count, generation, edge, size, step, row, chosen, cursor;
    let columns = 0;
    let shown = -1; // the item whose detail is open
    const tiles = new Map(); // position -> element, those in sight
    const pages = new Map(); // page -> { ids, captions, marks, addresses }
    const asked = new Set();
    const card = cardOf("gallery-card", root, () => close());

    const pageOf = (position) => pages.get(Math.floor(position / PAGE));
    const rowOf = (position) => Math.floor(position / columns);

    function reset() {
      for (const page of [...pages.keys()]) drop(page);
      for (const tile of tiles.values()) tile.remove();
      tiles.clear();
      asked.clear();
      close();
      [count, generation, edge, chosen] =
        ["count", "generation", "edge", "chosen"].map((key) => model.get(key));
      size = edge + 2 * FRAME;
      step = size + GAP;
      row = step + (model.get("captioned") ? LINE : 0);
      cursor = Math.max(0, chosen);
      root.style.setProperty("--edge", `${edge}px`);
      list.style.height = `${model.get("height")}px`;
      empty.hidden = count > 0;
      list.scrollTop = 0;
      columns = 0;
      layout();
      request();
    }

    function drop(page) {
      for (const address of pages.get(page).addresses) if (address) URL.revokeObjectURL(address);
      pages.delete(page);
    }

    function layout() {
      const width = list.clientWidth;
      if (!width) return; // in a hidden tab; the observer calls again
      const fit = Math.max(1, Math.floor((width - GAP) / step));
      if (fit !== columns) {
        const first = columns ? Math.floor(list.scrollTop / row) * columns : 0;
        columns = fit;
        sheet.style.height = `${Math.ceil(count / columns) * row + (count ? GAP : 0)}px`;
        list.scrollTop = rowOf(first) * row;
        for (const [position, tile] of tiles) place(tile, position);
      }
      paint();
    }

    /** The positions from..to whose rows are in sight, and `more` rows around them. */
    function sight(more) {
      const first = Math.floor(list.scrollTop / row) - more;
      const last = Math.ceil((list.scrollTop + list.clientHeight) / row) + more;
      return [Math.max(0, first) * columns, Math.min(count, last * columns)];
    }

    function paint() {
      if (!columns) return;
      const [from, to] = sight(1);
      for (const [position, tile] of tiles) {
        if (position >= from && position < to) continue;
        tile.remove();
        tiles.delete(position);
      }
      for (let position = from; position < to; position++) {
        if (tiles.has(position)) continue;
        const tile = make("div", "gallery-tile");
        tile.id = `${name}-${position}`;
        tile.dataset.position = position;
        tile.setAttribute("role", "option");
        tile.setAttribute("aria-posinset", position + 1);
        tile.setAttribute("aria-setsize", count);
        tiles.set(position, tile);
        place(tile, position);
        dress(position);
        sheet.append(tile);
      }
      follow();
      want();
    }

    function place(tile, position) {
      tile.style.left = `${GAP + (position % columns) * step}px`;
      tile.style.top = `${GAP + rowOf(position) * row}px`;
    }

    /** Fill a tile with what is known about its image. */
    function dress(position) {
      const tile = tiles.get(position);
      if (!tile) return;
      const page = pageOf(position);
      const at = position % PAGE;
      const frame = make("div", "gallery-frame");
      tile.replaceChildren(frame);
      tile.classList.toggle("waiting", !page);
      tile.setAttribute("aria-selected", position === chosen);
      if (!page) {
        tile.setAttribute("aria-label", `Image ${position + 1}, not loaded yet`);
        return;
      }
      const mark = page.marks?.[at] ?? null;
      const caption = page.captions[at];
      tile.classList.toggle("good", mark === true);
      tile.classList.toggle("bad", mark === false);
      frame.append(pictureOf(page, at));
      if (mark !== null) frame.append(make("span", "gallery-mark", mark ? "✓" : "✗"));
      if (position === chosen) frame.append(make("span", "gallery-pin", "●"));
      if (row > step) {
        const line = make("div", "gallery-caption", caption);
        line.dir = "auto";
        tile.append(line);
      }
      const said = mark === null ? "" : mark ? "match, " : "no match, ";
      tile.setAttribute("aria-label", said + (caption || `image ${page.ids[at]}`));
    }

    function pictureOf(page, at) {
      if (!page.addresses[at]) return make("div", "gallery-broken", "!");
      const picture = make("img");
      picture.alt = "";
      picture.draggable = false;
      picture.src = page.addresses[at];
      return picture;
    }

    // Requests: a moment after scrolling, and then only for pages that are still in sight.
    let timer = 0;
    function want() {
      timer ||= setTimeout(() => { timer = 0; request(); }, 40);
    }
    function request() {
      if (!columns || !list.clientWidth || !count) return;
      for (const more of [0, 1]) { // what is in sight, and then the rows next to it
        const [from, to] = sight(more);
        const first = Math.floor(from / PAGE);
        const last = Math.floor(Math.max(from, to - 1) / PAGE);
        for (const page of [...pages.keys()]) {
          if (page < first - KEPT || page > last + KEPT) drop(page);
        }
        for (let page = first; page <= last && asked.size < AT_ONCE; page++) {
          if (pages.has(page) || asked.has(page)) continue;
          asked.add(page);
          model.send({ type: "want", generation, page });
        }
        if (asked.size) return;
      }
    }

    function receive(content, buffers) {
      if (content.type !== "page" || content.generation !== generation) return;
      const { page, ids, captions, marks, sizes } = content;
      asked.delete(page);
      if (!pages.has(page)) { // it may have been asked for by another view of this model
        pages.set(page, { ids, captions, marks, addresses: addressesOf(buffers[0], sizes) });
        for (const position of tiles.keys()) {
          if (Math.floor(position / PAGE) === page) dress(position);
        }
        if (shown >= 0 && Math.floor(shown / PAGE) === page) open(shown);
      }
      request();
    }

    // The detail of one item: a larger picture and the whole caption.
    function open(position) {
      shown = position;
      const tile = tiles.get(position);
      const page = pageOf(position);
      if (!tile || !page) return card.hide();
      const at = position % PAGE;
      const picture = pictureOf(page, at);
      picture.style.width = picture.style.height = `${2 * edge}px`;
      const words = make("div", "gallery-words", page.captions[at] || `image ${page.ids[at]}`);
      words.dir = "auto";
      const texts = [words];
      const mark = page.marks?.[at] ?? null;
      if (mark !== null) texts.unshift(make("div", "", mark ? "✓ match" : "✗ no match"));
      card.element.style.width = `${2 * edge + 18}px`;
      card.element.replaceChildren(picture, ...texts);
      card.beside(tile.getBoundingClientRect());
    }
    function close() {
      shown = -1;
      card.hide();
    }

    /** Show where the keyboard is. */
    function follow() {
      for (const [position, tile] of tiles) tile.classList.toggle("cursor", position === cursor);
      if (tiles.has(cursor)) list.setAttribute("aria-activedescendant", tiles.get(cursor).id);
      else list.removeAttribute("aria-activedescendant");
    }

    function reveal(position) {
      if (!columns) return;
      const top = rowOf(position) * row;
      const bottom = top + row + GAP;
      if (top < list.scrollTop) list.scrollTop = top;
      else if (bottom > list.scrollTop + list.clientHeight) {
        list.scrollTop = bottom - list.clientHeight;
      }
      paint();
    }

    function choose(position) {
      cursor = position;
      frameAt(position);
      follow();
      model.send({ type: "choose", generation, position });
    }
    function frameAt(position) {
      const before = chosen;
      chosen = position;
      dress(before);
      dress(position);
    }

    const positionOf = (event) => {
      const tile = event.target.closest(".gallery-tile");
      return tile ? Number(tile.dataset.position) : -1;
    };
    list.addEventListener("pointerdown", () => list.classList.remove("keys"));
    list.addEventListener("click", (event) => {
      const position = positionOf(event);
      if (position < 0) return;
      list.focus({ preventScroll: true });
      choose(position);
    });
    list.addEventListener("pointerover", (event) => {
      const position = positionOf(event);
      if (position < 0) close();
      else if (position !== shown) open(position);
    });
    list.addEventListener("pointerleave", close);
    list.addEventListener("blur", () => { list.classList.remove("keys"); close(); });
    list.addEventListener("keydown", (event) => {
      if (!count || !columns || event.ctrlKey || event.metaKey || event.altKey) return;
      const screen = Math.max(1, Math.floor(list.clientHeight / row)) * columns;
      const to = {
        ArrowLeft: cursor - 1, ArrowRight: cursor + 1,
        ArrowUp: cursor - columns, ArrowDown: cursor + columns,
        PageUp: cursor - screen, PageDown: cursor + screen,
        Home: 0, End: count - 1,
      }[event.key];
      const chooses = event.key === "Enter" || event.key === " ";
      if (to === undefined && !chooses) return;
      event.preventDefault();
      list.classList.add("keys");
      if (chooses) return choose(cursor);
      cursor = Math.max(0, Math.min(count - 1, to));
      reveal(cursor);
      open(cursor);
    });
    const scrolled = eachFrame(() => {
      paint();
      // What the pointer is over has moved on; what the keys are at is still the one meant.
      if (list.classList.contains("keys") && shown === cursor && tiles.has(cursor)) open(cursor);
      else close();
    });
    list.addEventListener("scroll", scrolled);

    const chosenElsewhere = () => {
      if (model.get("generation") !== generation || model.get("chosen") === chosen) return;
      frameAt(model.get("chosen"));
      if (chosen < 0) return;
      cursor = chosen;
      reveal(chosen);
    };
    const sizes = new ResizeObserver(layout);
    sizes.observe(list);
    model.on("change:generation", reset);
    model.on("change:summary", label);
    model.on("change:chosen", chosenElsewhere);
    model.on("msg:custom", receive);
    label();
    reset();

    return () => {
      model.off("change:generation", reset);
      model.off("change:summary", label);
      model.off("change:chosen", chosenElsewhere);
      model.off("msg:custom", receive);
      sizes.disconnect();
      scrolled.cancel();
      clearTimeout(timer);
      close();
      for (const page of [...pages.keys()]) drop(page);
    };
  },
};
