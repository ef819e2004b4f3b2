"""Which folder is read, with which model and which concepts."""

from __future__ import annotations

import html
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeAlias

import ipywidgets as ipw

from uhscm_core import ImageDataset, Study, load_concepts
from uhscm_core.encoder import Encoder
from widgets.background.photo_reader import PhotoSource
from widgets.kit.choice import Choice
from widgets.kit.field import Field
from widgets.kit.text_box import TextBox

__all__ = ["PhotoForm"]

_OTHER, _FILE, _TYPED = "other model", "text file", "typed names"
_MODELS = {
    "postcards: the example world's own": "postcards",
    "CLIP ViT-B-32 (OpenAI)": "ViT-B-32 openai",
    "CLIP ViT-B-16 (OpenAI), the paper's": "ViT-B-16 openai",
    "OpenCLIP ViT-B-32 (LAION-2B)": "ViT-B-32 laion2b_s34b_b79k",
    "another one, or a file of my own": _OTHER,
}
_NOTES = {
    "postcards": "This model needs no download and has only ever seen painted postcards: with "
    "photos it shows how things work, and what it says of them means little.",
    _OTHER: "A name and a tag of open_clip, such as ViT-L-14 openai, or the path of a "
    "configuration .json with its .safetensors next to it.",
}
_FETCHED = (
    "The weights are fetched the first time. Without a network you are told which file to bring "
    "and where to put it."
)
_CONCEPTS = {
    "common: some 500 everyday nouns": "common",
    "nuswide81: 81 names of NUS-WIDE": "nuswide81",
    "coco80: 80 objects of MS COCO": "coco80",
    "nuswide81 and coco80": "nuswide81+coco80",
    "a text file, one name per line": _FILE,
    "names that I type": _TYPED,
}
_Names: TypeAlias = tuple[str, ...]


class PhotoForm(ipw.VBox):
    """A folder, a model and concepts, each as a person gives it.

    Args:
        entered: called when Enter was pressed after a path.
        changed: called when a control has another value.
    """

    def __init__(self, entered: Callable[[], object], changed: Callable[[], object]) -> None:
        left: dict[str, Any] = {"label_width": "70px"}
        wide = {"layout": {"width": "98%", "max_width": "900px"}, **left}
        half = {"layout": {"width": "440px"}, **left}
        self.folder = TextBox(
            "folder",
            placeholder="paste a path, such as ~/Pictures (a browser does not tell the path of "
            "what is dragged here)",
            **wide,
        )
        self.model = Choice("model", _MODELS, **half)
        self.other = TextBox(
            "which one", placeholder="ViT-L-14 openai, or /path/to/model.json", **half
        )
        self.concepts = Choice("concepts", _CONCEPTS, **half)
        self.names = TextBox("names", placeholder="one name per line", rows=5, **wide)
        self.note = ipw.HTML()
        for box in (self.folder, self.other):
            box.on_submit(lambda _: entered())
        for choice in (self.model, self.concepts):
            choice.observe(lambda _: self._draw(), "value")
        for field in self.fields:
            field.observe(lambda _: changed(), "value")
        choices = ipw.HBox(
            [self.model, self.other, self.concepts], layout={"flex_flow": "row wrap"}
        )
        self._sources = weakref.WeakKeyDictionary[ImageDataset, PhotoSource]()
        self._lists = weakref.WeakKeyDictionary[ImageDataset, dict[_Names, str | _Names]]()
        self._shown: ImageDataset | None = None  # whose source was put in view last
        self._model: Encoder | None = None  # that was
        self._names: _Names | None = None  # of the concepts that were
        super().__init__([self.folder, choices, self.note, self.names])
        self._draw()

    @property
    def fields(self) -> tuple[Field, ...]:
        """The controls."""
        return self.folder, self.model, self.other, self.concepts, self.names

    @property
    def source(self) -> PhotoSource:
        """What the controls say."""
        concepts: str | tuple[str, ...] = self.concepts.value
        if concepts == _FILE:
            concepts = self.names.value
        elif concepts == _TYPED:
            lines = self.names.value.replace(",", "\n").splitlines()
            concepts = tuple(line.strip() for line in lines if line.strip())
        model = self.model.value
        return PhotoSource(
            self.folder.value, self.other.value if model == _OTHER else model, concepts
        )

    def show(self, source: PhotoSource) -> None:
        """Put a source in view."""
        self.clear()
        self.folder.value = source.folder
        known = source.model in _MODELS.values()
        self.model.value = source.model if known else _OTHER
        self.other.value = "" if known else source.model
        if isinstance(source.concepts, str):
            known = source.concepts in _CONCEPTS.values()
            self.concepts.value = source.concepts if known else _FILE
            self.names.value = "" if known else source.concepts
        else:
            self.concepts.value = _TYPED
            self.names.value = "\n".join(source.concepts)

    def remember(self, study: Study, source: PhotoSource) -> None:
        """Keep how the dataset of a study was read, which is what the form says now."""
        self._shown, self._model, self._names = study.dataset, study.vlp, study.concepts.names
        self._sources[study.dataset] = source
        self._lists[study.dataset] = {study.concepts.names: source.concepts}

    def show_study(self, study: Study) -> None:
        """Put in view how a study was read, and its concepts; what was typed stays otherwise."""
        dataset, names = study.dataset, study.concepts.names
        if dataset is not self._shown or study.vlp is not self._model:
            unread = self._shown is None  # so what the form says was given to it
            self._shown, self._model = dataset, study.vlp
            self.show(self._sources.get(dataset) or self.source.of_study(study, unread))
        if names == self._names:
            return
        self._names = names
        concepts = self._lists.get(dataset, {}).get(names) or _list_of(names)
        self.show(replace(self.source, concepts=concepts))
        if source := self._sources.get(dataset):  # what is in view is not to be read again
            self._sources[dataset] = replace(source, concepts=concepts)

    def unread(self, dataset: ImageDataset) -> PhotoSource | None:
        """Return how a dataset was read if the form says something else; None if it does not."""
        source = self._sources.get(dataset)
        return None if source == self.source else source

    def fail(self, about: str, message: str) -> None:
        """Say what is wrong at the control that it is about: folder, model or concepts."""
        field: Field = self.folder
        if about == "model":
            field = self.other if self.model.value == _OTHER else self.model
        elif about == "concepts":
            field = self.names if self.concepts.value in (_FILE, _TYPED) else self.concepts
        field.fail(message)

    def clear(self) -> None:
        """Take all errors out of view."""
        for field in self.fields:
            field.error = ""

    def lock(self, locked: bool) -> None:
        """Let nothing be changed, or let it again."""
        for field in self.fields:
            field.disabled = locked

    def _draw(self) -> None:
        """Show the boxes that the choices need, and what is to be known of the model."""
        model, concepts = self.model.value, self.concepts.value
        note = html.escape(_NOTES.get(model, _FETCHED))
        style = "line-height:1.4;max-width:900px;padding:0 4px"
        self.note.value = f'<div style="{style}">{note}</div>'
        self.other.layout.display = "" if model == _OTHER else "none"
        self.names.layout.display = "" if concepts in (_FILE, _TYPED) else "none"
        file = concepts == _FILE
        self.names.placeholder = "path of the text file" if file else "one name per line"


def _list_of(names: tuple[str, ...]) -> str | tuple[str, ...]:
    """Return the list that has these names, or else the names."""
    lists = [name for name in _CONCEPTS.values() if name not in (_FILE, _TYPED)]
    return next((name for name in lists if load_concepts(name).names == names), names)
