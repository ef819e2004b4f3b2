from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from uhscm_core.analysis.pairs import most_similar
from uhscm_core.analysis.study_images import ImagePairs, StudyImages


def test_an_uploaded_image_is_read_like_the_others(trained):
    before = StudyImages(trained)
    image = trained.dataset.images[9]
    images = before.with_image(image, "mine.png")
    assert (images[260], images.names[260], len(images)) == (image, "mine.png", 261)
    # The postcards' features ship in half precision, the upload's are in single precision.
    assert images.features[260].tolist() == pytest.approx(images.features[9].tolist(), abs=3e-4)
    np.testing.assert_allclose(images.distribution[260], images.distribution[9], atol=2e-3)
    assert images.codes[260].tolist() == images.codes[9].tolist()
    assert most_similar(images, 260, 1).tolist() == [9]
    assert images.caption(260) == "mine.png"
    assert images[np.int64(260)] is image
    for outside in (-1, 261):
        with pytest.raises(IndexError, match=f"no image {outside}: there are 261"):
            images[outside]
    assert images.caption(9).startswith("postcard 9\n")
    assert (len(trained.dataset), len(before), len(before.features)) == (260, 260, 260)


def test_without_uploads_nothing_is_copied(trained):
    images = StudyImages(trained)
    assert images.features is trained.image_features
    assert images.distribution is trained.distribution
    assert images.codes.data_ptr() == trained.codes.data_ptr()


def test_codes_of_an_untrained_study_are_none(study):
    images = StudyImages(study).with_image(study.dataset.images[0], "mine.png")
    assert images.codes is None
    assert images.features.shape == (261, study.vlp.embed_dim)


def test_a_pair_shows_both_images():
    red, blue = (Image.new("RGB", (40, 60), colour) for colour in ("red", "blue"))
    both = ImagePairs([red, blue], [(0, 1), (1, 0)])
    assert len(both) == 2
    assert both[0].getpixel((5, 5)) == both[1].getpixel((185, 185)) == (255, 0, 0)
    assert both[1].getpixel((5, 5)) == both[0].getpixel((185, 185)) == (0, 0, 255)
    # No corner looks like an image that is missing.
    assert both[0].getpixel((220, 3)) == both[1].getpixel((3, 220)) == (255, 0, 0)
