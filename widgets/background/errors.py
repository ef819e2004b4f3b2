"""Errors in words, for people: those of a thread or of a callback are seen by no one else."""

from __future__ import annotations

from uhscm_core.support.ways import told

__all__ = ["message_of"]


def message_of(error: Exception) -> str:
    """Return an error as a sentence, without arguments and numbers of the operating system."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    return told(str(error), "form") or type(error).__name__
