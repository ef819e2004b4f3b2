"""Every notebook runs whole on photos of one's own; a file apart, for a process of its own."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.notebooks.running import NOTEBOOKS, run_whole

# Of labeled photos, the lessons that use labels for evaluation.
SETS = {"40 unlabelled": (1, 40), "8 unlabelled": (1, 8), "240 labelled": (4, 60)}
RUNS = [
    pytest.param(path, name, id=f"{path.stem} on {name}")
    for name in SETS
    for path in NOTEBOOKS
    if name != "240 labelled" or path.stem[:2] in ("00", "04", "06")
]


@pytest.mark.slow
@pytest.mark.parametrize(("path", "name"), RUNS)
def test_a_notebook_runs_whole_on_photos_of_ones_own(path, name, monkeypatch, tmp_path):
    labels, each = SETS[name]
    generator = np.random.default_rng(0)
    for label in range(labels):
        folder = tmp_path / "photos" / (f"label {label}" if labels > 1 else ".")
        folder.mkdir(parents=True)
        for i in range(each):
            blocks = Image.fromarray(generator.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            blocks.resize((64, 64), Image.Resampling.NEAREST).save(folder / f"{i:03d}.png")
    monkeypatch.setenv("UHSCM_PHOTOS", str(tmp_path / "photos"))
    cells = run_whole(path, monkeypatch)
    if path.stem[:2] in ("00", "03", "04"):
        said = "\n".join(out.get("text", "") for cell in cells for out in cell.get("outputs", ()))
        assert ("needs labels and queries" in said) == (labels == 1)
