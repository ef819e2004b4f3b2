"""Another study keeps what its map can show."""

from __future__ import annotations

from uhscm_core.analysis.pairs import CODES, CONCEPTS, FEATURES
from widgets.states.map import CONCEPT, LABEL, PCA, MapState


def test_what_a_map_lacks_becomes_concepts():
    state = MapState(CODES, PCA, LABEL, (1, 2))
    kept = state.in_study([FEATURES, CONCEPTS], [CONCEPT], (2,))
    assert kept == MapState(CONCEPTS, PCA, CONCEPT, (2,))
    assert state.in_study([CODES], [LABEL], (1, 2)) == state
