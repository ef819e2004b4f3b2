"""ONNX files give the codes that torch gives, from features and from pixels."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from uhscm_core import HashNetwork, Study, export_onnx, load_dataset, load_vlp, unpack_codes
from uhscm_core.export import check_export
from uhscm_core.support.store import DamagedFileError
from uhscm_core.vlp import VLP

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra dev is not installed")

N, BITS = 1000, 44  # a code's last byte is padded
ROUNDING = 1e-5  # of outputs in (-1, 1): float32 sums in another order


def run(path, **inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def about(path):
    entries = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return json.loads(entries["uhscm"])


def pixels_of(image, how):
    """What the file's metadata says, by Pillow and numpy alone."""
    image = image.convert(how["color"])
    short = how["resize"]["short side"]
    scale = short / min(image.size)
    size = tuple(int(side * scale) if side != min(image.size) else short for side in image.size)
    image = image.resize(size, getattr(Image.Resampling, how["interpolation"].upper()))
    assert how["crop"] == "center"
    height, width = how["size"]
    left, top = (round((image.width - width) / 2), round((image.height - height) / 2))
    image = image.crop((left, top, left + width, top + height))
    values = np.asarray(image, np.float32) / 255
    values = (values - np.float32(how["mean"])) / np.float32(how["std"])
    return values.transpose(2, 0, 1)


def differing(codes, outputs):
    """The bits that differ from those of outputs, without those within rounding of 0."""
    ours = np.asarray(outputs) > 0
    theirs = unpack_codes(torch.from_numpy(codes), ours.shape[1]).numpy() > 0
    wrong = ours != theirs
    return int((wrong & (np.abs(np.asarray(outputs)) > ROUNDING)).sum()), int(wrong.sum())


