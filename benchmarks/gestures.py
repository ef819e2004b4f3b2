"""How long does a gesture take to reach the screen in a real browser, and how much data is sent?

    python -m benchmarks.gestures                     # the default dataset, 10,000 postcards
    python -m benchmarks.gestures --photos FOLDER --vlp MODEL.json
    python -m benchmarks.gestures --only TrainingExplorer RetrievalExplorer

Drives the explorers in JupyterLab in headless Chromium. A time runs from the event in the page to
the first frame that shows its effect. Features are taken from the cache, but no earlier runs are
seen: a table of them costs time. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from scripts.lab import begin, chromium, go, jupyterlab, write_notebook
from uhscm_core.support import store

REPEATS = 7
STUDY = """
import uhscm_core as u
study = u.Study(u.load_dataset({dataset!r}), u.load_vlp({vlp!r}), "nuswide81")
study = study.train(bits=64, epochs=5)
print(len(study.image_features))
"""
EXPLORER = """
from widgets import {name}
{name}(study)
"""
# Start the clock at the next event of a kind, stop it at the first frame where `shown` holds.
CLOCK = """([event, shown]) => {
    const holds = new Function(`return (${shown})`);
    window.measured = new Promise((done, fail) => {
        setTimeout(() => fail(new Error(`no effect of ${event}: ${shown}`)), 15_000);
        document.addEventListener(event, () => {
            const begun = window.begun = performance.now();
            const look = () => holds() ? requestAnimationFrame(stop) : requestAnimationFrame(look);
            const stop = () => done(performance.now() - begun);
            look();
        }, { capture: true, once: true });
    });
}"""
TILES = "[...(document.querySelector('.gallery-list')?.querySelectorAll('.gallery-tile') ?? [])]"
LOADED = f"{TILES}.length && {TILES}.every((t) => t.querySelector('img')?.naturalWidth)"


def text(selector: str) -> str:
    """Return a script that reads the text of an element."""
    return f"document.querySelector({selector!r}).textContent"


def timed(page: Page, event: str, shown: str, gesture: Callable[[], object]) -> float:
    """Return the milliseconds from an event to the frame that shows its effect."""
    page.evaluate(CLOCK, [event, shown])
    gesture()
    return float(page.evaluate("window.measured"))


def until(page: Page, shown: str) -> float:
    """Return the milliseconds from the last event that `timed` saw to a later effect of it."""
    page.wait_for_function(f"() => {shown}")
    return float(page.evaluate("performance.now() - window.begun"))


def changed(page: Page, selector: str) -> str:
    """Return a condition: the text of an element differs from what it is now."""
    now = page.evaluate(text(selector))
    return f"{text(selector)} !== {now!r}"


class Traffic:
    """Counts the bytes that a page receives over its sockets."""

    def __init__(self, page: Page) -> None:
        self.received = 0
        page.on("websocket", lambda s: s.on("framereceived", lambda data: self._count(data)))

    def _count(self, data: str | bytes) -> None:
        self.received += len(data)


def opened(page: Page, traffic: Traffic, address: str, pictures: bool) -> tuple[int, float]:
    """Run a notebook's two cells; return bytes and seconds from the second to its pictures.

    With `pictures` False, to its sentence: it opens without any.
    """
    go(page, address)

    def ask() -> None:
        page.locator(".jp-Cell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")

    begin(page, ask)
    page.wait_for_selector(".jp-InputPrompt:has-text('[1]')", timeout=1_800_000)
    page.locator(".jp-Cell .cm-content").nth(1).click()
    before, begun = traffic.received, time.perf_counter()
    page.keyboard.press("Shift+Enter")
    seen = LOADED if pictures else "document.querySelector('.uhscm-status .sentence')"
    page.wait_for_function(f"() => {seen}", timeout=300_000)
    seconds = time.perf_counter() - begun
    page.locator(".uhscm-explorer").evaluate("box => box.scrollIntoView()")
    page.wait_for_timeout(2000)
    return traffic.received - before, seconds


def denoising(page: Page) -> dict[str, list[float]]:
    """Time the gestures of the denoising explorer."""
    sentence, summary = ".uhscm-status .sentence", ".uhscm-summary"
    times: dict[str, list[float]] = {}

    def record(name: str, event: str, shown: str, gesture: Callable[[], object]) -> None:
        times.setdefault(name, []).append(timed(page, event, shown, gesture))
        page.wait_for_timeout(400)

    for repeat in range(REPEATS):
        gallery = page.locator(".gallery-list").first
        tile = gallery.locator(".gallery-tile").nth(repeat + 1).bounding_box()
        assert tile is not None
        record(
            "highlight: pointer to detail (50)",
            "pointerover",
            "document.querySelector('.gallery-card')",
            lambda tile=tile: page.mouse.move(tile["x"] + 20, tile["y"] + 20),
        )
        page.mouse.move(2, 2)
        page.wait_for_timeout(200)

        handle = page.locator(".uhscm-bars .handle").first.bounding_box()
        assert handle is not None
        x, y = handle["x"] + 7, handle["y"] + 5
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + (40 if repeat % 2 == 0 else -40), y, steps=3)
        record(
            "threshold: release to counts (300)",
            "pointerup",
            changed(page, sentence),
            lambda: page.mouse.up(),
        )
        page.locator(".uhscm-explorer input[type=range]").first.focus()
        record(
            "τ: key to the new temperature (300)",
            "keydown",
            "[...document.querySelectorAll('.widget-label')].map((l) => l.textContent)"
            ".filter((t) => t.startsWith('τK'))[0] !== "
            + repr(page.locator(".widget-label:has-text('τK')").first.text_content()),
            lambda: page.keyboard.press("ArrowRight"),
        )
        chosen = page.evaluate(text(summary)).split("'")[1]  # its row may not show it yet
        kept = page.locator(".uhscm-bars").first.locator(".row.kept:not(.chosen)")
        row = kept.filter(has_not_text=chosen).nth(repeat % 2)
        record(
            "bar: click to its voters (500)",
            "click",
            f"{changed(page, summary)} && {LOADED}",
            lambda row=row: row.locator(".name").click(),
        )
        word = ("picture", "painting", "view", "drawing", "sketch", "postcard", "print")[repeat]
        page.locator("textarea").first.fill(f"a {word} of the {{}}")
        before = page.locator(".uhscm-bars").first.locator(".number").all_text_contents()
        record(
            "new template: Apply to bars (1000)",
            "click",
            "[...document.querySelector('.uhscm-bars').querySelectorAll('.number')]"
            f".map((n) => n.textContent).join() !== {','.join(before)!r}",
            lambda: page.locator("button:has-text('Apply')").first.click(),
        )
    return times


def distribution(page: Page) -> dict[str, list[float]]:
    """Time the gestures of the distribution and similarity explorer."""
    times: dict[str, list[float]] = {}
    over = page.locator(".grid-over")
    edge = over.bounding_box()
    assert edge is not None
    for repeat in range(REPEATS):
        x, y = edge["x"] + edge["width"] * (0.1 + 0.1 * repeat), edge["y"] + edge["height"] * 0.33
        page.mouse.move(x, y)
        page.wait_for_timeout(300)
        shown = changed(page, ".uhscm-pair")
        times.setdefault("heatmap: click to the parts (500)", []).append(
            timed(page, "pointerdown", shown, lambda: page.mouse.click(x, y))  # noqa: B023
        )
        page.wait_for_timeout(400)
    page.get_by_role("tab", name="One image").click()
    every = "[...document.querySelectorAll('.gallery-list')].find((list) => list.offsetParent"
    every += " && list.scrollHeight > 20 * list.clientHeight)"
    page.wait_for_function(f"() => {every}")
    tiles = f"[...{every}.querySelectorAll('.gallery-tile')]"
    first = f"{tiles}[0]?.dataset.position"
    for place in (0.5, 0.1, 0.9, 0.3, 0.7, 0.2, 0.95):
        page.wait_for_function(f"() => {tiles}.every((t) => t.querySelector('img')?.naturalWidth)")
        gone = (
            f"{first} !== {page.evaluate(first)!r} && {tiles}.length"
            f" && {tiles}.every((t) => t.querySelector('img')?.naturalWidth)"
        )
        times.setdefault("gallery: far scroll to pictures (500)", []).append(
            timed(
                page,
                "scroll",
                gone,
                lambda place=place: page.evaluate(
                    f"{every}.scrollTop = {place} * {every}.scrollHeight"
                ),
            )
        )
        page.wait_for_timeout(400)
    return times


def retrieval(page: Page) -> dict[str, list[float]]:
    """Time the gestures of the retrieval explorer."""
    times: dict[str, list[float]] = {}
    sentence = ".uhscm-status .sentence"
    shelved = TILES.replace(".gallery-list'", ".gallery-list.shelves'")
    loaded = f"{shelved}.length && {shelved}.every((t) => t.querySelector('img')?.naturalWidth)"
    asked = page.locator("input[placeholder*='by text']")

    def record(name: str, event: str, shown: str, gesture: Callable[[], object]) -> None:
        times.setdefault(name, []).append(timed(page, event, shown, gesture))
        page.wait_for_timeout(400)

    def answered() -> str:
        return f"{changed(page, sentence)} && {loaded}"

    for repeat in range(REPEATS):
        queries = page.locator(".uhscm-later .gallery-list").first
        query = queries.locator(f"[data-position='{repeat % 4 + 1}']")
        record("query: click to all pictures (500)", "click", answered(), query.click)
        tile = page.locator(f".gallery-list.shelves [data-position='{repeat % 2}']")
        page.get_by_role("tab", name="Why near").click()
        record(
            "result: click to the card of the pair (500)",
            "click",
            changed(page, ".uhscm-pair"),
            tile.click,
        )
        page.get_by_role("tab", name="Bits").click()
        bit = page.locator(".uhscm-code .column").nth(5 * repeat)
        record("flip a bit: click to all pictures (500)", "click", answered(), bit.click)
        page.get_by_role("tab", name="Radius").click()
        slider = page.locator(".uhscm-radius input[type=range]")
        slider.focus()
        key = "ArrowRight" if repeat % 2 == 0 else "ArrowLeft"
        record(
            "radius: key to what lies within (300)",
            "keydown",
            changed(page, ".uhscm-radius .reading"),
            lambda key=key: page.keyboard.press(key),
        )
        action = tile.locator(".gallery-action")
        tile.hover()
        record("more like this: click to all pictures (500)", "click", answered(), action.click)
        asked.fill(("castle", "ocean", "bridge", "tree", "boats", "snow", "road")[repeat])
        record(
            "text: Enter to all pictures (500)",
            "keydown",
            answered(),
            lambda: page.keyboard.press("Enter"),
        )
    return times


def mapping(page: Page) -> dict[str, list[float]]:
    """The gestures of the map, once UMAP is there; the bytes of pictures come after each."""
    times: dict[str, list[float]] = {}

    def record(name: str, event: str, shown: str, gesture: Callable[[], object]) -> None:
        times.setdefault(name, []).append(timed(page, event, shown, gesture))
        page.wait_for_timeout(600)

    sources = ("concepts", "codes", "features")
    by = page.get_by_label("by", exact=True)
    umap = f"{text('.uhscm-status .sentence')}.includes('UMAP')"
    for source in sources:
        by.select_option(source)
        page.wait_for_timeout(600)
        page.wait_for_function(f"() => {umap}", timeout=300_000)
    page.wait_for_timeout(2000)
    stage = page.locator(".map-stage").bounding_box()
    assert stage is not None
    left, top, wide, high = (stage[side] for side in ("x", "y", "width", "height"))
    places = []  # where there is an image
    for k in range(400):
        place = (left + wide * (0.1 + 0.8 * (k * 0.618 % 1)), top + high * (0.2 + 0.6 * k / 400))
        page.mouse.move(*place)
        if page.locator(".map-card").count():
            places.append(place)
        page.mouse.move(left + 3, top + 3)
    assert len(places) >= REPEATS
    for place in places[:: len(places) // REPEATS][:REPEATS]:
        record(
            "map: pointer to detail (50)",
            "pointermove",
            "document.querySelector('.map-card')",
            lambda place=place: page.mouse.move(*place),
        )
        page.mouse.move(left + 3, top + 3)
        page.wait_for_timeout(200)
    count = ".gallery .uhscm-summary"
    none = "[...document.querySelectorAll('.map-tools button')].at(-1)"
    for name, shown in (
        ("map: lasso to highlight (50)", f"!{none}.disabled"),
        ("map: lasso to gallery (150)", f"{TILES}.length && {{changed}}"),
        ("map: lasso to all pictures in sight (500)", f"{{changed}} && {LOADED}"),
    ):
        for repeat in range(REPEATS):
            right = left + wide * (0.4 + 0.05 * repeat)
            page.keyboard.down("Shift")
            page.mouse.move(left + 5, top + 5)
            page.mouse.down()
            for corner in ((right, top + 5), (right, top + high - 5), (left + 5, top + high - 5)):
                page.mouse.move(*corner, steps=8)
            condition = shown.format(changed=changed(page, count))
            record(name, "pointerup", condition, lambda: page.mouse.up())
            page.keyboard.up("Shift")
            page.get_by_role("button", name="Pick none").click()
            page.wait_for_timeout(600)
    for repeat in range(REPEATS):
        source = sources[repeat % 3]
        record(
            "map: another source to its map (500)",
            "change",
            f"{text('.uhscm-status .sentence')}.includes('by {source}')",
            lambda source=source: by.select_option(source),
        )
        page.wait_for_timeout(600)
    return times


def training(page: Page) -> dict[str, list[float]]:
    """What steers a run; it trains longer than all of it takes."""
    times: dict[str, list[float]] = {}
    sentence = text(".uhscm-status .sentence")
    setting = ".uhscm-settings .widget-label:text-is({!r}) + * >> css=input, select"
    page.locator(setting.format("recipe")).first.select_option("uhscm")
    page.locator(setting.format("epochs")).first.fill("1000")
    for _ in range(REPEATS):
        for button, word, target in (
            ("Start", "running", 500),
            ("Pause", "paused", 200),
            ("Resume", "running", 200),
            ("Stop, keep the best", "stopped", 200),
        ):
            said = f"{sentence}.split(';')[0].includes({word!r})"
            name = f"training: {button.split(',')[0]} to {word} ({target})"
            press = page.locator(f"button:has-text({button!r})").first
            times.setdefault(name, []).append(timed(page, "click", said, press.click))
            if word == "stopped":
                start = "[...document.querySelectorAll('button')]"
                start += ".find((button) => button.textContent.includes('Start'))"
                saved = until(page, f"!{start}.disabled")
                times.setdefault("training: Stop to saved and Start offered", []).append(saved)
            if word == "running":
                page.wait_for_function(f"() => {sentence}.includes('epoch')")
            page.wait_for_timeout(1000)
    return times


def comparing(page: Page) -> dict[str, list[float]]:
    """Another ranking on a side, and another query, once the codes of all are there."""
    times: dict[str, list[float]] = {}
    side = page.locator(".uhscm-field", has_text="right").locator("select").first
    rankings = ("LSH, 64 bits", "cosine of features", "ITQ, 64 bits")
    ask = page.locator("button:has-text('A query at random')").first
    seen = "[...document.querySelectorAll('.gallery-tile')].filter((t) => t.offsetParent)"
    there = f"{seen}.every((t) => t.querySelector('img')?.naturalWidth)"
    for ranking in rankings:
        side.select_option(label=ranking)
        page.wait_for_timeout(3000)
    for repeat in range(REPEATS):
        label = rankings[repeat % 3]
        for name, event, gesture in (
            (
                "another ranking to its results",
                "change",
                lambda label=label: side.select_option(label=label),
            ),
            ("another query to all pictures", "click", ask.click),
        ):
            shown = f"{changed(page, '.uhscm-status .sentence')} && {there}"
            took = timed(page, event, shown, gesture)
            times.setdefault(f"compare: {name} (500)", []).append(took)
            page.wait_for_timeout(1500)
    return times


def tidying(page: Page) -> dict[str, list[float]]:
    """Another radius, and a pair to its group, once the search has ended."""
    times: dict[str, list[float]] = {}
    begun = time.perf_counter()
    said = text(".uhscm-status .sentence")
    ended = f"{said}.includes('near-duplicates') && !{said}.includes('so far')"
    page.wait_for_function(f"() => {ended}", timeout=600_000)
    waited = 1000 * (time.perf_counter() - begun)
    times["duplicates: two seconds after the first pictures to all groups"] = [waited]
    slider = page.locator(".uhscm-field", has_text="bits").locator("input[type=range]").first
    card = ".uhscm-pair"
    for repeat in range(REPEATS):
        slider.focus()
        key = "ArrowRight" if repeat % 2 == 0 else "ArrowLeft"
        shown = changed(page, ".uhscm-status .sentence")
        times.setdefault("duplicates: another distance to its groups (300)", []).append(
            timed(page, "keydown", shown, lambda key=key: page.keyboard.press(key))
        )
        page.wait_for_timeout(1500)
        tile = page.locator(".gallery-list").first.locator(".gallery-tile").nth(repeat + 1)
        times.setdefault("duplicates: click to the card of the pair (500)", []).append(
            timed(page, "click", changed(page, card), tile.click)
        )
        page.wait_for_timeout(1500)
    return times


EXPLORERS = {
    "DenoisingExplorer": denoising,
    "DistributionExplorer": distribution,
    "RetrievalExplorer": retrieval,
    "MapExplorer": mapping,
    "TrainingExplorer": training,
    "CompareExplorer": comparing,
    "TidyExplorer": tidying,
}


def home_without_runs(folder: Path) -> Path:
    """Return a home in a folder with the present one's caches, but none of its runs."""
    home = folder / "home"
    home.mkdir()
    for part in store.home().glob("*"):
        if part.name not in ("runs", "experiments"):
            (home / part.name).symlink_to(part)
    return home


