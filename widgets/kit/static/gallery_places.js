// Where the images of a gallery stand: in rows that fill the width, or on shelves.

const GAP = 8; // CSS px between images, with room for the frame of the chosen one
const SCROLL_BAR = 12; // CSS px kept for a thin scroll bar
const HEAD = 112; // CSS px of a shelf's words

/**
 * @typedef {object} Layout
 * @property {HTMLElement} list what scrolls
 * @property {HTMLElement} sheet what lies in it
 * @property {number} count of images
 * @property {number} step CSS px from one image to the next
 * @property {number} row CSS px from one row to the next
 */

/** Positions [from, to). @typedef {[number, number]} Span */

/** Images that fill the width, row after row. */
class Rows {
  /** @param {Layout} layout */
  constructor(layout) {
    this.layout = layout;
    this.columns = 0;
  }

  /** @param {number} position */
  rowOf(position) {
    return Math.floor(position / this.columns);
  }

  /** Fit into the list's width; return whether the images have to be placed again. */
  fit() {
    const { list, sheet, count, step, row } = this.layout;
    list.classList.toggle("one-row", list.clientHeight < 2 * row);
    const columns = Math.max(1, Math.floor((list.clientWidth - GAP) / step));
    if (columns === this.columns) return false;
    const first = Math.floor(list.scrollTop / row) * this.columns; // stays in sight
    this.columns = columns;
    sheet.style.height = `${Math.ceil(count / columns) * row + (count ? GAP : 0)}px`;
    list.scrollTop = this.rowOf(first) * row;
    return true;
  }

  /**
   * @param {HTMLElement} tile
   * @param {number} position
   */
  place(tile, position) {
    const { sheet, step, row } = this.layout;
    tile.style.left = `${GAP + (position % this.columns) * step}px`;
    tile.style.top = `${GAP + this.rowOf(position) * row}px`;
    if (tile.parentNode !== sheet) sheet.append(tile);
  }

  /**
   * Return the ranges in sight, with so many rows more on either side.
   * @param {number} more
   * @returns {Span[]}
   */
  inSight(more) {
    const { list, count, row } = this.layout;
    const first = Math.floor(list.scrollTop / row) - more;
    const last = Math.ceil((list.scrollTop + list.clientHeight) / row) + more;
    return [[Math.max(0, first) * this.columns, Math.min(count, last * this.columns)]];
  }

  /**
   * Return where a key leads; undefined for other keys.
   * @param {number} from
   * @param {KeyboardEvent} event
   */
  move(from, event) {
    const { list, count, row } = this.layout;
    const screen = Math.max(1, Math.floor(list.clientHeight / row)) * this.columns;
    return byKey(event, {
      ArrowLeft: from - 1,
      ArrowRight: from + 1,
      ArrowUp: from - this.columns,
      ArrowDown: from + this.columns,
      PageUp: from - screen,
      PageDown: from + screen,
      Home: 0,
      End: count - 1,
    });
  }

  /** @param {number} position */
  reveal(position) {
    const { list, row } = this.layout;
    const top = this.rowOf(position) * row;
    scrollIntoSight(list, top, top + row + GAP);
  }
}

/** Images on shelves: each is one row that scrolls sideways, with words at its left. */
class Shelves {
  /**
   * @param {Layout} layout
   * @param {{ start: number, words: string[] }[]} shelves
   */
  constructor(layout, shelves) {
    this.layout = layout;
    this.starts = shelves.map(({ start }) => start);
    this.width = 0; // CSS px of a strip
    this.boards = shelves.map(({ words }, s) => this.build(words, this.end(s) - this.starts[s]));
    layout.sheet.style.height = "";
    layout.sheet.append(...this.boards.map(({ board }) => board));
  }

  /**
   * @param {string[]} lines
   * @param {number} count
   */
  build(lines, count) {
    const { step, row } = this.layout;
    const board = el("div", "gallery-shelf");
    board.setAttribute("role", "none");
    const words = el("div", "gallery-words-of-shelf");
    words.setAttribute("aria-hidden", "true"); // the name of the strip
    words.style.width = `${HEAD}px`;
    words.append(...lines.map((line) => el("div", "", line)));
    const strip = el("div", "gallery-strip");
    strip.tabIndex = -1; // what scrolls is a stop of Tab otherwise; the arrow keys are the list's
    strip.setAttribute("role", "group");
    strip.setAttribute("aria-label", lines.join(", "));
    const inner = el("div", "gallery-inner");
    inner.style.width = `${count * step + GAP}px`;
    inner.style.height = `${row + GAP}px`;
    strip.append(inner);
    board.append(words, strip);
    return { board, strip, inner };
  }

