"""A census of odd calls: what each public edge does with arguments that people get wrong.

Run as a script, in a process of its own without the tests' run-time type checks, so that users'
messages are what comes. It prints one JSON line per call: the edge, the argument, the odd value,
and how it was answered:

- ``clear``: our own TypeError, ValueError or IndexError that names the argument and what came;
- ``unclear``: our own error that does not;
- ``library``: an error of a library, or of Python;
- ``control``: a control of a library refuses it, as it cannot be typed;
- ``accepted``: no error.
"""

from __future__ import annotations

import copy
import json
import os
import re
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import normalize
from traitlets import TraitError

import uhscm_core as core

ALSO_CALLED = {
    "min_share": "Minimum votes",  # the name of its box
    "max_share": "Maximum votes",
    "source": "concepts",
    "names": "concepts",
    "templates": "template",
}
CLEAR = (TypeError, ValueError, IndexError, FileNotFoundError)
OURS = tuple(str(ROOT / package) + os.sep for package in ("uhscm_core", "widgets"))
N, D, M, C, BITS = 60, 16, 6, 3, 8
_SECONDS = 120  # an answer that takes longer is none
NAMES = ["beach", "castle", "forest", "ocean", "street", "tiger"]


class Edge(NamedTuple):
    """One public function with a good call, and the kind of each argument that is tried."""

    name: str
    call: Callable[..., Any]
    good: Mapping[str, Any]
    kinds: Mapping[str, str]


class Outcome(NamedTuple):
    """How one call was answered."""

    edge: str
    argument: str
    odd: str
    answer: str
    said: str


# -- odd values, by kind -------------------------------------------------------------------------

NOTHING = {"None": None, "[]": [], "{}": {}, "object()": object()}
NO_NUMBER = {
    "NaN": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "True": True,
    "text": "64",
    "bytes": b"64",
    "complex": 1j,
    "two numbers": np.array([1, 2]),
    "masked": np.ma.array(1, mask=True),
    "10**400": 10**400,
    **NOTHING,
}
WHOLE = {**NO_NUMBER, "a whole float": 4.0, "a share": 0.2, "-1": -1, "0": 0, "2**63": 2**63}
REAL = {**NO_NUMBER, "-1": -1.0, "0": 0.0, "1e300": 1e300}
TEXT = {
    "NaN": float("nan"),
    "3": 3,
    "bytes": b"text",
    "Path": Path("text"),
    "unknown": "no such",
    "empty": "",
    **NOTHING,
}
FLAG = {"text": "no", "1": 1, "NaN": float("nan"), **NOTHING}
PATH = {"3": 3, "NaN": float("nan"), "True": True, **NOTHING}
OBJECT = {"3": 3, "text": "a study", "a list": [1], **NOTHING}
IMAGE_ID = {
    **NO_NUMBER,
    "a whole float": 1.0,
    "-1": -1,
    "as many": N,
    "10**9": 10**9,
    "2**63": 2**63,
}


def _rows(good: torch.Tensor) -> dict[str, Any]:
    """Odd features, made from good ones."""
    with_nan, with_inf = good.clone(), good.clone()
    with_nan[1, 0], with_inf[1, 0] = torch.nan, torch.inf
    return {
        "NaN in it": with_nan,
        "inf in it": with_inf,
        "numpy": good.numpy(),
        "numpy, negative strides": good.numpy()[::-1],
        "a list": good.tolist(),
        "masked": np.ma.array(good.numpy(), mask=True),
        "1-d": good[0],
        "3-d": good[None],
        "0-d": good[0, 0],
        "whole numbers": good.long(),
        "booleans": good > 0,
        "complex": good.to(torch.complex64),
        "double": good.double(),
        "one row less": good[:-1],
        "one column less": normalize(good[:, :-1], dim=1),
        "no rows": good[:0],
        "no columns": good[:, :0],
        "not of unit length": good * 3,
        "zero rows": good * 0,
        "not contiguous": good.T.contiguous().T,
        "3.0": 3.0,
        "text": "features",
        **NOTHING,
    }


