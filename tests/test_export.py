"""Exported files, each read back with the library that others will read it with."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
import tempfile
import time

import faiss
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from uhscm_core import Study, export_codes, export_index, export_run, load_dataset, load_vlp
from uhscm_core.export import readable

NAMES = ("red", "green", "blue", "cat", "sky")
ODD = (
    "صورة بحر.png",
    'it\'s "quoted" & <b>bold.png',
    os.fsdecode(b"not utf-8 \xff\xfe.png"),
    "back\\xff slash.png",
    "two\nlines.png",
)
FILES = ("codes.parquet", "codes.npz", "index.faiss", "run.zip")


@pytest.fixture
def base(photo_folder, tiny_model):
    for i, name in enumerate(ODD):
        Image.new("RGB", (20, 20), (40 * i, 200, 90)).save(photo_folder / "blue" / name)
    dataset = load_dataset(photo_folder, n_train=20, n_query=8, progress=False)
    return Study(dataset, load_vlp(tiny_model), NAMES, min_share=0.0, progress=False)


@pytest.fixture
def trained(base):
    return base.train(12, epochs=2, batch_size=16, device="cpu")


def write(study, path):
    writer = {"codes": export_codes, "index": export_index, "run": export_run}[path.stem]
    return writer(study, path)


def test_codes_come_back_from_parquet(trained, tmp_path):
    path = export_codes(trained, tmp_path / "codes.parquet")
    table = pyarrow.parquet.read_table(path)
    dataset = trained.dataset
    assert table.schema.field("code").type == pyarrow.binary(2)
    assert table["id"].to_pylist() == list(range(53))
    codes = np.stack([np.frombuffer(code, np.uint8) for code in table["code"].to_pylist()])
    assert np.array_equal(codes, trained.codes.numpy())
    splits = np.array(table["split"].to_pylist())
    for name in ("database", "query"):
        assert np.array_equal(np.flatnonzero(splits == name), dataset.splits[name])
    assert np.array_equal(np.flatnonzero(table["train"].to_numpy()), dataset.splits["train"])
    assert table["labels"].to_pylist() == [list(dataset.labels_of(i)) for i in range(53)]
    about = json.loads(table.schema.metadata[b"uhscm"])
    assert about["bits"] == 12
    assert about["dataset_digest"] == dataset.digest
    assert about["vlp_digest"] == trained.vlp.digest
    assert about["templates"] == ["a photo of the {}"]
    assert tuple(about["kept"]) == trained.kept_names
    # The packing that the file describes is the packing that it has.
    bits = [codes[:, i // 8] >> (7 - i % 8) & 1 for i in range(about["bits"])]
    assert np.array_equal(np.stack(bits, 1), np.unpackbits(trained.codes.numpy(), axis=1)[:, :12])
    frame = pd.read_parquet(path)
    assert len(frame) == 53


def test_odd_names_come_back(trained, tmp_path):
    export_codes(trained, tmp_path / "codes.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "codes.parquet")
    exact = [os.fsdecode(name) for name in table["name_bytes"].to_pylist()]
    assert tuple(exact) == trained.dataset.names
    shown = dict(zip(exact, table["name"].to_pylist(), strict=True))
    assert shown[f"blue/{ODD[2]}"] == r"blue/not utf-8 \xff\xfe.png"
    assert all(shown[f"blue/{name}"] == f"blue/{name}" for name in (*ODD[:2], *ODD[3:]))
    export_codes(trained, tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as file:
        assert tuple(file["names"].tolist()) == trained.dataset.names


def test_a_surrogate_that_is_no_byte_is_escaped_too():
    assert readable("a\ud800b") == r"a\xed\xa0\x80b"
    assert readable("صورة") == "صورة"


def test_codes_come_back_from_numpy(trained, tmp_path):
    export_codes(trained, tmp_path / "codes.npz")
    dataset = trained.dataset
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as file:
        assert np.array_equal(file["codes"], trained.codes.numpy())
        assert (file["codes"].dtype, int(file["bits"])) == (np.uint8, 12)
        assert file["ids"].tolist() == list(range(53))
        for name in ("train", "database", "query"):
            assert np.array_equal(file[name], dataset.splits[name])
        assert np.array_equal(file["labels"], dataset.labels.numpy())
        assert tuple(file["label_names"].tolist()) == dataset.label_names
        assert json.loads(str(file["about"]))["bits"] == 12


def test_without_labels_there_are_none_in_the_files(trained, tmp_path):
    dataset = dataclasses.replace(trained.dataset, labels=None, label_names=())
    study = trained.with_(dataset=dataset, network=trained.network)
    export_codes(study, tmp_path / "codes.parquet")
    assert "labels" not in pyarrow.parquet.read_schema(tmp_path / "codes.parquet").names
    export_codes(study, tmp_path / "codes.npz")
    with np.load(tmp_path / "codes.npz", allow_pickle=False) as file:
        assert not {"labels", "label_names"} & set(file)


def test_faiss_finds_what_the_index_finds(trained, tmp_path):
    export_index(trained, tmp_path / "index.faiss")
    index = faiss.read_index_binary(str(tmp_path / "index.faiss"))
    database, query = (trained.dataset.splits[name] for name in ("database", "query"))
    assert (index.ntotal, index.d) == (len(database), 16)
    distances, ids = index.search(trained.codes[query].numpy(), len(database))
    expected = trained.index.search(trained.codes[query], len(database))
    assert np.array_equal(distances, expected.distances.numpy())
    for row, (d, found) in enumerate(zip(distances, ids, strict=True)):
        in_order = found[np.lexsort((found, d))]
        assert np.array_equal(in_order, database[expected.ids[row].numpy()])
    code = index.reconstruct(int(database[3]))  # by the dataset's own ids
    assert np.array_equal(code, trained.codes[database[3]].numpy())


def test_an_unzipped_run_loads(trained, base, tmp_path):
    export_run(trained, tmp_path / "run.zip")
    shutil.unpack_archive(tmp_path / "run.zip", tmp_path / "run")
    loaded = Study.load(tmp_path / "run", dataset=trained.dataset, vlp=trained.vlp)
    assert torch.equal(loaded.codes, trained.codes)
    assert loaded.history == trained.history
    export_run(base, tmp_path / "untrained.zip")
    shutil.unpack_archive(tmp_path / "untrained.zip", tmp_path / "untrained")
    assert Study.load(tmp_path / "untrained", dataset=base.dataset, vlp=base.vlp).network is None


@pytest.mark.parametrize("name", FILES[:3])
def test_without_a_network_there_is_nothing_to_export(base, tmp_path, name):
    with pytest.raises(ValueError, match=r"no hash network yet: use study\.train"):
        write(base, tmp_path / name)
    assert not list(tmp_path.glob("*" + name))


@pytest.mark.parametrize(
    ("writer", "name"), [(export_codes, "codes.csv"), (export_codes, "c"), (export_run, "run")]
)
def test_another_ending_is_refused(trained, tmp_path, writer, name):
    with pytest.raises(ValueError, match=f"got '{name}'"):
        writer(trained, tmp_path / name)


def test_a_study_of_arrays_of_ones_own_is_no_run(trained, tmp_path):
    study = trained.with_(
        dataset=dataclasses.replace(trained.dataset, source=None), network=trained.network
    )
    with pytest.raises(ValueError, match="only a study whose dataset comes from load_dataset"):
        export_run(study, tmp_path / "run.zip")
    export_codes(study, tmp_path / "codes.parquet")
    metadata = pyarrow.parquet.read_schema(tmp_path / "codes.parquet").metadata
    assert json.loads(metadata[b"uhscm"])["dataset"] is None


@pytest.mark.parametrize("name", FILES)
def test_on_a_full_disk_the_file_from_before_stays(trained, tmp_path, monkeypatch, name):
    trained.index  # noqa: B018  (what it takes is cached before the disk is full)
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / name).write_bytes(b"from before")

    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # The run is gathered elsewhere first, which has room.
    monkeypatch.setattr(Study, "save", lambda *_: None)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device.*nothing was changed") as caught:
        write(trained, folder / name)
    assert caught.value.filename == str(folder / name)
    assert [file.name for file in folder.iterdir()] == [name]
    assert (folder / name).read_bytes() == b"from before"


@pytest.mark.parametrize("name", FILES)
def test_where_a_folder_or_a_file_is_in_the_way(trained, tmp_path, name):
    (tmp_path / "files" / name).mkdir(parents=True)
    with pytest.raises(OSError, match="could not write"):
        write(trained, tmp_path / "files" / name)
    (tmp_path / "a file").touch()
    with pytest.raises(OSError, match="a file"):
        write(trained, tmp_path / "a file" / name)
    assert [file.name for file in (tmp_path / "files").iterdir()] == [name]


def test_what_killed_exports_left_goes_with_the_next(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    exported = tmp_path / "tmp" / "uhscm-export-killed"
    exported.mkdir(parents=True)
    (exported / "study.json").touch()
    part = tmp_path / f".run.zip.{'a' * 32}.part"
    part.touch()
    for path in (exported, part):
        os.utime(path, (time.time() - 7200,) * 2)
    export_run(trained, tmp_path / "run.zip")
    assert not exported.exists()
    assert not part.exists()
    assert list((tmp_path / "tmp").iterdir()) == []
