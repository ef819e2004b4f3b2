"""The file of a view: what is looked at, in a small JSON file that opens where its data is.

It holds no image and no weight. The data and the model are named as `load_dataset` and `load_vlp`
take them, with their digests; a network is found again among the study's runs by its digest.
"""

from __future__ import annotations

import dataclasses
import hashlib
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from uhscm_core import ConceptSet, HashNetwork, ImageDataset, Study, load_dataset, load_vlp
from uhscm_core.analysis.study_runs import runs_folder
from uhscm_core.runs import Run, read_runs
from uhscm_core.support import store
from uhscm_core.support.fields import Types, check_fields
from uhscm_core.support.paths import as_path

__all__ = [
    "View",
    "open_view",
    "read_view",
    "state_from",
    "state_values",
    "study_of",
    "values_of",
    "write_view",
]

FORMAT = 1

_NONE = type(None)
_FIELDS: dict[str, Types] = {
    "view": int,
    "data": dict,
    "model": dict,
    "concepts": dict,
    "tau": (int, float),
    "min_share": (int, float),
    "max_share": (int, float, _NONE),
    "network": (dict, _NONE),
    "states": dict,
    "selection": dict,
    "tab": str,
}


@dataclass(frozen=True)
class View:
    """What a view file says, but for the study.

    Attributes:
        states: of each explorer, by its name, as JSON holds them.
        focus, ids: of the selection.
        tab: in view.
        run: whose network is in view, by its name; empty for none.
        pages: that are open in each explorer and in the bar, see `widgets.kit.pages`.
    """

    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    focus: int | None = None
    ids: tuple[int, ...] = ()
    tab: str = ""
    run: str = ""
    pages: Mapping[str, Sequence[str | bool]] = field(default_factory=dict)


def write_view(path: Path, study: Study, view: View) -> None:
    """Write a view of a study; the file is replaced as a whole or not at all."""
    network = study.network
    named = None
    if network is not None:
        digest = _digest_of(network)
        run = _run_with(study, network.bits, digest)
        named = {"bits": network.bits, "digest": digest, "run": "" if run is None else run.name}
    source = getattr(study.vlp, "source", None)
    store.save_json(
        path,
        {
            "view": FORMAT,
            "data": {
                "source": dict(study.dataset.source) if study.dataset.source else None,
                "digest": study.dataset.digest,
            },
            "model": {"source": dict(source) if source else None, "digest": study.vlp.digest},
            "concepts": dataclasses.asdict(study.concepts),
            "tau": study.tau,
            "min_share": study.min_share,
            "max_share": study.max_share,
            "network": named,
            "states": dict(view.states),
            "selection": {"focus": view.focus, "ids": list(view.ids)},
            "tab": view.tab,
            "pages": {name: list(pages) for name, pages in view.pages.items()},
        },
    )


def read_view(path: Path) -> tuple[dict[str, Any], View]:
    """Read what `write_view` wrote: all that it says, and the part that is no study.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no JSON, not a view, of a later version, or a field of another type.
    """
    saved = store.load_json(path)
    if not isinstance(saved, dict) or "view" not in saved:
        raise ValueError(f"{path}: not a view: expected a file that Workbench.save_view wrote")
    if type(saved["view"]) is int and saved["view"] > FORMAT:
        raise ValueError(
            f"{path}: written by a later version of this package, in format {saved['view']}; this "
            f"one knows views up to {FORMAT}: update it to open this file"
        )
    check_fields(path, saved, _FIELDS, {"pages": dict})  # which earlier versions did not write
    for part in ("data", "model"):
        types_: dict[str, Types] = {"source": (dict, _NONE), "digest": str}
        check_fields(f"{path}: {part}", saved[part], types_)
    if saved["network"] is not None:
        expected: dict[str, Types] = {"bits": int, "digest": str, "run": str}
        check_fields(f"{path}: network", saved["network"], expected)
    selection = saved["selection"]
    check_fields(f"{path}: selection", selection, {"focus": (int, _NONE), "ids": list})
    if not all(type(image) is int for image in selection["ids"]):
        raise ValueError(f"{path}: selection: ids must be whole numbers")
    for name, state in saved["states"].items():
        if not isinstance(state, dict):
            raise ValueError(f"{path}: states: {name} must be a dict, got {str(state)[:80]!r}")
    pages = saved.get("pages", {})
    for name, opened in pages.items():
        if not isinstance(opened, list) or not all(isinstance(page, str | bool) for page in opened):
            raise ValueError(f"{path}: pages: {name} must be a list of titles, true and false")
    run = saved["network"]["run"] if saved["network"] is not None else ""
    ids = tuple(selection["ids"])
    return saved, View(saved["states"], selection["focus"], ids, saved["tab"], run, pages)


def open_view(
    path: Path, source: Any, kinds: Mapping[str, type], tabs: Collection[str]
) -> tuple[Study, dict[str, Any], View]:
    """Read a view; return its study, the states of its explorers, and what is left.

    Args:
        path: of the file.
        source: the data, where it is not where the view says: the folder, the dataset, or the
            study; None to look there.
        kinds: the types of the states that are known, by the name of an explorer.
        tabs: that there are.

    Raises:
        FileNotFoundError: no such file, or its data or its run is not there.
        ValueError: not a view, of a later version, or of other data.
    """
    saved, view = read_view(path)
    if view.tab not in tabs:
        raise ValueError(f"{path}: tab must be one of {', '.join(tabs)}, got {view.tab!r}")
    given = isinstance(source, ImageDataset | Study) or source is None
    study = study_of(path, saved, source if given else as_path("source", source))
    states = {
        name: state_from(kinds[name], values, f"{path}: states: {name}")
        for name, values in view.states.items()
        if name in kinds
    }
    return study, states, view


