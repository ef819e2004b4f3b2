"""How much faster is evaluation from counts per radius than a loop over queries?

Both run on one thread and give the same mean average precision over the whole database: the loop
sorts each query's distances, as the released evaluation does; ours counts them by radius.
"""

from __future__ import annotations

import numpy as np
import threadpoolctl
import torch

from benchmarks.common import load, seconds
from uhscm_core import mean_average_precision, pack_codes, unpack_codes

QUERIES, ITEMS, CLASSES = 200, 50_000, 10


def naive(query: np.ndarray, database: np.ndarray, relevant: np.ndarray) -> float:
    """Evaluate as the released code does, on ±1 codes, with a stable sort."""
    values = []
    for code, flags in zip(query, relevant, strict=True):
        distances = 0.5 * (code.shape[0] - database @ code)
        found = np.flatnonzero(flags[np.argsort(distances, kind="stable")]) + 1
        values.append(np.mean(np.arange(1, len(found) + 1) / found))
    return float(np.mean(values))


def main() -> None:
    """Print the ratio at 32 and 64 bits."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(CLASSES, (QUERIES + ITEMS,), generator=generator)
    labels = torch.nn.functional.one_hot(classes, CLASSES).to(torch.uint8)
    with threadpoolctl.threadpool_limits(1):
        for bits in (32, 64):
            centres = torch.randn(CLASSES, bits, generator=generator)
            noise = torch.randn(QUERIES + ITEMS, bits, generator=generator)
            codes = pack_codes(centres[classes] + 1.5 * noise)
            signs = unpack_codes(codes, bits).numpy()
            relevant = (labels[:QUERIES].float() @ labels[QUERIES:].float().T > 0).numpy()
            arrays = codes[:QUERIES], codes[QUERIES:], labels[:QUERIES], labels[QUERIES:]
            assert np.isclose(
                naive(signs[:QUERIES], signs[QUERIES:], relevant), mean_average_precision(*arrays)
            )
            loop = seconds(lambda s=signs, r=relevant: naive(s[:QUERIES], s[QUERIES:], r))
            for ties in ("index", "expected"):
                ours = seconds(lambda a=arrays, t=ties: mean_average_precision(*a, ties=t))
                print(f"{bits} bits, ties={ties}: {loop / ours:.1f} times as fast ({load()})")


if __name__ == "__main__":
    main()
