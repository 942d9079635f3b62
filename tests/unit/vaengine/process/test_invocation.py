"""When a command began, and the id of its batch, which whoever starts it may give."""

from __future__ import annotations

import pytest

from schemas.errors import UsageError
from vaengine.process.supervisor import BATCH_VARIABLE, Invocation


def test_a_batch_has_a_new_id_unless_whoever_starts_the_command_gives_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Invocation.now().batch_id != Invocation.now().batch_id
    monkeypatch.setenv(BATCH_VARIABLE, "slurm-17.2")
    assert Invocation.now().batch_id == "slurm-17.2"


@pytest.mark.parametrize("batch_id", ["../x", "a b", "a" * 65, "-x", "é"])
def test_an_id_that_cannot_be_part_of_a_files_name_is_refused(
    batch_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(BATCH_VARIABLE, batch_id)
    with pytest.raises(UsageError, match=BATCH_VARIABLE):
        Invocation.now()
