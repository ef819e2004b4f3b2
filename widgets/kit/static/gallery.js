// A gallery: tiles exist only while in sight, and pictures are asked for a page at a time.
const FRAME = 3; // CSS px of the frame that marks an image
const GAP = 8; // CSS px between images, with room for the frame of the chosen one
const LINE = 20; // CSS px of the line that a caption has
const AT_ONCE = 2; // requests under way, so that what has scrolled away is not waited for
const KEPT = 4; // pages kept on either side of those in sight
const HEAD = 112; // CSS px of a shelf's words

/** Where images stand when they fill the width, row after row. */
function inRows({ list, sheet, count, step, row }) {
  let columns = 0;
  const rowOf = (position) => Math.floor(position / columns);
  return {
    /** Fit into the list's width; whether the images have to be put anew. */
    fit() {
      const fitting = Math.max(1, Math.floor((list.clientWidth - GAP) / step));
      if (fitting === columns) return false;
      const first = columns ? Math.floor(list.scrollTop / row) * columns : 0;
      columns = fitting;
      sheet.style.height = `${Math.ceil(count / columns) * row + (count ? GAP : 0)}px`;
      list.scrollTop = rowOf(first) * row;
      return true;
    },
    put(tile, position) {
      tile.style.left = `${GAP + (position % columns) * step}px`;
      tile.style.top = `${GAP + rowOf(position) * row}px`;
      if (tile.parentNode !== sheet) sheet.append(tile);
    },
    /** The runs of positions [from, to] in sight, and `more` rows around them. */
    sight(more) {
      const first = Math.floor(list.scrollTop / row) - more;
      const last = Math.ceil((list.scrollTop + list.clientHeight) / row) + more;
      return [[Math.max(0, first) * columns, Math.min(count, last * columns)]];
    },
    /** Where a key leads from a position; undefined for other keys. */
    move(from, key) {
      const screen = Math.max(1, Math.floor(list.clientHeight / row)) * columns;
      return {
        ArrowLeft: from - 1, ArrowRight: from + 1,
        ArrowUp: from - columns, ArrowDown: from + columns,
        PageUp: from - screen, PageDown: from + screen,
        Home: 0, End: count - 1,
      }[key];
    },
    reveal(position) {
      const top = rowOf(position) * row;
      const bottom = top + row + GAP;
      if (top < list.scrollTop) list.scrollTop = top;
      else if (bottom > list.scrollTop + list.clientHeight) {
        list.scrollTop = bottom - list.clientHeight;
      }
    },
  };
}

