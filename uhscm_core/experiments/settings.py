"""Read what an experiment varies: names and values, and the settings that they make.

A setting is one value of each name. What a method does not read does not make another setting: ITQ
reads no training setting, so it is one setting for all values of them.
"""

from __future__ import annotations

import dataclasses
import difflib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from uhscm_core.baselines import BASELINES
from uhscm_core.comparison import REFERENCES
from uhscm_core.concepts import ConceptSet
from uhscm_core.datasets import ImageDataset
from uhscm_core.features import encoder_key
from uhscm_core.peers.augmenting import AUGMENTATION, BORNE, COPIES, VIEWS, Views
from uhscm_core.recipe import TrainingConfig
from uhscm_core.study import Study
from uhscm_core.support import store
from uhscm_core.support.checks import code_length, flag, one_of, shown, text

__all__ = ["TRAINED", "Setting", "read_settings", "read_values", "study_identity"]

TRAINED = "UHSCM"  # the method that trains a network, as `Study.compare` calls it

_FEATURES = ("dataset", "vlp")
_MINING = ("concepts", "text_features", "template", "tau", "min_share", "max_share")
_NETWORK = ("backbone", "pretrained")
_TRAINING = tuple(f.name for f in dataclasses.fields(TrainingConfig) if f.name != "seed")
_OF_UHSCM = ("method", *_FEATURES, *_MINING, "bits", *_NETWORK, *_TRAINING)
_NAMES = (*_OF_UHSCM, "views")
_ELSEWHERE = {
    "seed": "the seeds of an experiment are its argument seeds=...",
    "network": "an experiment trains its own networks",
    "history": "an experiment trains its own networks",
    "progress": "it changes no result; use study.with_(progress=...)",
    "config": "name its settings, such as epochs",
}
# How a run goes, not what it computes; another device may change a result.
_NO_RESULT = ("seed", "workers", "validate_every")
_READS_FEATURES_ALONE = ("cosine of features",)  # of the references


@dataclass(frozen=True, eq=False)
class Setting:
    """One row of an experiment.

    Attributes:
        values: the varied names that the method reads, with their values as they were given.
        study: with these values.
        method: `TRAINED`, one of `BASELINES`, or one of `REFERENCES`.
        bits: L; 0 for a reference.
        config: of the training; its seed is replaced in each run.
        backbone, pretrained: of `HashNetwork`.
        key: a digest of everything that decides the result, except the seed.
        views: of a baseline that takes views of images, as in `Study.baseline_codes`.
    """

    values: Mapping[str, Any]
    study: Study
    method: str
    bits: int
    config: TrainingConfig
    backbone: str
    pretrained: bool
    key: str
    views: Views = "noised"

    @property
    def seeded(self) -> bool:
        """Whether a seed can change the result."""
        return self.method not in REFERENCES

    @property
    def trained(self) -> bool:
        """Whether the method trains a network."""
        return self.method == TRAINED


def read_values(vary: Any) -> dict[str, tuple[Any, ...]]:
    """Return the names and values that a user gave, checked.

    Raises:
        TypeError: no dict of names and lists of values.
        ValueError: an unknown name, or no value.
    """
    if not isinstance(vary, Mapping):
        raise TypeError(
            f"vary must be a dict of names and lists of values, such as {{'tau': [1, 3]}}, got "
            f"{shown(vary)}"
        )
    return {_checked_name(name): _listed(name, values) for name, values in vary.items()}


def read_settings(study: Study, values: Mapping[str, tuple[Any, ...]]) -> list[Setting]:
    """Return a setting for each combination of the values, without repetitions.

    Raises:
        TypeError, ValueError: a value that its setting does not take, or one that is given twice.
    """
    studies: dict[tuple[int, ...], Study] = {}
    settings: dict[tuple[tuple[str, int], ...], Setting] = {}
    for places in itertools.product(*(range(len(options)) for options in values.values())):
        chosen = {
            name: options[place]
            for (name, options), place in zip(values.items(), places, strict=True)
        }
        read = _read_names(_method(chosen))
        where = tuple((n, p) for n, p in zip(values, places, strict=True) if n in read)
        if where in settings:
            continue
        changes = tuple(p if n in (*_FEATURES, *_MINING) else -1 for n, p in where)
        used = {name: chosen[name] for name, _ in where}
        if changes not in studies:
            studies[changes] = _changed(study, used)
        settings[where] = _setting(studies[changes], used)
    _refuse_repeated(settings.values())
    return list(settings.values())


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"vary must have names as keys, got {shown(name)}")
    if name in _ELSEWHERE:
        raise ValueError(f"vary: {name!r} cannot be varied: {_ELSEWHERE[name]}")
    if name not in _NAMES:
        near = difflib.get_close_matches(name, _NAMES, n=3) or _NAMES
        raise ValueError(
            f"vary: {name!r} is no setting of a study or of its training; expected "
            f"{'one like' if near is not _NAMES else 'one of'} {', '.join(map(repr, near))}"
        )
    return name


