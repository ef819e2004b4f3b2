"""The buttons that save a study, pressed as the browser presses them."""

from __future__ import annotations

import dataclasses
import io
import time
import zipfile

import faiss
import numpy as np
import pyarrow.parquet
import pytest

from widgets import Exports
from widgets.background.worker import Worker
from widgets.kit.download import Download
from widgets.kit.status import Status

FILES = ("codes.parquet", "codes.npz", "index.faiss", "run.zip", "results.html")


def pressed(exports, name):
    """The file that the browser would get; None where nothing came."""
    sent = []
    exports.buttons[name].send = lambda content, buffers: sent.append((content, buffers))
    exports.buttons[name]._receive(None, {"type": "ask"}, [])
    exports.wait()
    if not sent:
        return None
    ((content, (file,)),) = sent
    assert content["type"] == "file"
    return content["name"], file


@pytest.fixture
def exports(trained):
    made = Exports(trained, k=5)
    made.wait()
    assert made.status.errors == []
    return made


def test_each_file_is_what_it_is_called(trained, exports):
    name, file = pressed(exports, "codes.parquet")
    assert name == "codes-16bits.parquet"
    table = pyarrow.parquet.read_table(io.BytesIO(file))
    codes = np.stack([np.frombuffer(code, np.uint8) for code in table["code"].to_pylist()])
    assert np.array_equal(codes, trained.codes.numpy())
    name, file = pressed(exports, "codes.npz")
    assert name == "codes-16bits.npz"
    with np.load(io.BytesIO(file), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["codes"], trained.codes.numpy())
    name, file = pressed(exports, "index.faiss")
    index = faiss.deserialize_index_binary(np.frombuffer(file, np.uint8))
    assert (name, index.ntotal) == ("index-16bits.faiss", 240)
    name, file = pressed(exports, "run.zip")
    assert "study.json" in zipfile.ZipFile(io.BytesIO(file)).namelist()
    name, file = pressed(exports, "results.html")
    assert name == "results-16bits.html"
    assert file.decode().count("<section") == 12
    assert exports.status.errors == []


def test_sizes_are_told_before_and_after(exports):
    frame = exports.to_frame().set_index("name")
    assert frame["bytes"].notna().tolist() == [True, True, True, True, False]
    assert exports._notes["results.html"].value.startswith("some queries")
    _, file = pressed(exports, "results.html")
    assert exports.to_frame().set_index("name").loc["results.html", "bytes"] == len(file)
    assert exports._notes["results.html"].value.startswith(f"{round(len(file) / 1000)} kB: some")


def test_files_are_counted_while_they_are_measured(trained, monkeypatch):
    monkeypatch.setattr("widgets.background.worker._SECONDS", 0.0)
    heard, set_busy = [], Status.set_busy

    def hear(status, *doing):
        heard.append(doing[:3])
        set_busy(status, *doing)

    monkeypatch.setattr(Status, "set_busy", hear)
    Exports(trained).wait()
    assert [doing for doing in heard if doing[2:]] == [
        ("measuring the files", done, 4) for done in range(1, 5)
    ]


def test_a_study_of_arrays_of_ones_own_is_measured_without_its_run(trained):
    own = dataclasses.replace(trained.dataset, source=None)
    exports = Exports(trained.with_(dataset=own, network=trained.network))
    exports.wait()
    assert exports.status.errors == []
    assert pressed(exports, "run.zip") is None
    assert "can be saved" in exports.status.errors[0]


def test_without_a_network_the_run_alone_is_saved(study):
    exports = Exports(study)
    exports.wait()
    assert exports.status.summary == "No network is trained yet, so there are no codes to save"
    rows = dict(zip(FILES, exports.children[1:], strict=True))
    assert [name for name, row in rows.items() if row.layout.display != "none"] == ["run.zip"]
    assert exports.page_frame()["name"].tolist() == ["run.zip"]
    for name in ("codes.parquet", "codes.npz", "index.faiss", "results.html"):
        assert pressed(exports, name) is None
    assert len(exports.status.errors) == 1  # each says the same
    assert "no hash network yet: use study.train(bits=...)" in exports.status.errors[0]
    name, file = pressed(exports, "run.zip")
    assert name == "run.zip"
    assert zipfile.ZipFile(io.BytesIO(file)).namelist() == ["study.json"]


def test_given_queries_are_those_of_the_page(trained):
    exports = Exports(trained, queries=[3, 5], k=4)
    _, file = pressed(exports, "results.html")
    assert file.decode().count("<section") == 2
    with pytest.raises(IndexError, match=r"queries must be one of the 260 images.*got 9999"):
        Exports(trained, queries=[9999])


def test_a_download_with_a_worker_does_not_hold_up_the_caller():
    failures, sent = [], []
    worker = Worker(lambda _: None, failures.append)

    def slowly():
        time.sleep(0.3)
        return "x.bin", b"content"

    button = Download("Save", slowly, worker)
    button.send = lambda content, buffers: sent.append((content["name"], buffers))
    begun = time.perf_counter()
    button._receive(None, {"type": "ask"}, [])
    button._receive(None, {"type": "nonsense"}, [])
    assert time.perf_counter() - begun < 0.2
    worker.wait()
    assert sent == [("x.bin", [b"content"])]

    def fails():
        raise OSError("No space left on device")

    Download("Save", fails, worker)._receive(None, {"type": "ask"}, [])
    worker.wait()
    assert failures == ["No space left on device"]


def test_what_is_no_study_is_refused():
    with pytest.raises(TypeError, match="needs a Study, got NoneType"):
        Exports(None)
