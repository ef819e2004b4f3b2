"""Drive Firefox by WebDriver BiDi, which it speaks itself: no geckodriver is needed."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.lab import BEGUN, ENDED, write_notebook

# Keys as WebDriver writes them.
KEYS = {
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Shift": "\ue008",
    "Control": "\ue009",
    "End": "\ue010",
    "Down": "\ue015",
}
CONNECTED = """document.querySelector('[data-status=idle]')
    && jupyterapp.commands.isEnabled('notebook:run-all-cells')
    && jupyterapp.shell.currentWidget.sessionContext.isReady
    && jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.connectionStatus
        === 'connected'"""
# Where the middle of an element is, once it is at rest and nothing lies over it.
REST = """async (find) => {
    let element, over;
    for (let turn = 0, before = ''; turn < 150; turn++) {
        element = find() ?? element; // rows are drawn again when their list scrolls
        element.scrollIntoView({ block: 'nearest' }); // JupyterLab may scroll in the meantime
        const { left, top, width, height } = element.getBoundingClientRect();
        const [x, y] = [Math.round(left + width / 2), Math.round(top + height / 2)];
        const now = [left, top, width, height].join();
        over = document.elementFromPoint(x, y);
        if (now === before && element.contains(over)) return [x, y];
        before = now;
        await new Promise((done) => setTimeout(done, 100));
    }
    const [what, above] = [element, over].map((e) => e?.outerHTML.slice(0, 150));
    throw new Error(`not at rest and in sight: ${what}, under ${above}`);
}"""


def find_firefox() -> str | None:
    """Return the path of Firefox; None if it is not installed."""
    return shutil.which("firefox-esr") or shutil.which("firefox")


class Firefox:
    """One window of Firefox without a screen.

    Args:
        socket: connected to its BiDi session.

    Attributes:
        version: of the browser.
        errors: what its console has reported as an error since it was last emptied.
    """

    def __init__(self, socket: Any) -> None:
        self._socket, self._id = socket, 0
        self.errors: list[str] = []
        self.version = self.call("session.new", capabilities={})["capabilities"]["browserVersion"]
        self.call("session.subscribe", events=["log.entryAdded"])
        # The first window never has the focus, so that JupyterLab does not know its notebook.
        self._context = self.call("browsingContext.create", type="window")["context"]
        self.here("activate")

    def call(self, method: str, **parameters: Any) -> Any:
        """Send a command and return its result; errors of the console come in between."""
        self._id += 1
        self._socket.send(json.dumps({"id": self._id, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv())
            entry = message.get("params", {})
            if message["type"] == "event" and entry.get("level") == "error":
                self.errors.append(entry["text"])
            elif message.get("id") == self._id:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['message']}")
                return message["result"]

    def here(self, method: str, **parameters: Any) -> Any:
        """Send a command about the page in the window."""
        return self.call(f"browsingContext.{method}", context=self._context, **parameters)

    def run(self, expression: str, by_user: bool = False) -> Any:
        """Return the value of a JavaScript expression, awaited; it has to fit JSON.

        Args:
            expression: to evaluate in the page.
            by_user: as if a key or a click had asked for it, which the clipboard needs.
        """
        answer = self.call(
            "script.evaluate",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=by_user,
            expression=f"(async () => JSON.stringify(await ({expression})) ?? 'null')()",
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def until(self, expression: str, seconds: float = 60) -> Any:
        """Wait until a JavaScript expression is true, and return its value."""
        end = time.monotonic() + seconds
        while not (value := self.run(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"not within {seconds} s: {expression}")
            time.sleep(0.1)
        return value

    def act(self, kind: str, *actions: dict[str, Any], **parameters: Any) -> None:
        """Have a device act as a person's would."""
        source = {"type": kind, "id": kind, "actions": actions, **parameters}
        self.call("input.performActions", context=self._context, actions=[source])

    def press(self, *keys: str, held: str = "") -> None:
        """Press keys one after the other, by their names or as characters, without a pause."""
        values = [KEYS.get(key, key) for key in keys]
        strokes = [{"type": t, "value": v} for v in values for t in ("keyDown", "keyUp")]
        if held:
            first, last = ({"type": t, "value": KEYS[held]} for t in ("keyDown", "keyUp"))
            strokes = [first, *strokes, last]
        self.act("key", *strokes)

    def click(self, place: str) -> None:
        """Click the middle of what a JavaScript expression gives, scrolled into sight."""
        self.until(f"Boolean({place})")
        x, y = self.run(f"({REST})(() => {place})")
        moves = {"type": "pointerMove", "x": x, "y": y}
        button = [{"type": t, "button": 0} for t in ("pointerDown", "pointerUp")]
        self.act("pointer", moves, *button)

    def wheel(self, x: int, y: int, pixels: int) -> None:
        """Turn the wheel where the pointer is at a point of the window."""
        self.act("wheel", {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": pixels})

    def is_nameless(self) -> bool:
        """Whether a screen reader has no name for the element with the focus."""
        node = self.call(
            "script.evaluate",
            target={"context": self._context},
            awaitPromise=False,
            expression="document.activeElement",
        )["result"]
        found = self.here(
            "locateNodes",
            locator={"type": "accessibility", "value": {"name": ""}},
            startNodes=[{"sharedId": node["sharedId"]}],
        )["nodes"]
        return node["sharedId"] in [other["sharedId"] for other in found]

    def resize(self, width: int, height: int) -> None:
        """Set the size of the page, in CSS pixels."""
        self.here("setViewport", viewport={"width": width, "height": height})

    def shot(self, path: Path) -> None:
        """Keep a picture of the window, for people to look at."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self.here("captureScreenshot")["data"]))


@contextlib.contextmanager
def firefox(path: str, profile: Path) -> Iterator[Firefox]:
    """Start Firefox without a screen, on a profile of its own."""
    from websocket import create_connection

    command = [path, "--headless", "--no-remote", "--profile", str(profile)]
    process = subprocess.Popen(
        [*command, "--remote-debugging-port", "0", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        lines = iter(process.stderr.readline, "")
        address = next(found[0] for line in lines if (found := re.search(r"ws://\S+", line)))
        socket = create_connection(f"{address}/session", suppress_origin=True, timeout=120)
        yield Firefox(socket)
        socket.close()
    finally:
        process.terminate()
        process.wait(30)
        process.stderr.close()


@contextlib.contextmanager
def opened(page: Firefox, lab: Any, cells: list[str], name: str) -> Iterator[Firefox]:
    """Open a notebook of these cells in JupyterLab and run it; end its kernel afterwards."""
    folder = lab.root / name
    folder.mkdir()
    write_notebook(folder / "notebook.ipynb", cells)
    page.here("navigate", url=lab.address.format(f"{name}/notebook.ipynb"), wait="complete")
    try:
        page.until(CONNECTED, seconds=120)  # else JupyterLab asks which kernel, in a dialog
        set_theme(page, "Light")
        for _ in range(6):  # requests are dropped while JupyterLab still connects to the kernel
            page.run("void jupyterapp.commands.execute('notebook:run-all-cells')")
            with contextlib.suppress(TimeoutError):
                page.until(f"({BEGUN})()", seconds=10)
                break
        page.until(f"({ENDED})({len(cells)})", seconds=240)
        assert page.run("document.querySelector('[data-mime-type$=stderr]')?.textContent") is None
        yield page
    finally:
        page.run("jupyterapp.serviceManager.sessions.shutdownAll().then(() => 1)")


def set_theme(page: Firefox, theme: str) -> None:
    """Switch JupyterLab to the theme ``"Light"`` or ``"Dark"``."""
    page.run(
        "jupyterapp.commands.execute('apputils:change-theme',"
        f" {{ theme: 'JupyterLab {theme}' }}).then(() => 1)"
    )
    page.until(f"document.body.dataset.jpThemeLight === '{str(theme == 'Light').lower()}'")
