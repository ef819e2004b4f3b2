"""Near-duplicates and outliers of a trained study, each question answered once.

What is looked for in a large collection takes long the first time: its images are read for their
sketches, which are cached on disk, and all pairs are compared. `Oddities.search` says what is found
so far; other thresholds are answered from what it has found, where that is enough.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from uhscm_core.analysis.duplicates import (
    LIKENESS,
    NearDuplicates,
    near_duplicates,
    near_duplicates_so_far,
)
from uhscm_core.analysis.outliers import (
    Outliers,
    Ranking,
    ranking_by_codes,
    ranking_by_features,
)
from uhscm_core.analysis.sketches import EDGE, LookAlikes, sketch
from uhscm_core.codes import hamming_distance
from uhscm_core.datasets.images import in_threads
from uhscm_core.datasets.reading import READER_VERSION
from uhscm_core.study import Study
from uhscm_core.support import store
from uhscm_core.support.keeping import keeping
from uhscm_core.support.progress import progress_bar

__all__ = ["Oddities"]

_BLOCK = 4096  # images whose look-alikes are found at a time
_TOGETHER = 16  # images that a thread reads at a time
_KEPT = 8  # answers

Settings = tuple[int, float, bool]


class Oddities:
    """Near-duplicates and outliers of one study.

    Args:
        study: with a network.
        before: of an earlier study, whose sketches are used again if it has the same images.
    """

    def __init__(self, study: Study, before: Oddities | None = None) -> None:
        self.study = study
        self._ranking = functools.lru_cache(_KEPT)(self._begin_ranking)
        self._answers: dict[Settings, NearDuplicates] = {}  # the last few, the newest last
        self._similar: npt.NDArray[np.int64] | None = None  # pairs that look similar
        self._crowded = False  # too many do
        # Of the images that were read; any other one looks like no image.
        self._some_sketches = torch.zeros(len(study.dataset), EDGE * EDGE + 1)
        self._some_sketches[:, -1] = 1
        self._is_sketched = np.zeros(len(study.dataset), bool)
        if before is None or before.study.dataset.digest != study.dataset.digest:
            return
        self._similar, self._crowded = before._similar, before._crowded
        self._some_sketches, self._is_sketched = before._some_sketches, before._is_sketched

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return self.study.network.bits  # type: ignore[union-attr]  # there is one

    @functools.cached_property
    def sketches(self) -> Tensor:
        """(N, G + 1) small gray pictures of all images.

        Raises:
            OSError, ValueError: an image cannot be read any more; the message names it.
        """
        for _ in self._sketched(np.arange(len(self.study.dataset))):
            pass
        return self._some_sketches

    def pairs(self, radius: int, cosine: float, looks: bool) -> NearDuplicates:
        """Return the near-duplicates within some bits and of at least some cosine.

        Args:
            radius: in bits.
            cosine: of features.
            looks: whether they look similar too.
        """
        found = self.known(radius, cosine, looks)
        if found is None:
            found = deque(self.search(radius, cosine, looks), maxlen=1).pop()
        return found

    def known(self, radius: int, cosine: float, looks: bool) -> NearDuplicates | None:
        """Return the same if it follows from what was found before, in a moment; else None."""
        settings = (radius, cosine, looks)
        found = self._answers.get(settings)
        among = self._similar if looks else self._wider(radius, cosine)
        if found is None and among is not None:
            sketches = self.sketches if looks else None
            found = self._keep(settings, self._test(settings, among, sketches))
        return found

    def search(self, radius: int, cosine: float, looks: bool) -> Iterator[NearDuplicates]:
        """Yield what is found so far, the last time all; see `report_progress_to` for how far.

        Raises:
            OSError, ValueError: an image cannot be read any more; the message names it.
        """
        settings = (radius, cosine, looks)
        if looks and not self._crowded:
            yield from self._search_similar(settings)
        if not looks or self._crowded:
            found = None
            codes, features = self.study.codes, self.study.image_features
            sketches = self.sketches if looks else None
            for found in near_duplicates_so_far(
                codes, self.bits, features, radius, cosine, sketches, LIKENESS
            ):
                yield found
            if found is not None:
                self._keep(settings, found)

    def far(self, by: str, k: int) -> Outliers:
        """Return all images, those farthest from the others first.

        Args:
            by: ``"features"`` or ``"codes"``.
            k: which nearest neighbour counts.
        """
        return self._ranking(by, k).finish()

    def known_far(self, by: str, k: int) -> Outliers | None:
        """Return the same if it was found before; else None."""
        return self._ranking(by, k).found

    def search_far(self, by: str, k: int) -> Iterator[Outliers]:
        """Yield the same, once; a search that was ended continues where it was."""
        yield self.far(by, k)

    def near(self, image: int, by: str, k: int) -> tuple[list[int], list[float]]:
        """Return the k images nearest to one, and their distances.

        Args:
            image: which is left out.
            by: ``"features"``, for one minus the cosine, or ``"codes"``, for bits.
            k: how many; fewer where there are fewer.
        """
        study, features = self.study, self.study.image_features
        if by == "features":
            values = 1 - features @ features[image]
        else:
            values = hamming_distance(study.codes[[image]], study.codes)[0].float()
        values[image] = torch.inf
        nearest = values.argsort(stable=True)[: min(k, len(values) - 1)].tolist()
        return nearest, values[nearest].tolist()

    def _search_similar(self, settings: Settings) -> Iterator[NearDuplicates]:
        """Yield the groups among the images that are sketched so far."""
        # Images with the same code as others first: most near-duplicates are among them.
        _, code, count = np.unique(
            self.study.codes.numpy(), axis=0, return_inverse=True, return_counts=True
        )
        code = code.reshape(-1)
        order = np.lexsort((code, -count[code]))
        similar, sketches, done = LookAlikes(LIKENESS), self._some_sketches, 0
        for block in self._sketched(order):
            similar.add(block)
            done += len(block)
            if not similar.crowded and done < len(order):
                yield self._test(settings, order[similar.pairs], sketches)
        self.sketches, self._crowded = sketches, similar.crowded
        if not self._crowded:
            self._similar = order[similar.pairs]
            yield self._keep(settings, self._test(settings, self._similar, sketches))

    def _sketched(self, order: npt.NDArray[np.int64]) -> Iterator[Tensor]:
        """Yield the sketches of images in this order, block by block; cache all of them."""
        path = self._path()
        if not self._is_sketched.all() and (cached := _load(path, len(order))) is not None:
            self._some_sketches[:], self._is_sketched[:] = cached, True
        read = not self._is_sketched.all()
        with progress_bar("reading images", len(order), shown=False) as bar:
            for start in range(0, len(order), _BLOCK):
                block = order[start : start + _BLOCK]
                missing = block[~self._is_sketched[block]]
                for image, gray in zip(missing.tolist(), self._read(missing), strict=True):
                    self._some_sketches[image] = torch.from_numpy(gray)
                    self._is_sketched[image] = True
                    bar.update()
                bar.update(len(block) - len(missing))
                yield self._some_sketches[block]
        if read:
            with keeping():
                store.save_tensors(path, {"sketches": self._some_sketches}, {"key": path.stem})
                store.sweep(path.parent)

    def _read(self, ids: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.float32]]:
        images, names = self.study.dataset.images, self.study.dataset.names

        def drawn(image: str) -> npt.NDArray[np.float32]:
            try:
                return sketch(images[int(image)])
            except (OSError, ValueError) as error:
                name = names[int(image)]
                raise type(error)(f"{name} cannot be read any more: {error}") from error

        return in_threads(drawn, map(str, ids.tolist()), together=_TOGETHER)

    def _path(self) -> Path:
        key = store.digest_of("sketches", READER_VERSION, EDGE, self.study.dataset.digest)
        return store.home() / "sketches" / f"{key}.safetensors"

    def _test(
        self, settings: Settings, among: npt.NDArray[np.int64], sketches: Tensor | None
    ) -> NearDuplicates:
        (radius, cosine, _), bits = settings, self.bits
        codes, features = self.study.codes, self.study.image_features
        return near_duplicates(
            codes, bits, features, radius, cosine, sketches, LIKENESS, among=among
        )

    def _wider(self, radius: int, cosine: float) -> npt.NDArray[np.int64] | None:
        """Return the pairs of an answer without looks that asked for no more than this."""
        for (wide, least, looks), found in list(self._answers.items()):
            if not looks and wide >= radius and least <= cosine and found.all_pairs is not None:
                return found.all_pairs
        return None

    def _keep(self, settings: Settings, found: NearDuplicates) -> NearDuplicates:
        if settings not in self._answers:
            for oldest in list(self._answers)[: 1 - _KEPT]:
                del self._answers[oldest]
            self._answers[settings] = found
        return self._answers[settings]

    def _begin_ranking(self, by: str, k: int) -> Ranking:
        study = self.study
        if by == "features":
            return ranking_by_features(study.image_features, k)
        return ranking_by_codes(study.codes, self.bits, study.image_features, k)


def _load(path: Path, n: int) -> Tensor | None:
    try:
        tensors, about = store.load_tensors(path)
        sketches = tensors.get("sketches", torch.empty(0))
        if sketches.shape != (n, EDGE * EDGE + 1) or about.get("key") != path.stem:
            raise store.DamagedFileError(f"{path}: damaged, not the sketches of {n} images")
    except FileNotFoundError:
        return None
    except (OSError, store.DamagedFileError) as error:
        store.set_aside(path, error)
        return None
    return sketches
