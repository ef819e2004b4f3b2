"""Pretrained weights that come from the network, or from a file that somebody brought."""

from __future__ import annotations

import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import huggingface_hub.constants

from uhscm_core.support.store import home

__all__ = ["WEIGHT_SUFFIXES", "brought_weights", "missing_weights", "network_is_down"]

WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")


def brought_weights(stem: str) -> Path | None:
    """The file ``$UHSCM_HOME/weights/<stem>`` with any suffix of weights; None without one."""
    for suffix in WEIGHT_SUFFIXES:
        path = home() / "weights" / (stem + suffix)
        if path.is_file():
            return path
    return None


def network_is_down() -> bool:
    """Whether the model hub's name can't be looked up: the hub's own client retries for long."""
    if urllib.request.getproxies():  # a proxy looks names up itself
        return False
    host = urlparse(huggingface_hub.constants.ENDPOINT).hostname
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return True
    return False


def missing_weights(what: str, origin: str, stem: str, reason: object) -> ConnectionError:
    """The error that says which file to fetch elsewhere and where to put it here."""
    return ConnectionError(
        f"the weights of {what} could not be fetched ({reason}). On a machine with a network "
        f"fetch {origin}, and put the file here as {home() / 'weights' / stem}.safetensors (or "
        f"with its own suffix: {', '.join(WEIGHT_SUFFIXES)})"
    )
