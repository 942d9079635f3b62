"""Models of the hub by their names: the short ones are faster-whisper's own, and what is here is found
without a network.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.model_files.huggingface import NEEDED, fetched, local_model, repository_of
from schemas.errors import FetchingForbidden


def test_short_names_of_whisper_models_are_those_of_faster_whisper() -> None:
    from faster_whisper.utils import _MODELS

    assert {name: repository_of(name, "whisper") for name in _MODELS} == _MODELS


def test_other_names_are_the_hubs_own() -> None:
    assert repository_of("somebody/whisper-ct2", "whisper") == "somebody/whisper-ct2"
    assert (
        repository_of("MIT/ast-finetuned-audioset-10-10-0.4593", "events")
        == "MIT/ast-finetuned-audioset-10-10-0.4593"
    )


@pytest.mark.parametrize("place", ["Systran/faster-whisper-small", "faster-whisper-small"])
def test_a_folder_of_models_is_looked_through_for_the_whole_name_and_for_its_last_part(
    place: str, tmp_path: Path
) -> None:
    (tmp_path / place).mkdir(parents=True)
    assert local_model("small", kind="whisper", folders=[tmp_path]) is None, "a part of a model is none"
    for name in NEEDED["whisper"]:
        (tmp_path / place / name).touch()
    assert local_model("small", kind="whisper", folders=[tmp_path / "none", tmp_path]) == tmp_path / place


def test_a_folder_that_is_named_is_taken_as_it_is(tmp_path: Path) -> None:
    assert fetched(str(tmp_path), kind="events", forbidden="VAENGINE_OFFLINE") == tmp_path


def test_what_is_nowhere_is_not_asked_for_where_that_is_forbidden(
    tmp_path: Path, no_network: list[str]
) -> None:
    assert local_model("small", kind="whisper", folders=[tmp_path]) is None
    with pytest.raises(FetchingForbidden, match="small is not in"):
        fetched("small", kind="whisper", folders=[tmp_path], forbidden="VAENGINE_OFFLINE")
    assert no_network == []
