"""A checkpoint is whole after any kill."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.training import checkpoint as module
from actors.training.checkpoint import Checkpoint, TrainingState


def weights(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_a_training_goes_on_after_the_newest_epoch_that_was_kept(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "checkpoint")
    assert kept.state() == TrainingState()
    first = TrainingState(1, 1, 0.4, frozen=3, batch_norms=5)
    kept.keep(first, weights(tmp_path, "last", "1"), weights(tmp_path, "best", "1"))
    kept.keep(TrainingState(2, 1, 0.4), weights(tmp_path, "last", "2"), None)
    assert (kept.state().epochs, kept.last.read_text(), kept.best.read_text()) == (2, "2", "1")


def test_what_is_killed_in_the_middle_of_an_epoch_s_files_leaves_the_epoch_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoint(tmp_path / "checkpoint")
    kept.keep(TrainingState(1, 1, 0.4), weights(tmp_path, "last", "1"), weights(tmp_path, "best", "1"))

    def killed(path: Path, data: bytes) -> None:
        raise KeyboardInterrupt(path, data)

    monkeypatch.setattr(module, "write_atomic", killed)
    with pytest.raises(KeyboardInterrupt):
        kept.keep(TrainingState(2, 2, 0.5), weights(tmp_path, "last", "2"), weights(tmp_path, "best", "2"))
    assert (kept.state().epochs, kept.last.read_text()) == (1, "1")


def test_weights_that_came_out_are_all_that_is_kept_at_the_end(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "checkpoint")
    kept.keep(TrainingState(1, 1, 0.4), weights(tmp_path, "last", "1"), weights(tmp_path, "best", "1"))
    kept.finish(TrainingState(1, 1, 0.4, is_finished=True), weights(tmp_path, "stripped", "w"))
    assert sorted(path.name for path in kept.folder.iterdir()) == ["state.json", "trained.pt"]
    assert kept.state().is_finished
    assert kept.trained.read_text() == "w"


def test_a_state_without_its_weights_is_none(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path)
    kept.keep(TrainingState(3, 1, 0.4), weights(tmp_path, "own", "1"), None)
    kept.last.unlink()
    assert kept.state() == TrainingState()
