"""Files on disk, written so that nothing is lost.

Everything lives under ``$UHSCM_HOME``, or else in the platform's cache folder. A file is written
under a temporary name, flushed and renamed: after a crash it is complete or missing. Tensors are
stored as safetensors; nothing here reads or writes pickle. Every file holds a digest of its content
that is checked when it is read: a flipped bit is an error, not another number.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PureWindowsPath
from typing import IO, Any

import filelock
import platformdirs
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from uhscm_core.support.notices import UHSCMWarning

__all__ = [
    "DamagedFileError",
    "digest_of",
    "file_in",
    "home",
    "load_json",
    "load_metadata",
    "load_tensors",
    "locked",
    "make_folder",
    "replacing",
    "save_json",
    "save_tensors",
    "set_aside",
    "sweep",
    "temporary_folder",
]


_DIGEST = "digest"
_LOCK = ".lock"
_COPY = "use a copy of the file, or make it again"
_PART = re.compile(r"\..+\.[0-9a-f]{32}\.part")
_TEMPORARY = "uhscm-export-"
_HOUR = 3600.0  # seconds: no write takes as long, so an older leftover is in no use


class DamagedFileError(ValueError):
    """A file is not what was written: truncated, changed, or never of this kind."""


def home() -> Path:
    """Return the folder of caches and runs: ``$UHSCM_HOME`` or the platform's cache folder."""
    configured = os.environ.get("UHSCM_HOME", "").strip()
    return Path(configured).expanduser() if configured else platformdirs.user_cache_path("uhscm")


def make_folder(folder: Path) -> None:
    """Create a folder with its parents; the home folder, if it is new, for its user alone."""
    root = home()
    if root in (folder, *folder.parents) and not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        root.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, created if missing, while files of it that belong together are replaced.

    Another process or thread that wants to do so waits. The lock's file is gone afterwards.
    """
    make_folder(folder)
    path = folder / _LOCK
    with filelock.FileLock(path):
        try:
            yield
        finally:
            # While it is held: who waits for it notices that the file is gone, and makes another.
            with contextlib.suppress(OSError):  # Windows deletes no open file
                path.unlink()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that is gone afterwards; those of killed processes go within the hour."""
    everybody = Path(tempfile.gettempdir())
    for left in everybody.glob(f"{_TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.lstat().st_mtime > _HOUR:
                shutil.rmtree(left)  # which follows no links
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY) as folder:
        yield Path(folder)


def sweep(folder: Path, unused: Collection[Path] = ()) -> None:
    """Delete what killed processes left in a folder over an hour ago.

    Args:
        folder: whose partly written files go; not of the folders in it.
        unused: further files that go unless they were written within that hour.
    """
    parts = [path for path in folder.iterdir() if _PART.fullmatch(path.name)]
    for path in (*parts, *unused):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _HOUR:
                path.unlink()


def set_aside(path: Path, error: Exception) -> None:
    """Rename a damaged cache file to ``<name>.damaged`` and say that it is computed again."""
    kept = path.with_name(f"{path.name}.damaged")
    with contextlib.suppress(OSError):  # a cache that cannot be written
        path.replace(kept)
    what = f"; the file is kept as {kept.name}" if kept.exists() else ""
    warnings.warn(f"{error}; its content is computed again{what}", UHSCMWarning, stacklevel=2)


def file_in(folder: Path, name: object, what: str) -> Path:
    """Return the path of a file that another file of its folder names.

    Args:
        folder: of both.
        name: as read: anything that JSON can hold.
        what: the place of the name, for the message, such as ``"study.json: weights"``.

    Raises:
        ValueError: not the plain name of a file in this folder.
    """
    # The name as Windows reads it: a backslash and a drive are never part of a plain name.
    plain = isinstance(name, str) and name.isprintable() and PureWindowsPath(name).name == name
    if plain and name not in (".", ".."):
        path = folder / str(name)
        with contextlib.suppress(RuntimeError):  # a link to itself
            if path.resolve().parent == folder.resolve():
                return path
    raise ValueError(
        f"{folder / what} must be the name of a file in the same folder, got {str(name)[:80]!r}"
    )


