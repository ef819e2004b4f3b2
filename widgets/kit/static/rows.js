// Rows that the arrow keys go through, with Enter or a click to choose one: a table's and a plot's.

/**
 * Let the keyboard and clicks reach the rows of a list. The list has the focus: its rows are
 * announced one by one.
 * @param {HTMLElement} list
 * @param {() => number} count how many rows there are
 * @param {(row: number) => void} choose
 * @param {() => void} redraw
 */
function rowsOf(list, count, choose, redraw) {
  const id = uniqueId("row");
  let cursor = 0;
  list.tabIndex = 0;

  /** @param {number} i */
  function pick(i) {
    cursor = i;
    list.focus({ preventScroll: true });
    choose(i);
    redraw();
  }
  list.addEventListener("keydown", (event) => {
    const n = count();
    const move = byKey(event, { ArrowUp: -1, ArrowDown: 1, Home: -n, End: n });
    if (move) cursor = clamp(cursor + move, 0, n - 1);
    else if (isPress(event) && n) pick(cursor);
    else return;
    event.preventDefault();
    redraw();
    document.getElementById(`${id}-${cursor}`)?.scrollIntoView({ block: "nearest" });
  });
  // Not drawn again: a row that is gone before the pointer is up is not clicked.
  const mark = () => {
    const row = document.getElementById(`${id}-${cursor}`);
    row?.classList.toggle("cursor", document.activeElement === list);
  };
  list.addEventListener("focus", mark);
  list.addEventListener("blur", mark);
  return {
    /**
     * Make an element the row of this number.
     * @param {HTMLElement} row
     * @param {number} i
     */
    add(row, i) {
      row.id = `${id}-${i}`;
      row.classList.toggle("cursor", cursor === i && document.activeElement === list);
      row.addEventListener("click", () => pick(i));
    },
    /** Name the row that the keys have reached, once all are drawn. */
    announce() {
      const n = count();
      cursor = clamp(cursor, 0, Math.max(n - 1, 0));
      setActive(list, n ? `${id}-${cursor}` : null);
    },
  };
}
