"""What a run does and how good it is, in one sentence for the status line."""

from __future__ import annotations

import numpy as np

from uhscm_core.analysis.validation import EVALUATED_BY_CONCEPTS, EVALUATED_BY_LABELS
from uhscm_core.runs import Run
from widgets.background.session_runs import SessionRuns
from widgets.kit.curves import total_of_epoch
from widgets.kit.words import counted, duration

__all__ = ["can_resume", "done_sentence", "run_sentence"]

_USUAL = ", 32-true"  # Fabric's word for a precision that is not mixed


def can_resume(run: Run | None) -> bool:
    """Return whether a run has ended before its last epoch."""
    return run is not None and run.status not in ("finished", "new", "damaged")


def run_sentence(
    runs: SessionRuns, shown: Run | None, grey: Run | None
) -> tuple[str, list[str], str]:
    """Return what `widgets.kit.status.Status.say` takes.

    Args:
        runs: of the study.
        shown: the run in color.
        grey: the run in gray, which is said where there is none in color.

    Returns:
        The sentence, notes on what is wrong, and what of it screen readers say; empty for all.
    """
    if shown is None:
        if grey is None:
            choose = "No run is in view: choose one, or press Start."
            return choose if runs.all() else "No run yet: press Start.", [], ""
        other = runs.unlike(grey)
        said = f"{runs.state_of(grey)}, with {other}" if other else runs.state_of(grey)
        earlier = f"Run {grey.name}, trained earlier, is in gray ({said})"
        go_on = ", or Resume to continue it" if can_resume(grey) else ""
        return f"{earlier}. Press Start{go_on}.", [], ""
    trainer, steps = runs.trainer_of(shown), runs.history(shown)
    other = runs.unlike(shown)
    with_other = f", trained with {other}" if other else ""
    parts = [f"Run {shown.name} {runs.state_of(shown)}{with_other}"]
    epochs = shown.config.complete().epochs
    if not shown.is_damaged and epochs == 0:
        parts.append("no epoch asked for, so nothing was learned: these are the first weights")
    if steps:
        total = total_of_epoch(steps, runs.n_train, shown.config.complete().batch_size)
        parts.append(f"epoch {steps[-1].epoch} of {epochs}, total {total:.3f}")
    validated = [(step.metrics, step.epoch) for step in steps if step.metrics]
    if validated:
        best, epoch = max(validated, key=lambda pair: pair[0][EVALUATED_BY_CONCEPTS])
        parts.append(f"best mAP by concepts {best[EVALUATED_BY_CONCEPTS]:.3f} after epoch {epoch}")
        if EVALUATED_BY_LABELS in best:
            parts[-1] += f", by labels {best[EVALUATED_BY_LABELS]:.3f} there"
    if steps:
        rate = float(np.median([step.images_per_second for step in steps[-30:]]))
        device = shown.device.removesuffix(_USUAL) or shown.config.device
        parts.append(f"{rate:,.0f} images per second on {device}")
    spoken = ""
    if trainer is not None and trainer.active:
        spoken = parts[0]  # not each epoch
        left = trainer.seconds_left
        if left is not None:
            parts.append(f"about {duration(left)} left")
    notes = [shown.message] if shown.is_damaged else []
    if trainer is not None and trainer.collapse:
        notes.append(
            f"the codes have collapsed: of the validation images, {trainer.collapse}; try "
            f"another learning_rate, center, or more epochs"
        )
    return "; ".join(parts), notes, spoken


def done_sentence(runs: SessionRuns, run: Run) -> str:
    """Return what a run has done and what that was good for; empty where it has done nothing."""
    steps = runs.history(run)
    if not steps:
        return ""
    said = f"Run {run.name}: {counted(steps[-1].epoch, 'epoch')} in {duration(run.seconds)}"
    validated = [(step.metrics, step.epoch) for step in steps if step.metrics]
    if not validated:
        return said
    first = validated[0]
    by = EVALUATED_BY_LABELS if EVALUATED_BY_LABELS in first[0] else EVALUATED_BY_CONCEPTS
    kept = max(validated, key=lambda pair: pair[0][EVALUATED_BY_CONCEPTS])
    after = f", {kept[0][by]:.3f} kept of epoch {kept[1]}"
    before = (run.untrained or {}).get(by)
    if before is not None:
        from_itq = run.backbone == "features" and run.config.complete().start == "itq"
        start = "from ITQ" if from_itq else "untrained"
        return f"{said}, {by} {before:.3f} {start}{after}"
    said += f", {by} {first[0][by]:.3f} after epoch {first[1]}"
    return said if kept == first else said + after
