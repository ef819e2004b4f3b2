"""What the doctor's tests share: the default postcards, drawn up once."""

from __future__ import annotations

import pytest

import uhscm_core


@pytest.fixture
def drawn_up(monkeypatch, default_postcards) -> None:
    """Let a check find the default postcards without drawing up their scenes again."""
    monkeypatch.setattr(uhscm_core, "load_dataset", lambda *_, **__: default_postcards)
