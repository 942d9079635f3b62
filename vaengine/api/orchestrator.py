"""`BatchOrchestrator`: runs batches from Python, under the names of the original plan."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.stores.engines.address import StoreUrl
from schemas.errors import InvalidSetting, UsageError
from schemas.pipelines import AVAILABLE
from schemas.settings.layers import configured, flat, layer
from schemas.settings.settings import Settings
from schemas.storage.backend import StorageBackend
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchReport, BatchStatus, JobStatus
from schemas.work.progress import Snapshot
from schemas.work.run import new_batch_id
from vaengine.api.progress_tracker import ProgressTracker
from vaengine.execution.batch_parts import run_in_turn
from vaengine.execution.engine import Engine
from vaengine.model_selection.discover import discover_environment
from vaengine.model_selection.select import select_models
from vaengine.planning.page import Page
from vaengine.planning.preflight import refuse
from vaengine.planning.prober import probe_path
from vaengine.planning.replaced_results import conflicts, described
from vaengine.reporting.run_states import run_states, shown_states
from vaengine.requests.checkpoint import Checkpoint
from vaengine.requests.executor_choice import ClusterOption
from vaengine.requests.inputs.found_files import find_files
from vaengine.requests.replacement import replace_mode
from vaengine.requests.request import RunRequest
from vaengine.requests.run_options import fitted_as_before, pipelines_named
from vaengine.requests.store_location import DEFAULT_OUT

StrPath = str | os.PathLike[str]


class BatchOrchestrator:
    """Collects jobs and runs them on the engine that `vaengine run` uses.

    `storage_backend` is the store of the results. Files are written to `out`: by default the folder of the
    store, and for a database on a server ./vaengine_out, as for the command. `replace` says what is to become
    of complete results of other settings, as in `annotate`; by default a batch that would replace some is
    refused with `WouldReplace` before it runs.
    """

    def __init__(
        self, storage_backend: StorageBackend, *, out: Path | None = None, replace: bool | str = "ask"
    ) -> None:
        self._store, self._replace = storage_backend, replace_mode(replace)
        self._out = (out or _folder_of(storage_backend.url)).expanduser().absolute()
        self._jobs: dict[str, RunRequest] = {}  # job id -> the request for this video
        self._pages: dict[str, Page] = {}  # job id -> the video and its work keys

    def add_job(self, video_path: StrPath, config: Mapping[str, Any] | None = None) -> str:
        """Add a job for one video; its id is the same for the same content and configuration on any machine.

        `config` holds settings by dotted key or nested, and `pipelines` (names, default all) and `preset`.
        Raises `UsageError` for a path that is missing or leads to several videos, with the message of the
        command.
        """
        request = self._request(_one_video(video_path), dict(config or {}))
        probed = probe_path(request.inputs[0], video_track=request.settings.decode.video_track)
        page = Page.of(request, [probed], self._store, {})
        job_id = page.job(page.fresh[0].video_id).job_id
        self._jobs[job_id], self._pages[job_id] = request, page
        return job_id

    def run_batch(
        self, max_workers: int = 4, *, listener: Callable[[Snapshot], None] | None = None
    ) -> BatchReport:
        """Run every job added so far; existing results are not made again.

        Jobs of one configuration run together. `max_workers` is the upper bound of chunks in work at once, 1
        to 32. All configurations are one batch, with one id and one checkpoint. Raises `UsageError` and its
        subclasses, such as `WouldReplace`.
        """
        batch = self._batch(max_workers)
        if batch.asks:
            self._refuse()  # checks all configurations before the first one runs
        return run_in_turn(batch, lambda part: Engine(part, listener=listener).run())

    def checkpoints(self, max_workers: int = 4) -> list[Path]:
        """Write the jobs added so far to one file for `resume_batch`, without running them.

        The file has all their configurations.
        """
        request = self._batch(max_workers)
        return [Checkpoint.of(request, str(request.batch_id)).write(request.out)]

    def resume_batch(self, job_queue_path: StrPath) -> BatchReport:
        """Resume the batch of a `checkpoint_<batch>.json`: every job of it, into this orchestrator's store.

        The orchestrator's `replace` overrides what the checkpoint says of earlier results; "ask" leaves that
        as it is. "as-before" is refused, because the batch keeps the settings that it was begun with. A
        checkpoint holds no password; that of the store is used. Raises `NotFound`, or `UsageError`, also
        where the file is damaged.
        """
        if self._replace == "as-before":
            raise UsageError(
                "replace='as-before' cannot be had for a batch that is resumed, whose settings are fixed:"
                " leave it out, or give True or 'keep'"
            )
        checkpoint = Checkpoint.read(Path(job_queue_path).expanduser()).at(self._store.connection_url)
        request = checkpoint.request().answered(None if self._replace == "ask" else self._replace)
        return run_in_turn(request, lambda part: Engine(part).run())

    def get_status(self) -> BatchStatus:
        """Jobs by the state that `vaengine status` shows; added jobs that have not run count as pending.

        Times and pace are those of the newest batch.
        """
        jobs = list(self._store.jobs())
        counts = Counter(shown_states(self._store, jobs, run_states(self._store)).values())
        counts[JobStatus.PENDING.value] += len(self._jobs.keys() - {job.job_id for job in jobs})
        by_state: dict[str, Any] = dict(counts)
        return BatchStatus(**by_state, **self._pace())

    def _pace(self) -> dict[str, Any]:
        """Times and pace of the store's newest batch; empty where there is none."""
        if not self._store.batches():
            return {}
        progress = ProgressTracker(self._store).snapshot()
        return {
            name: getattr(progress, name)
            for name in ("started_at", "ended_at", "duration_s", "eta_s", "jobs_per_hour")
        }

    def _request(self, path: str, config: dict[str, Any]) -> RunRequest:
        requested = _pipelines(names) if (names := config.pop("pipelines", ())) else ()
        user_settings = layer("config", dict(flat(config)))
        configured(user_settings)  # a misspelt key is reported before anything is searched or fetched
        url = self._store.connection_url
        if self._replace == "as-before":
            configuration, resolution = fitted_as_before(url, (str(path),), requested, user_settings)
        else:
            configuration, resolution = select_models(
                user_settings,
                requested or AVAILABLE,
                discover_environment(user_settings, url, fetch=True, pipelines=requested or AVAILABLE),
            )
        pipelines = tuple(name for name in AVAILABLE if name in resolution.presets)
        where = ClusterOption.of(None, None, os.environ)
        request = RunRequest(
            (str(path),),
            pipelines,
            configuration.settings,
            self._out,
            url,
            where.cluster,
            where.text,
            presets=resolution.presets,
            record=resolution.record,
        )
        return request.answered(self._replace)

    def _refuse(self) -> None:
        """Raises `WouldReplace` for results that the jobs would replace.

        Raises `UsageError` where one job would replace the results of another.
        """
        requested_keys: dict[tuple[str, str], WorkKey] = {}
        for page in self._pages.values():
            keys = {one.video_id: page.keys[one.video_id] for one in page.fresh if one.video}
            refuse(described(self._store, conflicts(self._store, keys), page.job))
            for key in (key for video_keys in keys.values() for key in video_keys):
                if requested_keys.setdefault((key.video_id, key.pipeline), key) != key:
                    raise UsageError(
                        f"{key.pipeline} of {key.video_id} is asked for with two configurations: keep both "
                        "with replace='keep'"
                    )

    def _batch(self, max_workers: int) -> RunRequest:
        """All jobs as one request: the first configuration, with the others beside it."""
        workers = _checked_workers(max_workers)
        if not self._jobs:
            raise UsageError("no job has been added: call add_job(video_path, config) first")
        groups: dict[str, RunRequest] = {}
        for request in self._jobs.values():
            group_key = repr((request.pipelines, request.settings))
            inputs = (*groups[group_key].inputs, *request.inputs) if group_key in groups else request.inputs
            groups[group_key] = replace(
                request, inputs=inputs, settings=_with_workers(request.settings, workers)
            )
        first, *others = groups.values()
        return replace(first, others=tuple(others), batch_id=new_batch_id())