def digest_of(*parts: object) -> str:
    """Return a short content digest (hex) of values that JSON can represent."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` once the block succeeds, and is else deleted."""
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(
            os.open(temporary, flags, 0o666), "wb"
        ) as file:  # the umask applies, as usual
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(
                error.errno, f"could not write ({error.strerror}); nothing was changed", str(path)
            ) from error
        raise


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None
) -> str:
    """Write named tensors, and metadata that JSON can represent, to one safetensors file.

    Returns:
        The digest of the content.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = json.dumps(metadata or {})
    digest = _tensor_digest(plain, about)
    data = safetensors.torch.save(plain, {"json": about, _DIGEST: digest})
    with replacing(path) as file:
        file.write(data)
    return digest


def _tensor_digest(tensors: Mapping[str, Tensor], about: str) -> str:
    total = hashlib.sha256(about.encode())
    for name, tensor in sorted(tensors.items()):
        total.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def load_tensors(path: Path, digest: str | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Files written before version 0.3 hold no digest and are read unchecked.

    Args:
        path: of the file.
        digest: what `save_tensors` returned, to find out a file that took the place of this one.

    Raises:
        FileNotFoundError: no such file.
        DamagedFileError: not a valid safetensors file (truncated, or a pickle in disguise), or not
            the content that was written.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            written = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        about = written.get("json", "{}")
        metadata = json.loads(about)
    except (safetensors.SafetensorError, json.JSONDecodeError, RecursionError) as error:
        raise DamagedFileError(f"{path}: not a readable safetensors file ({error})") from error
    if not isinstance(metadata, dict):
        raise DamagedFileError(f"{path}: damaged, it does not describe its content")
    if written.keys() - {"json"} and written.get(_DIGEST) != _tensor_digest(tensors, about):
        raise DamagedFileError(f"{path}: damaged, its content is not what was written; {_COPY}")
    if digest is not None and written.get(_DIGEST) != digest:
        raise DamagedFileError(f"{path}: damaged, another file took its place; {_COPY}")
    return tensors, metadata


def load_metadata(path: Path) -> dict[str, Any]:
    """Read the metadata that `save_tensors` wrote, without the tensors and unchecked.

    Raises:
        FileNotFoundError: no such file.
        DamagedFileError: not a valid safetensors file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("json", "{}"))
    except (safetensors.SafetensorError, json.JSONDecodeError, RecursionError) as error:
        raise DamagedFileError(f"{path}: not a readable safetensors file ({error})") from error
    return metadata if isinstance(metadata, dict) else {}


def save_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, in ASCII: file names need not be UTF-8.

    A dict gets a digest of its content as its last key, ``"digest"``.
    """
    if isinstance(value, dict):
        value = {**value, _DIGEST: _json_digest(value)}
    with replacing(path) as file:
        file.write(json.dumps(value, indent=2).encode() + b"\n")


def load_json(path: Path) -> Any:
    """Read a JSON file; if it holds a digest, check it and leave it out.

    Raises:
        FileNotFoundError: no such file.
        DamagedFileError: not JSON, or not the content that was written.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        written = value.pop(_DIGEST, None) if isinstance(value, dict) else None
        whole = written is None or written == _json_digest(value)
    except (ValueError, RecursionError) as error:  # bytes that are no text, or text that is no JSON
        raise DamagedFileError(f"{path}: not readable JSON ({error})") from error
    if not whole:
        raise DamagedFileError(
            f"{path}: damaged, its content is not what was written (if you changed it by hand, "
            f'make its "{_DIGEST}" null)'
        )
    return value


def _json_digest(value: dict[str, Any]) -> str:
    # Through JSON and back, so that it is the same before writing and after reading.
    return digest_of(json.loads(json.dumps(value)))
