"""One file becomes one RGB image, or an error that says why not and whether that will last."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

from PIL import Image

from uhscm_core.datasets import read_image
from uhscm_core.datasets.reading import is_lasting

RED = (200, 20, 10)


def error_of(path: Path) -> Exception:
    """The error of reading a file, which must come at once."""
    caught: list[Exception] = []

    def read() -> None:
        try:
            read_image(path)
        except Exception as error:
            caught.append(error)

    reading = threading.Thread(target=read, daemon=True)  # it may wait for ever
    reading.start()
    reading.join(20)
    assert caught, f"reading {path.name} gave no error"
    return caught[0]


def test_a_named_pipe_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    error = error_of(tmp_path / "pipe.png")
    assert isinstance(error, OSError)
    assert str(error).endswith("pipe.png: not a regular file")
    assert str(error_of(Path("/dev/zero"))).endswith("zero: not a regular file")
    assert str(error_of(tmp_path)).endswith("not a regular file")


def test_bad_bytes_last_and_what_the_system_says_may_pass(tmp_path, monkeypatch):
    (tmp_path / "text.png").write_text("no image")
    assert is_lasting(error_of(tmp_path / "text.png"))
    Image.new("RGB", (8, 8), RED).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:45])
    assert is_lasting(error_of(tmp_path / "cut.png"))
    assert not is_lasting(error_of(tmp_path / "gone.png"))
    os.mkfifo(tmp_path / "pipe.png")
    assert not is_lasting(error_of(tmp_path / "pipe.png"))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 63)
    assert is_lasting(error_of(tmp_path / "good.png"))

    for passing in (errno.EMFILE, errno.ENFILE, errno.EIO, errno.EACCES):
        with monkeypatch.context() as patch:

            def fails(*_, code=passing, **__):
                raise OSError(code, os.strerror(code))

            patch.setattr(os, "open", fails)
            error = error_of(tmp_path / "good.png")
        assert isinstance(error, OSError)
        assert error.errno == passing
        assert os.strerror(passing).lower() in str(error)
        assert not is_lasting(error)
    assert not is_lasting(MemoryError())