def _listed(name: str, values: Any) -> tuple[Any, ...]:
    one = isinstance(values, str | bytes | Mapping | PathLike | ConceptSet | ImageDataset)
    try:
        if one:
            raise TypeError
        listed = tuple(values)
    except TypeError:
        raise TypeError(
            f"vary: {name} must be a list of values, got {shown(values)}; for one value, write "
            f"[value]"
        ) from None
    if not listed:
        raise ValueError(f"vary: {name} must have at least one value, got none")
    return listed


def _method(chosen: Mapping[str, Any]) -> str:
    return one_of("method", chosen.get("method", TRAINED), (TRAINED, *BASELINES, *REFERENCES))


def _read_names(method: str) -> tuple[str, ...]:
    """Return the names that change a method's result."""
    if method == TRAINED:
        return _OF_UHSCM
    if method in BASELINES:
        mining = _MINING if BASELINES[method].reads_concepts else ()
        views = ("views",) if BASELINES[method].augments else ()
        return ("method", *_FEATURES, *mining, "bits", *views)
    mining = () if method in _READS_FEATURES_ALONE else _MINING
    return ("method", *_FEATURES, *mining)


def _changed(study: Study, used: Mapping[str, Any]) -> Study:
    changes = {name: used[name] for name in (*_FEATURES, *_MINING) if name in used}
    return study.with_(**changes) if changes else study


def _setting(study: Study, used: Mapping[str, Any]) -> Setting:
    method = _method(used)
    config = TrainingConfig(**{name: used[name] for name in _TRAINING if name in used})
    bits = 0 if method in REFERENCES else code_length(used.get("bits", 64))
    backbone = text("backbone", used.get("backbone", "features"))
    pretrained = flag("pretrained", used.get("pretrained", True))
    identity: list[Any] = [method, *study_identity(study, _read_names(method)).items(), bits]
    views: Any = one_of("views", used.get("views", "noised"), VIEWS)
    if method in BASELINES:
        identity.append(BASELINES[method].version)
        if views != "noised":
            identity.append([views, COPIES, AUGMENTATION, BORNE if views == "auto" else None])
    elif method in REFERENCES:
        identity.append(REFERENCES[method].version)
    else:
        training = dataclasses.asdict(config.complete())
        for name in _NO_RESULT:
            del training[name]
        identity += [training, backbone, pretrained]
    key = store.digest_of(*identity)
    return Setting(used, study, method, bits, config, backbone, pretrained, key, views)


def study_identity(study: Study, read: Iterable[str] = _MINING) -> dict[str, Any]:
    """Return what a study is known by, as values of JSON; of the mining only if it is read."""
    splits = {name: ids.tolist() for name, ids in study.dataset.splits.items()}
    identity: dict[str, Any] = {
        "images": study.dataset.digest,
        "splits": store.digest_of(splits),
        "model": encoder_key(study.vlp),
    }
    if "tau" in read:
        identity |= {
            "concepts": store.digest_of(study.concepts.names),
            "templates": list(study.concepts.templates),
            "tau": study.tau,
            "min_share": study.min_share,
            "max_share": study.max_share,
        }
    return identity


def _refuse_repeated(settings: Iterable[Setting]) -> None:
    seen: dict[str, Setting] = {}
    for setting in settings:
        if (first := seen.setdefault(setting.key, setting)) is not setting:
            given = [
                ", ".join(f"{k}={shown(v)}" for k, v in s.values.items()) for s in (first, setting)
            ]
            raise ValueError(f"vary gives one setting twice: {given[0]} and {given[1]}")
