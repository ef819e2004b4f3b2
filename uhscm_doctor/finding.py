"""What a check found, and all of it as a report."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["BAD", "OK", "WARN", "Finding", "Report"]

OK, WARN, BAD = "ok", "warn", "bad"
_ICONS = {OK: "✓", WARN: "!", BAD: "✗"}
_COLOURS = {OK: "#009E73", WARN: "#E69F00", BAD: "#D55E00"}  # Okabe and Ito's


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        what: was looked at.
        found: what it is like.
        verdict: ``"ok"``; ``"warn"`` where something is slower or less than it could be; ``"bad"``
            where the explorer will not work.
        mend: what to do about it; empty where all is well.
    """

    what: str
    found: str
    verdict: str = OK
    mend: str = ""


class Report(list["Finding"]):
    """Findings, as text for a terminal and as a table for a notebook."""

    @property
    def healthy(self) -> bool:
        """Whether nothing is bad."""
        return all(finding.verdict != BAD for finding in self)

    @property
    def summary(self) -> str:
        """One sentence."""
        counts = {v: sum(finding.verdict == v for finding in self) for v in (BAD, WARN)}
        if not any(counts.values()):
            return f"All {len(self)} checks are well."
        return f"{counts[BAD]} bad, {counts[WARN]} to look at, of {len(self)} checks."

    def to_frame(self) -> Any:
        """A pandas DataFrame, a row a finding."""
        import pandas as pd

        return pd.DataFrame([asdict(finding) for finding in self])

    def __repr__(self) -> str:
        width = max((len(finding.what) for finding in self), default=0)
        lines = []
        for finding in self:
            mark = f"{_ICONS[finding.verdict]} {finding.verdict:<4}"
            lines.append(f"{mark}  {finding.what:<{width}}  {finding.found}")
            if finding.mend:
                lines.append(f"{'':{len(mark) + 2}}{'':{width}}  → {finding.mend}")
        return "\n".join([*lines, "", self.summary])

    def _repr_html_(self) -> str:
        rows = []
        for finding in self:
            mend = f"<br>→ {html.escape(finding.mend)}" if finding.mend else ""
            rows.append(
                f'<tr><td style="white-space:nowrap;color:{_COLOURS[finding.verdict]}">'
                f"<b>{_ICONS[finding.verdict]} {finding.verdict}</b></td>"
                f'<th scope="row" style="text-align:left">{html.escape(finding.what)}</th>'
                f'<td style="text-align:left">{html.escape(finding.found)}{mend}</td></tr>'
            )
        return f"<table>{''.join(rows)}</table><p>{html.escape(self.summary)}</p>"
