"""The image, the pair and the heatmap that the explorer of concept distributions shows."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from uhscm_core import Study
from uhscm_core.analysis.pairs import CONCEPTS, most_similar, sample, sources_of
from uhscm_core.analysis.study_images import StudyImages
from uhscm_core.support.checks import one_of, position

__all__ = ["NOTHING", "SAMPLES", "DistributionState", "orders_of"]

SAMPLES = {
    "by concept": "concepts",
    "at random": "random",
    "similar ones": "similar",
}
"""Which images the heatmap compares, by their words."""
NOTHING = "nothing"
"""What the similarity is compared with at first."""
_LABEL = "first label"
_ORDERS = ("dominant concept", _LABEL, "clustering")


def orders_of(study: Study) -> tuple[str, ...]:
    """Return what the images of a heatmap can be ordered by."""
    return tuple(o for o in _ORDERS if o != _LABEL or study.dataset.labels is not None)


@dataclass(frozen=True)
class DistributionState:
    """What is looked at.

    Attributes:
        image: the one whose concepts are shown.
        sample, order, source: of the heatmap.
        minus: the similarity that the one of the heatmap is compared with.
        pair: the two images that are explained.
        without: concepts unticked in the pair's parts.
    """

    image: int
    pair: tuple[int, int]
    sample: str = "concepts"
    order: str = _ORDERS[0]
    source: str = CONCEPTS
    minus: str = NOTHING
    without: tuple[str, ...] = ()

    @classmethod
    def first(cls, pictures: StudyImages, image: int | None) -> DistributionState:
        """Return the state to begin with, at an image or, without one, at a frequent concept's."""
        at = int(sample(pictures, "concepts")[0]) if image is None else image
        return cls(at, (at, at)).looking_at(pictures, at)

    def looking_at(self, pictures: StudyImages, image: int) -> DistributionState:
        """Look at an image, in a pair with the one most similar to it."""
        nearest = most_similar(pictures, image, 1)
        pair = (image, int(nearest[0]) if len(nearest) else image)
        return dataclasses.replace(self, image=image, pair=pair, without=())

    def comparing(self, pair: tuple[int, int]) -> DistributionState:
        """Explain a pair."""
        # The heatmap of what is like the image stays while one looks around in it.
        image = self.image if self.sample == "similar" else pair[0]
        return dataclasses.replace(self, image=image, pair=pair, without=())

    def in_study(self, study: Study, sources: tuple[str, ...]) -> DistributionState:
        """Keep what another study of the same images can show."""
        source = self.source if self.source in sources else CONCEPTS
        minus = self.minus if self.minus in sources and self.minus != source else NOTHING
        without = tuple(name for name in self.without if name in study.kept_names)
        return dataclasses.replace(self, source=source, minus=minus, without=without)

    def check(self, pictures: StudyImages) -> None:
        """Raise an error that names the field that cannot be shown."""
        for image in (self.image, *self.pair):
            position("image", image, len(pictures), "images")
        one_of("sample", self.sample, SAMPLES.values())
        one_of("order", self.order, orders_of(pictures.study))
        sources = sources_of(pictures)
        one_of("source", self.source, sources)
        one_of("minus", self.minus, (NOTHING, *sources))
        if self.source == self.minus:
            raise ValueError(
                f"{self.source} compared with itself shows no difference: choose two of them"
            )
