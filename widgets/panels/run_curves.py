"""The loss curves of two runs: one in color, an earlier one in gray."""

from __future__ import annotations

from collections.abc import Sequence

from uhscm_core import TrainingConfig
from uhscm_core.analysis.validation import EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS
from uhscm_core.recipe import MIXING
from uhscm_core.runs import Run
from widgets.background.session_runs import SessionRuns
from widgets.kit.curves import Curves, curves_of

__all__ = ["RunCurves"]

_HINTS = {
    "total": "weighted sum",
    "similarity": "codes like S",
    "contrastive": "similar vs. the rest",
    "quantization": "outputs near −1 or 1",
    "balance": "each bit 1 for half",
    "independence": "no bit repeats",
    EVALUATED_BY_CONCEPTS: "chooses the best",
    EVALUATED_BY_LABELS: "evaluation only",
}
_UNLIKE = " (trained with another template or other concepts: only mAP by labels compares)"
_TOPS = {EVALUATED_BY_CONCEPTS: 1.0, EVALUATED_BY_LABELS: 1.0}


class RunCurves(Curves):
    """A chart for each term of the objectives that two runs have, and for each mAP."""

    def __init__(self) -> None:
        super().__init__({})
        self._charts: object = None
        self._drawn: dict[str, object] = {}

    def forget(self) -> None:
        """Draw all again next time: a name may be another run's by now."""
        self._charts = None

    def show_runs(self, runs: SessionRuns, now: Run | None, before: Run | None) -> None:
        """Show what is new of two runs, either of which may be None; a run is drawn once.

        Of a run with another recipe only the mAP is drawn in gray: its terms mean something else.
        Of one with another template or other concepts, only the mAP by labels, if there are any.
        """
        if now is not None and before is not None and now.name == before.name:
            before = None
        recipes = {run.config.recipe for run in (now, before) if run is not None}
        both = {"now": now, "before": before}
        shown = [run for run in both.values() if run is not None]
        unlike = len({runs.unlike(run) for run in shown}) > 1
        hints = _hints(shown, by_labels=runs.by_labels)
        most = _most_quantization([r for r in shown if r.config.recipe == shown[0].config.recipe])
        if self._charts != (hints, most):
            self._charts, self._drawn = (hints, most), {}
            self.set_hints(hints, {**_TOPS, "quantization": most})
        curves = {}
        for which, run in both.items():
            steps = () if run is None else runs.history(run)
            untrained = None if run is None else run.untrained
            name = None if run is None else run.name
            key = (name, len(steps), bool(untrained), len(recipes), unlike)
            if self._drawn.get(which) != key:
                self._drawn[which] = key
                config = (run.config if run is not None else TrainingConfig()).complete()
                curves[which] = curves_of(
                    steps, runs.n_train, config.batch_size, config.epochs, untrained
                )
                if which == "before" and (unlike or len(recipes) > 1):
                    kept = [EVALUATED_BY_LABELS] if unlike else _TOPS
                    curves[which] = {name: curves[which][name] for name in kept}
        if curves:
            names = [
                "" if now is None else f"run {now.name}",
                "" if before is None else f"run {before.name}, in gray{_UNLIKE if unlike else ''}",
            ]
            until = 0.0 if now is None else float(now.config.complete().epochs)
            self.show(**curves, names=names, until=until)


def _most_quantization(runs: Sequence[Run]) -> float:
    """Return the largest value of that term: L, or 1 where it is a mean over the bits."""
    return float(max((1 if run.config.mixes else run.bits for run in runs), default=0))


def _hints(runs: Sequence[Run], *, by_labels: bool) -> dict[str, str]:
    """Return a hint for each chart: the terms that the recipes of some runs have, and mAP."""
    recipes = [run.config.recipe for run in runs] or [TrainingConfig().recipe]
    mixing, on_concepts = (any((r in MIXING) == m for r in recipes) for m in (True, False))
    left_out = [] if mixing else ["balance", "independence"]
    left_out += [] if on_concepts else ["contrastive"]
    left_out += [] if by_labels else [EVALUATED_BY_LABELS]
    return {name: hint for name, hint in _HINTS.items() if name not in left_out}
