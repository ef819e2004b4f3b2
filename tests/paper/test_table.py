"""The paper's table as Markdown, LaTeX and CSV, and published figures with their sources."""

from __future__ import annotations

import io
import math
import re
import shutil
import subprocess

import pandas as pd
import pytest

from uhscm_core.paper.table import PaperRow, PaperTable, published_rows

NAN = math.nan
ROWS = (
    PaperRow("CIFAR-10", 1000, "ITQ", 32, 0.5, 0.01, 3),
    PaperRow("CIFAR-10", 1000, "ITQ", 64, 0.7, 0.02, 3),
    PaperRow("CIFAR-10", 1000, "k-means & 50% of_#1", 32, 0.6, NAN, 1),
    PaperRow("CIFAR-10", 1000, "k-means & 50% of_#1", 64, NAN, NAN, 0, "it | gave\nnothing"),
    PaperRow("a_b", 5000, "ITQ", 32, 0.1, 0.0, 3),
    PaperRow("a_b", 5000, "Theirs (published)", 32, 0.9, NAN, 0, "from a page"),
)
TABLE = PaperTable(ROWS, ("NUS-WIDE was not run: it's missing",), {"command": "run_paper('x_y')"})


def test_markdown_has_a_table_per_dataset_with_the_best_of_ours_in_bold():
    lines = TABLE.to_markdown().splitlines()
    assert "## CIFAR-10" in lines
    assert "| mAP@1000 | 32 bits | 64 bits |" in lines
    assert "| ITQ | 0.500 ± 0.010 | **0.700 ± 0.020** |" in lines
    assert "| k-means & 50% of_#1 | **0.600** | – |" in lines
    assert "| ITQ | **0.100 ± 0.000** |" in lines
    assert "| Theirs (published) | 0.900 |" in lines
    assert "- NUS-WIDE was not run: it's missing" in lines
    assert r"- CIFAR-10, k-means & 50% of_#1: it \| gave nothing" in lines
    assert "- command: run_paper('x_y')" in lines


def test_latex_is_a_table_of_booktabs_whose_lines_have_one_width():
    """Parse it as LaTeX would read it: comments, environments, cells, escapes."""
    source = TABLE.to_latex()
    body = [line for line in source.splitlines() if not line.startswith("%")]
    assert body[0] == r"\begin{tabular}{lrr}"
    assert body[-1] == r"\end{tabular}"
    assert [line for line in body if line.startswith(r"\top")] == [r"\toprule"]
    assert [line for line in body if line.startswith(r"\bottom")] == [r"\bottomrule"]
    rows = [line for line in body if line.endswith(r"\\")]
    assert len(rows) == 6
    for row in rows:
        cells = re.split(r"(?<!\\)&", row.removesuffix(r"\\"))
        assert len(cells) == 3
        for cell in cells:
            bare = re.sub(r"\\(textbf|pm|[&%$#_{}])|\$\\pm\$", "", cell)
            assert not re.search(r"[&%$#_^~\\]", bare), cell
            assert bare.count("{") == bare.count("}")
    assert r"ITQ & 0.500 $\pm$ 0.010 & \textbf{0.700 $\pm$ 0.020} \\" in rows
    assert rows[2] == r"k-means \& 50\% of\_\#1 & \textbf{0.600} & -- \\"
    assert all(re.fullmatch(r"[\x20-\x7e]*", line) for line in body), "plain ASCII for any engine"
    assert "% command: run_paper('x_y')" in source.splitlines()


HOSTILE = {
    r"a_b & 50% #1 ~ \x {": r"a\_b \& 50\% \#1 \textasciitilde{} \textbackslash{}x \{",
    "[1cm]*": "{[}1cm]{*}",
    "<x> | ^2 $": r"\textless{}x\textgreater{} \textbar{} \textasciicircum{}2 \$",
    "two\n\nlines\x07": "two lines",
}


def hostile_table():
    """Each name as a dataset, a method, a published method and its source."""
    rows = [
        row
        for dataset in HOSTILE
        for name in HOSTILE
        for row in (
            PaperRow(dataset, 1000, name, 32, 0.5, 0.01, 3),
            PaperRow(dataset, 1000, f"{name} (published)", 32, 0.4, NAN, 0, f"from {name}"),
        )
    ]
    return PaperTable(tuple(rows), tuple(HOSTILE), {"command": r"x % \ { # \end{document}"})


