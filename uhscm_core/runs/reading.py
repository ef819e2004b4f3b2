"""Read what a run has logged, and the network that it ended with."""

from __future__ import annotations

from os import PathLike

from uhscm_core.network import HashNetwork, network_from
from uhscm_core.recipe import TrainingStep
from uhscm_core.runs.files import METRICS, WEIGHTS, id_of, load_file, saved_step, step_of
from uhscm_core.support import store
from uhscm_core.support.paths import as_path

__all__ = ["read_history", "read_network"]


def read_history(folder: str | PathLike[str]) -> tuple[TrainingStep, ...]:
    """Read the steps that a run has logged, those of earlier sessions included.

    Args:
        folder: of the run. Without a log, no step has been taken yet.

    Returns:
        The steps in order; a last line that a killed process cut short is left out.

    Raises:
        FileNotFoundError: no such folder.
        DamagedFileError: a line is not what was written, or lines are missing.
    """
    folder = as_path("folder", folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"no run folder at {folder}")
    # Before the log: a run that is trained meanwhile logs a step first, and then saves it.
    saved = saved_step(folder)
    path = folder / METRICS
    if not path.exists():
        return ()
    advice = f"rename {METRICS} to continue without the steps logged so far"
    run_id = id_of(folder)
    steps: list[TrainingStep] = []
    *lines, _ = path.read_bytes().split(b"\n")  # what follows the last line break was cut short
    for number, line in enumerate(lines, 1):
        try:
            step = step_of(line, run_id)
        except (ValueError, RecursionError) as error:
            raise store.DamagedFileError(
                f"{path}: line {number} of {len(lines)} is damaged ({error}); {advice}"
            ) from error
        if steps and step.step != steps[-1].step + 1:
            raise store.DamagedFileError(
                f"{path}: damaged, step {steps[-1].step} is followed by step {step.step} on line "
                f"{number}; {advice}"
            )
        steps.append(step)
    if saved > (steps[-1].step if steps else 0):
        raise store.DamagedFileError(
            f"{path}: damaged, it ends after {len(steps)} steps, but the checkpoint is that of "
            f"step {saved}; {advice}"
        )
    return tuple(steps)


def read_network(folder: str | PathLike[str]) -> HashNetwork:
    """Read the network of a run that has done all its epochs.

    Args:
        folder: of the run.

    Returns:
        The network with its last weights, on the CPU.

    Raises:
        FileNotFoundError: no run, or none that has done all its epochs.
        DamagedFileError: the weights are not those that were written for this run.
    """
    path = as_path("folder", folder) / WEIGHTS
    if not path.exists():
        raise FileNotFoundError(f"no weights of a finished run at {path}")
    weights, settings = load_file(path, "and train again")
    return network_from(settings, weights, path)
