"""`BatchOrchestrator`: the engine as the original plan named it, for those who drive batches from Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.annotation import job_id_for
from schemas.errors import UsageError
from schemas.job import BatchReport, BatchStatus, JobStatus
from schemas.pipeline import AVAILABLE, pipeline_named
from schemas.progress import Snapshot
from schemas.store import StorageBackend
from vaengine.checkpoint import Checkpoint
from vaengine.configuration import flat, layer
from vaengine.engine import Engine
from vaengine.fitting import fitted
from vaengine.plan import work_keys
from vaengine.probing import probe_path
from vaengine.request import RunRequest
from vaengine.workshop import workshop


class BatchOrchestrator:
    """Collects jobs and runs them on the engine that `vaengine run` uses; `storage_backend` says where results go."""

    def __init__(self, storage_backend: StorageBackend, *, out: Path | None = None) -> None:
        self._store = storage_backend
        self._out = (out or _folder_of(storage_backend.url)).absolute()
        self._jobs: dict[str, RunRequest] = {}  # job -> what is asked for this one video

    def add_job(self, video_path: str, config: Mapping[str, Any] | None = None) -> str:
        """Ask for a video; the job id is the same for the same content and configuration, on any machine.

        `config` holds settings by dotted key or nested, and `pipelines` (names, default all) and `preset`. Raises `UsageError`.
        """
        request = self._request(Path(video_path).absolute(), dict(config or {}))
        probed = probe_path(request.inputs[0])
        keys = work_keys(probed.video_id, request.pipelines, request.settings)
        job_id = job_id_for(probed.video_id, {key.pipeline: key.config_hash for key in keys})
        self._jobs[job_id] = request
        return job_id

    def run_batch(self, max_workers: int = 4, *, listener: Callable[[Snapshot], None] | None = None) -> BatchReport:
        """Run every job added so far, those of one configuration together; results that are there already are not made again."""
        return _joined([Engine(request, listener=listener).run() for request in self._grouped(max_workers)])

    def checkpoints(self, max_workers: int = 4) -> list[Path]:
        """Write down the jobs added so far, one file for each configuration, without running them; each is for `resume_batch`."""
        return [Checkpoint.of(request, Engine(request).batch_id).write(request.out) for request in self._grouped(max_workers)]

    def resume_batch(self, job_queue_path: str) -> BatchReport:
        """Go on with the batch that a `checkpoint_<batch>.json` points to."""
        return Engine(Checkpoint.read(Path(job_queue_path)).request()).run()

    def get_status(self) -> BatchStatus:
        """Jobs of the store by state; jobs added and not yet run count as pending."""
        counts = dict.fromkeys(JobStatus, 0)
        stored: set[str] = set()
        for job in self._store.jobs():
            counts[job.status] += 1
            stored.add(job.job_id)
        counts[JobStatus.PENDING] += len(self._jobs.keys() - stored)
        return BatchStatus(**{status.value: count for status, count in counts.items()})

    def _request(self, path: Path, config: dict[str, Any]) -> RunRequest:
        pipelines = tuple(pipeline_named(name) for name in config.pop("pipelines", AVAILABLE))
        told = layer("config", dict(flat(config)))
        found, resolution = fitted(told, pipelines, workshop(told, self._store.url, fetch=True, pipelines=pipelines))
        return RunRequest(
            (str(path),), pipelines, found.settings, self._out, self._store.url, presets=resolution.presets, record=resolution.record
        )

    def _grouped(self, max_workers: int) -> list[RunRequest]:
        if not self._jobs:
            raise UsageError("no job has been added: call add_job(video_path, config) first")
        groups: dict[str, RunRequest] = {}
        for request in self._jobs.values():
            same = repr((request.pipelines, request.settings))
            inputs = (*groups[same].inputs, *request.inputs) if same in groups else request.inputs
            engine = request.settings.engine.model_copy(update={"workers": max_workers})
            groups[same] = replace(request, inputs=inputs, settings=request.settings.model_copy(update={"engine": engine}))
        return list(groups.values())


def _folder_of(url: str) -> Path:
    kind, _, place = url.partition(":")
    return Path(place) if kind == "files" else Path(place.removeprefix("///")).parent


def _joined(reports: list[BatchReport]) -> BatchReport:
    first, *others = reports
    for report in others:
        first = replace(
            first,
            outcomes=first.outcomes + report.outcomes,
            wall_s=first.wall_s + report.wall_s,
            frames_decoded=first.frames_decoded + report.frames_decoded,
            video_s=first.video_s + report.video_s,
            passes=first.passes + report.passes,
            stopped_by=first.stopped_by or report.stopped_by,
            halted=first.halted or report.halted,
        )
    return first
