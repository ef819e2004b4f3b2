r"""Codes, index and run as files that other programs read.

- **Codes** as Parquet (pandas, Polars, DuckDB, Spark) or NPZ (only numpy), one row per image.
- **Index** as FAISS's own file of binary codes.
- **Run** as a zip of what `Study.save` writes.
- **Model** as ONNX, from an image or its features to its code: see `uhscm_core.onnx_export`.

Codes stay packed: bit l of a code is bit :math:`7 - l \bmod 8` of byte :math:`\lfloor l/8 \rfloor`
(numpy's default order), and the last byte is padded with zeros, which add nothing to a Hamming
distance. Each file is written under another name and then renamed, so that an error leaves the
previous file, or none. No pickle is written.

Symbols: N images, L code length in bits.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
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
from uhscm_core.support.checks import instance
from uhscm_core.support.paths import as_path

__all__ = [
    "ONNX_PRODUCER",
    "about_codes",
    "check_export",
    "export_codes",
    "export_index",
    "export_run",
    "readable",
    "write_export",
    "write_onnx_digest",
]

ONNX_PRODUCER = "uhscm-explorer"  # near the start of a file: a truncated one still says whose it is
_ONNX_KEY = b"uhscm sha256"

_MARK = b"uhscm sha256 "  # before the digest at the end of an index; FAISS reads no further
_DIGEST = len(_MARK) + 32

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
    instance("study", study, Study, "with a trained network")
    path = as_path("path", path)
    writers = {".parquet": _parquet, ".npz": _npz}
    if path.suffix.lower() not in writers:
        raise ValueError(f"codes are written as .parquet or .npz, got {path.name!r}")
    content = writers[path.suffix.lower()](study)
    return write_export(path, content)


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
    codes = instance("study", study, Study, "with a trained network").index.codes.numpy()
    index = faiss.IndexBinaryIDMap2(faiss.IndexBinaryFlat(codes.shape[1] * 8))
    index.add_with_ids(codes, study.dataset.splits["database"])
    content = faiss.serialize_index_binary(index).tobytes()
    return write_export(as_path("path", path), content + _MARK + hashlib.sha256(content).digest())


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
    instance("study", study, Study, "trained or not")
    path = as_path("path", path)
    if path.suffix.lower() != ".zip":
        raise ValueError(f"a run is written as .zip, got {path.name!r}")
    content = io.BytesIO()
    with store.temporary_folder() as folder:
        study.save(folder)
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)
    return write_export(path, content.getvalue())


def check_export(path: str | PathLike[str]) -> None:
    """Check that a file that one of the functions above wrote is what was written.

    The programs that read these files use most damage in silence: a flipped bit of an index is
    another code. Run this after a file was copied, or before it is relied on.

    Args:
        path: of the file; its ending says what it is.

    Raises:
        FileNotFoundError: no such file.
        DamagedFileError: its content is not what was written.
        ValueError: another ending, or a file of a version before 0.3, which has no digest.
    """
    path = as_path("path", path)
    checks: dict[str, Callable[[Path], bool | None]]
    checks = {".faiss": _check_index, ".npz": _check_zip, ".zip": _check_zip}
    checks |= {".parquet": _check_parquet, ".onnx": _check_onnx}
    check = checks.get(path.suffix.lower())
    if check is None:
        raise ValueError(
            f"path must end in .parquet, .npz, .faiss, .zip or .onnx, got {path.name!r}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        whole = check(path)
    except Exception as error:  # damaged bytes fail in as many ways as there are
        raise store.DamagedFileError(f"{path}: damaged ({error}); export it again") from error
    if whole is None:
        raise ValueError(f"{path}: without a digest, so it cannot be checked; export it again")
    if not whole:
        raise store.DamagedFileError(
            f"{path}: damaged, its content is not what was written; export it again"
        )


def _check_index(path: Path) -> bool | None:
    content = path.read_bytes()
    mark, digest = content[-_DIGEST:-32], content[-32:]
    if hashlib.sha256(content[:-_DIGEST]).digest() == digest:
        return mark == _MARK
    faiss.deserialize_index_binary(np.frombuffer(content, np.uint8))
    return False if _MARK[:5] in content[-_DIGEST:] else None


def write_onnx_digest(content: bytes) -> bytes:
    """Return an ONNX model with its digest as one more entry of its metadata.

    Protocol buffers may be put one behind the other: readers join them. So the entry is appended,
    and what it is the digest of is all that stands before it.
    """
    digest = hashlib.sha256(content).hexdigest().encode()
    entry = b"".join(
        bytes([field << 3 | 2, len(text)]) + text for field, text in ((1, _ONNX_KEY), (2, digest))
    )
    return content + bytes([14 << 3 | 2, len(entry)]) + entry  # ModelProto.metadata_props


def _check_onnx(path: Path) -> bool | None:
    content = path.read_bytes()
    added = len(write_onnx_digest(b""))
    if write_onnx_digest(content[:-added]) == content:
        return True
    return False if ONNX_PRODUCER.encode() in content[:100] or _ONNX_KEY in content else None


def _check_zip(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:  # which holds a CRC-32 of each file
        return archive.testzip() is None and bool(archive.namelist())


def _check_parquet(path: Path) -> bool | None:
    table = pyarrow.parquet.read_table(path, page_checksum_verification=True)
    about = json.loads(table.schema.metadata[b"uhscm"])
    digest = about.pop("digest", None)
    return None if digest is None else bool(digest == _table_digest(table, about))


def _table_digest(table: pa.Table, about: Mapping[str, Any]) -> str:
    total = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in table.column_names:
        total.update(repr((name, table[name].to_pylist())).encode())
    return total.hexdigest()


def readable(name: str) -> str:
    r"""Turn a name into text for any program: bytes that are not UTF-8 become ``\xNN``."""
    return _bytes_of(name).decode("utf-8", "backslashreplace")


def _bytes_of(name: str) -> bytes:
    """Return a file name's bytes; Python keeps those that are not UTF-8 as lone surrogates."""
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a surrogate that stands for no byte, as on Windows
        return name.encode("utf-8", "surrogatepass")


def about_codes(study: Study, bits: int) -> dict[str, Any]:
    """Return what the codes of a study follow from, as values of JSON."""
    dataset, concepts = study.dataset, study.concepts
    source = getattr(study.vlp, "source", None)  # an encoder of one's own need not have one
    return {
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
    table, about = pa.table(columns), about_codes(study, bits)
    about["digest"] = _table_digest(table, about)
    table = table.replace_schema_metadata({"uhscm": json.dumps(about)})
    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content, write_page_checksum=True)
    return content.getvalue()


def _npz(study: Study) -> bytes:
    dataset = study.dataset
    bits = _bits(study)
    arrays: dict[str, np.ndarray] = {
        "codes": study.codes.numpy(),
        "bits": np.array(bits),
        "ids": np.arange(len(dataset)),
        "names": np.array(dataset.names),  # Unicode code points, lone surrogates too
        # ASCII: a lone surrogate in a folder's name is escaped.
        "about": np.array(json.dumps(about_codes(study, bits))),
        **dataset.splits,
    }
    if dataset.labels is not None:
        arrays["labels"] = torch.as_tensor(dataset.labels).cpu().numpy()
        arrays["label_names"] = np.array(dataset.label_names)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()


def write_export(path: Path, content: bytes) -> Path:
    """Write a file that replaces the old one whole; return its path."""
    with store.replacing(path) as file:
        file.write(content)
    store.sweep(path.parent)
    return path
