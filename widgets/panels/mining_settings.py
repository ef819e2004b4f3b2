"""The settings of mining, which are called by the names of their controls."""

from __future__ import annotations

import contextlib
import functools
import html
import re
from collections.abc import Iterator
from typing import Any

import ipywidgets as ipw

from uhscm_core import Study
from uhscm_core.health import findings_of_mining
from uhscm_core.support.checks import real_number
from widgets.kit.number_box import NumberBox
from widgets.kit.slider import Slider
from widgets.kit.words import with_capital

__all__ = ["MiningSettings", "called_on_screen", "told_to_people"]

_NAMES = {"tau": "τ", "min_share": "Minimum votes", "max_share": "Maximum votes"}


class MiningSettings(ipw.VBox):
    """τ and the bounds of votes; below them, what mining has made of these."""

    def __init__(self) -> None:
        wide: dict[str, Any] = {"label_width": "46%"}
        least = functools.partial(real_number, _NAMES["min_share"], low=-1)
        most = functools.partial(real_number, _NAMES["max_share"], above=0, high=1)
        self.tau = Slider("τ, sharpness", min=0.1, max=10, step=0.1, digits=1, **wide)
        self.min_share = NumberBox(
            f"{_NAMES['min_share']}, as a share of an even split", least, step=0.05, **wide
        )
        self.max_share = NumberBox(
            f"{_NAMES['max_share']}, as a share of all images", most, step=0.05, **wide
        )
        self._scale = ipw.Label()
        self._scale.add_class("uhscm-note")
        self._findings = ipw.HTML()  # below the settings: what comes and goes moves no bar
        self._findings.add_class("uhscm-note")
        super().__init__([self.tau, self._scale, self.min_share, self.max_share, self._findings])

    def show(self, study: Study) -> None:
        """Say what the settings have made of a study."""
        self._scale.value = (
            f"Scores are multiplied by τK = {study.mined.temperature:.3g}, by "
            f"{study.vlp.logit_scale:.0f} in the model's training"
        )
        found = [f"{with_capital(finding.message)}." for finding in findings_of_mining(study)]
        self._findings.value = "<br>".join(map(html.escape, found))

    def show_bounds(self, study: Study) -> None:
        """Put the settings of a study into the controls."""
        self.tau.max = max(10.0, study.tau)
        self.tau.show(study.tau)
        self.min_share.show(study.min_share)
        self.max_share.show(1.0 if study.max_share is None else study.max_share)


def called_on_screen(name: str) -> str:
    """Return what people call a setting."""
    return _NAMES[name]


@contextlib.contextmanager
def told_to_people() -> Iterator[None]:
    """Let an error of mining have the names of the controls in place of those in code."""
    try:
        yield
    except ValueError as error:
        said = str(error)
        for name, words in _NAMES.items():
            said = re.sub(rf"\b{name}\b", words, said)
        raise ValueError(said) from None
