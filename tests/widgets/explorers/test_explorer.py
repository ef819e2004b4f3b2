"""What the explorers have in common."""

from __future__ import annotations

import IPython.display
import pytest

from widgets.explorers import explorer as explorer_module
from widgets.explorers.explorer import Explorer


@pytest.fixture
def displayed(monkeypatch):
    """What is displayed from now on."""
    shown = []
    monkeypatch.setattr(explorer_module, "display", lambda what, **_: shown.append(what))
    return shown


def test_an_explorer_leaves_beside_it_what_to_do_when_it_is_gone(study, displayed):
    explorer = Explorer(study)
    explorer.status.summary = "3 <kept>"
    explorer._ipython_display_()
    widget, again = displayed
    assert widget["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.model_id
    assert widget["text/plain"] == "Explorer: 3 <kept>"
    assert isinstance(again, IPython.display.HTML)
    assert "run the cells above" in again.data
