"""A run on a copy of the results writes to the copy, whatever jobs and checkpoints remember."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from actors.stores import open_store
from schemas.annotations.annotation import job_id_for
from schemas.pipelines import SCENE
from schemas.work.job import BatchJob, JobStatus, PipelineResult
from tests.contract.conftest import digest
from tests.support.media import clips
from tests.support.runs import runs
from tests.support.stores.fake_videos import RUN, done
from tests.support.stores.kept import contents
from vaengine.execution.engine import Engine
from vaengine.execution.projection import project_job
from vaengine.planning.plan import work_keys
from vaengine.planning.prober import probe_path
from vaengine.requests.checkpoint import Checkpoint
from vaengine.requests.request import RunRequest
from vaengine.requests.store_location import checkpoint_of


def complete(request: RunRequest) -> None:
    """The store, the files and the checkpoint of a run that is over, as if it had found no scene."""
    probed = probe_path(request.inputs[0])
    (key,) = work_keys(probed.video_id, request.pipelines, request.settings)
    result = {SCENE: PipelineResult(SCENE, key.config_hash, JobStatus.RUNNING)}
    job_id = job_id_for(probed.video_id, {SCENE: key.config_hash})
    folder = request.out / probed.video_id
    job = BatchJob(
        job_id, Path(request.inputs[0]), folder, {}, probed.video_id, pipeline_results=result, batch_id="b1"
    )
    with closing(open_store(request.store_url)) as store:
        epoch = store.open_run(replace(RUN, batch_id="b1", inputs=request.inputs))
        assert probed.video is not None
        store.register(epoch, [probed.video], [job])
        store.finish(epoch, done(job, key))
        store.close_run(epoch, "completed")
        project_job(store, store.load_job_metadata(job_id), request.out)
    Checkpoint.of(request, "b1").write(request.out)


def files(out: Path) -> dict[str, bytes]:
    found = contents(out)
    assert isinstance(found, dict)
    return {name: data for name, data in found.items() if not name.startswith("batch_processing.db")}


@pytest.mark.parametrize("command", ["run", "resume", "run with the store alone"])
@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_a_run_on_a_copy_leaves_the_original_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, command: str
) -> None:
    clip = clips.still(tmp_path)
    original, copy = tmp_path / "vaengine_out", tmp_path / "copy"
    original.mkdir()
    url = {"sqlite": f"sqlite:///{original}/batch_processing.db", "files": f"files:{original}"}[kind]
    complete(runs.request([clip.path], original, pipelines=(SCENE,), url=url))
    shutil.copytree(original, copy)
    for out in (original, copy):
        for path in out.glob("*/batch_summary.json"):
            path.write_text("torn")
    with closing(open_store(url, read_only=True)) as store:
        rows = digest(store)
    before = files(original)
    monkeypatch.chdir(tmp_path)
    Engine(requested(command, clip.path, copy, url.replace(str(original), str(copy)))).run()
    assert files(original) == before
    with closing(open_store(url, read_only=True)) as store:
        assert digest(store) == rows
        assert len(store.batches()) == 1
    with closing(open_store(url.replace(str(original), str(copy)), read_only=True)) as store:
        assert len(store.batches()) == 2
    if kind == "sqlite":
        (mended,) = copy.glob("*/batch_summary.json")
        assert mended.read_text() != "torn"


def requested(command: str, clip: Path, copy: Path, url: str) -> RunRequest:
    if command == "run":
        return runs.request([clip], copy, pipelines=(SCENE,), url=url)
    if command == "resume":
        return checkpoint_of("b1", str(copy), None).request()
    from vaengine.requests.run_options import RunOptions, resolve_request

    return resolve_request(RunOptions(paths=(str(clip),), db=url, pipelines="scene")).request
