"""Files on disk, written so that nothing is lost.

Everything lives under ``$UHSCM_HOME``, or else in the platform's cache folder. A file is written
under a temporary name, flushed and renamed: after a crash it is complete or missing. Tensors are
stored as safetensors; nothing here reads or writes pickle.
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
from torch import Tensor

__all__ = ["digest_of", "home", "load_json", "load_tensors", "save_json", "save_tensors"]


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
    data = safetensors.torch.save(plain, {"json": json.dumps(metadata or {})})
    with replacing(path) as file:
        file.write(data)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a valid safetensors file (truncated, or a pickle in disguise).
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("json", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (safetensors.SafetensorError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not a readable safetensors file ({error})") from error


def save_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON, in ASCII: file names need not be UTF-8."""
    with replacing(path) as file:
        file.write(json.dumps(value, indent=2).encode() + b"\n")


def load_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not JSON.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not readable JSON ({error})") from error
