"""The tour as a person meets it: opened by `make explore`, and as a page."""

from __future__ import annotations

import nbformat
import pytest
import torch

from scripts import tour
from scripts.lab import go, run_all
from tests.browser.pages import ROOT, shot
from uhscm_core import mine_concepts
from widgets import votes_figure

pytestmark = pytest.mark.browser


def test_the_tour_opens_runs_and_shows_its_pictures(browser, explorer):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    foreign = []
    page.on("request", lambda r: "127.0.0.1" in r.url or foreign.append(r.url))
    go(page, explorer)
    cells = nbformat.read(ROOT / "notebooks" / "00_tour.ipynb", as_version=4).cells
    run_all(page, "light", sum(cell.cell_type == "code" for cell in cells))
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
    for number, words in enumerate(("3. Denoise", "7. Train", "9. Retrieve", "10. Evaluate")):
        page.locator(f"h2:has-text('{words}')").scroll_into_view_if_needed()
        shot(page, f"tour_{number}")
    page.close()


def test_the_tours_page_needs_nothing_but_itself(browser, tmp_path):
    content = nbformat.v4.new_notebook()
    bar = "drawing scenes: 100%|██████| 100/100 [00:01<00:00, 90.2image/s]"
    content.cells = [
        nbformat.v4.new_markdown_cell("$$S_{ij} = 2\\cos(q_i, q_j) - 1$$ and $K$ `code`"),
        nbformat.v4.new_markdown_cell("Next: [a lesson](01_concept_denoising.ipynb)."),
        nbformat.v4.new_code_cell(
            "x = 1",
            outputs=[
                nbformat.v4.new_output("stream", name="stderr", text="\rhalf"),
                nbformat.v4.new_output("stream", name="stderr", text="\rwhole"),
                nbformat.v4.new_output("display_data", data={"text/plain": bar}),
                nbformat.v4.new_output("stream", text="50% of | all | stay [sic]\n"),
            ],
        ),
    ]
    path = tmp_path / "page.html"
    path.write_text(tour.as_page(content), encoding="utf-8")
    page = browser.new_page(viewport={"width": 420, "height": 900}, color_scheme="light")
    foreign, errors = [], []
    page.on("request", lambda r: r.url.startswith("file:") or foreign.append(r.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_timeout(500)
    said = page.locator("main").inner_text()
    assert page.locator("math").count() == 2
    assert "$" not in said
    assert "half" not in said
    assert "drawing scenes" not in said
    assert "50% of | all | stay" in said
    assert "a lesson (notebooks/01_concept_denoising.ipynb)" in said
    assert page.locator("a[href$=ipynb]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 420
    assert "x = 1" in said
    page.click("text=show the code")
    assert "x = 1" not in page.locator("main").inner_text()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) != light
    assert (foreign, errors) == ([], [])
    page.close()


def test_the_tours_page_fits_a_narrow_screen(browser, tmp_path):
    eye = torch.eye(4)
    figure = votes_figure([f"concept {j}" for j in range(4)], mine_concepts(eye, eye))
    content = nbformat.v4.new_notebook()
    html = figure.to_html(full_html=False, include_plotlyjs=True)
    output = nbformat.v4.new_output("display_data", data={"text/html": html})
    content.cells = [nbformat.v4.new_code_cell("figure", outputs=[output])]
    path = tmp_path / "page.html"
    path.write_text(tour.as_page(content), encoding="utf-8")
    page = browser.new_page(viewport={"width": 420, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_selector(".js-plotly-plot .main-svg")
    width = "document.querySelector('.js-plotly-plot').layout.width"
    page.wait_for_function(f"{width} === 540")
    assert page.evaluate("document.documentElement.scrollWidth") == 420  # the figure scrolls
    page.set_viewport_size({"width": 1400, "height": 900})
    page.wait_for_function(f"{width} === {figure.layout.width}")
    page.close()
