"""A study as a short table, for the last line of a notebook's cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uhscm_core.health import share_sentence

if TYPE_CHECKING:
    from uhscm_core.stages import Stages

__all__ = ["describe"]

_WIDTH = 180  # characters of a line
_FINDINGS = 6


def describe(study: Stages) -> str:
    """Return a table of a study in under 2,000 characters, from what is already computed."""
    dataset = study.dataset
    source = dataset.source["source"] if dataset.source else "images of your own"
    splits = {name: len(ids) for name, ids in dataset.splits.items()}
    rows = [
        (
            "dataset",
            f"{source}: {len(dataset):,} images, {splits['train']:,} to train on, "
            f"{splits['database']:,} in the database, {splits['query']:,} queries, "
            f"{len(dataset.label_names):,} labels",
        ),
        *(("", note) for note in dataset.notes[:2]),
        ("encoder", f"{study.vlp.name}, width {study.vlp.embed_dim}"),
        ("concepts", _concepts(study)),
        ("template", " + ".join(study.concepts.templates)),
        ("settings", f"tau {study.tau:g}, min_share {study.min_share:g}"),
        ("network", _network(study)),
        *(("", line) for line in _share(study)),
        *(("health" if not i else "", line) for i, line in enumerate(_health(study))),
    ]
    lines = [f"  {name:<9} {_shorten(text)}" for name, text in rows]
    return "\n".join([type(study).__name__, *lines])


def _concepts(study: Stages) -> str:
    candidates = len(study.concepts)
    mined = _computed(study, "mined")
    if mined is None:
        return f"{candidates:,} candidates, not mined yet"
    kept = int(mined.kept.sum())
    return (
        f"{candidates:,} candidates, {kept:,} kept and {candidates - kept:,} dropped: "
        f"{', '.join(study.kept_names)}"
    )


def _network(study: Stages) -> str:
    network = study.network
    if network is None:
        return "none yet, use study.train(bits=...)"
    read = "pixels" if network.on_pixels else "features"
    return f"{network.bits} bits from {read}, {len(study.history):,} steps"


def _share(study: Stages) -> list[str]:
    known = study._cache.get("explained") and _computed(study, "mined") is not None
    return [share_sentence(study)] if known else []


def _health(study: Stages) -> list[str]:
    findings = _computed(study, "_findings")
    if findings is None:
        return ["not looked at yet, use study.health()"]
    more = [f"... and {len(findings) - _FINDINGS} more"] if len(findings) > _FINDINGS else []
    return [*(finding.message for finding in findings[:_FINDINGS]), *more] or ["nothing found"]


def _computed(study: Stages, name: str) -> Any:
    """Return a value of a study, or None if it has not been computed."""
    cell = study._cache.get(name)
    return cell[0] if cell else None


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."
