"""A file that was renamed or copied is the same content: its results are used, and every name leads to it.

Nothing here needs Ray.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import vaengine
from actors.stores import open_store
from schemas.pipelines import SCENE
from schemas.storage.backend import StorageBackend
from schemas.work.job import BatchReport
from tests.support.media import clips
from tests.support.runs import runs
from tests.support.stores import filled
from vaengine.api import job_control
from vaengine.execution.engine import Engine
from vaengine.reporting import run_report as reports
from vaengine.requests.executor_choice import OWN_RAY
from vaengine.results.lookup import jobs_of

STORES: dict[str, Callable[[Path], str]] = {
    "files": lambda out: f"files:{out}",
    "sqlite": runs.sqlite,
}


@pytest.fixture
def clip(clip_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(clips.with_cuts(clip_folder).path, tmp_path / "holiday.mp4"))


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return STORES[request.param](tmp_path / "out")


@contextmanager
def opened(url: str) -> Iterator[StorageBackend]:
    with closing(open_store(url, read_only=True)) as store:
        yield store


def complete(path: Path, url: str) -> str:
    return filled.complete(runs.request([path], path.parent / "out", pipelines=[SCENE], url=url))[str(path)]


def again(url: str, *paths: Path) -> BatchReport:
    """Nothing is left to do, so that no Ray is started, nor a child in place of it."""
    return Engine(
        runs.request(paths, paths[0].parent / "out", pipelines=[SCENE], url=url, cluster=OWN_RAY)
    ).run()


def test_a_renamed_file_has_the_results_it_had_and_is_shown_under_its_new_name(clip: Path, url: str) -> None:
    video_id = complete(clip, url)
    renamed = clip.rename(clip.with_name("P01.mp4"))
    for _ in range(2):  # first by its content, then by its path
        (outcome,) = again(url, renamed).outcomes
        assert (outcome.video_id, outcome.path, outcome.outcome) == (video_id, str(renamed), "skipped")
        assert f"same content as {video_id}" in reports.notes(outcome)
    with opened(url) as store:
        assert store.videos([video_id])[video_id].path == str(renamed)
        assert [job.video_path for job in store.jobs()] == [renamed]
        assert store.paths_of(video_id) == (str(renamed), str(clip))


def test_a_copy_beside_its_original_is_a_further_path_of_it(clip: Path, url: str) -> None:
    video_id = complete(clip, url)
    copy = Path(shutil.copy(clip, clip.with_name("P01.mp4")))
    for _ in range(2):
        assert [(one.video_id, one.outcome) for one in again(url, copy).outcomes] == [(video_id, "skipped")]
    with opened(url) as store:
        assert store.videos([video_id])[video_id].path == str(clip), "the old file is still there"
        assert [job.video_path for job in store.jobs()] == [clip]
        assert store.paths_of(video_id) == (str(copy), str(clip))


def test_once_the_original_has_changed_the_copy_is_shown(clip: Path, url: str) -> None:
    video_id = complete(clip, url)
    copy = Path(shutil.copy(clip, clip.with_name("P01.mp4")))
    clip.write_bytes(b"something else")
    again(url, copy)
    with opened(url) as store:
        assert store.videos([video_id])[video_id].path == str(copy)


def test_copies_within_a_run_are_one_video_and_all_their_paths_are_known(clip: Path, url: str) -> None:
    copies = [Path(shutil.copy(clip, clip.with_name(name))) for name in ("P01.mp4", "P02.mp4")]
    complete(clip, url)
    (outcome,) = again(url, *copies, clip).outcomes
    assert {outcome.path, *outcome.duplicates} == {str(clip), *map(str, copies)}
    with opened(url) as store:
        assert store.known_paths() == dict.fromkeys(map(str, [clip, *copies]), outcome.video_id)


def test_a_dry_run_knows_it_too(clip: Path, url: str) -> None:
    complete(clip, url)
    copy = Path(shutil.copy(clip, clip.with_name("P01.mp4")))
    plan = Engine(runs.request([copy, clip], clip.parent / "out", pipelines=[SCENE], url=url)).plan()
    assert (plan.videos, plan.skipped, plan.chunks) == (1, 1, 0)


def test_every_name_leads_to_it(clip: Path, tmp_path: Path) -> None:
    url = runs.sqlite(tmp_path / "out")
    video_id = complete(clip, url)
    renamed = clip.rename(clip.with_name("P01.mp4"))
    again(url, renamed)
    with opened(url) as store:
        for name in ("holiday.mp4", "holiday", "P01.mp4", "P01", str(renamed), video_id):
            assert {job.video_id for job in jobs_of(store, name)} == {video_id}, name
        for path in (renamed, clip):
            assert {job.video_id for job in job_control.chosen(store, [str(path)])} == {video_id}


def test_a_job_that_is_added_from_python_is_that_of_the_content(clip: Path, tmp_path: Path) -> None:
    with closing(open_store(runs.sqlite(tmp_path / "out"))) as store:
        batch = vaengine.BatchOrchestrator(store)
        complete(clip, runs.sqlite(tmp_path / "out"))
        copy = shutil.copy(clip, clip.with_name("P01.mp4"))
        assert batch.add_job(str(clip), {"pipelines": ["scene"]}) == batch.add_job(
            str(copy), {"pipelines": ["scene"]}
        )
