"""Two templates side by side, with the images whose top concept flipped."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core import Study
from uhscm_core.analysis.votes import counts, flips, vote_changes
from widgets.kit.bars import Bars
from widgets.kit.gallery import Gallery
from widgets.kit.selection import Selection
from widgets.kit.text_box import TextBox

__all__ = ["TemplateComparison"]


class TemplateComparison(ipw.VBox):
    """The present template next to another one.

    Args:
        study: gives the images.
        selection: shared by the gallery of flipped images.
        run: runs a job in the background, by name; an error is shown in the box given as ``at``.
        use: called to continue with the other study.
    """

    def __init__(
        self,
        study: Study,
        selection: Selection,
        run: Callable[..., None],
        use: Callable[[Study], None],
    ) -> None:
        self._study = study
        self._other: Study | None = None
        self._run = run
        self.template = TextBox(
            "Another template",
            labelled=False,
            placeholder="such as: a sketch of the {}",
            layout={"flex": "1 1 auto"},
        )
        whole = {"flex": "none", "width": "auto"}  # however long an error next to them is
        self.compare = ipw.Button(description="Compare", layout=whole)
        self.use = ipw.Button(description="Use this one", layout=whole)
        self.bars = Bars(root=True, height=200, unit="votes")
        self.gallery = Gallery(study.dataset.images, [], selection=selection, edge=104, height=220)
        self.compare.on_click(lambda _: self._ask("comparing templates", self._compared))
        self.template.on_submit(lambda _: self._ask("comparing templates", self._compared))
        self._use = use
        self.use.on_click(lambda _: self._ask("mining", self._go_on))
        self._found = ipw.VBox([self.gallery, self.bars], layout={"display": "none"})
        super().__init__(
            [
                ipw.HBox([self.template, self.compare, self.use]),
                self._found,
            ]
        )

    def show(self, study: Study) -> None:
        """Compare with this study from now on; what cannot be compared with it is hidden."""
        self._study, other = study, self._other
        if other is None:
            return
        if other.concepts.templates == study.concepts.templates:  # it is used now
            self._hide()
            return
        try:
            if other.concepts.names == study.concepts.names:  # its prompts are encoded already
                other = other.with_(
                    tau=study.tau, min_share=study.min_share, max_share=study.max_share
                )
            else:
                other = study.with_(template=other.concepts.templates)
            self._show(other)
        except ValueError:
            self._hide()

    def _hide(self) -> None:
        self._other = None
        self._found.layout.display = "none"

    def _ask(self, what: str, job: Callable[[], None]) -> None:
        self._run(what, job, at=self.template)

    def _go_on(self) -> None:
        self._use(self._study.with_(template=self._typed()))

    def _typed(self) -> str:
        template = str(self.template.value).strip()
        if not template:
            raise ValueError("there is no other template yet: type one, such as a sketch of the {}")
        if (template,) == self._study.concepts.templates:
            raise ValueError(f"{template!r} is the template in use: type another one")
        return template

    def _compared(self) -> None:
        self._show(self._study.with_(template=self._typed()))

    def _show(self, other: Study) -> None:
        study = self._study
        table, votes = flips(study, other), vote_changes(study, other)
        n = len(study.dataset.splits["train"])
        most = ""
        if len(table):
            first = table.iloc[0]
            most = f", most often from {first['before']!r} to {first['after']!r}"
        self.gallery.show(
            table["image"].to_numpy(),
            images=study.dataset.images,
            captions=(table["before"] + " → " + table["after"]).tolist(),
            summary=f"{len(table):,} of {n:,} images changed their top concept{most}",
        )
        self.bars.show(
            votes["concept"].tolist(),
            votes["before"],
            votes["after"],
            names=[" + ".join(one.concepts.templates) for one in (study, other)],
            kept=votes["kept"],
            summary=f"Largest changes first. Now: {counts(study)}. Then: {counts(other)}",
        )
        self._other = other
        self._found.layout.display = ""
