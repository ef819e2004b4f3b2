"""Run all checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from uhscm_doctor import cache, jupyter, machine, packages, prune, sources
from uhscm_doctor.finding import WARN, Finding, Report

__all__ = ["CHECKS", "doctor"]

Check = Callable[[], Iterable[Finding]]
# If one of these is bad, the later checks would only repeat it in other words.
FOUNDATIONS: tuple[Check, ...] = (packages.python, packages.installed, packages.imports)
CHECKS: tuple[Check, ...] = (
    *FOUNDATIONS,
    machine.device,
    machine.threads,
    machine.memory,
    cache.writable,
    cache.private,
    cache.contents,
    cache.leftovers,
    prune.outdated,
    sources.postcards,
    sources.photos,
    sources.model,
    sources.weights,
    jupyter.place,
    jupyter.front_end,
    jupyter.servers,
    jupyter.chromium,
)


def doctor(checks: Iterable[Check] = CHECKS) -> Report:
    """Check everything that the explorer needs.

    Args:
        checks: the checks to run; by default all.

    Returns:
        The findings. A check that raises is a finding as well: nothing is raised here.
    """
    report = Report()
    for check in checks:
        try:
            report.extend(check())
        except Exception as error:  # whatever it is, run the other checks
            message = f"could not be checked ({type(error).__name__}: {first_line(error)})"
            fix = "fix what is bad above first; if nothing is, please report this as a bug"
            report.append(Finding(check.__name__.replace("_", " "), message, WARN, fix))
        if check in FOUNDATIONS and not report.healthy:
            fix = "fix what is bad above, then run the doctor again"
            report.append(Finding("other checks", "not run yet", WARN, fix))
            break
    return report


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return (str(error).splitlines() or [""])[0]
