// The pictures of a view's images: asked for when they are needed, held as data URLs, and given back
// when they are not. pictures.py answers.

/**
 * A picture and what Python says about it. The address is empty where the image cannot be read;
 * the caption says why.
 * @typedef {object} Picture
 * @property {string} address
 * @property {number} [id] of the image
 * @property {string} [caption]
 * @property {boolean | null} [mark]
 * @property {string} [group]
 * @property {HTMLImageElement} [image]
 */

const CHUNK = 8192; // bytes: all of a picture would be too many arguments of one call

/**
 * Return the address of a picture: a data URL, because the browser fetches the address of a blob by
 * way of another process, which took six times as long for forty pictures.
 * @param {Uint8Array} bytes JPEG; none for an image that cannot be read
 */
function addressOf(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return text && `data:image/jpeg;base64,${btoa(text)}`;
}

/** The pictures that a view holds, by the position of their image, the latest last. */
class Pictures {
  /**
   * @param {Model} model with the traits `generation`, which counts the sets of images, and
   *   `paged`, the most pictures per message
   * @param {number} atOnce the most requests that wait for an answer, so that what has scrolled
   *   away does not hold up what is in sight
   * @param {(positions: number[]) => void} onArrival called when pictures have come
   */
  constructor(model, atOnce, onArrival) {
    this.model = model;
    this.atOnce = atOnce;
    this.onArrival = onArrival;
    /** @type {Map<number, Picture>} */
    this.held = new Map();
    /** @type {Set<number>} the first position of each request without an answer yet */
    this.asked = new Set();
    this.start();
    this.receive = this.receive.bind(this);
    model.on("msg:custom", this.receive);
  }

  /** Begin with the model's present images: nothing is held, and no earlier request counts. */
  start() {
    this.clearPictures();
    this.generation = this.model.get("generation");
    /** @type {number} */
    this.paged = this.model.get("paged");
  }

  /** End: give all pictures back and listen no longer. */
  stop() {
    this.model.off("msg:custom", this.receive);
    this.clearPictures();
  }

  clearPictures() {
    this.drop(() => true);
    this.asked.clear();
  }

  /** @param {number} position */
  get(position) {
    return this.held.get(position);
  }

  /** @param {number} position */
  has(position) {
    return this.held.has(position);
  }

  /** @param {number} position */
  pageOf(position) {
    return Math.floor(position / this.paged);
  }

  /**
   * Ask for pages that are neither held nor asked for, as many as may wait at once.
   * @param {Iterable<number>} pages the most urgent first
   * @param {number} [atOnce] fewer than else may wait
   */
  askForPages(pages, atOnce = this.atOnce) {
    for (const page of pages) {
      if (this.asked.size < atOnce) this.ask(page * this.paged, { page });
    }
  }

  /**
   * Ask for single pictures in one request, unless too many wait already.
   * @param {number[]} positions none of them held
   */
  askFor(positions) {
    if (positions.length) this.ask(positions[0], { positions });
  }

  /**
   * @param {number} first
   * @param {{ page: number } | { positions: number[] }} what
   */
  ask(first, what) {
    if (this.asked.size >= this.atOnce || this.asked.has(first) || this.held.has(first)) return;
    this.asked.add(first);
    this.model.send({ type: "want", generation: this.generation, ...what });
  }

  /**
   * Give back the oldest pictures until at most `most` are held.
   * @param {(position: number) => boolean} isUseless only these are given back
   * @param {number} [most]
   */
  drop(isUseless, most = 0) {
    for (const position of this.held.keys()) {
      if (this.held.size <= most) return;
      if (!isUseless(position)) continue;
      this.held.delete(position);
    }
  }

  /**
   * Take in one answer. It may have been asked for by another view of this model, and what it
   * brings may be held already.
   * @param {any} content
   * @param {DataView[]} buffers
   */
  receive(content, buffers) {
    if (content.type !== "pictures" || content.generation !== this.generation) return;
    /** @type {number[]} */
    const sizes = content.sizes;
    /** @type {number[]} a page's are counted here, so that they need not travel */
    const positions = content.positions ?? sizes.map((_, k) => content.page * this.paged + k);
    this.asked.delete(positions[0]);
    const bytes = numbers(buffers[0], Uint8Array);
    let start = 0;
    positions.forEach((position, k) => {
      const part = bytes.subarray(start, start + sizes[k]);
      start += sizes[k];
      if (this.held.has(position)) return;
      this.held.set(position, {
        address: addressOf(part),
        id: content.ids?.[k],
        caption: content.captions?.[k],
        mark: content.marks?.[k],
        group: content.groups?.[k],
      });
    });
    this.onArrival(positions);
  }
}
