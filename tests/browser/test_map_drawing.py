"""The pixels of a map's points, against what laying one color over another gives."""

from __future__ import annotations

import numpy as np
import pytest

from widgets.kit.view import static

pytestmark = pytest.mark.browser

WIDTH, HEIGHT = 200, 100
ORANGE, BLUE = (230, 159, 0), (86, 180, 233)  # the first two groups
FULL, FAINT = 0.85, 0.15
# A point at (x, y) lies x pixels to the right of the middle, and y above it.
DRAW = """
window.draw = ([points, members, picked]) => {
    const canvas = document.createElement('canvas');
    const camera = new Camera({x: 0, y: 0, scale: 1, whole: 1, width: 200, height: 100});
    drawPoints(canvas, {
        camera,
        dark: false,
        places: Float32Array.from(points.flat()),
        order: Uint32Array.from(members.keys()),
        members: Uint8Array.from(members),
        picked: Uint8Array.from(picked),
        pickedCount: picked.filter(Boolean).length,
    });
    return [...contextOf(canvas).getImageData(0, 0, canvas.width, canvas.height).data];
};
"""


@pytest.fixture(scope="module")
def draw(browser):
    page = browser.new_page()
    script, _ = static("canvas", "pictures", "map_points", "map_drawing")
    page.set_content(f"<script type=module>{script}{DRAW}</script>")
    page.wait_for_function("() => window.draw")

    def drawn(points, members, picked=None):
        values = page.evaluate("draw", [points, members, picked or [0] * len(points)])
        return np.array(values, np.float64).reshape(HEIGHT, WIDTH, 4)

    yield drawn
    page.close()


def laid_over(*layers):
    """Red, green, blue and opacity, up to 255, of colors with their opacity, the lowest first."""
    color, whole = np.zeros(3), 0.0
    for above, share in layers:
        below = whole * (1 - share)
        color = (np.array(above) * share + color * below) / (share + below)
        whole = share + below
    return [*color, 255 * whole]


def at(image, x, y):
    return image[HEIGHT // 2 - y, WIDTH // 2 + x]


def test_points_lie_over_one_another(draw):
    image = draw([[0, 0], [60, 0], [60, 0]], [0, 0, 1])
    assert at(image, 0, 0) == pytest.approx(laid_over((ORANGE, FULL)), abs=2)
    assert at(image, 60, 0) == pytest.approx(laid_over((ORANGE, FULL), (BLUE, FULL)), abs=2)
    assert at(image, 30, 0).tolist() == [0, 0, 0, 0]


def test_what_is_not_picked_is_faint_and_lies_below(draw):
    points = [[0, 0], [60, 0], *[[-60, 0]] * 12]
    image = draw([*points, [0, 0]], [0, 1, *[0] * 12, 1], [1, *[0] * 14])
    assert at(image, 0, 0) == pytest.approx([*ORANGE, 255], abs=1)
    assert at(image, 60, 0) == pytest.approx(laid_over((BLUE, FAINT)), abs=4)
    assert at(image, -60, 0) == pytest.approx(laid_over(*[(ORANGE, FAINT)] * 12), abs=5)


def test_a_point_at_the_edge_is_cut_there(draw):
    image = draw([[-WIDTH / 2, 0], [0, HEIGHT / 2], [WIDTH / 2 - 1, 0]], [0, 0, 1])
    painted = image[..., 3] > 0
    assert painted[:, 0].any()
    assert painted[0].any()
    assert painted[:, -1].any()
    assert image[HEIGHT // 2, 0, :3] == pytest.approx(ORANGE, abs=2)
    assert image[HEIGHT // 2, -1, :3] == pytest.approx(BLUE, abs=2)
    assert not painted[HEIGHT // 2 - 20 : HEIGHT // 2 + 20, 20:-20].any()
    left = image[:, :20][painted[:, :20]]
    assert left[:, 2].max() <= 5  # nothing of the blue one at the other edge
    assert not painted[-20:].any()
