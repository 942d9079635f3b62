"""A folder for temporary files whose sockets Ray could not open is told before Ray is started."""

from __future__ import annotations

import pytest

from cluster.temp_folder import require_short_temp_folder
from schemas.errors import TempFolderTooLong


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_path_that_is_too_long_for_sockets_is_told_with_the_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)  # which the suite sets
    monkeypatch.setenv(name, "/tmp/" + "x" * 60)
    with pytest.raises(
        TempFolderTooLong,
        match=rf"{name}=/tmp/x+ is too long for the sockets of Ray, .*: set RAY_TMPDIR=/tmp",
    ):
        require_short_temp_folder()


def test_a_short_one_for_ray_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/tmp/" + "x" * 60)
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    require_short_temp_folder()
