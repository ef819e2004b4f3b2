"""All checks, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from uhscm_doctor import cache, jupyter, machine, packages, sources
from uhscm_doctor.finding import WARN, Finding, Report

__all__ = ["CHECKS", "doctor"]

Check = Callable[[], Iterable[Finding]]
# While one of these is bad the others would only say the same in other words.
FOUNDATIONS: tuple[Check, ...] = (packages.python, packages.installed, packages.imports)
CHECKS: tuple[Check, ...] = (
    *FOUNDATIONS,
    machine.device,
    machine.threads,
    machine.memory,
    cache.writable,
    cache.contents,
    cache.leftovers,
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
    """Look at everything that the explorer needs.

    Args:
        checks: to make; by default all.

    Returns:
        What was found. A check that fails is a finding as well: this raises nothing.
    """
    report = Report()
    for check in checks:
        try:
            report.extend(check())
        except Exception as error:  # whatever it is, the other checks are worth making
            said = f"could not be checked ({type(error).__name__}: {first_line(error)})"
            mend = "mend what is bad above first; if nothing is, this is a fault of the doctor's"
            report.append(Finding(check.__name__.replace("_", " "), said, WARN, mend))
        if check in FOUNDATIONS and not report.healthy:
            mend = "mend what is bad above, then ask the doctor again"
            report.append(Finding("the rest", "not looked at yet", WARN, mend))
            break
    return report


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).splitlines() or [""])[0]
