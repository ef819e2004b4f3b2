"""Say in a sentence what a comparison shows, and what more seeds would show."""

from __future__ import annotations

from uhscm_core.experiments.statistics import Estimate
from uhscm_core.support.numbers import digits_of, signed

__all__ = ["sentence"]

_DIGITS = 3  # of an mAP
_SMALL = 0.01  # of mAP: a difference that people would like to see


def sentence(
    a: str, b: str, estimate: Estimate, share_better: float, means: tuple[float, float]
) -> str:
    """Return the sentence.

    Args:
        a, b: what the settings are called.
        estimate: of what a has more than b.
        share_better: share of the queries that are better under a.
        means: the mAP of a and of b, which are shown elsewhere with three decimals.
    """
    digits = digits_of(*means, _DIGITS)
    if estimate.queries < 2:
        return f"One query cannot tell {a} from {b}: an experiment needs more of them."
    if not estimate.tells_seeds:
        return _of_one_seed(a, b, estimate, digits)
    low, high = estimate.interval()
    interval = f"{signed(low, digits)} to {signed(high, digits)}"
    within = f"95% interval {interval}, over {_counted(estimate)}"
    if low > 0 or high < 0:
        verdict = "better" if low > 0 else "worse"
        return (
            f"{a} is {verdict} than {b} by {abs(estimate.value):.{digits}f} of mAP ({within}); it "
            f"is better on {share_better:.0%} of the queries."
        )
    shown_by = f"{min(estimate.seeds)} seeds" if estimate.seeds else f"{estimate.queries:,} queries"
    return (
        f"No difference that {shown_by} can show: {_more(a, b, estimate.value, digits)} "
        f"({within}). {_outlook(estimate)}"
    )


def _of_one_seed(a: str, b: str, estimate: Estimate, digits: int) -> str:
    ends = estimate.over_queries_alone()
    low, high = (signed(number, digits) for number in ends)
    return (
        f"Nothing can be said: {_more(a, b, estimate.value, digits)} with one seed, and one "
        f"seed does not show how much another would change. Over the queries alone the "
        f"interval is {low} to {high}, which leaves the seeds out; use at least 3 seeds."
    )


def _more(a: str, b: str, value: float, digits: int) -> str:
    size = f"{abs(value):.{digits}f}"
    if not float(size):
        return f"{a} and {b} have the same mAP to {digits} decimals"
    return f"the mAP of {a} is {size} {'higher' if value > 0 else 'lower'} than that of {b}"


def _outlook(estimate: Estimate) -> str:
    """Say how many seeds, or that no number of them, would show a small difference."""
    needed = estimate.seeds_for(_SMALL) if estimate.seeds else None
    if needed is None:
        power = estimate.power(_SMALL, max(estimate.seeds, default=1))
        if power >= 0.8:
            return f"A difference of {_SMALL} would have been found."
        return f"A difference of {_SMALL} would take more queries, whatever the seeds."
    if needed <= min(estimate.seeds):
        return f"A difference of {_SMALL} would have been found in four of five such experiments."
    return f"A difference of {_SMALL} would take about {needed:,} seeds for each setting."


def _counted(estimate: Estimate) -> str:
    queries = f"{estimate.queries:,} queries"
    if not estimate.seeds:
        return queries
    fewest, most = min(estimate.seeds), max(estimate.seeds)
    seeds = f"{most}" if fewest == most else f"{fewest} and {most}"
    return f"{seeds} seeds and {queries}"
