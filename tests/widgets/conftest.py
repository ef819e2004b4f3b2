"""One small study of postcards for all tests of the views."""

from __future__ import annotations

import pytest

from uhscm_core import Study, load_dataset, load_vlp


@pytest.fixture(scope="session")
def study(tmp_path_factory) -> Study:
    """240 postcards of which 120 to train on, 20 queries, NUS-WIDE's concepts, no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = load_dataset("postcards", n_database=240, n_train=120, n_query=20)
        made = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
        assert len(made.image_features) == 260
    return made


@pytest.fixture(scope="session")
def trained(study) -> Study:
    return study.train(bits=16, epochs=2)
