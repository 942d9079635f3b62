"""What a run registers before anything of it is begun."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from actors.stores import open_store
from schemas.work.job import JobStatus
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
