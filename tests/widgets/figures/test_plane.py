"""The plane of two images' similarities, read by its traces."""

from __future__ import annotations

import numpy as np

from widgets.figures.plane import plane_figure


def test_the_plane_shows_each_way_from_its_beginning_to_its_end():
    paths = np.array([[[0.0, 0.0], [0.5, 0.5]], [[0.1, 0.2], [0.6, 0.4]], [[0.2, 0.3], [1, 0]]])
    made = plane_figure(paths, ["a", "<b>"], "two images")
    corners, *ways = made.data
    assert sorted(zip(corners.x, corners.y, strict=True)) == [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    assert list(zip(ways[1].x, ways[1].y, strict=True)) == [(0.5, 0.5), (0.6, 0.4), (1, 0)]
    assert ways[1].name == "&lt;b&gt;"
    assert plane_figure(paths[:1], ["a", "b"], "").data[1].marker.size == (8,)
