"""How much cheaper is a batch's similarity from rows of the distribution than an n x n array?

The released code stores the similarity of all pairs and indexes it; ours computes that of a batch
from its rows of the distribution. Both give the same numbers.
"""

from __future__ import annotations

import torch

from benchmarks.common import load, seconds
from uhscm_core import semantic_similarity

N, K, B = 10_000, 60, 128


def main() -> None:
    """Print the ratios of time and memory."""
    generator = torch.Generator().manual_seed(0)
    q = torch.softmax(5 * torch.randn(N, K, generator=generator), dim=1)
    all_pairs = semantic_similarity(q)
    batches = torch.randperm(N, generator=generator).split(B)
    assert torch.allclose(
        all_pairs[batches[0]][:, batches[0]], semantic_similarity(q[batches[0]]), atol=1e-5
    )
    indexed = seconds(lambda: [all_pairs[rows][:, rows] for rows in batches])
    computed = seconds(lambda: [semantic_similarity(q[rows]) for rows in batches])
    print(f"{indexed / computed:.1f} times as fast, {N / K:.0f} times as small ({load()})")


if __name__ == "__main__":
    main()
