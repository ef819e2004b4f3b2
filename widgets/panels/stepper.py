"""Denoising step by step: the numbers of one image next to each formula."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets as ipw
import traitlets

from uhscm_core import Study
from uhscm_core.analysis.votes import DenoisingStep, steps
from widgets.kit.bars import Bars
from widgets.kit.gallery import Gallery
from widgets.kit.selection import Selection

__all__ = ["Stepper"]


class Stepper(ipw.VBox):
    """Five steps for one image; a class may predict before it sees.

    Args:
        selection: whose focus is the image at first.
    """

    asking = traitlets.Bool(False)
    """Whether a prediction is waited for, so that no view shows the answer; default False."""

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self.bars = Bars(height=200)
        self._study: Study | None = None
        self._steps: tuple[DenoisingStep, ...] = ()
        self.image = Gallery([], [], edge=120, height=140)
        self._pick = ipw.ToggleButtons(
            options=[(title, i) for i, title in enumerate(_TITLES)],
            style={"button_width": "auto"},
        )
        self._formula = ipw.HTMLMath()
        self._predict = ipw.Checkbox(description="Predict first", indent=False)
        self._reveal = ipw.Button(description="Show", layout={"width": "90px"})
        for control in (self._pick, self._predict):
            control.observe(lambda _: self._draw(), "value")
        self._reveal.on_click(lambda _: self._draw(revealed=True))
        self.bars.observe(self._guessed, "chosen")
        text = ipw.VBox([self._formula, ipw.HBox([self._predict, self._reveal])])
        super().__init__(
            [
                self._pick,
                ipw.HBox([ipw.VBox([self.image], layout={"width": "170px"}), text]),
                self.bars,
            ]
        )

    def show_one_of(self, study: Study, images: Sequence[int]) -> None:
        """Show the steps of one of these images, unless one of them is in view."""
        if images and set(images).isdisjoint(self.image.ids.tolist()):
            self.show(study, images[0])

    def show(self, study: Study, image: int | None = None) -> None:
        """Show the steps of an image in this study, if it is one of its images.

        Args:
            study: which reads the image.
            image: by its id; None for the one in view.
        """
        if image is None:
            image = int(self.image.ids[0]) if len(self.image.ids) else self.selection.focus
        if image is None or not 0 <= image < len(study.dataset):  # others look at images of theirs
            return
        self._study = study
        self._steps = steps(study, study.image_features[image])
        self.image.show([image], images=study.dataset.images, captions=[study.dataset.names[image]])
        self._draw()

    def _draw(self, revealed: bool = False, guess: str | None = None) -> None:
        if not self._steps:
            return
        step = self._steps[self._pick.value]
        self._formula.value = f"$$\\displaystyle {step.formula}$$"
        hidden = self._predict.value and bool(step.question) and not revealed
        self._reveal.layout.visibility = "visible" if hidden else "hidden"
        self.asking = hidden
        if hidden:  # in alphabetical order, which gives nothing away
            self.bars.show(sorted(step.names), summary=step.question, threshold=None)
            return
        answer = ""
        if guess is not None:
            answer = f"You said {guess!r}: {'right' if guess in step.right else 'not so'}. "
        self.bars.show(
            step.names,
            *([step.values] if step.values else []),
            kept=step.kept,
            summary=answer + step.sentence,
            threshold=step.threshold,
            digits=step.digits,
            root=step.threshold is not None,
        )

    def _guessed(self, change: dict[str, Any]) -> None:
        if change["new"] is not None and self.asking and self._steps[self._pick.value].right:
            self._draw(revealed=True, guess=self.bars.labels[change["new"]])


_TITLES = ("1 Prompt", "2 Score", "3 Softmax", "4 Vote", "5 Drop")
