"""Run the tour without a front end and write it as one self-contained HTML page."""

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
    r'<script[^>]*src="https?://[^"]*"[^>]*>\s*</script>'
    r'|<script type="module">\s*import mermaid.*?</script>',
    re.DOTALL,
)
PROGRESS = re.compile(r".*\d%\|.*\]")
LESSON = re.compile(r"\[([^]]+)\]\(([\w-]+\.ipynb)\)")
ROOT = Path(__file__).resolve().parents[1]
HEAD = """
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<style>
  main { max-width: 900px; margin: 0 auto; }
  math { font-size: 115%; }
  math[display="block"] { margin: 0.6em 0; }
  math[display="block"], .jp-OutputArea-output { max-width: 100%; overflow-x: auto; }
  .jp-RenderedText pre { word-break: normal !important; overflow-wrap: anywhere; }
  .about { padding: 0 var(--jp-cell-padding); color: var(--jp-content-font-color2); }
  body:has(#code:not(:checked)) .jp-CodeCell .jp-Cell-inputWrapper { display: none; }
</style>
"""
FIRST = """
<p class="about jp-RenderedHTMLCommon">A page of <code>notebooks/{name}</code>. In the
notebook, which <code>make explore</code> opens, everything can be changed.
<label><input type="checkbox" id="code" checked> show the code</label></p>
"""
LAST = """
<script>
  const fit = () => {
    const room = document.querySelector("main").clientWidth - 20;
    for (const plot of document.querySelectorAll(".js-plotly-plot")) {
      plot.wide ??= plot.layout.width;
      const width = Math.max(540, Math.min(plot.wide, room));  // below that it scrolls
      if (width !== plot.layout.width) Plotly.relayout(plot, { width });
    }
  };
  addEventListener("load", fit);
  addEventListener("resize", fit);
</script>
</body>"""


def as_page(
    notebook: nbformat.NotebookNode, title: str = "UHSCM: the tour", name: str = "00_tour.ipynb"
) -> str:
    """Convert a notebook to HTML that loads nothing from the network; formulas become MathML.

    The page follows the reader's light or dark setting and fits a narrow screen. Links to lessons,
    which a browser cannot run, become their names.
    """
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LESSON.sub(r"\1 (`notebooks/\2`)", cell.source)
            cell.source = FORMULA.sub(
                lambda match: latex2mathml.converter.convert(
                    match[1] or match[2], display="block" if match[1] else "inline"
                ),
                cell.source,
            )
        else:
            cell.outputs = [output for output in cell.outputs if not is_progress(output)]
    exporter = HTMLExporter(exclude_input_prompt=True, exclude_output_prompt=True)
    exporter.register_preprocessor(CoalesceStreamsPreprocessor, enabled=True)  # "\r"
    page, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    page = ELSEWHERE.sub("", str(page))
    for before, after in (
        ("</head>", f"{HEAD}<style>{dark_colours(exporter)}</style></head>"),
        ("<main>", f"<main>{FIRST.format(name=name)}"),
    ):
        page = page.replace(before, after, 1)
    return LAST.join(page.rsplit("</body>", 1))


def is_progress(output: nbformat.NotebookNode) -> bool:
    """Return whether an output is a progress bar."""
    line = output.get("data", {}).get("text/plain", "")
    return output.output_type == "display_data" and PROGRESS.fullmatch(line) is not None


def dark_colours(exporter: HTMLExporter) -> str:
    """Return the exporter's dark theme, for readers whose system is dark."""
    folders = [Path(folder) for folder in exporter.template_paths]
    theme = next(path for f in folders if (path := f / "static" / "theme-dark.css").is_file())
    return f"@media (prefers-color-scheme: dark) {{ {theme.read_text(encoding='utf-8')} }}"


def run(source: Path) -> nbformat.NotebookNode:
    """Return a notebook with what its cells put out; a failing cell stops this with its error."""
    notebook = nbformat.read(source, as_version=4)
    # Plotly's own JavaScript goes into the page once, so that it can be read offline.
    os.environ["PLOTLY_RENDERER"] = "notebook"
    client = NotebookClient(
        notebook,
        timeout=3600,
        kernel_name="python3",
        store_widget_state=False,
        extra_arguments=["--log-level=40"],  # otherwise it warns about loopback TCP
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise SystemExit(f"{source.name} stopped:\n{error}") from None
    return notebook


def main() -> None:
    """Write build/00_tour.html."""
    source = ROOT / "notebooks" / "00_tour.ipynb"
    target = ROOT / "build" / "00_tour.html"
    started = time.monotonic()
    page = as_page(run(source))
    target.parent.mkdir(exist_ok=True)
    target.write_text(page, encoding="utf-8")
    seconds = time.monotonic() - started
    print(f"{target.relative_to(ROOT)}: {len(page) / 1e6:.1f} MB, run in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
