"""A training goes on with what it was begun with, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from schemas.errors import UsageError
from schemas.work.training import TrainingSettings
from vaengine.training.detector.training_folder import TrainingFolder, TrainingRecord

RECORD = TrainingRecord("d" * 64, "w" * 64, TrainingSettings(epochs=3))


def test_the_same_is_gone_on_with_and_other_settings_begin_only_with_force(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "pets")
    with folder.opened("pets", RECORD, force=False):
        (folder.path / "checkpoint").mkdir()
    with folder.opened("pets", RECORD, force=False):
        assert (folder.path / "checkpoint").is_dir()
    other = replace(RECORD, dataset="e" * 64, settings=TrainingSettings(epochs=5))
    refused = pytest.raises(UsageError, match=r"another dataset; epochs 3, not 5: .*--force")
    with refused, folder.opened("pets", other, force=False):
        pass
    assert (folder.path / "checkpoint").is_dir()
    with folder.opened("pets", other, force=True):
        assert not (folder.path / "checkpoint").exists()


def test_files_of_something_else_are_never_removed(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "pets")
    folder.path.mkdir()
    (folder.path / "notes.txt").touch()
    refused = pytest.raises(UsageError, match="no training")
    with refused, folder.opened("pets", RECORD, force=True):
        pass
    assert (folder.path / "notes.txt").exists()


def test_one_process_trains_in_a_folder_at_a_time(tmp_path: Path) -> None:
    folder = TrainingFolder(tmp_path / "pets")
    refused = pytest.raises(UsageError, match="another process")
    with folder.opened("pets", RECORD, force=False), refused, folder.opened("pets", RECORD, force=True):
        pass
    with folder.opened("pets", RECORD, force=False):
        pass


def test_settings_that_cannot_be_are_refused() -> None:
    for wrong in ({"epochs": 0}, {"input_pixels": 100}, {"learning_rate": 0.0}, {"seed": -1}):
        with pytest.raises(ValueError, match=r"at least one|multiple of 32|learning rate"):
            TrainingSettings(**wrong)  # type: ignore[arg-type]
