r"""Intervals over seeds and queries together, and how many seeds a difference takes.

The average precision of query q in the run of seed s has a part of the query, a part of the seed
and a rest, all of them random: :math:`y_{sq} = \mu + a_s + b_q + e_{sq}`. Each run answers the same
queries, so the mean over S seeds and Q queries has the variance

.. math:: V = \frac{\sigma_a^2}{S} + \frac{\sigma_b^2}{Q} + \frac{\sigma_e^2}{SQ}

A test over queries alone leaves out the first part, which for a trained network is as large as most
effects: it calls two halves of the seeds of one setting different. The parts are estimated from
their mean squares. The variance of the S means estimates :math:`\sigma_a^2 + \sigma_e^2/Q`; the
variance of the queries' means estimates :math:`\sigma_b^2 + \sigma_e^2/S`, from which the rest is
taken off so that it counts once.

Between two settings, b is what a query gains from one to the other. Two trained settings share what
a seed draws, the first weights and the order of images, and their results rise and fall together
(correlations from 0.4 to 0.8 over seeds, ``python -m benchmarks experiments``): they are compared
seed by seed. A baseline shares nothing with them: then each setting has seeds of its own.

The interval is Student's, with the degrees of freedom of Welch and Satterthwaite:

.. math:: \nu = V^2 \Big/ \sum_i V_i^2 / \nu_i

Symbols: S seeds, Q queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CONFIDENCE", "POWER", "Estimate", "Sample", "estimate", "estimate_difference"]

CONFIDENCE = 0.95
POWER = 0.8  # how often a difference should be found: four times in five
_MOST_SEEDS = 200  # more than this, and more queries help sooner
_ROUNDING = 1e-24  # a variance of average precisions below this is no variance

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Sample:
    """The average precisions of one setting.

    Attributes:
        values: (S, Q), one row per seed.
        seeds: of the rows; none for a method without, which has one row.
        trained: whether a network was trained, so that a seed draws what it draws for others.
    """

    values: Floats
    seeds: tuple[int, ...]
    trained: bool = False

    @property
    def seed_variance(self) -> float:
        """Of the mean average precision from seed to seed; NaN where one seed cannot tell."""
        if not self.seeds:
            return 0.0
        return float(self.values.mean(1).var(ddof=1)) if len(self.values) > 1 else np.nan

    @property
    def rest_variance(self) -> float:
        """Of what is neither the query's nor the seed's."""
        s, q = self.values.shape
        if s < 2 or q < 2:
            return 0.0
        by_seed, by_query = self.values.mean(1, keepdims=True), self.values.mean(0)
        rest = self.values - by_seed - by_query + self.values.mean()
        return float(np.square(rest).sum() / ((s - 1) * (q - 1)))


@dataclass(frozen=True, eq=False)
class Estimate:
    """A mean average precision, or the difference of two, and what it would vary by.

    Attributes:
        by_query: (Q,) the mean over the seeds, for each query.
        seed_variances: from seed to seed, of each setting or of their difference; without those
            that have no seeds.
        seeds: S of each of these.
        query_variance: of the mean over draws of Q queries, with all seeds; NaN where Q = 1.
    """

    by_query: Floats
    seed_variances: tuple[float, ...]
    seeds: tuple[int, ...]
    query_variance: float

    @property
    def value(self) -> float:
        """The estimate."""
        return float(self.by_query.mean())

    @property
    def queries(self) -> int:
        """Q."""
        return len(self.by_query)

    @property
    def tells_seeds(self) -> bool:
        """Whether every setting has seeds enough to know what they change."""
        return bool(np.isfinite(self.seed_variances).all())

    def interval(self) -> tuple[float, float]:
        """Return the ends of the interval; infinite where nothing is known of seeds or queries."""
        return self._around(*self._spread(self.seeds))

    def over_queries_alone(self) -> tuple[float, float]:
        """Return the ends of an interval that takes these seeds as the only ones."""
        return self._around(self.query_variance, float(self.queries - 1))

    def power(self, difference: float, seeds: int) -> float:
        """Return how often so many seeds per setting show a difference, from 0 to 1."""
        from scipy import stats  # takes half a second to import

        variance, df = self._spread((seeds,) * len(self.seeds))
        if not variance > 0:
            return float(variance == 0)
        bound = stats.t.ppf((1 + CONFIDENCE) / 2, df)
        with np.errstate(divide="ignore"):  # SciPy 1.13 warns of it, and its value is right
            return float(stats.nct.sf(bound, df, difference / np.sqrt(variance)))

    def seeds_for(self, difference: float) -> int | None:
        """Return how many seeds per setting show a difference `POWER` of the times.

        None if no number of them does, because there are too few queries.
        """
        low, high = 1, 2  # two at least, and any number needed lies above `low`
        while self.power(difference, high) < POWER:
            low, high = high, 2 * high
            if high > _MOST_SEEDS:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            enough = self.power(difference, middle) >= POWER
            low, high = (low, middle) if enough else (middle, high)
        return high

    def _spread(self, seeds: Sequence[int]) -> tuple[float, float]:
        """Return the variance of `value` with so many seeds, and its degrees of freedom."""
        parts = [(v / s, s - 1) for v, s in zip(self.seed_variances, seeds, strict=True)]
        parts.append((self.query_variance, self.queries - 1))
        variance = sum(part for part, _ in parts)
        if not variance > _ROUNDING:  # NaN is passed on
            return (0.0 if variance <= _ROUNDING else np.nan), np.inf
        return variance, variance**2 / sum(part**2 / df for part, df in parts if part)

    def _around(self, variance: float, df: float) -> tuple[float, float]:
        from scipy import stats

        if np.isnan(variance):
            return -np.inf, np.inf
        half = stats.t.ppf((1 + CONFIDENCE) / 2, df) * np.sqrt(variance) if variance else 0.0
        return float(self.value - half), float(self.value + half)


def estimate(sample: Sample) -> Estimate:
    """Estimate the mean average precision of a setting."""
    return _estimate(sample.values.mean(0), [sample])


def estimate_difference(a: Sample, b: Sample) -> Estimate:
    """Estimate what a has more than b on the same queries, seed by seed if both are trained."""
    shared = [seed for seed in a.seeds if seed in b.seeds] if a.trained and b.trained else []
    if shared:
        rows = ([sample.seeds.index(seed) for seed in shared] for sample in (a, b))
        of_a, of_b = (sample.values[r] for sample, r in zip((a, b), rows, strict=True))
        return estimate(Sample(of_a - of_b, tuple(shared)))
    return _estimate(a.values.mean(0) - b.values.mean(0), [a, b])


def _estimate(by_query: Floats, samples: Sequence[Sample]) -> Estimate:
    queries = len(by_query)
    query_variance = np.nan
    if queries > 1:
        rest = sum(sample.rest_variance / len(sample.values) for sample in samples)
        query_variance = max(float(by_query.var(ddof=1)) - rest, 0.0) / queries
    seeded = [sample for sample in samples if sample.seeds]
    return Estimate(
        by_query,
        tuple(sample.seed_variance for sample in seeded),
        tuple(len(sample.seeds) for sample in seeded),
        query_variance,
    )