def _one_video(video_path: StrPath) -> str:
    """The video that a path leads to; raises `UsageError`, as the command does."""
    found = find_files([os.fspath(video_path)]).paths
    if len(found) > 1:
        raise UsageError(
            f"{os.fspath(video_path)} leads to {len(found)} videos: add_job takes one, call it for each of "
            "them"
        )
    return found[0]


def _pipelines(names: str | Iterable[str]) -> tuple[str, ...]:
    """Full names of pipelines from a list, or from a text as the command takes it; all pipelines for none."""
    return pipelines_named(names if isinstance(names, str) else ",".join(names))


def _checked_workers(max_workers: int) -> int:
    """Raises `InvalidSetting` for anything but a number from 1 to 32.

    0, which means one per core for the command, is refused too.
    """
    workers = configured(layer("max_workers", {"engine.workers": max_workers})).settings.engine.workers
    if workers < 1:
        raise InvalidSetting("engine.workers", max_workers, "max_workers takes a number from 1 to 32")
    return workers


def _with_workers(settings: Settings, workers: int) -> Settings:
    return settings.model_copy(update={"engine": settings.engine.model_copy(update={"workers": workers})})


def _folder_of(url: str) -> Path:
    """The default folder of files: beside a store on this machine's disk, else the command's default."""
    address = StoreUrl.parse(url)
    if address.kind == "postgresql":
        return Path(DEFAULT_OUT)
    return address.path if address.kind == "files" else address.path.parent
