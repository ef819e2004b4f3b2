"""What is left out of an evaluation, what is said of it, and what is refused."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
import pytest
import torch

from uhscm_core import (
    BASELINES,
    HashNetwork,
    Study,
    UHSCMWarning,
    cosine_average_precisions,
    load_dataset,
    mean_average_precision,
)
from uhscm_core.analysis.rankers import rankers_of
from uhscm_core.comparison import NoDirectionError, features_and_concepts
from uhscm_core.evaluation import evaluated_images

from .conftest import SHARED, unit_rows


def features_study(labels, query, database, *, n=12, train=None):
    """A trained study of random features with these labels and splits."""
    generator = torch.Generator().manual_seed(0)
    texts = unit_rows(generator, 3, 8)
    images = torch.nn.functional.normalize(
        texts[torch.arange(n) % 3] + 0.6 * unit_rows(generator, n, 8), dim=1
    )
    splits = {"train": train or database, "database": database, "query": query}
    study = Study.from_features(images, ["a", "b", "c"], texts, labels=labels, splits=splits)
    return study.train(bits=4, epochs=1)


@pytest.fixture
def partly():
    """Twelve images of two labels; one of three queries, and one database image, has none."""
    labels = np.eye(2, dtype=np.uint8)[np.arange(12) % 2]
    labels[[1, 5]] = 0
    return features_study(labels, [0, 1, 2], list(range(3, 12)))


def test_queries_without_a_label_are_left_out_with_their_number_said_once(partly):
    codes, labels = partly.codes, partly.dataset.labels
    database = partly.dataset.splits["database"]
    right = mean_average_precision(
        codes[[0, 2]], codes[database], labels[[0, 2]], labels[database], ties="expected"
    )
    for ask in (partly.evaluate, lambda: partly.compare()["mAP"][0]):
        with pytest.warns(UHSCMWarning, match="1 of 3 queries have no label") as said:
            assert ask() == pytest.approx(right, abs=1e-12)
        assert len(said) == 1
    # The metric itself keeps the convention of the released code.
    everything = mean_average_precision(
        codes[[0, 1, 2]], codes[database], labels[[0, 1, 2]], labels[database], ties="expected"
    )
    assert everything == pytest.approx(right * 2 / 3, abs=1e-12)


def test_all_rankers_evaluate_the_same_queries(partly):
    with pytest.warns(UHSCMWarning, match="no label"):
        table = partly.compare(methods=list(BASELINES)).set_index("method")["mAP"]
    for name, ranker in rankers_of(partly)[0].items():
        values = ranker.average_precisions()
        assert len(values) == 2
        assert values.mean() == pytest.approx(table[name.partition(",")[0]], abs=1e-9)
    with pytest.raises(ValueError, match="this query has none"):
        ranker.average_precision(1, "expected")


def test_no_query_with_a_label_is_refused():
    labels = np.eye(2, dtype=np.uint8)[np.arange(12) % 2]
    labels[[0, 1, 2]] = 0
    study = features_study(labels, [0, 1, 2], list(range(3, 12)))
    for ask in (study.evaluate, study.compare):
        with pytest.raises(ValueError, match="none of the 3 queries has one"):
            ask()


def test_an_unlabelled_test_folder_as_kaggle_has_it_is_refused():
    folder = SHARED / "cases" / "unlabelled" / "kaggle"
    if not folder.is_dir():
        pytest.skip("the cases are not in ../shared")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UHSCMWarning)  # what the loader says of the folder
        dataset = load_dataset(folder)
    with pytest.raises(ValueError, match="evaluation needs labels"):
        evaluated_images(dataset)


def test_figures_that_say_nothing_are_said():
    one_label = np.ones((12, 1), dtype=np.uint8)
    study = features_study(one_label, [0, 1], list(range(2, 12)))
    with pytest.warns(UHSCMWarning, match="any ranking has an mAP of 1"):
        assert study.evaluate() == 1
    apart = np.eye(2, dtype=np.uint8)[(np.arange(12) > 1).astype(int)]
    study = features_study(apart, [0, 1], list(range(2, 12)))
    with pytest.warns(UHSCMWarning, match="2 of 2 queries share no label with any database"):
        assert study.evaluate() == 0


def test_database_images_without_a_label_stay_in_and_nothing_is_said():
    labels = np.eye(2, dtype=np.uint8)[np.arange(12) % 2]
    labels[[7, 8]] = 0
    study = features_study(labels, [0, 1], list(range(2, 12)))
    on = evaluated_images(study.dataset)
    assert (on.queries.tolist(), len(on.database), on.notes) == ([0, 1], 10, ())
    assert 0 < study.evaluate() < 1


def test_unlabelled_datasets_and_missing_queries_are_refused_with_words(partly):
    for changes, message in (
        ({"labels": None, "label_names": ()}, "this dataset has none"),
        ({"splits": {**partly.dataset.splits, "query": np.array([], np.int64)}}, "needs queries"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluated_images(dataclasses.replace(partly.dataset, **changes))


# Rankings without hashing.


def naive_expected(cosines, relevant, rounds=4000):
    """Mean average precision over random orders of the ties."""
    generator = np.random.default_rng(0)
    values = []
    for _ in range(rounds):
        order = np.lexsort((generator.random(len(cosines)), -cosines))
        hits = relevant[order]
        values.append((hits.cumsum() / np.arange(1, len(hits) + 1))[hits].mean())
    return np.mean(values)


def test_copies_of_an_image_are_tied_and_the_expectation_is_over_their_orders():
    database = torch.tensor([[1.0, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    query = torch.tensor([[2.0, 1]])
    relevant = np.array([True, False, False, True, False])
    cosines = np.array([2, 2, 2, 1, 1]) / np.sqrt(5)
    labels = (torch.ones(1, 1), torch.from_numpy(relevant)[:, None].int())
    value = cosine_average_precisions(query, database, *labels, ties="expected")[0]
    assert value == pytest.approx(naive_expected(cosines, relevant), abs=0.01)
    best, worst = (cosine_average_precisions(query, database, *labels, ties=t)[0] for t in BOUNDS)
    assert (best, worst) == (pytest.approx((1 + 2 / 4) / 2), pytest.approx((1 / 3 + 2 / 5) / 2))


BOUNDS = ("best", "worst")


@pytest.mark.parametrize("top_k", [None, 7])
def test_rankings_by_cosine_do_not_depend_on_how_the_database_is_stored(top_k):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(40, 64, generator=generator).repeat(3, 1)  # three copies of each
    labels = (torch.rand(120, 4, generator=generator) < 0.3).int()
    queries, of_queries = torch.randn(9, 64, generator=generator), labels[:9]
    first = cosine_average_precisions(queries, rows, of_queries, labels, top_k, "expected")
    for seed in range(5):
        order = torch.randperm(120, generator=torch.Generator().manual_seed(seed))
        again = cosine_average_precisions(
            queries, rows[order], of_queries, labels[order], top_k, "expected"
        )
        assert again == pytest.approx(first, abs=1e-12)


def test_the_reference_of_features_is_centered_as_the_baselines_are(partly):
    features = partly.image_features
    mean = features[partly.dataset.splits["train"]].mean(0)
    database = partly.dataset.splits["database"]
    labels = partly.dataset.labels
    right = cosine_average_precisions(
        features[[0, 2]] - mean,
        features[database] - mean,
        labels[[0, 2]],
        labels[database],
        ties="expected",
    ).mean()
    with pytest.warns(UHSCMWarning, match="no label"):
        table = partly.compare().set_index("method")["mAP"]
    assert table["cosine of features"] == pytest.approx(right, abs=1e-12)


def test_the_cosine_of_both_is_the_mean_of_that_of_centered_features_and_of_concepts(partly):
    train = partly.dataset.splits["train"]
    f = partly.image_features - partly.image_features[train].mean(0)
    v = features_and_concepts(partly)
    for i, j in ((0, 2), (1, 7), (3, 3)):
        of_v, of_f, of_q = (
            float(torch.cosine_similarity(rows[i], rows[j], dim=0))
            for rows in (v, f, partly.distribution)
        )
        assert of_v == pytest.approx((of_f + of_q) / 2, abs=1e-5)


SMALL = {  # train, database, query -> the mAP of "cosine of features", or why there is none
    "one training image, in the database": ([0], [0, 1, 2, 3], [6, 7], "1 of 6 images"),
    "one training image, elsewhere": ([8], [0, 1, 2, 3], [6, 7], True),
    "one database image": ([0], [0], [6, 7], "1 of 3 images"),
    "one database image, trained on others": ([1, 2, 3, 4, 5], [0], [6, 7], True),
    "one image of each": ([0], [0], [1], "1 of 2 images"),
    "one query": ([0, 1, 2, 3], [0, 1, 2, 3], [6], True),
    "two training images": ([0, 1], [0, 1], [6, 7], True),
    "three copies to train on": ([9, 10, 11], [0, 1, 9, 10, 11], [6, 7], "3 of 7 images"),
}


@pytest.mark.filterwarnings("ignore:.*(share no label|shares a label|other labels):UserWarning")
@pytest.mark.parametrize("case", SMALL)
def test_splits_of_one_image_are_right_or_said(case):
    train, database, query, expected = SMALL[case]
    rows = unit_rows(torch.Generator().manual_seed(3), 12, 8)
    rows[10:] = rows[9]
    texts = unit_rows(torch.Generator().manual_seed(4), 3, 8)
    splits = {"train": train, "database": database, "query": query}
    labels = np.arange(12) % 2
    labels[9:] = 1
    study = Study.from_features(rows, ["a", "b", "c"], texts, labels=labels, splits=splits)
    study = study.with_(min_share=-1.0, network=HashNetwork(4, in_features=8))
    assert 0 <= study.evaluate() <= 1
    assert len(study.search(0, 5).ids) == min(5, len(database))
    assert len(study.search(text_features=texts[0], k=5).ids) == min(5, len(database))
    assert all("1 training images" not in finding.message for finding in study.health())
    if expected is True:
        table = study.compare().set_index("method")["mAP"]
        assert 0 <= table["cosine of features"] <= 1
        assert 0 <= table["cosine of both"] <= 1
    else:
        said = f"NaN: {expected} in the database and query splits are the mean of the {len(train)}"
        with pytest.warns(UHSCMWarning, match=said) as warned:
            table = study.compare().set_index("method")["mAP"]
        assert sum("NaN" in str(one.message) for one in warned) == 1
        assert table[["cosine of features", "cosine of both"]].isna().all()
        with pytest.raises(NoDirectionError, match="in the train split"):
            _ = rankers_of(study)[0]["cosine of features"].vectors
    assert 0 <= table["cosine of concepts"] <= 1
    assert 0 <= table["UHSCM"] <= 1


def test_the_ranking_of_one_query_ties_copies(partly):
    ranking = rankers_of(partly)[0]["cosine of features"].rank(3)
    again = rankers_of(partly)[0]["cosine of concepts"].rank(3)
    for one in (ranking, again):
        assert np.array_equal(one.distances, one.distances.round(6))
