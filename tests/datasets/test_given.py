"""Images that come with features are known by their content when they are encoded after all."""

from __future__ import annotations

import pytest
from PIL import Image

from uhscm_core.datasets.content import file_key
from uhscm_core.datasets.given import GivenImages

# The run-time shape check looks at one item of a sequence, which would read a file.
pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.fixture
def images(tmp_path) -> GivenImages:
    path = tmp_path / "a.png"
    Image.new("RGB", (4, 4), "red").save(path)
    picture = Image.new("RGB", (4, 4), "green")
    return GivenImages([path, picture, picture.copy(), None], ["a", "b", "c", "d"])


def test_keys_are_of_files_and_of_pixels(images):
    assert images.keys[0] == file_key(images.items[0])
    assert images.keys[1] == images.keys[2]
    assert len(set(images.keys)) == 3
    assert [images.path(i) for i in (0, 1)] == [images.items[0], None]
    assert all(images.unchanged(i) for i in range(4))


def test_what_changed_since_is_an_error(images):
    keys = images.keys
    Image.new("RGB", (4, 4), "blue").save(images.items[0])
    images.items[1].putpixel((0, 0), (1, 2, 3))
    with pytest.raises(OSError, match=r"a\.png: changed since the folder was loaded"):
        images.unchanged(0)
    with pytest.raises(ValueError, match=r"images\[1\] changed since the study was made"):
        images.unchanged(1)
    assert GivenImages(images.items, images.names).keys[:2] != keys[:2]
