"""Run the tour without a front end and write it as one HTML page that needs nothing else."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import latex2mathml.converter
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

FORMULA = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)
ELSEWHERE = re.compile(
    r'<script[^>]*src="https?://[^"]*"[^>]*></script>'
    r'|<script type="module">\s*import mermaid.*?</script>',
    re.DOTALL,
)
ROOT = Path(__file__).resolve().parents[1]


def as_page(notebook: nbformat.NotebookNode) -> str:
    """HTML that asks the network for nothing: formulas as MathML, no script from elsewhere."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = FORMULA.sub(
                lambda match: latex2mathml.converter.convert(
                    match[1] or match[2], display="block" if match[1] else "inline"
                ),
                cell.source,
            )
    exporter = HTMLExporter()
    exporter.register_preprocessor(CoalesceStreamsPreprocessor, enabled=True)  # progress bars
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": "UHSCM: the tour"}})
    return str(ELSEWHERE.sub("", page))


def main() -> None:
    """Write build/00_tour.html; a failing cell ends this with its error."""
    source = ROOT / "notebooks" / "00_tour.ipynb"
    target = ROOT / "build" / "00_tour.html"
    notebook = nbformat.read(source, as_version=4)
    started = time.monotonic()
    # Plotly's own JavaScript goes into the page once, so that it can be read offline.
    os.environ["PLOTLY_RENDERER"] = "notebook"
    client = NotebookClient(
        notebook,
        timeout=3600,
        kernel_name="python3",
        store_widget_state=False,
        extra_arguments=["--log-level=40"],  # else it warns that it talks over loopback TCP
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise SystemExit(f"the tour stopped:\n{error}") from None
    page = as_page(notebook)
    target.parent.mkdir(exist_ok=True)
    target.write_text(page, encoding="utf-8")
    seconds = time.monotonic() - started
    print(f"{target.relative_to(ROOT)}: {len(page) / 1e6:.1f} MB, run in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
