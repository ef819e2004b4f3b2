"""Look for near-duplicates in a thread that can be stopped, and show what is found so far."""

from __future__ import annotations

from uhscm_core import NearDuplicates, near_duplicates
from uhscm_core.analysis.oddities import Oddities
from uhscm_core.support.progress import report_progress_to
from widgets.background.counted import Counted
from widgets.background.errors import in_words
from widgets.background.long_running import Stopped

__all__ = ["DuplicateSearch"]


class DuplicateSearch(Counted):
    """One search, see `Oddities.search`.

    Args:
        oddities: of the study.
        settings: radius, cosine and whether the images look similar.
        before: an earlier search, which ends first.

    Attributes:
        found: so far; all once the state is "done".
        message: why the search has failed.
    """

    def __init__(
        self,
        oddities: Oddities,
        settings: tuple[int, float, bool],
        before: DuplicateSearch | None = None,
    ) -> None:
        self.oddities, self.settings = oddities, settings
        none = slice(0)
        study = oddities.study
        self.found: NearDuplicates = near_duplicates(
            study.codes[none], oddities.bits, study.image_features[none]
        )
        self.message = ""
        self._before = before
        super().__init__("near-duplicates", "searching")  # then done, stopped or failed

    def _work(self) -> None:
        if self._before is not None:
            self._before.stop()
            self._before.wait()
            self._before = None
        try:
            with report_progress_to(self._hear):
                for found in self.oddities.search(*self.settings):
                    self.found = found
                    if self.stopping:
                        raise Stopped
            self.state = "done"
        except Stopped:
            self.state = "stopped"
        except Exception as error:  # no one sees a thread's exceptions
            self.message = in_words(error)
            self.state = "failed"