def main() -> None:
    """Time the explorers, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", default="postcards", help="a folder of photos")
    parser.add_argument("--vlp", default="postcards", help="an open_clip configuration")
    parser.add_argument("--only", nargs="+", choices=EXPLORERS, help="time only these explorers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        if browser is None:
            raise SystemExit("Chromium is not installed (Debian: apt-get install chromium)")
        folder = Path(name)
        parts = [
            (name, EXPLORERS[name]) for name in EXPLORERS if name in (options.only or EXPLORERS)
        ]
        for explorer, _ in parts:
            cells = [STUDY.format(dataset=options.photos, vlp=options.vlp)]
            cells.append(EXPLORER.format(name=explorer))
            write_notebook(folder / f"{explorer}.ipynb", cells)
        print(
            f"# Gesture to screen: {options.photos}\n\n`python -m benchmarks.gestures`, headless "
        )
        print("Chromium, milliseconds; in brackets the target.\n")
        print("| gesture | median | slowest |\n|---|---|---|")
        notes = []
        with jupyterlab(folder, {"UHSCM_HOME": str(home_without_runs(folder))}) as address:
            for explorer, gestures in parts:
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                where = address.format(f"{explorer}.ipynb")
                received, seconds = opened(page, Traffic(page), where, gestures is not training)
                for gesture, times in gestures(page).items():
                    print(f"| {gesture} | {np.median(times):.0f} | {max(times):.0f} |", flush=True)
                page.keyboard.press("Control+s")
                page.wait_for_timeout(1500)
                stored = (folder / f"{explorer}.ipynb").stat().st_size
                notes.append(
                    f"- {explorer}: {received / 1e3:,.0f} kB received when it opens, first "
                    f"pictures after {seconds:.1f} s, {stored / 1e3:.1f} kB stored with outputs."
                )
                page.close()
        print()
        print("\n".join(notes))
        print(
            f"- Load of the machine at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."
        )


if __name__ == "__main__":
    main()
