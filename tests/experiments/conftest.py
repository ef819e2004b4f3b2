"""A study of sixty points in three clusters, whose runs take a moment."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from uhscm_core import Study

NAMES = ["beach", "castle", "forest", "ocean", "street", "tiger"]


def small_study(**changes) -> Study:
    """Deterministic, so that processes make the same one."""
    generator = torch.Generator().manual_seed(0)
    text_features = torch.nn.functional.normalize(torch.randn(6, 16, generator=generator), dim=1)
    classes = torch.arange(60) % 3
    noise = torch.randn(60, 16, generator=generator)
    rows = torch.nn.functional.normalize(text_features[classes] + 0.3 * noise, dim=1)
    ids = np.arange(60)
    splits = {"train": ids[:40], "database": ids[:48], "query": ids[48:]}
    settings = {"labels": classes.numpy(), "splits": splits} | changes
    return Study.from_features(rows, NAMES, text_features, **settings)


@pytest.fixture
def study() -> Study:
    return small_study()