def values_of(states: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, dict[str, Any]]:
    """Return those states as JSON holds them whose types are known, by the name of an explorer."""
    return {name: state_values(state) for name, state in states.items() if name in kinds}


def study_of(
    path: Path, saved: Mapping[str, Any], source: ImageDataset | Study | str | Path | None
) -> Study:
    """Find the study of a view again.

    Args:
        path: of the view, for messages.
        saved: what `read_view` returned.
        source: the data, where it is not where the view says; None to look there.

    Raises:
        ValueError: other data or another model than the view's, or data that has no place.
        FileNotFoundError: the data is not there, or the run is not.
    """
    given = source if isinstance(source, Study) else None
    place = None if isinstance(source, Study) else source
    dataset = given.dataset if given is not None else _dataset(path, saved["data"], place)
    _check_digest(path, "data", dataset.digest, saved["data"]["digest"])
    vlp = given.vlp if given is not None else _model(path, saved["model"])
    _check_digest(path, "model", vlp.digest, saved["model"]["digest"])
    check_fields(f"{path}: concepts", saved["concepts"], {"names": list, "templates": list})
    try:
        concepts = ConceptSet(*(tuple(saved["concepts"][name]) for name in ("names", "templates")))
        mined_by = {name: saved[name] for name in ("tau", "min_share", "max_share")}
        study = (
            Study(dataset, vlp, concepts, **mined_by, progress=False)
            if given is None
            else given.with_(concepts=concepts, **mined_by)
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    wanted = saved["network"]
    if wanted is None:
        return study.with_(network=None, history=())
    if study.network is not None and _digest_of(study.network) == wanted["digest"]:
        return study
    run = _run_with(study, wanted["bits"], wanted["digest"])
    if run is None:
        named = f"run {wanted['run']}" if wanted["run"] else "a network that is no run"
        raise FileNotFoundError(
            f"{path}: the view shows {named} of {wanted['bits']} bits, which is not among the runs "
            f"in {runs_folder(study)}: copy its folder there, or open the view with the trained "
            f"study, Workbench.open_view(path, source=study)"
        )
    return study.with_(network=run.network(study.vlp.embed_dim), history=run.history())


def state_values(state: object) -> dict[str, Any]:
    """Return a state as JSON holds it; the states of explorers are dataclasses of plain values."""
    return dataclasses.asdict(state)  # type: ignore[call-overload,no-any-return]


def state_from(kind: type, values: Mapping[str, Any], where: str) -> Any:
    """Return a state of some kind from what JSON holds.

    Raises:
        ValueError: a field that is missing, unknown, or of another type.
    """
    hints = get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind)}
    if unknown := values.keys() - fields.keys():
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}")
    taken = {}
    for name, value in values.items():
        try:
            taken[name] = _as(hints[name], value)
        except TypeError:
            raise ValueError(f"{where}: {name} cannot be {str(value)[:80]!r}") from None
    try:
        return kind(**taken)
    except TypeError as error:  # a field is missing
        raise ValueError(f"{where}: {error}") from error


def _as(hint: Any, value: Any) -> Any:
    """Return a value of a type, lists as tuples; a TypeError if it is of another."""
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise TypeError
        return state_from(hint, value, hint.__name__)
    if origin is tuple:
        if not isinstance(value, list):
            raise TypeError
        if arguments[-1] is Ellipsis:
            return tuple(_as(arguments[0], one) for one in value)
        if len(value) != len(arguments):
            raise TypeError
        return tuple(_as(each, one) for each, one in zip(arguments, value, strict=True))
    if origin in (types.UnionType, typing.Union):
        for each in arguments:
            try:
                return _as(each, value)
            except TypeError:
                continue
        raise TypeError
    if hint is Any:
        hint = (str, int, float, bool, _NONE)
    elif hint is float and type(value) is int:
        return float(value)
    elif type(value) is bool and hint is not bool:
        raise TypeError
    if not isinstance(value, hint):
        raise TypeError
    return value


def _dataset(
    path: Path, data: Mapping[str, Any], source: ImageDataset | str | Path | None
) -> ImageDataset:
    if isinstance(source, ImageDataset):
        return source
    asked = dict(data["source"] or {})
    if source is not None:
        asked["source"] = str(source)
    elif "source" not in asked:
        raise ValueError(
            f"{path}: the data of this view was handed over and has no place of its own; hand it "
            f"over again: Workbench.open_view(path, source=study)"
        )
    try:
        return load_dataset(**{**asked, "progress": False, "warn": False})
    except OSError as error:
        raise FileNotFoundError(
            f"{path}: the data of this view is not there: {error}; if it is elsewhere, say where: "
            f"Workbench.open_view(path, source=folder)"
        ) from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: data: {error}") from error


def _model(path: Path, model: Mapping[str, Any]) -> Any:
    if model["source"] is None:
        raise ValueError(
            f"{path}: the view was made with a model of your own; open it with the study, "
            f"Workbench.open_view(path, source=study)"
        )
    try:
        return load_vlp(**model["source"])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: model: {error}") from error


def _check_digest(path: Path, what: str, found: str, wanted: str) -> None:
    if found != wanted:
        raise ValueError(
            f"{path}: this {what} is not the one that the view was saved with: its digest is "
            f"{found}, expected {wanted}"
        )


def _run_with(study: Study, bits: int, digest: str) -> Run | None:
    """Return the run of a study whose network this is; None if there is none."""
    for run in reversed(read_runs(runs_folder(study))):
        if run.bits == bits and run.status != "damaged":
            network = run.network(study.vlp.embed_dim)
            if network is not None and _digest_of(network) == digest:
                return run
    return None


def _digest_of(network: HashNetwork) -> str:
    """Return a digest of a network's weights."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        values = value.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()
