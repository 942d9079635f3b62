"""The engine on real Ray comes to what it comes to without, whatever the workers, chunks, pages and
stores; see `test_local_runs`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.connection.connect import reachable
from schemas.pipelines import SCENE
from tests.support.media import clips
from tests.support.runs import runs
from tests.support.runs.runs import Reference

pytestmark = pytest.mark.usefixtures("ray_session")


@pytest.fixture(scope="module")
def folder(clip_folder: Path) -> list[Path]:
    """Cuts, persons over a cut, and many keyframes."""
    return [
        clips.with_cuts(clip_folder).path,
        clips.with_persons(clip_folder, cuts=(24,), persons=2).path,
        clips.counting(clip_folder, frames=120, fps=24, coding=clips.h264("bframes=2", gop=12)).path,
    ]


def test_the_cluster_that_runs_here_is_reachable() -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    assert reachable(address) == address


@pytest.mark.long
def test_all_videos_are_looked_at_in_one_pass_and_come_to_what_a_run_without_ray_makes_of_them(
    folder: list[Path], reference_digest: Reference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is: a page that is late would be a pass of its own.
    monkeypatch.setattr("vaengine.planning.probing.FIRST_PAGE_TIMEOUT_S", 60.0)
    report = runs.run(folder, tmp_path, engine__workers=1, engine__chunk_seconds=3600.0)
    assert (report.completed, report.failed, report.passes) == (len(folder), 0, 1)
    assert runs.digest(runs.sqlite(tmp_path)) == reference_digest(*folder)


@pytest.mark.long
def test_neither_workers_nor_chunks_nor_pages_change_a_row(
    folder: list[Path], reference_digest: Reference, tmp_path: Path
) -> None:
    told = {"engine__workers": 4, "engine__chunk_seconds": 0.5, "engine__page_chunks": 1}
    report = runs.run(folder, tmp_path, **told)
    assert (report.completed, report.failed) == (len(folder), 0)
    assert runs.digest(runs.sqlite(tmp_path)) == reference_digest(*folder)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["files", "postgresql"])
def test_every_kind_of_store_is_written_from_ray(
    kind: str, folder: list[Path], reference_digest: Reference, postgres_url: str, tmp_path: Path
) -> None:
    url = {"files": f"files:{tmp_path}", "postgresql": postgres_url}[kind]
    bad = clips.not_a_video(tmp_path / "bad")
    report = runs.run([bad, *folder], tmp_path, url=url, pipelines=[SCENE])
    assert (report.completed, report.failed) == (len(folder), 1)
    digest = runs.digest(url)
    assert (
        runs.run([bad, *folder], tmp_path, url=url, pipelines=[SCENE]).frames_decoded,
        runs.digest(url),
    ) == (0, digest)
    alone = runs.run(
        folder, tmp_path / "alone", url=f"files:{tmp_path / 'alone'}", pipelines=[SCENE], cluster="none"
    )
    assert alone.completed == len(folder)
    assert [runs.rows(url, SCENE)[path.name] for path in folder] == [
        runs.rows(f"files:{tmp_path / 'alone'}", SCENE)[path.name] for path in folder
    ]
