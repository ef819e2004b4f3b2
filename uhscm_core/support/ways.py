"""What a sentence tells the user to do, in the terms of what the user has: Python or another.

The sentences of this package name the arguments of its functions. A command line has options, and
a form has neither; each shows the same sentence with its own words.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

__all__ = [
    "BY_CONCEPTS",
    "FOLLOW",
    "LABELS",
    "LABELS_OR_NONE",
    "LABEL_SOURCES",
    "LISTED",
    "LISTED_MODELS",
    "NO_LABELS",
    "NO_NETWORK",
    "THRESHOLD",
    "told",
]


class _Way(NamedTuple):
    command_line: str
    form: str


LABELS = (
    'labels= can be "folder" (the innermost one), a pattern such as "{label}/*", a CSV or JSON '
    "file, or None"
)
LABELS_OR_NONE = (
    "give labels=, a CSV or JSON file with the labels that are meant, or None to do without"
)
FOLLOW = " (follow_links=True follows it)"
LISTED = "; `dataset.skipped` lists them"
THRESHOLD = "; min_share is "
NO_NETWORK = "this study has no hash network yet: use study.train(bits=...)"
NO_LABELS = "labels, but this dataset has none"
BY_CONCEPTS = "; to evaluate by the study's concepts, use relevant='concepts'"
LISTED_MODELS = "use one of open_clip.list_models(), or the path"
LABEL_SOURCES = 'labels must be "auto", "folder", None, a pattern'

_WAYS: Mapping[str, _Way] = MappingProxyType(
    {
        LABELS: _Way(
            '--labels can be folder (the innermost one), a pattern such as "{label}/*", a CSV or '
            "JSON file, or none",
            "Other labels are chosen in Python, with load_dataset",
        ),
        LABELS_OR_NONE: _Way(
            "give --labels, a CSV or JSON file with the labels that are meant, or none to do "
            "without",
            "choose the labels in Python, with load_dataset",
        ),
        FOLLOW: _Way("", ""),
        LISTED: _Way("; --json lists them", ""),
        NO_NETWORK: _Way(
            "this study has no hash network yet: train one with: uhscm train STUDY", NO_NETWORK
        ),
        NO_LABELS: _Way(
            f"{NO_LABELS}; give it labels with: uhscm encode PHOTOS STUDY --labels FILE", NO_LABELS
        ),
        BY_CONCEPTS: _Way("", BY_CONCEPTS),
        LISTED_MODELS: _Way("use a name such as ViT-B-16, or the path", LISTED_MODELS),
        LABEL_SOURCES: _Way("--labels must be auto, folder, none, a pattern", LABEL_SOURCES),
        THRESHOLD: _Way("; --min-share is ", "; Minimum votes is "),
    }
)


def told(sentence: str, to: Literal["command line", "form"]) -> str:
    """Return a sentence of this package as something else than Python tells it."""
    for python, way in _WAYS.items():
        sentence = sentence.replace(python, way.command_line if to == "command line" else way.form)
    return sentence
