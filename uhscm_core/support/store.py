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
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import platformdirs
import safetensors
import safetensors.torch
import torch
from torch import Tensor

__all__ = [
    "DamagedFileError",
    "digest_of",
    "home",
    "load_json",
    "load_tensors",
    "save_json",
    "save_tensors",
]


_DIGEST = "digest"


class DamagedFileError(ValueError):
    """A file is not what was written: truncated, changed, or never of this kind."""


def home() -> Path:
    """Return the folder of caches and runs: ``$UHSCM_HOME`` or the platform's cache folder."""
    configured = os.environ.get("UHSCM_HOME")
    return Path(configured).expanduser() if configured else platformdirs.user_cache_path("uhscm")


def digest_of(*parts: object) -> str:
    """Return a short content digest (hex) of values that JSON can represent."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a binary file that replaces `path` once the block succeeds, and is else deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
) -> None:
    """Write named tensors, and metadata that JSON can represent, to one safetensors file."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    about = json.dumps(metadata or {})
    data = safetensors.torch.save(plain, {"json": about, "digest": _tensor_digest(plain, about)})
    with replacing(path) as file:
        file.write(data)


def _tensor_digest(tensors: Mapping[str, Tensor], about: str) -> str:
    total = hashlib.sha256(about.encode())
    for name, tensor in sorted(tensors.items()):
        total.update(f"\0{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        total.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Files written before version 0.3 hold no digest and are read unchecked.

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
    if written.keys() - {"json"} and written.get("digest") != _tensor_digest(tensors, about):
        raise DamagedFileError(f"{path}: damaged, its content is not what was written")
    return tensors, metadata


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
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise DamagedFileError(f"{path}: not readable JSON ({error})") from error
    if isinstance(value, dict) and _DIGEST in value:
        written = value.pop(_DIGEST)
        if written is not None and written != _json_digest(value):
            raise DamagedFileError(
                f"{path}: damaged, its content is not what was written (if you changed it by hand, "
                f'make its "{_DIGEST}" null)'
            )
    return value


def _json_digest(value: dict[str, Any]) -> str:
    # Through JSON and back, so that it is the same before writing and after reading.
    return digest_of(json.loads(json.dumps(value)))
