"""Uploads: what comes is decoded again, and what cannot be is said."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageFile

from widgets.kit.upload import Upload


class Heard:
    def __init__(self, on_image=None):
        self.images, self.errors = [], []
        take = on_image or (lambda image, name: self.images.append((image, name)))
        self.upload = Upload(take, self.errors.append)

    def sends(self, data, name="cat.png", kind="image"):
        buffers = [] if data is None else [memoryview(data)]
        self.upload._handle_custom_msg({"type": kind, "name": name}, buffers)


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(512, 300), (1, 512), (1, 1)])
def test_an_image_comes_with_its_name(kind, size):
    heard = Heard()
    heard.sends(encoded(Image.new("RGB", size, (200, 200, 200)), kind))
    [(image, name)] = heard.images
    assert (image.size, image.mode, name) == (size, "RGB", "cat.png")
    assert image.getpixel((0, 0)) == (200, 200, 200)
    assert heard.errors == []
    assert heard.upload.summary == f"cat.png, {size[0]} × {size[1]} pixels"


def test_what_is_transparent_becomes_white():
    heard = Heard()
    heard.sends(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0))))
    assert heard.images[0][0].getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"not an image",
        encoded(Image.new("RGB", (64, 64)))[:60],
        encoded(Image.effect_noise((64, 64), 99))[:-500],
        encoded(Image.new("RGB", (4, 4)), "GIF"),  # the browser sends none
        encoded(Image.new("RGB", (513, 1))),
    ],
)
def test_what_is_no_image_is_said(data):
    heard = Heard()
    heard.sends(data, name="<b>.jpg")
    [error] = heard.errors
    assert error.startswith("<b>.jpg: not an image that can be read (")
    assert (heard.images, heard.upload.summary) == ([], error)


def test_an_enormous_image_is_refused_before_it_is_decoded(monkeypatch):
    data = encoded(Image.new("1", (5000, 5000)))
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    heard = Heard()
    heard.sends(data)
    assert "5000 x 5000 pixels, at most 512" in heard.errors[0]


def test_what_the_browser_could_not_read_is_handed_on():
    heard = Heard()
    heard.upload._handle_custom_msg(
        {"type": "error", "name": "notes.jpg", "reason": "not an image this browser can read"}, []
    )
    assert heard.errors == ["notes.jpg: not an image this browser can read"]
    assert heard.upload.summary == heard.errors[0]


def test_what_the_caller_raises_is_said():
    def fails(image, name):
        raise RuntimeError("no model yet")

    heard = Heard(fails)
    heard.sends(encoded(Image.new("RGB", (2, 2))))
    assert heard.errors == ["cat.png: no model yet"]


def test_names_are_kept_short_and_are_never_empty():
    heard = Heard()
    for name in ("x" * 5000, "", None, 5):
        heard.sends(encoded(Image.new("RGB", (2, 2))), name=name)
    assert [name for _, name in heard.images] == ["x" * 200, "image", "None", "5"]


def test_other_messages_are_dropped():
    heard = Heard()
    for kind in (None, "page", 5):
        heard.sends(encoded(Image.new("RGB", (2, 2))), kind=kind)
    assert (heard.images, heard.errors) == ([], [])


def test_an_unknown_keyword_is_named():
    with pytest.raises(TypeError, match="Upload has no colour"):
        Upload(print, print, colour="red")
