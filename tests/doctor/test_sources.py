"""What ships, what the environment names, and which weights are at hand."""

from __future__ import annotations

import pytest

import uhscm_core
from uhscm_core import features
from uhscm_doctor import sources


def one(check):
    (finding,) = check()
    return finding


def test_what_ships_is_well(drawn_up):
    assert one(sources.postcards).verdict == "ok"


def test_features_of_another_model_are_said(drawn_up, monkeypatch, tmp_path):
    monkeypatch.setattr(features, "SHIPPED", tmp_path)
    finding = one(sources.postcards)
    assert finding.verdict == "warn"
    assert "checkout" in finding.fix


def test_a_model_that_cannot_be_read_is_bad(monkeypatch):
    def torn(*_, **__):
        raise ValueError("postcards.safetensors: a torn file")

    monkeypatch.setattr(uhscm_core, "load_vlp", torn)
    finding = one(sources.postcards)
    assert finding.verdict == "bad"
    assert "torn" in finding.found


def test_photos_of_ones_own(monkeypatch, tmp_path, photo_folder):
    monkeypatch.delenv("UHSCM_PHOTOS", raising=False)
    assert one(sources.photos).verdict == "ok"
    monkeypatch.setenv("UHSCM_PHOTOS", str(tmp_path / "gone"))
    assert "there is no folder" in one(sources.photos).found
    assert one(sources.photos).verdict == "bad"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "letter.txt").write_text("no image")
    monkeypatch.setenv("UHSCM_PHOTOS", str(tmp_path / "empty"))
    assert one(sources.photos).found.startswith("there is no image in")
    monkeypatch.setenv("UHSCM_PHOTOS", str(photo_folder))
    assert one(sources.photos).verdict == "ok"


def test_a_model_of_ones_own(monkeypatch, tmp_path, tiny_model):
    monkeypatch.delenv("UHSCM_VLP", raising=False)
    assert one(sources.model).verdict == "ok"
    for named in (tmp_path / "gone.json", "ViT-B-16"):
        monkeypatch.setenv("UHSCM_VLP", str(named))
        assert one(sources.model).verdict == "bad"
        assert str(named) in one(sources.model).found
    monkeypatch.setenv("UHSCM_VLP", str(tiny_model))
    assert one(sources.model).found == "tiny, 16 numbers per image"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_weights_at_hand_are_named_and_none_is_fetched(hub, home):
    finding = one(sources.weights)
    assert finding.verdict == "ok"
    assert "no weights here" in finding.found
    assert str(home / "weights") in finding.found
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "ViT-B-16.openai.safetensors").touch()
    (home / "weights" / "notes.txt").touch()
    (hub / "models--timm--vit_base_patch16_clip_224.openai" / "snapshots").mkdir(parents=True)
    (hub / "models--timm--vgg19" / "snapshots").mkdir(parents=True)
    found = one(sources.weights).found
    assert found == (
        "available: ViT-B-16.openai.safetensors, timm/vit_base_patch16_clip_224.openai"
    )