/** Where images stand on shelves: each is one row that scrolls sideways, words at its left. */
function onShelves({ list, sheet, count, step, row, shelves }) {
  const starts = shelves.map((shelf) => shelf.start);
  const end = (s) => (s + 1 < starts.length ? starts[s + 1] : count);
  const boards = shelves.map((shelf, s) => {
    const board = make("div", "gallery-shelf");
    const words = make("div", "gallery-words-of-shelf");
    words.style.width = `${HEAD}px`;
    words.append(...shelf.words.map((line) => make("div", "", line)));
    const strip = make("div", "gallery-strip");
    strip.tabIndex = -1; // what scrolls is a stop of Tab otherwise; the arrow keys are the list's
    const inner = make("div", "gallery-inner");
    inner.style.width = `${(end(s) - starts[s]) * step + GAP}px`;
    inner.style.height = `${row + GAP}px`;
    strip.append(inner);
    board.append(words, strip);
    sheet.append(board);
    return { board, strip, inner };
  });
  sheet.style.height = "";
  let width = 0;
  const shelfOf = (position) => {
    let s = 0;
    while (s + 1 < starts.length && starts[s + 1] <= position) s += 1;
    return s;
  };
  const inSight = (s) => { // columns of a shelf
    const first = Math.floor(boards[s].strip.scrollLeft / step);
    return [first, Math.ceil((boards[s].strip.scrollLeft + width) / step)];
  };
  return {
    fit() {
      width = boards[0]?.strip.clientWidth ?? list.clientWidth;
      return false; // images stay where they are on their shelves
    },
    put(tile, position) {
      const s = shelfOf(position);
      tile.style.left = `${GAP + (position - starts[s]) * step}px`;
      tile.style.top = `${GAP / 2}px`;
      if (tile.parentNode !== boards[s].inner) boards[s].inner.append(tile);
    },
    sight(more) {
      const top = list.scrollTop - more * row;
      const bottom = list.scrollTop + list.clientHeight + more * row;
      return boards.flatMap(({ board }, s) => {
        if (board.offsetTop + board.offsetHeight < top || board.offsetTop > bottom) return [];
        const [first, last] = inSight(s);
        const to = Math.min(end(s), starts[s] + last + more);
        return [[Math.max(starts[s], starts[s] + first - more), to]];
      });
    },
    move(from, key) {
      const s = shelfOf(from);
      const column = from - starts[s] - inSight(s)[0];
      const onto = (other) => {
        const t = Math.max(0, Math.min(starts.length - 1, other));
        return Math.max(starts[t], Math.min(end(t) - 1, starts[t] + inSight(t)[0] + column));
      };
      const screen = Math.max(1, Math.floor(list.clientHeight / (row + GAP)));
      const to = {
        ArrowLeft: () => Math.max(starts[s], from - 1),
        ArrowRight: () => Math.min(end(s) - 1, from + 1),
        ArrowUp: () => onto(s - 1), ArrowDown: () => onto(s + 1),
        PageUp: () => onto(s - screen), PageDown: () => onto(s + screen),
        Home: () => starts[s], End: () => end(s) - 1,
      }[key];
      return to?.();
    },
    reveal(position) {
      const { board, strip } = boards[shelfOf(position)];
      const left = (position - starts[shelfOf(position)]) * step;
      if (left < strip.scrollLeft) strip.scrollLeft = left;
      else if (left + step > strip.scrollLeft + width) strip.scrollLeft = left + step - width + GAP;
      if (board.offsetTop < list.scrollTop) list.scrollTop = board.offsetTop;
      else if (board.offsetTop + board.offsetHeight > list.scrollTop + list.clientHeight) {
        list.scrollTop = board.offsetTop + board.offsetHeight - list.clientHeight;
      }
    },
    /** Shelves from `until` on are beyond what counts; all count where it is negative. */
    dim(until) {
      boards.forEach(({ board }, s) => board.classList.toggle("beyond", until >= 0 && s >= until));
    },
  };
}

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

    let count, generation, edge, size, step, row, chosen, cursor, paged;
    let places = null; // inRows or onShelves
    let fits = false; // whether it has a width, which it has not in a hidden tab
    let shown = -1; // the item whose detail is open
    const tiles = new Map(); // position -> element, those in sight
    const pages = new Map(); // page -> { ids, captions, marks, addresses }
    const asked = new Set();
    const card = cardOf("gallery-card", root, () => close());

    const pageOf = (position) => pages.get(Math.floor(position / paged));

    function reset() {
      for (const tile of tiles.values()) tile.remove();
      tiles.clear();
      for (const page of [...pages.keys()]) drop(page);
      asked.clear();
      close();
      [count, generation, edge, chosen, paged] =
        ["count", "generation", "edge", "chosen", "paged"].map((key) => model.get(key));
      size = edge + 2 * FRAME;
      step = size + GAP;
      row = step + (model.get("captioned") ? LINE : 0);
      cursor = Math.max(0, chosen);
      root.style.setProperty("--edge", `${edge}px`);
      list.style.height = `${model.get("height")}px`;
      empty.hidden = count > 0;
      list.scrollTop = 0;
      sheet.replaceChildren();
      const shelves = model.get("shelves");
      const standing = { list, sheet, count, step, row, shelves };
      places = shelves?.length ? onShelves(standing) : inRows(standing);
      list.classList.toggle("shelves", Boolean(shelves?.length));
      fits = false;
      dim();
      layout();
      request();
    }

    function drop(page) {
      for (const address of pages.get(page).addresses) if (address) URL.revokeObjectURL(address);
      pages.delete(page);
    }

    function layout() {
      if (!list.clientWidth) return; // in a hidden tab; the observer calls again
      fits = true;
      if (places.fit()) for (const [position, tile] of tiles) places.put(tile, position);
      paint();
    }

    const dim = () => places.dim?.(model.get("until"));

    function paint() {
      if (!fits) return;
      const near = new Set();
      for (const [from, to] of places.sight(1)) {
        for (let position = from; position < to; position++) near.add(position);
      }
      for (const [position, tile] of tiles) {
        if (near.has(position)) continue;
        tile.remove();
        tiles.delete(position);
      }
      for (const position of near) {
        if (tiles.has(position)) continue;
        const tile = make("div", "gallery-tile");
        tile.id = `${name}-${position}`;
        tile.dataset.position = position;
        tile.setAttribute("role", "option");
        tile.setAttribute("aria-posinset", position + 1);
        tile.setAttribute("aria-setsize", count);
        tiles.set(position, tile);
        places.put(tile, position);
        dress(position);
      }
      follow();
      want();
    }

    /** Fill a tile with what is known about its image. */
    function dress(position) {
      const tile = tiles.get(position);
      if (!tile) return;
      const page = pageOf(position);
      const at = position % paged;
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
      if (model.get("action")) {
        const button = make("button", "gallery-action", "≈");
        button.type = "button";
        button.tabIndex = -1; // Shift and Enter on the image
        button.title = model.get("action");
        button.setAttribute("aria-label", model.get("action"));
        frame.append(button);
      }
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
    function pagesIn(ranges) {
      const found = new Set();
      for (const [from, to] of ranges) {
        const last = Math.floor(Math.max(from, to - 1) / paged);
        for (let page = Math.floor(from / paged); page <= last; page++) found.add(page);
      }
      return found;
    }
    function request() {
      if (!fits || !list.clientWidth || !count) return;
      const near = pagesIn(places.sight(1)); // those that have tiles
      const far = (page) => [...near].every((other) => Math.abs(other - page) > KEPT);
      for (const page of [...pages.keys()]) if (far(page)) drop(page);
      for (const wanted of [pagesIn(places.sight(0)), near]) { // what is in sight comes first
        for (const page of wanted) {
          if (asked.size >= AT_ONCE) break;
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
          if (Math.floor(position / paged) === page) dress(position);
        }
        if (shown >= 0 && Math.floor(shown / paged) === page) open(shown);
      }
      request();
    }

    // The detail of one item: a larger picture and the whole caption.
    function open(position) {
      shown = position;
      const tile = tiles.get(position);
      const page = pageOf(position);
      if (!tile || !page) return card.hide();
      const at = position % paged;
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
      if (!fits) return;
      places.reveal(position);
      paint();
    }

    function choose(position) {
      cursor = position;
      frameAt(position);
      follow();
      model.send({ type: "choose", generation, position });
    }
    function act(position) {
      model.send({ type: "act", generation, position });
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
      if (event.target.closest(".gallery-action")) act(position);
      else choose(position);
    });
    list.addEventListener("pointerover", (event) => {
      const position = positionOf(event);
      if (position < 0) close();
      else if (position !== shown) open(position);
    });
    list.addEventListener("pointerleave", close);
    list.addEventListener("blur", () => { list.classList.remove("keys"); close(); });
    list.addEventListener("keydown", (event) => {
      if (!count || !fits || event.ctrlKey || event.metaKey || event.altKey) return;
      const to = places.move(cursor, event.key);
      const chooses = event.key === "Enter" || event.key === " ";
      if (to === undefined && !chooses) return;
      event.preventDefault();
      list.classList.add("keys");
      if (chooses) return event.shiftKey && model.get("action") ? act(cursor) : choose(cursor);
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
    list.addEventListener("scroll", scrolled, true); // a shelf's own scrolling too

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
    model.on("change:until", dim);
    model.on("msg:custom", receive);
    label();
    reset();

    return () => {
      model.off("change:generation", reset);
      model.off("change:summary", label);
      model.off("change:chosen", chosenElsewhere);
      model.off("change:until", dim);
      model.off("msg:custom", receive);
      sizes.disconnect();
      scrolled.cancel();
      clearTimeout(timer);
      close();
      for (const page of [...pages.keys()]) drop(page);
    };
  },
};
