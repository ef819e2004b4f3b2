"""What a check found, and the report of all checks."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["BAD", "OK", "WARN", "Finding", "Report"]

OK, WARN, BAD = "ok", "warn", "bad"
_ICONS = {OK: "✓", WARN: "!", BAD: "✗"}
_COLOURS = {OK: "#009E73", WARN: "#E69F00", BAD: "#D55E00"}  # the palette of Okabe and Ito


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        what: what was checked.
        found: its state.
        verdict: ``"ok"``; ``"warn"`` if something is slower or more limited than it could be;
            ``"bad"`` if the explorer will not work.
        fix: what to do about it; empty if nothing is wrong.
    """

    what: str
    found: str
    verdict: str = OK
    fix: str = ""


class Report(list["Finding"]):
    """A list of findings, shown as text in a terminal and as a table in a notebook."""

    @property
    def healthy(self) -> bool:
        """Whether no finding is bad."""
        return all(finding.verdict != BAD for finding in self)

    @property
    def summary(self) -> str:
        """The verdicts in one sentence."""
        counts = {v: sum(finding.verdict == v for finding in self) for v in (BAD, WARN)}
        if not any(counts.values()):
            return f"All {len(self)} checks passed."
        return f"{len(self)} checks: {counts[BAD]} bad, {counts[WARN]} with a warning."

    def to_frame(self) -> Any:
        """Return a pandas DataFrame with one row per finding."""
        import pandas as pd

        return pd.DataFrame([asdict(finding) for finding in self])

    def __repr__(self) -> str:
        width = max((len(finding.what) for finding in self), default=0)
        lines = []
        for finding in self:
            mark = f"{_ICONS[finding.verdict]} {finding.verdict:<4}"
            lines.append(f"{mark}  {finding.what:<{width}}  {finding.found}")
            if finding.fix:
                lines.append(f"{'':{len(mark) + 2}}{'':{width}}  → {finding.fix}")
        return "\n".join([*lines, "", self.summary])

    def _repr_html_(self) -> str:
        rows = []
        for finding in self:
            fix = f"<br>→ {html.escape(finding.fix)}" if finding.fix else ""
            rows.append(
                f'<tr><td style="white-space:nowrap;color:{_COLOURS[finding.verdict]}">'
                f"<b>{_ICONS[finding.verdict]} {finding.verdict}</b></td>"
                f'<th scope="row" style="text-align:left">{html.escape(finding.what)}</th>'
                f'<td style="text-align:left">{html.escape(finding.found)}{fix}</td></tr>'
            )
        return f"<table>{''.join(rows)}</table><p>{html.escape(self.summary)}</p>"
