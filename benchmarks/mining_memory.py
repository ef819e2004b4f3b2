"""How much memory does mining a million images take? (Target: under 6 GB.)

One million synthetic feature vectors of width 512 are mined with 161 concepts in a separate
process; its peak resident memory, which includes the features, is read from the system.
"""

from __future__ import annotations

import subprocess
import sys

N, D, M = 1_000_000, 512, 161

_CHILD = f"""
import resource
import torch
from uhscm_core import mine_concepts

generator = torch.Generator().manual_seed(0)
images = torch.empty({N}, {D})
for rows in images.split(50_000):
    torch.nn.functional.normalize(torch.randn(rows.shape, generator=generator), dim=1, out=rows)
texts = torch.nn.functional.normalize(torch.randn({M}, {D}, generator=generator), dim=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
mined = mine_concepts(images, texts)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert int(mined.wins.sum()) == {N}
print(f"features alone (peak before mining): {{before / 2**20:.2f}} GiB")
print(f"peak with mining: {{after / 2**20:.2f}} GiB, {{int(mined.kept.sum())}} concepts kept")
"""


def main() -> None:
    """Print the peak memory."""
    print(f"{N:,} x {D} float32 features, {M} concepts")
    subprocess.run([sys.executable, "-c", _CHILD], check=True)


if __name__ == "__main__":
    main()
