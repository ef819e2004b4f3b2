"""The tour as a person meets it: opened by `make explore`, and as a page."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from scripts.lab import go, run_all

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.browser


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_tour_opens_runs_and_shows_its_pictures(browser, explorer, theme):
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=theme)
    foreign = []
    page.on("request", lambda r: "127.0.0.1" in r.url or foreign.append(r.url))
    go(page, explorer)
    cells = nbformat.read(ROOT / "notebooks" / "00_tour.ipynb", as_version=4).cells
    run_all(page, theme, sum(cell.cell_type == "code" for cell in cells))
    page.wait_for_selector(".js-plotly-plot .main-svg")
    shown = page.evaluate(
        """async () => {
            const found = new Set();
            const cells = [...document.querySelectorAll('.jp-Cell')];
            for (const cell of cells) {
                cell.scrollIntoView();
                await new Promise(done => setTimeout(done, 150));
                for (const title of cell.querySelectorAll('.gtitle')) found.add(title.textContent);
            }
            return [...found];
        }"""
    )
    assert any("concepts," in title and "dropped" in title for title in shown), shown
    assert any(title.startswith("The objective went from") for title in shown), shown
    assert any(title.startswith("Among codes of 64 bits") for title in shown), shown
    assert foreign == []
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    for number, words in enumerate(("3. Denoise", "7. Train", "9. Retrieve", "10. Judge")):
        page.locator(f"h2:has-text('{words}')").scroll_into_view_if_needed()
        page.wait_for_timeout(400)
        page.screenshot(path=folder / f"tour_{theme}_{number}.png")
    page.close()


def test_the_tours_page_needs_nothing_but_itself(browser, tmp_path, monkeypatch):
    import importlib.util

    spec = importlib.util.spec_from_file_location("tour", ROOT / "scripts" / "tour.py")
    tour = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tour)
    content = nbformat.v4.new_notebook()
    content.cells = [
        nbformat.v4.new_markdown_cell("$$S_{ij} = 2\\cos(q_i, q_j) - 1$$ and $K$ `code`"),
        nbformat.v4.new_code_cell(
            "1",
            outputs=[
                nbformat.v4.new_output("stream", name="stderr", text="\rhalf"),
                nbformat.v4.new_output("stream", name="stderr", text="\rwhole"),
            ],
        ),
    ]
    path = tmp_path / "page.html"
    path.write_text(tour.as_page(content), encoding="utf-8")
    page = browser.new_page()
    foreign, errors = [], []
    page.on("request", lambda r: r.url.startswith("file:") or foreign.append(r.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_timeout(500)
    assert page.locator("math").count() == 2
    assert "$" not in page.locator("main, body").first.inner_text()
    assert "half" not in page.locator("body").inner_text()
    assert (foreign, errors) == ([], [])
    page.close()
