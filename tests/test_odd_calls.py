"""Each odd call is refused with words, or accepted for a reason that stands here."""

from __future__ import annotations

import collections
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from uhscm_core.recipe import RECIPES

SCRIPT = Path(__file__).with_name("odd_calls.py")
NUMBERS = (
    "alpha|beta|gamma|similarity_weight|balance|independence"
    "|learning_rate|momentum|backbone_share|weight_decay"
)
OWN = "|".join(dict.fromkeys(name for own in RECIPES.values() for name in own))

# Reason -> what is accepted, as patterns of "edge(argument=odd value)".
ACCEPTED = {
    "One number is one number, in whatever it is held.": [r".*=(numpy scalar|0-d)"],
    "None is the default, or what the signature says: no bound, nothing given.": [
        r"mine_concepts\(max_share=None",
        r"semantic_similarity\(b=None",
        rf"(TrainingConfig|Study\.train)\(({OWN}|recipe)=None",
        r"train\((config|folder|validate|fabric)=None",
        r"bit_concepts\(bits=None",
        r".*\(top_k=None",
        r"near_duplicates\((radius|cosine|sketches)=None",
        r"Study(\.with_)?\((max_share|network|template|text_features)=None",
        r"Study\.from_features\((labels|label_names|splits|images|names)=None",
        r"Study\.train\((config|folder|on_step)=None",
        r"Experiment\(folder=None",
        r"\w+Explorer\((selection|others|folder|model)=None",
        r"(Exports|results_page)\(queries=None",
        r"load_vlp\(pretrained=None",
        r"VLP\.encode_images\(workers=None",
    ],
    "Nothing to compare with, nothing picked or nothing to encode is a choice.": [
        r"CompareExplorer\(others={}",
        r"Experiment\(vary={}",
        r"Selection\.ids\(ids=\[\]",
        r"VLP\.encode_(images|texts)\((images|texts)=\[\]",
    ],
    "0 is within the range.": [
        rf".*\((min_share|{NUMBERS}|lam|feature_share|seed|workers|epochs|radius|cosine|likeness)=0"
    ],
    "The range goes down to -1, or has no end.": [r".*\((lam|cosine|likeness|min_share)=-1"],
    "More than there are means all of them.": [r".*\((k|top_k|radius)=(10\*\*400|2\*\*63)"],
    "It is finite: what follows from it (no concept kept, a loss that overflows) has its words.": [
        rf".*\((min_share|logit_scale|{NUMBERS})=1e300"
    ],
    "Any number of images will do.": [
        r".*\((\w+_features|a|b|data|outputs|codes|x|features)=(one row less|no rows)"
    ],
    "The width is free here.": [
        r"(uhscm_loss|pack_codes)\(outputs=one column less",
        r"bit_concepts\(distribution=(one column less|no columns)",
        r"(fit_baseline|near_duplicates|rank_outliers\w*)\((x|features)=one column less",
        r"Study\.from_features\(labels=one column less",
    ],
    "The numbers are the same, however they lie in memory.": [
        r".*=(not contiguous|negative strides|numpy, negative strides)"
    ],
    "Double precision, numpy and lists hold the same numbers where the docstring takes them.": [
        r".*\((outputs|similarity|data|distribution|x|features|image_features|text_features)=double",
        r"(pack_codes|bit_concepts|Study\.from_features)\(.*=(numpy|a list)",
    ],
    "Lengths do not matter here, or are normalized with a warning.": [
        r"(semantic_similarity|cosine_\w+|Study\.from_features)\(.*=not of unit length",
        r"(uhscm_loss|HashNetwork\.outputs|train|pack_codes|bit_concepts|fit_baseline"
        r"|BaselineHash\.encode)\(.*=(not of unit length|zero rows)",
    ],
    "Called at each step: NaN and infinity come out as they are, and `train` stops at them.": [
        r"uhscm_loss\((outputs|similarity)=(NaN|inf) in it"
    ],
    "Only the sign counts.": [r"pack_codes\(outputs=(inf in it|whole numbers|booleans)"],
    "Real outputs in place of codes, as the docstring says.": [r"bit_concepts\(codes=floats"],
    "0 and 1 are labels in any type, and class numbers in one column.": [
        r".*\(\w*labels=(booleans|floats)",
        r"Study\.from_features\(labels=1-d",
    ],
    "A list of images by index.": [
        r"(Exports|results_page)\(queries=a list",
        r"Selection\.ids\(ids=a list",
    ],
    "It is looked up later, and refused then with its name.": [
        r"TrainingConfig\(device=unknown",
        r"TrainingExplorer\.settings\(backbone=unknown",
        r"PhotosExplorer\(concepts=text",
    ],
    "Any words make a title.": [r"results_page\(title=unknown"],
    "The control itself makes a number of it, within its ends, and shows that number.": [
        r"(Denoising|Tidy|Compare) box \w+\((tau|min_share|max_share|radius|cosine|k)="
        r"(True|text|bytes|inf|-inf|-1|0|1e300|10\*\*400|2\*\*63|a whole float|a share)"
    ],
}


@pytest.fixture(scope="module")
def outcomes():
    done = subprocess.run(
        [sys.executable, SCRIPT], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def called(outcome: dict[str, str]) -> str:
    return "{edge}({argument}={odd})".format(**outcome)


@pytest.mark.slow
def test_every_odd_call_is_refused_by_name_or_accepted_for_a_reason(outcomes):
    number = collections.Counter(outcome["answer"] for outcome in outcomes)
    assert number["clear"] > 3000
    unclear = [o for o in outcomes if o["answer"] in ("unclear", "library")]
    assert [f"{called(o)}: {o['said']}" for o in unclear] == []
    patterns = [re.compile(f"{one}\\)?") for group in ACCEPTED.values() for one in group]
    accepted = [called(o) for o in outcomes if o["answer"] == "accepted"]
    assert [one for one in accepted if not any(p.fullmatch(one) for p in patterns)] == []


@pytest.mark.slow
def test_a_control_refuses_only_what_nobody_can_type(outcomes):
    refused = [o for o in outcomes if o["answer"] == "control"]
    assert {o["edge"].split(" box ")[0] for o in refused if " box " in o["edge"]} == {
        "Compare",
        "Denoising",
        "Distribution",
        "Tidy",
    }
    assert all("expected" in o["said"] or "not found" in o["said"] for o in refused)


@pytest.mark.slow
def test_no_reason_stands_for_nothing(outcomes):
    accepted = [called(o) for o in outcomes if o["answer"] == "accepted"]
    idle = [
        one
        for group in ACCEPTED.values()
        for one in group
        if not any(re.fullmatch(f"{one}\\)?", call) for call in accepted)
    ]
    assert idle == []
