"""What cannot be trained is said before training begins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.errors import ModelError, UnsafePickle, UnsuitableWeights, UsageError
from schemas.settings.models import ModelFile
from vaengine.cli.app import outcome
from vaengine.training.dataset.manifest import DATASET_MANIFEST, file_digests
from vaengine.training.detector.base_weights import base_weights
from vaengine.training.detector.dataset_folder import read_dataset


def dataset(folder: Path, *, kind: str = "person", val: int = 1, test: int = 0) -> Path:
    folder.mkdir()
    (folder / "data.yaml").write_text("names: {0: person}")
    manifest = {
        "kind": kind,
        "classes": ["person"],
        "pictures": {"train": 2, "val": val, "test": test},
        "store": "sqlite:///x.db",
        "files": file_digests(folder, ["data.yaml"]),
    }
    (folder / DATASET_MANIFEST).write_text(json.dumps(manifest))
    return folder


def test_detectors_are_compared_on_test_where_there_is_one_and_else_on_val(tmp_path: Path) -> None:
    assert read_dataset(dataset(tmp_path / "a")).held_out == "val"
    found = read_dataset(dataset(tmp_path / "b", test=1))
    assert (found.held_out, found.splits) == ("test", ("train", "val", "test"))


def test_a_dataset_that_cannot_be_trained_on_is_refused_with_the_cure(tmp_path: Path) -> None:
    changed, gone = dataset(tmp_path / "changed"), dataset(tmp_path / "gone")
    (changed / "data.yaml").write_text("names: {0: dog}")
    (gone / "data.yaml").unlink()
    wrong = {
        tmp_path: "no dataset",
        dataset(tmp_path / "faces", kind="face"): "dataset of faces",
        dataset(tmp_path / "alone", val=0): "needs both",
        changed: "was changed",
        gone: "cannot be read",
    }
    for folder, said in wrong.items():
        with pytest.raises(UsageError, match=said) as raised:
            read_dataset(folder)
        assert "vaengine" in str(raised.value)


def never(model: ModelFile) -> Path:
    raise AssertionError(f"{model.name} was fetched")


def test_weights_are_known_checkpoints_of_detectors(tmp_path: Path) -> None:
    (tmp_path / "own.pt").write_bytes(b"PK\x03\x04 of unknown origin")
    (tmp_path / "own.onnx").write_bytes(b"onnx")
    with pytest.raises(UnsafePickle):
        base_weights(str(tmp_path / "own.pt"), (), never, allow_pickle=False)
    with pytest.raises(UnsuitableWeights, match=r"only a \.pt"):
        base_weights(str(tmp_path / "own.onnx"), (), never, allow_pickle=True)
    with pytest.raises(ModelError, match="models list"):
        base_weights("nothing.pt", (), never, allow_pickle=True)


def test_wrong_use_of_the_command_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = dataset(tmp_path / "set")
    asked = {
        (str(tmp_path), "--name", "a"): "no dataset",
        (str(folder), "--name", "fast"): "--name fast",
        (str(folder), "--name", "a", "--epochs", "0"): "at least one epoch",
        (str(folder), "--name", "a", "--input-pixels", "333"): "multiple of 32",
        (str(folder), "--name", "a", "--preset", "embedded"): "fast, balanced, high-quality",
        (str(folder), "--name", "a", "--weights", str(tmp_path / "x.pt")): "there is no file",
    }
    for words, cure in asked.items():
        assert outcome(["train", *words, "--out", str(tmp_path / "out")]) == 2, words
        said = capsys.readouterr().err
        assert cure in said, (words, said)
        assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()
