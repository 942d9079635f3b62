"""All four pipelines of a folder share one decode of each video's pictures and one of its sound."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from actors.probing.probe import probe
from tests.conftest import SHARED
from tests.support.runs import commands

COUNTING = Path(__file__).parents[1] / "support" / "sitecustomize" / "counting"
GRID = SHARED / "media" / "video" / "grid"


@pytest.mark.long
@pytest.mark.shared
@pytest.mark.timeout(400)
def test_pictures_and_sound_of_each_video_are_decoded_once_for_all_pipelines(tmp_path: Path) -> None:
    videos = [min(GRID.glob("*.mpg"))]
    told = tmp_path / "decoded.txt"
    paths = [str(COUNTING), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "DECODED": str(told)}
    done = commands.finished(
        "run", *videos, "--out", tmp_path / "out", "--preset", "embedded", env=environment
    )
    assert done.returncode == 0, done.stderr
    lines = Counter(told.read_text().splitlines())
    for video in map(probe, map(str, videos)):
        assert video.sound is not None
        assert lines.pop(f"picture {video.path}") == len(video.index)
        assert [
            (line, times) for line, times in lines.items() if line.startswith(f"sound {video.path} ")
        ] == [(next(line for line in lines if line.startswith(f"sound {video.path} ")), 1)]
    assert {line.split()[0] for line in lines} == {"sound"}
