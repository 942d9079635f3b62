"""The Python interface: annotate one video, annotate many while the results come in, read what is stored."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.errors import UsageError, VideoError
from schemas.paths import absolute_location, is_url
from vaengine.api.batch import Batch
from vaengine.api.video_annotations import VideoAnnotations

if TYPE_CHECKING:
    from vaengine.requests.run_options import ResolvedRequest

StrPath = str | os.PathLike[str]


def annotate(
    path: StrPath,
    *,
    pipelines: str | Sequence[str] | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    config: StrPath | None = None,
    models: StrPath | None = None,
    out: StrPath | None = None,
    db: str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    replace: bool | str = "ask",
    progress: bool = False,
) -> VideoAnnotations:
    """Annotate one video and return what was found; what the store has already is not made again.

    The parameters are those of `vaengine run`: `pipelines` such as "scene" or ["scene", "person"], all by
    default; `settings` by dotted key, or nested; `config` a batch file; `models` a folder of weights; `out`
    by default ./vaengine_out, as for the command, so that its other commands see the same results. `replace`
    says what is to become of complete results of other settings: "ask" refuses to replace them, with
    `WouldReplace`; True or "replace" does so, "keep" keeps them beside the new ones, and "as-before" takes
    the settings that they were made with. `cluster` is where the work is carried out, "none" for without Ray;
    by default a run that Ray would take longer to start than to do goes without. `progress` says what the
    preset came to, and shows the display of the command, on standard error.

    Raises `UsageError` and its kin for what is known before the first frame, `VideoError` when the video
    failed, with its reason, `VaengineError` when the run ended early. Ctrl-C stops the run and keeps what is
    done.
    """
    asked = resolved_options(
        [path], pipelines, preset, settings, config, models, out, db, workers, cluster, replace
    )
    if (count := len(asked.request.inputs)) > 1:
        raise UsageError(
            f"{os.fspath(path)} leads to {count} videos: annotate takes one, annotate_all takes many"
        )
    with Batch(asked, progress=progress) as batch:
        videos = list(batch)
    if batch.failed:
        raise VideoError(*batch.failed[0])
    return videos[0]


def annotate_all(
    paths: StrPath | Iterable[StrPath],
    *,
    pipelines: str | Sequence[str] | None = None,
    preset: str | None = None,
    settings: Mapping[str, Any] | None = None,
    config: StrPath | None = None,
    models: StrPath | None = None,
    out: StrPath | None = None,
    db: str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    replace: bool | str = "ask",
    progress: bool = False,
) -> Batch:
    """Start annotating many videos, and return the batch to iterate over.

    `paths` are what `vaengine run` takes: files, folders, globs, text lists. The parameters are those of
    `annotate`. Raises `UsageError` and its kin for wrong use, before anything is started.
    """
    from vaengine.planning.preflight import refuse_known

    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found = resolved_options(
        given, pipelines, preset, settings, config, models, out, db, workers, cluster, replace
    )
    refuse_known(found.request)
    return Batch(found, progress=progress)


def load_annotations(
    video: StrPath, *, out: StrPath | None = None, db: str | None = None
) -> VideoAnnotations:
    """What is stored of a video, without running anything.

    `video` is its path, its file's name, its id or the beginning of that, as commands take it; or a folder
    with its COCO-shaped files, which needs no store. Of each pipeline the newest result counts, a complete
    one before one that failed half-way. Raises `NotFound`, and `UsageError` where several videos are meant.
    """
    from actors.stores import open_store
    from vaengine.requests.store_location import stored_at
    from vaengine.results.lookup import jobs_of, newest_results

    named = os.fspath(video)
    if not is_url(named) and Path(video).is_dir():
        return VideoAnnotations.from_folder(Path(video))
    url = stored_at(db, os.fspath(out) if out is not None else None)
    with contextlib.closing(open_store(url, read_only=True)) as store:
        jobs = jobs_of(store, absolute_location(named) if os.sep in named else named)
        newest = {name: job for name, (job, _) in newest_results(jobs).items()}
        return VideoAnnotations.from_store(store, jobs[0].video_id, newest)


def resolved_options(
    paths: Iterable[StrPath],
    pipelines: str | Sequence[str] | None,
    preset: str | None,
    settings: Mapping[str, Any] | None,
    config: StrPath | None,
    models: StrPath | None,
    out: StrPath | None,
    db: str | None,
    workers: int | None,
    cluster: str | None,
    replace: bool | str,
) -> ResolvedRequest:
    """What `vaengine run` would make of the same; values of settings go through JSON, which is YAML too."""
    from schemas.settings.layers import flat
    from vaengine.requests.replacement import replace_mode
    from vaengine.requests.run_options import RunOptions, resolve_request

    told = flat(settings or {})
    options = RunOptions(
        paths=tuple(os.fspath(path) for path in paths),
        out=None if out is None else os.fspath(out),
        db=db,
        pipelines=pipelines if pipelines is None or isinstance(pipelines, str) else ",".join(pipelines),
        preset=preset,
        config=None if config is None else Path(config),
        models=None if models is None else Path(models),
        settings=tuple(f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in told),
        workers=workers,
        cluster=cluster,
        replace=replace_mode(replace) if replace != "ask" else None,  # which a batch file may answer
    )
    resolved = resolve_request(options)
    if cluster is None:
        return resolved
    request = dataclasses.replace(resolved.request, cluster_text=f"{cluster=}")
    return dataclasses.replace(resolved, request=request)
