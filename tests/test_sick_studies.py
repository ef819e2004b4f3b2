"""Studies that go wrong as people's do: what is found in them, and that it is nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uhscm_core import Study

N, WIDTH = 320, 512  # as many directions as CLIP has
SYNONYMS = (
    "boat,boats,a boat,the boat,ship,ships,vessel,sailing boat,small boat,rowing boat,fishing boat,"
    "little boat,white boat,motor boat,old boat,wooden boat,big boat,ferry,yacht,sailboat"
)
GERMAN = (
    "Himmel,Sonne,Mond,Wolken,Regenbogen,Schnee,Meer,Strand,Berg,Tal,Baum,Blumen,Gras,Haus,Burg,"
    "Turm,Tempel,Boote,Autos,Zug,Pferde"
)


def rows(n: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=(n, WIDTH))
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


COMMON, WORDS = rows(1, 1), rows(24, 2)
TEXTS = unit(COMMON + 0.7 * WORDS)  # texts have a large common part, as CLIP's
THINGS = np.arange(N) % 12
GAP = 0.8 * rows(1, 3)  # images are apart from texts, as CLIP's
PHOTOS = unit(GAP + 0.5 * WORDS[THINGS] + 0.35 * WORDS[(THINGS * 5 + 1) % 12] + 0.5 * rows(N, 4))


def made(images=PHOTOS, texts=TEXTS, **settings) -> Study:
    split = {"train": range(32, N), "database": range(32, N), "query": range(32)}
    names = [f"thing {number}" for number in range(len(texts))]
    study = Study.from_features(unit(images), names, unit(texts), splits=split)
    return study.with_(**settings)


def constant(noise: float) -> np.ndarray:
    return PHOTOS[:1] + noise * rows(N, 5)


CASES = {  # name -> a study, and all kinds of what is wrong with it
    "photos of what the list names": (lambda: made(), set()),
    "photos, and other candidates too": (
        lambda: made(texts=np.concatenate([TEXTS, unit(COMMON + 0.7 * rows(200, 6))])),
        {"threshold below one vote"},
    ),
    "an encoder that gives one output": (
        lambda: made(constant(0)),
        {"equal images", "one concept"},
    ),
    "one output and rounding": (lambda: made(constant(1e-6)), {"equal images", "one concept"}),
    "one output and noise": (
        lambda: made(constant(0.01)),
        {"equal images", "one concept"},
    ),
    "one output, all concepts kept": (lambda: made(constant(0), min_share=-1.0), {"equal images"}),
    "three photos again and again": (lambda: made(PHOTOS[np.arange(N) % 3]), {"equal images"}),
    "photos of a burst": (lambda: made(PHOTOS[np.arange(N) // 40 * 40] + 1e-4 * rows(N, 7)), set()),
    "noise for photos": (lambda: made(rows(N, 8)), {"list explains little"}),
    "one synonym twenty times": (
        lambda: made(texts=TEXTS[:1] + 0.05 * rows(20, 9)),
        {"equal concepts", "flat distributions", "list explains little"},
    ),
    "words the model does not know": (
        lambda: made(texts=unit(COMMON) + 0.002 * rows(20, 10)),
        {"equal concepts", "flat distributions", "list explains little"},
    ),
    "a list of other things": (
        lambda: made(texts=TEXTS[12:]),
        {"flat distributions", "list explains little"},
    ),
    "tau of a thousandth": (lambda: made(tau=1e-3), {"flat distributions"}),
    "tau of a thousand": (lambda: made(tau=1e3), {"one-hot distributions"}),
}


@pytest.mark.filterwarnings("ignore:.*exact copies:UserWarning")
@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_found_and_nothing_else(case):
    build, kinds = CASES[case]
    study = build()
    found = {finding.kind: finding for finding in study.health()}
    assert found.keys() == kinds
    for kind, finding in found.items():
        assert all(isinstance(value, float) for value in finding.values.values())
        if finding.change:
            assert kind not in {other.kind for other in study.with_(**finding.change).health()}


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        (SYNONYMS, {"equal concepts", "labels not covered"}),
        (GERMAN, {"equal concepts", "labels not covered"}),
        ("lorem,ipsum,dolor,sit,amet", {"labels not covered"}),
    ],
    ids=["synonyms", "German", "Latin"],
)
def test_lists_that_the_model_cannot_read_are_found(study, names, kinds):
    found = {finding.kind for finding in study.with_(concepts=names.split(",")).health()}
    assert kinds <= found
    assert "equal concepts" not in {finding.kind for finding in study.health()}
    assert "equal images" not in found


def test_few_equal_images_and_concepts_are_none():
    texts = torch.from_numpy(unit(np.concatenate([TEXTS[:12], TEXTS[:2] + 0.02 * rows(2, 11)])))
    assert "equal concepts" not in {finding.kind for finding in made(texts=texts.numpy()).health()}
    few = PHOTOS.copy()
    few[200:260] = few[199]
    assert "equal images" not in {finding.kind for finding in made(few).health()}