  /**
   * Return the position after a shelf's last image.
   * @param {number} s
   */
  end(s) {
    return this.starts[s + 1] ?? this.layout.count;
  }

  /** @param {number} position */
  shelfOf(position) {
    return this.starts.findLastIndex((start) => start <= position);
  }

  /**
   * Return the columns of a shelf that are in sight.
   * @param {number} s
   * @returns {Span}
   */
  columnsInSight(s) {
    const { scrollLeft } = this.boards[s].strip;
    const { step } = this.layout;
    return [Math.floor(scrollLeft / step), Math.ceil((scrollLeft + this.width) / step)];
  }

  /** Fit into the list's width; images stay where they are on their shelves. */
  fit() {
    this.width = this.boards[0].strip.clientWidth;
    // All sizes are asked for first: after a change the browser would lay out the page for each.
    const sizes = this.boards.map(({ inner }) => [inner.offsetWidth, inner.offsetHeight]);
    this.boards.forEach(({ strip }, s) => {
      const [width, height] = sizes[s];
      strip.style.height = `${height + (width > this.width ? SCROLL_BAR : 0)}px`;
    });
    return false;
  }

  /**
   * @param {HTMLElement} tile
   * @param {number} position
   */
  place(tile, position) {
    const s = this.shelfOf(position);
    const { inner } = this.boards[s];
    tile.style.left = `${GAP + (position - this.starts[s]) * this.layout.step}px`;
    tile.style.top = `${GAP / 2}px`;
    if (tile.parentNode !== inner) inner.append(tile);
  }

  /**
   * Return the ranges in sight, with so many rows and columns more around them.
   * @param {number} more
   * @returns {Span[]}
   */
  inSight(more) {
    const { list, row } = this.layout;
    const top = list.scrollTop - more * row;
    const bottom = list.scrollTop + list.clientHeight + more * row;
    return this.boards.flatMap(({ board }, s) => {
      if (board.offsetTop + board.offsetHeight < top || board.offsetTop > bottom) return [];
      const start = this.starts[s];
      const [first, last] = this.columnsInSight(s);
      /** @type {Span} */
      const range = [
        Math.max(start, start + first - more),
        Math.min(this.end(s), start + last + more),
      ];
      return [range];
    });
  }

  /**
   * Return where a key leads; undefined for other keys. Up and down keep the place on the screen.
   * @param {number} from
   * @param {KeyboardEvent} event
   */
  move(from, event) {
    const { list, row } = this.layout;
    const s = this.shelfOf(from);
    const column = from - this.starts[s] - this.columnsInSight(s)[0];
    const onto = (/** @type {number} */ shelf) => {
      const t = clamp(shelf, 0, this.starts.length - 1);
      const position = this.starts[t] + this.columnsInSight(t)[0] + column;
      return clamp(position, this.starts[t], this.end(t) - 1);
    };
    const screen = Math.max(1, Math.floor(list.clientHeight / (row + GAP)));
    return byKey(event, {
      ArrowLeft: Math.max(this.starts[s], from - 1),
      ArrowRight: Math.min(this.end(s) - 1, from + 1),
      ArrowUp: onto(s - 1),
      ArrowDown: onto(s + 1),
      PageUp: onto(s - screen),
      PageDown: onto(s + screen),
      Home: this.starts[s],
      End: this.end(s) - 1,
    });
  }

  /** @param {number} position */
  reveal(position) {
    const { list, step } = this.layout;
    const s = this.shelfOf(position);
    const { board, strip } = this.boards[s];
    const left = (position - this.starts[s]) * step;
    if (left < strip.scrollLeft) strip.scrollLeft = left;
    else if (left + step > strip.scrollLeft + this.width) {
      strip.scrollLeft = left + step - this.width + GAP;
    }
    scrollIntoSight(list, board.offsetTop, board.offsetTop + board.offsetHeight);
  }

  /**
   * Dim the shelves from `until` on, which are beyond what counts; none where it is negative.
   * @param {number} until
   */
  dim(until) {
    this.boards.forEach(({ board }, s) => {
      board.classList.toggle("beyond", until >= 0 && s >= until);
    });
  }
}

/**
 * Scroll no further than needed to bring what lies from top to bottom into sight.
 * @param {HTMLElement} list
 * @param {number} top
 * @param {number} bottom
 */
function scrollIntoSight(list, top, bottom) {
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}
