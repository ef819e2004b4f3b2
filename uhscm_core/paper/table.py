"""The paper's table as values, and as Markdown, LaTeX and CSV with where its figures come from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any, NamedTuple

import pandas as pd

from uhscm_core.support import store
from uhscm_core.support.checks import code_length, real_number, text
from uhscm_core.support.paths import as_path

__all__ = ["PaperRow", "PaperTable", "published_rows"]

_NAME = "table"
_COLUMNS = ("dataset", "method", "bits", "mAP", "source")
_ESCAPED = {
    "\\": r"\textbackslash{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    # Other letters than these in the default encoding.
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # At the start of a row they would be read as arguments of the line break before it.
    "[": "{[}",
    "*": "{*}",
    "\u00b1": r"$\pm$",
    "\u2013": "--",
}


class PaperRow(NamedTuple):
    """One figure of the table.

    Attributes:
        dataset: its title.
        rank: k of mAP@k.
        method: its name.
        bits: L.
        mAP: the mean over the seeds, expected over ties; NaN where it was not computed.
        sd: over the seeds; NaN for one seed.
        seeds: how many were computed.
        note: why it was not computed, or the source of a published figure; empty otherwise.
    """

    dataset: str
    rank: int
    method: str
    bits: int
    mAP: float  # noqa: N815  # the field's word
    sd: float
    seeds: int
    note: str = ""


@dataclass(frozen=True, eq=False)
class PaperTable:
    """The figures of the paper's benchmarks.

    Attributes:
        rows: one per dataset, method and code length.
        notes: what is to be said of the whole, such as which dataset is missing and where to get
            it.
        provenance: versions, digests, seeds and the command, in words.
    """

    rows: tuple[PaperRow, ...]
    notes: tuple[str, ...]
    provenance: Mapping[str, str]

    def to_frame(self) -> pd.DataFrame:
        """Return a row per figure, with the columns of `PaperRow`; their types without one too."""
        frame = pd.DataFrame(self.rows, columns=PaperRow._fields)
        return frame.astype({"mAP": float, "sd": float})

    def to_markdown(self) -> str:
        """Return a Markdown table per dataset, then the notes and the provenance."""
        parts = []
        for title, rank, bits, lines in self._blocks():
            heads = [f"mAP@{rank}", *(f"{b} bits" for b in bits)]
            rows = [heads, ["---"] * len(heads)]
            rows += [[method, *(_bold(c, "**", "**") for c in cells)] for method, cells in lines]
            table = "\n".join("| " + " | ".join(map(_one_line, row)) + " |" for row in rows)
            parts.append(f"## {_one_line(title)}\n\n{table}")
        parts += [f"- {_one_line(said)}" for said in self.remarks()]
        parts.append("\n".join(f"- {k}: {_one_line(v)}" for k, v in self.provenance.items()))
        return "\n\n".join(parts) + "\n"

    def to_latex(self) -> str:
        r"""Return a LaTeX table that needs ``\usepackage{booktabs}``, a block per dataset.

        Names are escaped. Those in other than Latin letters need XeLaTeX or LuaLaTeX, and a font
        that has them.
        """
        said = [f"{name}: {value}" for name, value in self.provenance.items()]
        lines = [r"% needs \usepackage{booktabs}"]
        lines += [f"% {_one_line(line)}" for line in (*self.remarks(), *said)]
        blocks = list(self._blocks())
        width = max((len(bits) for _, _, bits, _ in blocks), default=0)
        lines += [rf"\begin{{tabular}}{{l{'r' * width}}}", r"\toprule"]
        for place, (title, rank, bits, rows) in enumerate(blocks):
            empty = [""] * (width - len(bits))
            heads = [f"{title}, mAP@{rank}", *(f"{b} bits" for b in bits), *empty]
            lines += [r"\midrule"] if place else []
            lines += [" & ".join(map(_escaped, heads)) + r" \\", r"\midrule"]
            for method, cells in rows:
                shown = [_bold((_escaped(c), best), r"\textbf{", "}") for c, best in cells]
                lines.append(" & ".join([_escaped(method), *shown, *empty]) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"

    def to_csv(self) -> str:
        """Return the figures as CSV, after lines with ``#`` that hold notes and provenance.

        `pandas.read_csv` reads it with ``comment="#"``.
        """
        said = [f"{name}: {value}" for name, value in self.provenance.items()]
        heads = "".join(f"# {_one_line(line)}\n" for line in (*self.remarks(), *said))
        # A sign that would begin a comment in the middle of a line must not occur.
        frame = self.to_frame().replace("#", "no.", regex=True)
        return heads + frame.to_csv(index=False, lineterminator="\n")

    def save(self, folder: str | PathLike[str]) -> None:
        """Write ``table.md``, ``table.tex`` and ``table.csv`` to a folder, each whole."""
        place = as_path("folder", folder)
        store.make_folder(place)
        for suffix, content in (
            ("md", self.to_markdown()),
            ("tex", self.to_latex()),
            ("csv", self.to_csv()),
        ):
            with store.replacing(place / f"{_NAME}.{suffix}") as file:
                file.write(content.encode())

    def remarks(self) -> tuple[str, ...]:
        """Return the notes, and why figures are missing or where published ones come from."""
        reasons = [f"{row.dataset}, {row.method}: {row.note}" for row in self.rows if row.note]
        return tuple(dict.fromkeys((*self.notes, *reasons)))

    def __repr__(self) -> str:
        return self.to_markdown()

    def _blocks(
        self,
    ) -> Iterator[tuple[str, int, list[int], list[tuple[str, list[tuple[str, bool]]]]]]:
        """Yield each dataset's title, rank, code lengths and lines, whose cells may be the best."""
        for title, rank in dict.fromkeys((row.dataset, row.rank) for row in self.rows):
            rows = [row for row in self.rows if row.dataset == title]
            bits = sorted({row.bits for row in rows})
            cells = {(row.method, row.bits): row for row in rows}
            best = {
                b: max((row.mAP for row in rows if row.bits == b and row.seeds), default=math.nan)
                for b in bits
            }
            lines = [
                (
                    method,
                    [_cell(cells.get((method, b)), best[b]) for b in bits],
                )
                for method in dict.fromkeys(row.method for row in rows)
            ]
            yield title, rank, bits, lines