def test_latex_escapes_hostile_names_of_datasets_and_methods():
    lines = hostile_table().to_latex().splitlines()
    rows = [line for line in lines if line.endswith(r"\\") and not line.startswith("%")]
    expected = []
    for title in HOSTILE.values():
        expected.append(rf"{title}, mAP@1000 & 32 bits \\")
        for name in HOSTILE.values():
            expected.append(rf"{name} & \textbf{{0.500 $\pm$ 0.010}} \\")
            expected.append(rf"{name} (published) & 0.400 \\")
    assert rows == expected


def test_latex_compiles(tmp_path):
    if shutil.which("pdflatex") is None or shutil.which("kpsewhich") is None:
        pytest.skip("there is no pdflatex here")
    if subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True).returncode:
        pytest.skip("this LaTeX has no booktabs")
    empty = PaperTable((), ("nothing is there",), {"seeds": "0"})
    tables = "\n\n".join(table.to_latex() for table in (TABLE, hostile_table(), empty))
    page = f"\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{tables}"
    (tmp_path / "page.tex").write_text(page + "\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]


def test_csv_reads_back_with_its_provenance_as_comments():
    source = TABLE.to_csv()
    frame = pd.read_csv(io.StringIO(source), comment="#")
    assert list(frame.columns) == list(PaperRow._fields)
    assert frame["mAP"].tolist()[:3] == [0.5, 0.7, 0.6]
    assert frame["seeds"].tolist() == [3, 3, 1, 0, 3, 0]
    assert frame["note"].tolist()[-1] == "from a page"
    assert "# command: run_paper('x_y')" in source.splitlines()


def test_each_file_is_written_whole(tmp_path):
    TABLE.save(tmp_path / "new")
    assert {p.name: p.read_text(encoding="utf-8") for p in (tmp_path / "new").iterdir()} == {
        "table.md": TABLE.to_markdown(),
        "table.tex": TABLE.to_latex(),
        "table.csv": TABLE.to_csv(),
    }


def test_a_table_without_figures_still_says_why():
    empty = PaperTable((), ("nothing is there",), {"seeds": "0"})
    assert "nothing is there" in empty.to_markdown()
    assert r"\end{tabular}" in empty.to_latex()
    assert len(empty.to_frame()) == 0
    assert "# nothing is there" in empty.to_csv()


def test_published_figures_name_their_source(tmp_path):
    path = tmp_path / "published.csv"
    path.write_text(
        "dataset,method,bits,mAP,source\nCIFAR-10,Theirs,32,0.81,Table 2 of a paper\n"
        "elsewhere,Theirs,32,0.5,the same\n"
    )
    (row,) = published_rows(path, {"CIFAR-10": 1000})
    assert row[:5] == ("CIFAR-10", 1000, "Theirs (published)", 32, 0.81)
    assert (row.seeds, row.note) == (0, "from Table 2 of a paper")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("dataset,method,bits,mAP\nx,y,32,0.5\n", "has no column source"),
        ("dataset,method,bits,mAP,source\nx,y,32,0.5, \n", "line 2: a published figure needs its"),
        ("dataset,method,bits,mAP,source\nx,y,32,81,p\n", "line 2: mAP must be a finite number"),
        ("dataset,method,bits,mAP,source\nx,y,0,0.5,p\n", "line 2: bits must be a whole number"),
        ("dataset,method,bits,mAP,source\nx,y,many,0.5,p\n", "line 2: invalid literal"),
        ("dataset,method,bits,mAP,source\nx, ,32,0.5,p\n", "line 2: method must be a text"),
    ],
)
def test_odd_published_figures_are_refused(tmp_path, content, message):
    path = tmp_path / "published.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        published_rows(path, {})


def test_a_table_without_a_figure_has_columns_of_numbers_too():
    frame = PaperTable((), (), {}).to_frame()
    assert [frame[name].dtype.kind for name in ("mAP", "sd")] == ["f", "f"]
