r"""Codes, index and run as files that other programs read.

- **Codes** as Parquet (pandas, Polars, DuckDB, Spark) or NPZ (only numpy), one row per image.
- **Index** as FAISS's own file of binary codes.
- **Run** as a zip of what `Study.save` writes.

Codes stay packed: bit l of a code is bit :math:`7 - l \bmod 8` of byte :math:`\lfloor l/8 \rfloor`
(numpy's default order), and the last byte is padded with zeros, which add nothing to a Hamming
distance. Each file is written under another name and then renamed, so that an error leaves the
previous file, or none. No pickle is written.

Symbols: N images, L code length in bits.
"""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from os import PathLike
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import torch

from uhscm_core.study import Study
from uhscm_core.support import store
from uhscm_core.support.paths import as_path

__all__ = ["export_codes", "export_index", "export_run", "readable"]

_PACKING = (
    "bit l of a code is bit 7 - l % 8 of byte l // 8, as in numpy.packbits; the last byte is "
    "padded with zeros; distances are Hamming distances"
)


def export_codes(study: Study, path: str | PathLike[str]) -> Path:
    r"""Write the codes of all images, with ids, names and splits.

    A ``.parquet`` file has one row per image: ``id`` (its position in the dataset), ``name`` (to
    read; bytes that are not UTF-8 are written as ``\xNN``), ``name_bytes`` (the file name exactly),
    ``split`` (``database``, ``query`` or ``none``), ``train`` (whether the network trained on it),
    ``code`` (binary of fixed size, packed) and, where there are labels, ``labels`` (a list of
    names). The settings that they follow from are JSON in the file's metadata, under ``uhscm``.

    An ``.npz`` file has ``codes`` (N, ⌈L/8⌉) uint8, ``bits``, ``ids``, ``names``, the splits
    ``train``, ``database`` and ``query`` as ids, where there are labels ``labels`` (N, C) and
    ``label_names``, and the same JSON as ``about``. It loads with ``allow_pickle=False``.

    Args:
        study: with a trained network.
        path: ends in ``.parquet`` or ``.npz``.

    Returns:
        The path.

    Raises:
        ValueError: `path` has another ending, or there is no network yet.
        OSError: the file cannot be written; what was there is kept.
    """
    path = as_path("path", path)
    writers = {".parquet": _parquet, ".npz": _npz}
    if path.suffix.lower() not in writers:
        raise ValueError(f"codes are written as .parquet or .npz, got {path.name!r}")
    content = writers[path.suffix.lower()](study)
    return _write(path, content)


def export_index(study: Study, path: str | PathLike[str]) -> Path:
    """Write the database's codes as a FAISS binary index.

    ``faiss.read_index_binary(path)`` gives an ``IndexBinaryIDMap2`` over an exact flat index; its
    ids are positions in the dataset. Queries are packed as the codes are: uint8, ⌈L/8⌉ bytes. Like
    any FAISS index, it orders by distance alone: within a tie the order means nothing.

    Args:
        study: with a trained network.
        path: such as ``index.faiss``.

    Returns:
        The path.

    Raises:
        ValueError: there is no network yet.
        OSError: the file cannot be written; what was there is kept.
    """
    codes = study.index.codes.numpy()
    index = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(codes.shape[1] * 8))
    index.add_with_ids(codes, study.dataset.splits["database"])
    return _write(as_path("path", path), faiss.serialize_index_binary(index).tobytes())


def export_run(study: Study, path: str | PathLike[str]) -> Path:
    """Write settings, network and history as a zip.

    Unzipped, it is a folder for `Study.load`. Images and features are not in it.

    Args:
        study: trained or not.
        path: ends in ``.zip``.

    Returns:
        The path.

    Raises:
        ValueError: `path` has another ending, or the dataset or model does not come from the
            package's loaders.
        OSError: the file cannot be written; what was there is kept.
    """
    path = as_path("path", path)
    if path.suffix.lower() != ".zip":
        raise ValueError(f"a run is written as .zip, got {path.name!r}")
    content = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        study.save(folder)
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(Path(folder).iterdir()):
                archive.write(file, file.name)
    return _write(path, content.getvalue())


def readable(name: str) -> str:
    r"""Turn a name into text for any program: bytes that are not UTF-8 become ``\xNN``."""
    return _bytes_of(name).decode("utf-8", "backslashreplace")


def _bytes_of(name: str) -> bytes:
    """Return a file name's bytes; Python keeps those that are not UTF-8 as lone surrogates."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte, as on Windows
        return name.encode("utf-8", "surrogatepass")


def _about(study: Study, bits: int) -> str:
    dataset, concepts = study.dataset, study.concepts
    source = getattr(study.vlp, "source", None)  # an encoder of one's own need not have one
    about: dict[str, Any] = {
        "format": "UHSCM codes, version 1",
        "bits": bits,
        "packing": _PACKING,
        "dataset": None if dataset.source is None else dict(dataset.source),
        "dataset_digest": dataset.digest,
        "vlp": None if source is None else dict(source),
        "vlp_digest": study.vlp.digest,
        "templates": list(concepts.templates),
        "concepts": list(concepts.names),
        "kept": list(study.kept_names),
        "tau": study.tau,
        "min_share": study.min_share,
        "max_share": study.max_share,
        "name_bytes": "the file name's bytes; name shows those that are not UTF-8 as \\xNN",
    }
    return json.dumps(about)  # ASCII: a lone surrogate in a folder's name is escaped


def _bits(study: Study) -> int:
    return study.index.bits  # raises an error that says what is missing where there is no network


def _parquet(study: Study) -> bytes:
    dataset, n = study.dataset, len(study.dataset)
    bits, codes = _bits(study), study.codes.numpy()
    split = np.full(n, "none", dtype=object)
    for name in ("database", "query"):
        split[dataset.splits[name]] = name
    trained_on = np.zeros(n, dtype=bool)
    trained_on[dataset.splits["train"]] = True
    columns = {
        "id": pa.array(np.arange(n)),
        "name": pa.array([readable(name) for name in dataset.names], pa.string()),
        "name_bytes": pa.array([_bytes_of(name) for name in dataset.names], pa.binary()),
        "split": pa.array(split, pa.string()),
        "train": pa.array(trained_on),
        "code": pa.array([code.tobytes() for code in codes], pa.binary(codes.shape[1])),
    }
    if dataset.labels is not None:
        names = [[readable(label) for label in dataset.labels_of(i)] for i in range(n)]
        columns["labels"] = pa.array(names, pa.list_(pa.string()))
    table = pa.table(columns).replace_schema_metadata({"uhscm": _about(study, bits)})
    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content)
    return content.getvalue()


def _npz(study: Study) -> bytes:
    dataset = study.dataset
    bits = _bits(study)
    arrays: dict[str, np.ndarray] = {
        "codes": study.codes.numpy(),
        "bits": np.array(bits),
        "ids": np.arange(len(dataset)),
        "names": np.array(dataset.names),  # Unicode code points, lone surrogates too
        "about": np.array(_about(study, bits)),
        **dataset.splits,
    }
    if dataset.labels is not None:
        arrays["labels"] = torch.as_tensor(dataset.labels).cpu().numpy()
        arrays["label_names"] = np.array(dataset.label_names)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


def _write(path: Path, content: bytes) -> Path:
    with store.replacing(path) as file:
        file.write(content)
    return path
