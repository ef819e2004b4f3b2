"""``~`` is the home folder in every path that the public names take."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

import uhscm_core as u
from tests.conftest import unit_rows, write_photos
from uhscm_core.mining import mine_concepts
from uhscm_core.runs import read_history


@pytest.fixture
def user(tmp_path, monkeypatch):
    """The home folder of the user; the working folder is another one and stays empty."""
    folder = tmp_path / "user"
    work = tmp_path / "work"
    for made in (folder, work):
        made.mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(folder))
    monkeypatch.chdir(work)
    yield folder
    assert not list(work.iterdir())


def train_in(folder):
    generator = torch.Generator().manual_seed(0)
    rows, texts = unit_rows(generator, 12, 4), unit_rows(generator, 3, 4)
    network = u.HashNetwork(8, in_features=4)
    config = u.TrainingConfig(epochs=1, device="cpu")
    list(u.train(network, rows, mine_concepts(rows, texts), config, folder=folder))


WRITES = {
    "Study.save": lambda path, study: study.save(path),
    "Study.train": lambda path, study: study.train(8, epochs=1, folder=path),
    "train": lambda path, _: train_in(path),
    "export_codes": lambda path, study: u.export_codes(study, f"{path}.npz"),
    "export_index": lambda path, study: u.export_index(study, f"{path}.faiss"),
    "export_run": lambda path, study: u.export_run(study, f"{path}.zip"),
    "HammingIndex.save": lambda path, study: study.index.save(path),
}


@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_is_written_below_the_tilde_is_in_the_home_folder(user, trained, write, kind):
    write(kind("~/made"), trained)
    assert list(user.glob("made*"))


def benchmark(folder):
    (folder / "index").mkdir(parents=True)
    write_photos(folder / "photos", each=2)
    lines = [
        f"{path.relative_to(folder / 'photos').as_posix()} 1 0"
        for path in sorted((folder / "photos").rglob("*.png"))
    ]
    for name, part in (("train", lines[:3]), ("database", lines[:4]), ("test", lines[4:])):
        (folder / "index" / f"{name}.txt").write_text("\n".join(part))


def model(folder, tiny_model):
    for file in tiny_model.parent.glob("tiny.*"):
        shutil.copy(file, folder)


@pytest.mark.parametrize("kind", [str, Path])
def test_what_is_read_below_the_tilde_is_in_the_home_folder(user, trained, tiny_model, kind):
    benchmark(user)
    model(user, tiny_model)
    (user / "names.txt").write_text("cat\ndog\n")
    trained.save(user / "study")
    trained.index.save(user / "index.safetensors")
    train_in(user / "run")
    photo = user / "photos" / "red" / "00.png"

    assert u.Study.load(kind("~/study")).network is not None
    assert u.load_concepts(kind("~/names.txt")).names == ("cat", "dog")
    assert trained.with_(concepts=kind("~/names.txt")).concepts.names == ("cat", "dog")
    assert len(u.load_dataset(kind("~/photos"), progress=False, warn=False)) == 6
    published = u.load_dataset("nuswide", root=kind("~/photos"), index=kind("~/index"))
    assert len(published) == 6
    assert u.load_vlp(kind("~/tiny.json"), device="cpu").embed_dim == 16
    named = u.load_vlp(kind("~/tiny.json"), kind("~/tiny.safetensors"), device="cpu")
    assert named.embed_dim == 16
    assert u.HammingIndex.load(kind("~/index.safetensors")).bits == 16
    assert read_history(kind("~/run"))
    assert trained.search(Path("~/photos/red/00.png"), 1).ids.shape == (1,)
    assert trained.embed(Path("~/photos/red/00.png")).code is not None
    rows = torch.eye(2)
    given = u.Study.from_features(rows, kind("~/names.txt"), rows, images=[kind(photo)] * 2)
    assert given.concepts.names == ("cat", "dog")


@pytest.mark.parametrize(
    ("wrong", "error"),
    [("", ValueError), (" ", ValueError), ("a\0b", ValueError), (3, TypeError), (b"a", TypeError)],
)
def test_what_is_no_path_is_refused_by_name(as_users_run_it, user, trained, wrong, error):
    for name, call in (
        ("folder", trained.save),
        ("folder", u.Study.load),
        ("path", trained.index.save),
        ("path", u.HammingIndex.load),
        ("folder", lambda path: train_in(path)),
        ("path", lambda path: u.export_index(trained, path)),
        ("path", lambda path: u.export_codes(trained, path)),
        ("path", lambda path: u.export_run(trained, path)),
    ):
        with pytest.raises(error, match=rf"^{name} must be a path"):
            call(wrong)


def test_a_tilde_before_the_name_of_no_user_is_a_name_like_any_other(tmp_path, trained):
    folder = tmp_path / "~nobody-of-this-name"
    trained.save(folder)
    assert (folder / "study.json").is_file()
    with pytest.raises(FileNotFoundError, match="~nobody-of-this-name"):
        u.Study.load("~nobody-of-this-name/study")
