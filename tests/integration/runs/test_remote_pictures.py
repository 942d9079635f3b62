"""What is drawn of a video behind a URL."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from actors.stores import open_store
from schemas.pipelines import SCENE
from tests.support.media import clips
from tests.support.runs import local_runs, runs
from tests.support.servers.web_server import served
from vaengine.rendering.render import render
from vaengine.results.lookup import results_of


def test_a_video_behind_a_url_is_found_by_it_and_rendered(clip_folder: Path, tmp_path: Path) -> None:
    clip = clips.with_cuts(clip_folder).path
    (tmp_path / "served").mkdir()
    shutil.copy(clip, tmp_path / "served")
    with served(tmp_path / "served") as web:
        url = web.url(clip.name)
        assert local_runs.run([url], tmp_path, pipelines=[SCENE]).completed == 1
        with closing(open_store(runs.sqlite(tmp_path), read_only=True)) as store:
            results = results_of(store, url)
            assert results_of(store, clip.name).video == results.video
        assert results.video.path == url
        done = render(results, tmp_path / "drawn.mp4")
    assert done.frames_done == len(results.video.index)
    assert (tmp_path / "drawn.mp4").stat().st_size > 0
