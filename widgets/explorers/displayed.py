"""An explorer in a notebook, and what stands in its place where no kernel is behind it."""

from __future__ import annotations

import threading
from typing import Any

import ipywidgets as ipw
from IPython.display import HTML, display, update_display

from widgets.background.importing import import_soon
from widgets.kit.status import Status
from widgets.kit.still import still_of
from widgets.kit.view import close_all

__all__ = ["Displayed"]

_REST = 2.0  # seconds without a change, until the picture is taken again

# Hidden where the explorer is above it; in a notebook after a moment, which an explorer takes to
# appear. A page that was made of the notebook has other readers than the notebook.
_PAGE = """
<style>
  .jp-OutputArea-child:has(.uhscm-explorer, .uhscm-exports, .uhscm-workbench)
    + .jp-OutputArea-child .uhscm-again { display: none; }
  .jp-NotebookPanel .uhscm-again { animation: uhscm-again 0s 3s both; }
  .jp-NotebookPanel .uhscm-again .reader, .uhscm-again:not(.jp-NotebookPanel *) .owner {
    display: none;
  }
  @keyframes uhscm-again { from { visibility: hidden; max-height: 0; overflow: hidden; } }
</style>
<div class="uhscm-again">__STILL__<p class="reader">This is what an explorer showed last. In the
notebook, once its cells are run, everything here can be changed.</p><p class="owner">An explorer
was here, and this is what it showed last. It lives as long as its kernel: run the cells above and
this one again (Run &gt; Run All Above Selected Cell, then Shift+Enter).</p></div>
"""


class Displayed(ipw.VBox):
    """A widget that leaves a picture of itself in a saved notebook and in pages made of it."""

    status: Status
    _displayed = False
    _timer: threading.Timer | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self.status.summary}"

    def close(self) -> None:
        """Close it and every widget that it made; long work that is running continues."""
        if self.comm is not None:  # Python may clean up what was closed, or never made
            self._leave()
            close_all(self)

    def _leave(self) -> None:
        """Stop what would still draw, before everything is closed."""

    def _ipython_display_(self) -> None:
        display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]
        display(self._still(), display_id=self._display_id)  # type: ignore[no-untyped-call]
        if not self._displayed:
            self._displayed = True
            import_soon()
            self._follow_display(self.status)

    def _follow_display(self, status: Status) -> None:
        """Take the picture again some time after this status line has changed."""
        status.observe(self._changed_display, ["summary", "busy"])

    @property
    def _display_id(self) -> str:
        return f"uhscm-{self.model_id}"

    def _still(self) -> HTML:
        page = _PAGE.replace("__STILL__", still_of(self))
        return HTML(page)  # type: ignore[no-untyped-call]

    def _changed_display(self, _: Any) -> None:
        if not self._displayed:
            return  # a part of another one
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(_REST, self._update_display)
        self._timer.daemon = True
        self._timer.start()

    def _update_display(self) -> None:
        if self.comm is None or self.status.busy:
            return
        try:
            still = self._still()
        except (ValueError, IndexError, KeyError):  # a view changed meanwhile, which is told too
            return
        update_display(still, display_id=self._display_id)  # type: ignore[no-untyped-call]
