// A browser starts no Worker from a file, so pages that are opened without a server would have no
// search. There a hidden frame runs the theme's script, and passes its messages on. The plugin
// "offline" would load such a script from elsewhere; by the name of this file it sees that there is
// one.

if (location.protocol === "file:") {
  class FrameWorker extends EventTarget {
    /** @param {string | URL} url */
    constructor(url) {
      super();
      /** @type {((scope: Window) => void)[]} */
      this.early = []; // what is to be told before the script is there
      /** @type {Window | null} */
      this.scope = null;
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.title = "search";
      frame.srcdoc = "<!doctype html>"; // of the page's own origin, unlike a frame from a file
      frame.addEventListener("load", () => this.run(frame, String(url)), { once: true });
      document.body.append(frame);
    }

    /**
     * @param {HTMLIFrameElement} frame
     * @param {string} url
     */
    run(frame, url) {
      const scope = /** @type {Window} */ (frame.contentWindow);
      // What the script says goes to the page, where a window's own would return to the frame.
      scope.postMessage = (/** @type {unknown} */ data) => {
        this.dispatchEvent(new MessageEvent("message", { data }));
      };
      const script = scope.document.createElement("script");
      script.src = url;
      script.addEventListener("load", () => {
        this.scope = scope;
        for (const tell of this.early.splice(0)) tell(scope);
      });
      scope.document.head.append(script);
    }

    /** @param {unknown} data */
    postMessage(data) {
      /** @param {Window} scope */
      const tell = (scope) => scope.dispatchEvent(new MessageEvent("message", { data }));
      if (this.scope) tell(this.scope);
      else this.early.push(tell);
    }
  }
  Object.assign(window, { Worker: FrameWorker });
}