def _codes(good: torch.Tensor) -> dict[str, Any]:
    array = good.numpy()
    return {
        "masked": np.ma.array(array, mask=True),
        "booleans": array > 9,
        "int64": good.long(),
        "floats": good.float(),
        "1-d": good[0],
        "3-d": good[None],
        "0-d": good[0, 0],
        "one row less": good[:-1],
        "one byte more": torch.cat([good, good], dim=1),
        "no rows": good[:0],
        "no columns": good[:, :0],
        "a list": good.tolist(),
        "ragged": [[1], [1, 2]],
        "negative strides": array[::-1],
        "not contiguous": np.asfortranarray(array),
        "complex": array.astype(complex),
        "text": "codes",
        "3": 3,
        **NOTHING,
    }


def _labels(good: torch.Tensor) -> dict[str, Any]:
    halves, with_nan = good.float(), good.float()
    halves[0, 0], with_nan[0, 0] = 0.5, torch.nan
    return {
        "halves": halves,
        "NaN in it": with_nan,
        "negative": good.long() - 1,
        "twos": good * 2,
        "booleans": good.bool(),
        "floats": good.float(),
        "complex": good.numpy().astype(complex),
        "1-d": good[:, 0],
        "3-d": good[None],
        "one row less": good[:-1],
        "one column less": good[:, :-1],
        "no rows": good[:0],
        "masked": np.ma.array(good.numpy(), mask=True),
        "texts": np.full(good.shape, "cat"),
        "ragged": [[1], [1, 0]],
        "text": "labels",
        "3": 3,
        **NOTHING,
    }


def odd_values(kind: str, good: Any) -> dict[str, Any]:
    """The odd values of a kind; where values are numbers, numpy's and torch's scalars too."""
    made = {"rows": _rows, "codes": _codes, "labels": _labels}
    if kind in made:
        return made[kind](good)
    tables = {
        "whole": WHOLE,
        "real": REAL,
        "text": TEXT,
        "flag": FLAG,
        "path": PATH,
        "object": OBJECT,
        "image": IMAGE_ID,
        "query": {odd: value for odd, value in IMAGE_ID.items() if odd != "text"},
        "model": {**PATH, "bytes": b"postcards"},
        "run": {odd: value for odd, value in TEXT.items() if odd != "empty"},
        "template": TEMPLATES,
        "concepts": CONCEPTS,
    }
    values = dict(tables[kind])
    if kind in ("whole", "image", "query") and good is not None:
        values |= {"numpy scalar": np.int64(good), "0-d": torch.tensor(good)}
    if kind == "real" and good is not None:
        values |= {"numpy scalar": np.float32(good), "0-d": torch.tensor(good)}
    return values


# -- how a call is answered ----------------------------------------------------------------------


def _shows(value: Any, said: str) -> bool:
    """Whether a message says what came: the value, its type, or the shape and kind of an array."""
    tokens = [type(value).__name__, repr(value)[:20], str(value)[:20]]
    if isinstance(value, int | float) and abs(value) < 1e308:
        tokens += [f"{value:g}", f"{value:,}"]
    if value is None:
        tokens.append("none")
    if isinstance(value, list):
        tokens += [repr(one) for one in value[:1]] + [type(one).__name__ for one in value[:1]]
    if isinstance(value, torch.Tensor | np.ndarray | list | int | float):
        array = value if isinstance(value, torch.Tensor) else np.asarray(value, _kind_of(value))
        dtype = str(array.dtype).removeprefix("torch.")
        tokens += [dtype, f"got {tuple(array.shape)}", " NaN", "lengths", "got none"]
        tokens.append(f" and {tuple(array.shape)}")
        if any(re.search(rf"\b{size}\b", said) for size in array.shape):
            return True
    return any(token and token in said for token in tokens)


def _kind_of(value: Any) -> Any:
    """The dtype of ragged lists, which have none of numbers."""
    ragged = isinstance(value, list) and len({np.ndim(row) and len(row) for row in value}) > 1
    return object if ragged else None


def answer(argument: str, value: Any, error: BaseException | None) -> tuple[str, str]:
    """Say how a call with an odd argument was answered, see the module."""
    if error is None:
        return "accepted", ""
    said = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, TraitError):
        return "control", said
    ours = isinstance(error, SaidError) or frames[-1].filename.startswith(OURS)
    if not ours or not isinstance(error, CLEAR):
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        return "library", f"{said} [{where}]"
    names = {argument, ALSO_CALLED.get(argument, argument)}
    named = any(re.search(rf"\b{re.escape(name)}\b", str(error)) for name in names)
    if isinstance(error, FileNotFoundError):
        named = str(value) in str(error)
    # What was typed into a box stays in sight.
    clear = named and (isinstance(error, SaidError) or _shows(value, str(error)))
    return ("clear" if clear else "unclear"), said


