"""What a run registers before anything of it is begun."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.stores import open_store
from schemas.errors import NotAVideo
from schemas.media.video import video_id_for
from schemas.work.job import JobStatus, VideoOutcome
from tests.support.runs import runs
from tests.support.stores.fake_videos import RUN, Clip
from vaengine.planning.backlog import Backlog
from vaengine.planning.prober import ProbedVideo

CLIP = Clip()


def test_a_job_that_was_only_registered_is_pending_and_has_no_start(tmp_path: Path) -> None:
    request = runs.request([Path(CLIP.name)], tmp_path)
    with closing(open_store(request.store_url)) as store:
        epoch = store.open_run(RUN)
        work = Backlog(request, RUN.batch_id).take(
            [ProbedVideo(CLIP.name, CLIP.video_id, CLIP.fingerprint, CLIP.video)], store, epoch
        )
        (job,) = store.jobs()
    assert work.left.has_work
    states = [(one.status, one.started_at) for one in (job, *job.pipeline_results.values())]
    assert states == [(JobStatus.PENDING, None)] * 3


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from("abcd!"), min_size=1, max_size=9), st.integers(1, 4), st.integers(0, 9))
def test_the_outcomes_are_each_video_in_order_with_its_copies_then_what_nobody_looked_at(
    contents: list[str], page: int, looked_at: int
) -> None:
    files = [_probed(f"/clips/{number}.mp4", content) for number, content in enumerate(contents)]
    with tempfile.TemporaryDirectory() as folder:
        request = runs.request([Path(file.path) for file in files], Path(folder))
        with closing(open_store(request.store_url)) as store:
            epoch, backlog = store.open_run(RUN), Backlog(request, RUN.batch_id)
            for start in range(0, looked_at, page):
                backlog.take(files[start : min(start + page, looked_at)], store, epoch)
            assert backlog.outcomes(store) == _outcomes(files, looked_at)
            expected = {one.video_id for one in files[:looked_at] if one.video} & set(backlog.entries)
            assert set(backlog.left(store, epoch).video_ids) == expected


def _probed(path: str, content: str) -> ProbedVideo:
    """A file of this content; `!` is none that can be read."""
    clip = Clip(path, content)
    if content == "!":
        return ProbedVideo(path, video_id_for(path, "f" * 64), "f" * 64, error=NotAVideo(path, "no"))
    return ProbedVideo(path, clip.video_id, clip.fingerprint, clip.video)


def _outcomes(files: Sequence[ProbedVideo], looked_at: int) -> tuple[VideoOutcome, ...]:
    """What a report says of them, by a dictionary of all."""
    paths: dict[str, list[ProbedVideo]] = {}
    for file in files[:looked_at]:
        paths.setdefault(file.fingerprint if file.video else file.path, []).append(file)
    return (
        *(
            VideoOutcome(
                one.video_id,
                one.path,
                "failed" if one.error else "pending",
                str(one.error) if one.error else None,
                one.error.kind if one.error else None,
                duplicates=tuple(copy.path for copy in copies),
            )
            for one, *copies in paths.values()
        ),
        *(VideoOutcome("", file.path, "pending") for file in files[looked_at:]),
    )
