"""A first batch file is valid as it is, and names every setting with the value it has anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import InvalidSetting, UsageError
from schemas.settings.layers import KNOWN, configured, layer
from schemas.settings.settings import PRESETS
from vaengine.model_selection.presets import overlay
from vaengine.requests import batch_file
from vaengine.requests.template import starter, write_starter


def switched_on(text: str) -> str:
    """As a person would have it who takes the # away from every section and setting."""
    head, _, settings = text.partition("# Settings:")
    return head + "\n".join(
        line.removeprefix("# ") if line != "#" else "" for line in settings.splitlines()[1:]
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_is_there_with_the_value_it_has_anyway(tmp_path: Path, preset: str) -> None:
    path = tmp_path / "batch.yaml"
    path.write_text(switched_on(starter(path.name, preset)))
    found = batch_file.read(path)
    assert {key for key in KNOWN if "." in key} == {key for key in found.settings if "." in key}
    beneath = layer("preset", {} if preset == "auto" else overlay(preset))
    assert (
        configured(found.settings).settings == configured(beneath, layer("me", {"preset": preset})).settings
    )


def test_as_written_only_what_a_run_is_told_is_set(tmp_path: Path) -> None:
    path = tmp_path / "batch.yaml"
    write_starter(path, starter(path.name, "fast"))
    found = batch_file.read(path)
    assert set(found.run) == {"inputs", "out", "pipelines"}
    assert set(found.settings) == {"preset"}


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "batch.yaml"
    path.write_text("mine")
    with pytest.raises(UsageError, match="there already"):
        write_starter(path, "other")
    assert path.read_text() == "mine"


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(InvalidSetting):
        starter("batch.yaml", "best")
