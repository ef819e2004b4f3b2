"""What is wrong with a study, each with a button that changes what would help."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as ipw

from uhscm_core.health import HealthFinding
from widgets.kit.view import close_all

__all__ = ["HealthPanel"]

_CONTROLS = {"min_share": "minimum votes", "tau": "τ"}
"""What the controls of settings are called, where that is not the setting's own name."""


class HealthPanel(ipw.VBox):
    """One row per finding of `Study.health`; nothing where all is well.

    Args:
        apply: called with the change of a finding whose button was pressed.
    """

    def __init__(self, apply: Callable[[Mapping[str, Any]], None]) -> None:
        self._apply = apply
        self.findings: tuple[HealthFinding, ...] = ()
        self._rows: tuple[ipw.Widget, ...] = ()
        super().__init__([])
        self.add_class("uhscm-health")

    def show(self, findings: Sequence[HealthFinding]) -> None:
        """Replace the findings."""
        said = [(finding.message, finding.change) for finding in findings]
        before = [(finding.message, finding.change) for finding in self.findings]
        self.findings = tuple(findings)
        if said == before:
            return
        gone = self._rows
        self._rows = self.children = tuple(map(self._row, findings))
        for row in gone:
            close_all(row)

    def _row(self, finding: HealthFinding) -> ipw.Widget:
        message = finding.message[:1].upper() + finding.message[1:]
        text = ipw.Label(f"⚠ {message}.", layout={"flex": "1 1 300px", "min_width": "0"})
        parts: list[ipw.Widget] = [text]
        if finding.change:
            button = ipw.Button(description=_offer(finding.change), icon="wrench")
            button.layout.width = "auto"
            button.on_click(lambda _: self._apply(finding.change or {}))
            parts.append(button)
        return ipw.HBox(parts, layout={"flex_flow": "row wrap", "align_items": "center"})


def _offer(change: Mapping[str, Any]) -> str:
    return "Use " + ", ".join(
        f"{_CONTROLS.get(name, name)} {value:.3g}"
        if isinstance(value, float)
        else f"{_CONTROLS.get(name, name)} {value}"
        for name, value in change.items()
    )