def _out_of_time(*_: Any) -> None:
    raise TimeoutError(f"no answer in {_SECONDS} s")


def census(edges: Iterator[Edge]) -> Iterator[Outcome]:
    """Call each edge well once, and then with each odd value of each argument."""
    signal.signal(signal.SIGALRM, _out_of_time)
    for edge in edges:
        if edge.good:
            edge.call(**edge.good)
        for argument, kind in edge.kinds.items():
            for odd, value in odd_values(kind, edge.good.get(argument)).items():
                error: BaseException | None = None
                signal.alarm(_SECONDS)
                try:
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore")
                        edge.call(**{**edge.good, argument: value})
                except Exception as raised:
                    error = raised
                signal.alarm(0)
                yield Outcome(edge.name, argument, odd, *answer(argument, value, error))


# -- the public edges ----------------------------------------------------------------------------


def make_study() -> core.Study:
    """A small study from features, trained to 8 bits, with labels."""
    generator = torch.Generator().manual_seed(0)
    text = normalize(torch.randn(M, D, generator=generator), dim=1)
    images = text.repeat(N // M, 1) + 0.3 * torch.randn(N, D, generator=generator)
    labels = np.arange(N) % C
    study = core.Study.from_features(normalize(images, dim=1), NAMES, text, labels=labels)
    return study.train(bits=BITS, epochs=1)


def core_edges(study: core.Study, folder: Path) -> Iterator[Edge]:
    """The functions, classes and methods of `uhscm_core`."""
    x, t = study.image_features, study.text_features
    q, z = study.distribution[:5], torch.tanh(torch.randn(5, BITS))
    codes = study.codes
    two_features = {"image_features": "rows", "text_features": "rows"}
    shares = {"tau": "real", "min_share": "real", "max_share": "real"}

    yield Edge("concept_scores", core.concept_scores, _given(two_features, x, t), two_features)
    yield Edge("top_concepts", core.top_concepts, _given(two_features, x, t), two_features)
    good = {**_given(two_features, x, t), "tau": 3.0, "min_share": 0.5, "max_share": 1.0}
    yield Edge("mine_concepts", core.mine_concepts, good, {**two_features, **shares})
    yield Edge(
        "MinedConcepts.apply", study.mined.apply, {"image_features": x}, {"image_features": "rows"}
    )
    pair = {"a": "rows", "b": "rows"}
    yield Edge("semantic_similarity", core.semantic_similarity, {"a": q, "b": q}, pair)
    yield Edge(
        "explain_similarity",
        core.explain_similarity,
        {"qi": q[0], "qj": q[1]},
        {"qi": "object", "qj": "object"},
    )
    weights = {"alpha": 0.2, "beta": 0.001, "gamma": 0.2, "lam": 0.8, "similarity_weight": 1.0}
    yield Edge(
        "uhscm_loss",
        core.uhscm_loss,
        {"outputs": z, "similarity": torch.eye(5), **weights},
        {"outputs": "rows", "similarity": "rows", **dict.fromkeys(weights, "real")},
    )
    yield Edge(
        "HashNetwork",
        core.HashNetwork,
        {"bits": BITS, "in_features": D, "hidden": 32, "seed": 1},
        {
            "bits": "whole",
            "backbone": "text",
            "in_features": "whole",
            "pretrained": "flag",
            "hidden": "whole",
            "seed": "whole",
            "centered": "flag",
        },
    )
    network = copy.deepcopy(study.network)
    yield Edge(
        "HashNetwork.outputs",
        network.outputs,
        {"data": x, "workers": 0},
        {"data": "rows", "workers": "whole"},
    )
    numbers = ("learning_rate", "momentum", "backbone_share", "weight_decay", *weights)
    counts = ("epochs", "batch_size", "seed", "workers", "validate_every")
    texts = ("optimizer", "device", "precision")
    config = core.TrainingConfig(epochs=1)
    mixing = core.TrainingConfig(recipe="tuned").complete()
    settings = {
        **dict.fromkeys(numbers, "real"),
        **dict.fromkeys(counts, "whole"),
        **dict.fromkeys(texts, "text"),
        "center": "flag",
    }
    good = {name: getattr(config.complete(), name) for name in settings}
    yield Edge("TrainingConfig", core.TrainingConfig, good, settings)
    settings = {
        **dict.fromkeys(("feature_share", "balance", "independence"), "real"),
        **dict.fromkeys(("recipe", "start"), "text"),
    }
    good = {name: getattr(mixing, name) for name in settings}
    yield Edge("TrainingConfig", core.TrainingConfig, good, settings)
    train_rows = study.dataset.splits["train"]
    yield Edge(
        "train",
        _first_step,
        {"network": network, "data": x[train_rows], "mined": study.mined, "config": config},
        {
            "network": "object",
            "data": "rows",
            "mined": "object",
            "config": "object",
            "folder": "path",
            "validate": "object",
            "fabric": "object",
        },
    )
    yield Edge("pack_codes", core.pack_codes, {"outputs": z}, {"outputs": "rows"})
    yield Edge(
        "unpack_codes",
        core.unpack_codes,
        {"codes": codes, "bits": BITS},
        {"codes": "codes", "bits": "whole"},
    )
    yield Edge(
        "hamming_distance",
        core.hamming_distance,
        {"a": codes, "b": codes, "paired": True},
        {"a": "codes", "b": "codes", "paired": "flag"},
    )
    yield Edge(
        "bit_concepts",
        core.bit_concepts,
        {"codes": codes, "distribution": study.distribution, "bits": BITS},
        {"codes": "codes", "distribution": "rows", "bits": "whole"},
    )
    yield Edge(
        "HammingIndex",
        core.HammingIndex,
        {"codes": codes, "bits": BITS},
        {"codes": "codes", "bits": "whole"},
    )
    index = core.HammingIndex(codes, BITS)
    yield Edge(
        "HammingIndex.search",
        index.search,
        {"codes": codes, "k": 3},
        {"codes": "codes", "k": "whole"},
    )
    yield Edge(
        "HammingIndex.within",
        index.within,
        {"codes": codes, "radius": 3},
        {"codes": "codes", "radius": "whole"},
    )
    yield Edge("HammingIndex.load", core.HammingIndex.load, _saved(index, folder), {"path": "path"})
    yield from _metrics(study)
    yield Edge(
        "fit_baseline",
        core.fit_baseline,
        {"name": "ITQ", "x": x, "bits": BITS, "seed": 1},
        {"name": "text", "x": "rows", "bits": "whole", "seed": "whole"},
    )
    fitted = core.fit_baseline("LSH", x, BITS)
    yield Edge("BaselineHash.encode", fitted.encode, {"x": x}, {"x": "rows"})
    yield Edge(
        "Baseline",
        core.Baseline,
        {
            "fit": max,
            "space": "concepts",
            "max_bits": min,
            "version": 2,
            "texts": False,
            "trains": False,
            "augments": False,
        },
        {
            "fit": "object",
            "space": "text",
            "max_bits": "object",
            "version": "whole",
            "texts": "flag",
            "trains": "flag",
            "augments": "flag",
        },
    )
    near = {"codes": codes, "bits": BITS, "features": x}
    yield Edge(
        "near_duplicates",
        core.near_duplicates,
        {**near, "radius": 2, "cosine": 0.9, "likeness": 0.9},
        {
            "codes": "codes",
            "bits": "whole",
            "features": "rows",
            "radius": "whole",
            "cosine": "real",
            "sketches": "object",
            "likeness": "real",
        },
    )
    yield Edge(
        "rank_outliers",
        core.rank_outliers,
        {**near, "k": 2},
        {"codes": "codes", "bits": "whole", "features": "rows", "k": "whole"},
    )
    yield Edge(
        "rank_outliers_by_features",
        core.rank_outliers_by_features,
        {"features": x, "k": 2},
        {"features": "rows", "k": "whole"},
    )
    yield Edge("sketch", core.sketch, {"image": Image.new("RGB", (9, 9))}, {"image": "object"})
    yield from _study_edges(study, folder)
    yield from _model_edges()


def _study_edges(study: core.Study, folder: Path) -> Iterator[Edge]:
    x, t = study.image_features, study.text_features
    yield Edge(
        "Study",
        core.Study,
        {
            "dataset": study.dataset,
            "vlp": study.vlp,
            "concepts": study.concepts,
            "tau": 3.0,
            "min_share": 0.5,
            "max_share": 1.0,
            "network": study.network,
        },
        {
            "dataset": "object",
            "vlp": "object",
            "concepts": "object",
            "tau": "real",
            "min_share": "real",
            "max_share": "real",
            "network": "object",
            "history": "object",
            "progress": "flag",
        },
    )
    yield Edge(
        "Study.with_",
        study.with_,
        {"tau": 3.0, "min_share": 0.5, "max_share": 1.0},
        {
            "tau": "real",
            "min_share": "real",
            "max_share": "real",
            "template": "object",
            "text_features": "object",
            "network": "object",
        },
    )
    yield Edge(
        "Study.from_features",
        core.Study.from_features,
        {
            "image_features": x,
            "concepts": NAMES,
            "text_features": t,
            "labels": study.dataset.labels,
            "seed": 1,
            "logit_scale": 100.0,
        },
        {
            "image_features": "rows",
            "concepts": "object",
            "text_features": "rows",
            "labels": "labels",
            "label_names": "object",
            "splits": "object",
            "seed": "whole",
            "logit_scale": "real",
            "images": "object",
            "names": "object",
        },
    )
    settings = {
        "epochs": "whole",
        "batch_size": "whole",
        "learning_rate": "real",
        "lam": "real",
        "seed": "whole",
    }
    yield Edge(
        "Study.train",
        study.train,
        {"bits": BITS, "epochs": 0, "batch_size": 8, "learning_rate": 0.1, "lam": 0.8, "seed": 1},
        {
            "bits": "whole",
            "config": "object",
            "backbone": "text",
            "pretrained": "flag",
            "folder": "path",
            "on_step": "object",
            **settings,
        },
    )
    yield Edge("Study.search", study.search, {"query": 1, "k": 3}, {"query": "query", "k": "whole"})
    for name in ("image_features", "text_features"):
        yield Edge(
            "Study.search", study.search, {name: x[0], "k": 3}, {name: "object", "k": "whole"}
        )
    yield Edge("Study.embed", study.embed, {"item": 1}, {"item": "image"})
    yield Edge("Study.explain", study.explain, {"i": 1, "j": 2}, {"i": "image", "j": "image"})
    rule = {"top_k": "whole", "ties": "text"}
    given = {"top_k": 5, "ties": "expected"}
    yield Edge("Study.evaluate", study.evaluate, given, rule)
    yield Edge("Study.compare", study.compare, given, {**rule, "references": "flag"})
    yield Edge(
        "Experiment",
        core.Experiment,
        {"study": study, "vary": {"bits": [BITS]}, "seeds": 1, "workers": 1, "top_k": 5},
        {
            "study": "object",
            "vary": "object",
            "seeds": "whole",
            "folder": "path",
            "workers": "whole",
            "top_k": "whole",
            "relevant": "text",
        },
    )
    experiment = core.Experiment(study, {"method": ["LSH", "ITQ"], "bits": [BITS]}, seeds=1)
    for _ in experiment:
        pass
    pair = {"a": {"method": "LSH"}, "b": {"method": "ITQ"}}
    for name in ("compare", "queries"):
        call = getattr(experiment, name)
        yield Edge(f"Experiment.{name}", call, pair, {"a": "object", "b": "object"})
    yield Edge(
        "Study.baseline_codes",
        study.baseline_codes,
        {"name": "LSH", "bits": BITS},
        {"name": "text", "bits": "whole"},
    )
    yield Edge("load_concepts", core.load_concepts, {"source": NAMES}, {"source": "object"})
    yield Edge(
        "ConceptSet",
        core.ConceptSet,
        {"names": NAMES, "templates": "a {}"},
        {"names": "object", "templates": "object"},
    )
    yield Edge(
        "export_codes",
        core.export_codes,
        {"study": study, "path": folder / "codes.npz"},
        {"study": "object", "path": "path"},
    )
    yield Edge(
        "export_index",
        core.export_index,
        {"study": study, "path": folder / "index.faiss"},
        {"study": "object", "path": "path"},
    )
    yield Edge(
        "export_run",
        core.export_run,
        {"study": study, "path": folder / "run.zip"},
        {"study": "object", "path": "path"},
    )


def _model_edges() -> Iterator[Edge]:
    kinds = {"name": "model", "pretrained": "model", "device": "text"}
    good = {"name": "postcards", "device": "cpu"}
    yield Edge("load_vlp", core.load_vlp, good, kinds)
    model = core.load_vlp("postcards", device="cpu")
    yield Edge(
        "VLP.encode_images",
        model.encode_images,
        {"images": [Image.new("RGB", (9, 9))], "workers": 0},
        {"images": "object", "workers": "whole", "progress": "flag"},
    )
    yield Edge("VLP.encode_texts", model.encode_texts, {"texts": ["sea"]}, {"texts": "object"})


def _metrics(study: core.Study) -> Iterator[Edge]:
    splits, labels, codes = study.dataset.splits, study.dataset.labels, study.codes
    query, database = splits["query"], splits["database"]
    judged = {"query_labels": labels[query], "database_labels": labels[database]}
    by_code = {"query_codes": codes[query], "database_codes": codes[database], **judged}
    kinds = {name: "labels" if "labels" in name else "codes" for name in by_code}
    rule = {"top_k": 5, "ties": "expected"}
    for name in ("mean_average_precision", "average_precisions", "precision_at", "ndcg_at"):
        call = getattr(core, name)
        yield Edge(name, call, {**by_code, **rule}, {**kinds, "top_k": "whole", "ties": "text"})
    yield Edge(
        "precision_recall_curve", core.precision_recall_curve, by_code, {**kinds, "ties": "text"}
    )
    x = study.image_features
    by_cosine = {"query_vectors": x[query], "database_vectors": x[database], **judged}
    kinds = {name: "labels" if "labels" in name else "rows" for name in by_cosine}
    for name in ("cosine_mean_average_precision", "cosine_average_precisions"):
        call = getattr(core, name)
        yield Edge(name, call, {**by_cosine, "top_k": 5}, {**kinds, "top_k": "whole"})


# -- the explorers: constructors, methods and boxes ----------------------------------------------

TEMPLATES = {"blank": " ", "no place": "a photo", "two places": "{} and {}"}
CONCEPTS = {"twice": "cat\ncat", "Cat and cat": "Cat\ncat", "control": "cat\x07\ndog"}


class SaidError(ValueError):
    """What an explorer said."""


def _asked(explorer: Any, act: Callable[[], Any]) -> None:
    """Do what a person does; raise what the explorer says, unless it changed all the same."""
    explorer.status.log = []
    before = getattr(explorer, "state", None)
    act()
    explorer.wait()
    if explorer.status.log:
        if getattr(explorer, "state", None) is not before:
            raise AssertionError(f"changed, and said {explorer.status.log}")
        raise SaidError(explorer.status.log[-1])


def _box(explorer: Any, box: Any) -> Callable[..., None]:
    """A call that types into a box, and puts back what was there."""

    def typed(**given: Any) -> None:
        (value,) = given.values()
        before = box.value
        try:
            _asked(explorer, lambda: setattr(box, "value", value))
        finally:
            box.value = before
            explorer.wait()

    return typed


def widget_edges(study: core.Study) -> Iterator[Edge]:
    """The constructors, the methods and the boxes of the explorers."""
    import widgets as ui

    explorers = {}
    for name in ("Compare", "Denoising", "Distribution", "Map", "Retrieval", "Tidy"):
        make = getattr(ui, f"{name}Explorer")
        explorers[name] = make(study)
        kinds = {"study": "object", "selection": "object"}
        kinds |= {"others": "object"} if name == "Compare" else {}
        yield Edge(f"{name}Explorer", make, {"study": study}, kinds)
    yield Edge("TrainingExplorer", ui.TrainingExplorer, {"study": study}, {"study": "object"})
    good = {"study": study, "queries": [1], "k": 3}
    kinds = {"study": "object", "queries": "object", "k": "whole"}
    yield Edge("Exports", ui.Exports, good, kinds)
    yield Edge("results_page", ui.results_page, {**good, "title": "A"}, {**kinds, "title": "text"})
    yield Edge(
        "PhotosExplorer",
        ui.PhotosExplorer,
        {},
        {"folder": "path", "model": "path", "concepts": "object"},
    )
    yield Edge("Selection.ids", lambda ids: ui.Selection(ids=ids), {"ids": ()}, {"ids": "object"})

    denoising, retrieval = explorers["Denoising"], explorers["Retrieval"]
    for name in ("tau", "min_share", "max_share"):
        box = getattr(denoising, name)
        yield Edge(f"Denoising box {name}", _box(denoising, box), {name: box.value}, {name: "real"})

    def compare_template(template: str) -> None:
        _asked(denoising, lambda: _press_compare(denoising.templates, template))

    yield Edge("Denoising box template", compare_template, {}, {"template": "template"})

    def edit(concepts: str = "\n".join(NAMES), template: str = "a photo of the {}") -> None:
        denoising.editor.names.value, denoising.editor.templates.value = concepts, template
        _asked(denoising, denoising.editor.apply)
        assert (denoising.editor.names.value, denoising.editor.templates.value) == (
            concepts,
            template,
        )

    def edit_names(concepts: str = "\n".join(NAMES)) -> None:
        edit(concepts)

    yield Edge("Denoising box concepts", edit_names, {}, {"concepts": "concepts"})

    def search(text: Any) -> None:
        retrieval.text.value = text if isinstance(text, str) else ""
        _asked(retrieval, lambda: retrieval.search(text))

    yield Edge("RetrievalExplorer.search", search, {}, {"text": "text"})
    yield Edge(
        "RetrievalExplorer.like",
        lambda image: _asked(retrieval, lambda: retrieval.like(image)),
        {"image": 1},
        {"image": "image"},
    )
    tidy, compare = explorers["Tidy"], explorers["Compare"]
    for explorer, name, kind in (
        (tidy, "radius", "whole"),
        (tidy, "cosine", "real"),
        (tidy, "k", "whole"),
        (compare, "k", "whole"),
        (compare, "left", "text"),
    ):
        box, title = getattr(explorer, name), type(explorer).__name__.removesuffix("Explorer")
        yield Edge(f"{title} box {name}", _box(explorer, box), {name: box.value}, {name: kind})
    for name in ("sample", "order", "source", "minus"):
        box = explorers["Distribution"].controls[name]
        call = _box(explorers["Distribution"], box)
        yield Edge(f"Distribution box {name}", call, {name: box.value}, {name: "text"})
    yield from _training_edges(ui.TrainingExplorer(study))


def _training_edges(training: Any) -> Iterator[Edge]:
    yield Edge("TrainingExplorer.pin", training.pin, {"image": 1}, {"image": "image"})
    yield Edge("TrainingExplorer.fork", training.fork, {}, {"name": "run"})
    kinds = {"bits": "whole", "epochs": "whole", "batch_size": "whole", "seed": "whole"}
    kinds |= dict.fromkeys(("learning_rate", "alpha", "beta", "gamma", "lam"), "real")
    kinds |= {"optimizer": "text", "backbone": "text", "device": "text", "pretrained": "flag"}
    training.settings.set(recipe="uhscm")
    values = training.settings.values

    def wanted(**settings: Any) -> None:
        try:
            training.settings.set(recipe="uhscm", **settings)
            training.settings.run()
        finally:
            training.settings.reset()

    for name, kind in kinds.items():
        yield Edge("TrainingExplorer.settings", wanted, {name: values[name]}, {name: kind})


def _press_compare(panel: Any, template: str) -> None:
    panel.template.value = template
    panel.compare.click()


def _given(names: Mapping[str, str], *values: Any) -> dict[str, Any]:
    return dict(zip(names, values, strict=True))


def _first_step(**arguments: Any) -> None:
    steps = core.train(**arguments)
    next(steps)
    steps.close()


def _saved(index: core.HammingIndex, folder: Path) -> dict[str, Path]:
    index.save(folder / "index.safetensors")
    return {"path": folder / "index.safetensors"}


def main() -> None:
    """Print all outcomes as JSON lines."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["UHSCM_HOME"] = folder
        os.chdir(folder)
        study = make_study()
        for edges in (core_edges(study, Path(folder)), widget_edges(study)):
            for outcome in census(edges):
                print(json.dumps(outcome._asdict()), flush=True)
    os._exit(0)  # threads of the explorers may still be at work


if __name__ == "__main__":
    main()