@pytest.fixture(scope="module")
def postcards(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UHSCM_HOME", str(tmp_path_factory.mktemp("home")))
        dataset = load_dataset("postcards", n_database=N, n_train=400, n_query=2, progress=False)
        study = Study(dataset, load_vlp("postcards"), "nuswide81", progress=False)
        yield study.train(BITS, epochs=2, device="cpu")


@pytest.fixture(scope="module")
def network_file(postcards, tmp_path_factory):
    return export_onnx(postcards, tmp_path_factory.mktemp("onnx") / "net.onnx", "network")


def test_the_network_gives_the_same_codes_of_1000_images(postcards, network_file):
    features = postcards.image_features[:N]
    found = run(network_file, features=features.numpy())
    outputs = postcards.network.outputs(features)
    assert found["outputs"].shape == (N, BITS)
    assert np.abs(found["outputs"] - outputs.numpy()).max() < ROUNDING
    beyond_rounding, wrong = differing(found["code"], outputs)
    assert beyond_rounding == 0
    assert wrong <= 5  # of 44,000
    assert found["code"].dtype == np.uint8
    assert found["code"].shape == (N, 6)
    one = run(network_file, features=features[:1].numpy())  # any number of images
    assert np.array_equal(one["code"], found["code"][:1])


@pytest.mark.slow
def test_the_whole_gives_the_same_codes_of_1000_images(postcards, tmp_path):
    path = export_onnx(postcards, tmp_path / "whole.onnx")
    how = about(path)["preprocessing"]
    images = [postcards.dataset.images[i] for i in range(N)]
    pixels = np.stack([pixels_of(image, how) for image in images])
    theirs = torch.stack([postcards.vlp.preprocess(image) for image in images[:50]])
    assert np.abs(pixels[:50] - theirs.numpy()).max() < 1e-5
    parts = [run(path, pixels=pixels[i : i + 100]) for i in range(0, N, 100)]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    features = postcards.vlp.encode_images(images, workers=0)
    outputs = postcards.network.outputs(features)
    assert np.abs(found["features"] - features.numpy()).max() < ROUNDING
    assert np.abs(found["outputs"] - outputs.numpy()).max() < 10 * ROUNDING
    wrong = found["outputs"] > 0, outputs.numpy() > 0
    near = np.abs(outputs.numpy()) <= 10 * ROUNDING
    assert not ((wrong[0] != wrong[1]) & ~near).any()
    _, different = differing(found["code"], outputs)
    assert different <= 20  # of 44,000


def test_the_file_says_what_its_codes_follow_from(postcards, network_file):
    model = onnx.load(network_file)
    onnx.checker.check_model(model)
    told = about(network_file)
    assert told["bits"] == BITS
    assert told["vlp_digest"] == postcards.vlp.digest
    assert tuple(told["kept"]) == postcards.kept_names
    assert "numpy.packbits" in told["packing"]
    assert list(told["input"]) == ["features"]
    assert "preprocessing" not in told


@pytest.mark.slow
def test_a_transformer_and_a_backbone_on_pixels_are_exported(photo_folder, tiny_model, tmp_path):
    dataset = load_dataset(photo_folder, progress=False)
    study = Study(dataset, load_vlp(tiny_model), ("red", "sky"), min_share=0.0, progress=False)
    study = study.train(12, epochs=1, device="cpu")
    images = [dataset.images[i] for i in range(5)]
    found = run(
        export_onnx(study, tmp_path / "vit.onnx"),
        pixels=torch.stack([study.vlp.preprocess(image) for image in images]).numpy(),
    )
    features = study.vlp.encode_images(images)
    assert np.abs(found["features"] - features.numpy()).max() < ROUNDING
    assert differing(found["code"], study.network.outputs(features))[0] == 0

    network = HashNetwork(9, "resnet10t", pretrained=False).eval()
    on_pixels = study.with_(network=network)
    path = export_onnx(on_pixels, tmp_path / "pixels.onnx", "network")
    how = about(path)["preprocessing"]
    pixels = np.stack([pixels_of(image, how) for image in images])
    found = run(path, pixels=pixels)
    assert differing(found["code"], network.outputs(images))[0] == 0


def test_every_damage_is_told(network_file, tmp_path):
    check_export(network_file)
    content = network_file.read_bytes()
    file = tmp_path / "copy.onnx"
    for place in (10, 300, len(content) // 2, len(content) - 90, len(content) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 4
        file.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=r"copy\.onnx"):
            check_export(file)
    for length in (200, len(content) // 2, len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(DamagedFileError, match=r"copy\.onnx"):
            check_export(file)
    file.write_bytes(onnx.helper.make_model(onnx.GraphProto()).SerializeToString())
    with pytest.raises(ValueError, match="without a digest"):
        check_export(file)


class Wavering(nn.Module):
    """What no tracing can follow: a decision that hangs on the numbers."""

    def forward(self, pixels):
        return pixels.mean((2, 3)) if pixels.sum() > 0 else pixels.amax((2, 3))


def test_a_tower_that_torch_cannot_export_is_refused_with_the_reason(
    postcards, tmp_path, monkeypatch
):
    monkeypatch.setattr(VLP, "image_tower", Wavering())
    with pytest.raises(ValueError, match=r"torch cannot export the image tower .* part='network'"):
        export_onnx(postcards, tmp_path / "whole.onnx")
    assert list(tmp_path.glob("*.onnx")) == []


def test_what_cannot_be_exported_is_said(postcards, study, tmp_path, monkeypatch, as_users_run_it):
    with pytest.raises(ValueError, match=r"\.onnx, got 'model.pt'"):
        export_onnx(postcards, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="no hash network yet"):
        export_onnx(study, tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="part must be one of 'whole', 'network'"):
        export_onnx(postcards, tmp_path / "model.onnx", "tower")
    generator = torch.Generator().manual_seed(0)
    rows = nn.functional.normalize(torch.randn(40, 8, generator=generator), dim=1)
    given = Study.from_features(rows, ["a", "b", "c"], rows[:3]).train(8, epochs=1, device="cpu")
    with pytest.raises(ValueError, match="no image tower that can be exported"):
        export_onnx(given, tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ModuleNotFoundError, match=r"uhscm-explorer\[onnx\]"):
        export_onnx(postcards, tmp_path / "model.onnx", "network")
