"""A status line at the top, and below it an explorer's parts or the offer to train."""

from __future__ import annotations

import ipywidgets as ipw

from uhscm_core import Study
from widgets.background.worker import Line, Worker
from widgets.explorers.displayed import Displayed
from widgets.kit.stage import framed
from widgets.kit.status import Status
from widgets.panels.train_offer import TrainOffer

__all__ = ["Framed"]


class Framed(Displayed):
    """What all explorers look like: the status line says what is shown, and what is being done.

    Args:
        line: the thread to work on.
    """

    def __init__(self, line: Line) -> None:
        self.status = Status()
        self._worker = Worker(self.status.set_busy, self.status.fail, line)
        self._head = framed(self.status)
        self._body: tuple[ipw.Widget, ...] = ()
        self._offer: TrainOffer | None = None
        super().__init__([])
        self.add_class("uhscm-explorer")

    def wait(self) -> None:
        """Until what was asked for is shown; for notebooks without a front end, and for tests."""
        if self._offer is not None:
            self._offer.wait()
        self._worker.wait()

    def _lay_out(self, *parts: ipw.Widget) -> None:
        """Set what stands below the status line."""
        self._body = parts
        self.children = [self._head, *parts]

    @property
    def _offering(self) -> bool:
        """Whether the offer to train is in view."""
        return self._offer is not None and self._offer.wanted

    def _show_offer(self, study: Study, needs: str) -> None:
        """Offer to train a study in place of the parts, which need more than it has.

        Args:
            study: to train.
            needs: a sentence that says what it lacks.
        """
        if self._offer is None:
            self._offer = TrainOffer(self._worker, self.status.fail, self._take_trained)
        self._offer.show(study)
        self.status.say(needs)
        self.children = [self._head, self._offer]

    def _hide_offer(self) -> None:
        if self._offer is not None and self._offer.wanted:
            self._offer.wanted = False
            self.children = [self._head, *self._body]

    def _take_trained(self, study: Study, network: str) -> None:
        """Show a study that was trained here, or earlier, and what its network is called."""
        raise NotImplementedError
