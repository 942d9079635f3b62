"""What the store knows of the inputs is looked up as they are probed, and is not needed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.stores import open_store
from schemas.errors import StoreUnreachable
from schemas.pipelines import SCENE
from tests.support.runs import runs
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.planning import preflight as preflight_room
from vaengine.planning import prober, probing
from vaengine.planning.preflight import preflight

CLIP = Clip()


class NoProber:
    """For files that are known and need none."""

    def __init__(self) -> None:
        raise AssertionError("a known file is probed again")


@pytest.fixture
def request_of_a_known_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Of a video that the store knows, unchanged."""
    monkeypatch.setattr(preflight_room, "is_unchanged", lambda *_: True)
    monkeypatch.setattr(prober, "has_facts", lambda *_: True)
    monkeypatch.setattr(probing, "Prober", NoProber)
    request = runs.request([Path(CLIP.name)], tmp_path, pipelines=[SCENE])
    with closing(open_store(request.store_url)) as store:
        store.register(store.open_run(RUN), [CLIP.video], [CLIP.job()])
    return request


def test_a_video_that_the_store_knows_is_not_probed_again(request_of_a_known_video: Any) -> None:
    with preflight(request_of_a_known_video) as checked:
        assert [one.video for one in checked.first_page()] == [CLIP.video]


def test_where_the_store_is_away_for_a_moment_files_are_probed_again(
    request_of_a_known_video: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    there = preflight_room.existing

    def away(url: str, *, upgrade: bool) -> Any:
        if upgrade:  # as the command begins
            return there(url, upgrade=upgrade)
        raise StoreUnreachable(url, "the server does not answer")

    monkeypatch.setattr(preflight_room, "existing", away)
    with (
        preflight(request_of_a_known_video) as checked,
        pytest.raises(AssertionError, match="is probed again"),
    ):
        checked.first_page()
    assert "does not answer; probed again: 1 file" in caplog.text