def published_rows(path: Any, ranks: Mapping[str, int]) -> list[PaperRow]:
    """Read published figures, each with its source.

    Args:
        path: of a CSV file with the columns ``dataset`` (as tables name it), ``method``, ``bits``,
            ``mAP`` (from 0 to 1) and ``source``.
        ranks: of the datasets in the table; figures of others are left out.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a column is missing, a figure is out of range, or it names no source.
    """
    file = as_path("published", path)
    frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    missing = [name for name in _COLUMNS if name not in frame]
    if missing:
        raise ValueError(f"published: {file} has no column {', '.join(missing)}")
    return list(_published(frame.to_dict("records"), ranks))


def _published(
    records: Iterable[Mapping[Any, str]], ranks: Mapping[str, int]
) -> Iterator[PaperRow]:
    for line, record in enumerate(records, start=2):
        where = f"published, line {line}"
        if not record["source"].strip():
            raise ValueError(f"{where}: a published figure needs its source, got none")
        method = text(f"{where}: method", record["method"])
        try:
            bits = code_length(int(record["bits"]))
            value = real_number("mAP", float(record["mAP"]), 0, 1)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        if record["dataset"] in ranks:
            yield PaperRow(
                record["dataset"],
                ranks[record["dataset"]],
                f"{method} (published)",
                bits,
                value,
                math.nan,
                0,
                f"from {record['source'].strip()}",
            )


def _cell(row: PaperRow | None, best: float) -> tuple[str, bool]:
    if row is None or math.isnan(row.mAP):
        return "\u2013", False
    spread = "" if math.isnan(row.sd) else f" \u00b1 {row.sd:.3f}"
    return f"{row.mAP:.3f}{spread}", bool(row.seeds) and row.mAP == best


def _bold(cell: tuple[str, bool], before: str, after: str) -> str:
    said, best = cell
    return f"{before}{said}{after}" if best else said


def _one_line(said: str) -> str:
    return " ".join(said.split()).replace("|", "\\|")


def _escaped(said: str) -> str:
    return "".join(
        _ESCAPED.get(sign, sign) for sign in " ".join(said.split()) if sign.isprintable()
    )
