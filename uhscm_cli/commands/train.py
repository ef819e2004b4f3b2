"""Learn hash codes from the mined concepts.

The default trains a small network on the encoded images within seconds, on a
CPU. An interrupted training continues where it was, by the same command.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhscm_cli.saying import shows_bars, tell
from uhscm_cli.values import assigned

if TYPE_CHECKING:
    from uhscm_core import Study, TrainingStep

_HOW = ("device", "precision", "workers", "validate_every")  # a run goes, not what it computes


def add_arguments(parser: ArgumentParser) -> None:
    """Add what `run` reads."""
    parser.add_argument("study", metavar="STUDY", help="a study folder, see encode")
    parser.add_argument(
        "--bits", type=int, default=64, metavar="N", help="length of a code (default: 64)"
    )
    parser.add_argument(
        "--recipe", metavar="NAME", help="paper, uhscm, tuned or adaptive (default: adaptive)"
    )
    parser.add_argument(
        "--epochs",
        type=int,
        metavar="N",
        help="passes over the training images (default: the recipe's)",
    )
    parser.add_argument(
        "--seed", type=int, metavar="N", help="seed of the first weights and the order (default: 0)"
    )
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda, ... (default: a GPU if there is one)"
    )
    parser.add_argument(
        "--backbone",
        default="features",
        metavar="NAME",
        help="features, or a timm model such as vgg19 to fine-tune on pixels, which is slow "
        "without a GPU (default: features)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other setting of TrainingConfig, such as --set batch_size=128",
    )


def run(options: Namespace) -> dict[str, Any]:
    """Train, and save the study with its network."""
    from uhscm_cli import studies
    from uhscm_core import TrainingConfig
    from uhscm_core.support.checks import code_length

    study = studies.load(options)
    settings = assigned(options.set)
    for name in ("recipe", "epochs", "seed", "device"):
        if getattr(options, name) is not None:
            settings[name] = getattr(options, name)
    # What is wrong is said first, not after "training".
    bits, config = code_length(options.bits), TrainingConfig.of(settings)
    images = len(study.dataset.splits["train"])
    tell(options, f"training {bits} bits on {images:,} images")
    with _progress(options) as watch:
        trained = study.train(
            bits,
            config,
            backbone=options.backbone,
            folder=_run_folder(options, study, settings),
            on_step=watch,
        )
    studies.save(trained, options)
    last = trained.history[-1] if trained.history else None
    return {
        "study": options.study,
        "bits": options.bits,
        "epochs": last and last.epoch,
        "steps": len(trained.history),
        "loss": last and last.total,
        "feature_share": trained.trained_network().feature_share,
        "network": studies.network_digest(trained),
        "health": [finding.message for finding in trained.health()],
    }


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Yield the answer as text."""
    loss = "" if answer["loss"] is None else f", last loss {answer['loss']:.4f}"
    epochs = answer["epochs"] or 0
    how = "" if epochs else ", so the network is as it began"
    yield f"{answer['bits']} bits learned in {epochs} epoch{'' if epochs == 1 else 's'}{loss}{how}"


def _run_folder(options: Namespace, study: Study, settings: dict[str, Any]) -> Path:
    """Return where a run of these settings is kept: other settings have another folder."""
    from uhscm_core.experiments.settings import study_identity
    from uhscm_core.support.store import digest_of

    computed = {name: value for name, value in settings.items() if name not in _HOW}
    run = digest_of(study_identity(study), options.bits, options.backbone, computed)
    return Path(options.study).expanduser() / "runs" / run


class _progress:  # noqa: N801  # reads as a function
    """A bar of epochs with the loss, as a block; what it returns is called with each step."""

    def __init__(self, options: Namespace) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc="training", unit=" epochs", disable=not shows_bars(options))

    def __enter__(self) -> Callable[[TrainingStep], None]:
        self._bar.__enter__()
        return self._show

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def _show(self, step: TrainingStep) -> None:
        self._bar.set_postfix(loss=f"{step.total:.4f}", refresh=False)
        self._bar.update(step.epoch - self._bar.n)
