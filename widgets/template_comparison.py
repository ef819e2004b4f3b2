"""Two templates side by side, with the images whose top concept flipped."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as ipw

from uhscm_core import Study
from widgets.bars import Bars
from widgets.denoising import counts, flips, vote_frame
from widgets.gallery import Gallery
from widgets.selection import Selection

__all__ = ["TemplateComparison"]


class TemplateComparison(ipw.VBox):
    """The present template beside another one.

    Args:
        study: gives the images.
        selection: goes along with the gallery of flipped images.
        run: does a job in the background, by name.
        use: called to go on with the other study.
    """

    def __init__(
        self,
        study: Study,
        selection: Selection,
        run: Callable[[str, Callable[[], None]], None],
        use: Callable[[Study], None],
    ) -> None:
        self._study = study
        self._other: Study | None = None
        self._run = run
        self.template = ipw.Text(
            placeholder="another template, such as: a sketch of the {}",
            continuous_update=False,
            layout={"flex": "1 1 auto"},
        )
        self.compare = ipw.Button(description="Compare", layout={"width": "100px"})
        self.use = ipw.Button(description="Use this one", disabled=True, layout={"width": "120px"})
        self.before, self.after = Bars(root=True, height=170), Bars(root=True, height=170)
        self.gallery = Gallery(study.dataset.images, [], selection=selection, height=200)
        self.compare.on_click(lambda _: self._ask())
        self.template.observe(lambda _: self._ask(), "value")
        self._use = use
        self.use.on_click(lambda _: self._go_on())
        half = {"width": "50%"}
        pair = ipw.HBox([ipw.VBox([b], layout=half) for b in (self.before, self.after)])
        self._found = ipw.VBox([self.gallery, pair], layout={"display": "none"})
        super().__init__(
            [
                ipw.HBox([self.template, self.compare, self.use]),
                self._found,
            ]
        )

    def show(self, study: Study) -> None:
        """Compare with this study from now on."""
        if study.concepts is self._study.concepts and self._other is not None:
            return
        self._study = study
        if self._other is not None:
            self._compared()

    def _go_on(self) -> None:
        if self._other is not None:
            self._use(self._other)

    def _ask(self) -> None:
        if self.template.value.strip():
            self._run("comparing templates", self._compared)

    def _compared(self) -> None:
        template = self.template.value.strip()
        study, other = self._study, self._study.with_(template=template)
        table = flips(study, other)
        for bars, one in ((self.before, study), (self.after, other)):
            frame = vote_frame(one)
            words = " + ".join(one.concepts.templates)
            bars.show(
                frame["concept"].tolist(),
                frame["votes"],
                kept=frame["kept"],
                summary=f"{words}: {counts(one)}",
            )
        self._other = other
        self.use.disabled = False
        n = len(study.dataset.splits["train"])
        most = ""
        if len(table):
            first = table.iloc[0]
            most = f", most often from {first['before']!r} to {first['after']!r}"
        self.gallery.show(
            table["image"].to_numpy(),
            captions=(table["before"] + " → " + table["after"]).tolist(),
            summary=f"{len(table):,} of {n:,} images changed their top concept{most}",
        )
        self._found.layout.display = ""
