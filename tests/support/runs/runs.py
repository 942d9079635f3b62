"""Runs of the real engine, and what they left in the store."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from actors.stores import open_store
from schemas.annotations.annotation import Annotation, canonical_digest
from schemas.pipelines import PERSON, SCENE
from schemas.settings.layers import configured, layer
from schemas.settings.settings import Settings
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchReport
from tests.support.suite.child_threads import child_threads
from vaengine.execution.engine import Engine
from vaengine.requests.executor_choice import NONE, ClusterOption
from vaengine.requests.inputs.found_files import find_files
from vaengine.requests.request import RunRequest


def settings(**dotted: Any) -> Settings:
    """Settings by dotted key, dots written as `__`."""
    return configured(
        layer("test", {key.replace("__", "."): value for key, value in dotted.items()})
    ).settings


def sqlite(out: Path) -> str:
    return f"sqlite:///{out / 'batch_processing.db'}"


def request(
    paths: Sequence[Path],
    out: Path,
    *,
    pipelines: Sequence[str] = (SCENE, PERSON),
    url: str | None = None,
    **told: Any,
) -> RunRequest:
    engine = {key: told.pop(key) for key in list(told) if "__" in key}
    told.setdefault("cluster", ClusterOption.of(None, None, os.environ).cluster)
    return RunRequest(
        tuple(str(path) for path in paths),
        tuple(pipelines),
        settings(**engine),
        out,
        url or sqlite(out),
        **told,
    )


def run(paths: Sequence[Path], out: Path, *, processes: bool = False, **told: Any) -> BatchReport:
    """One run from this process: on Ray where the test needs it, else without (`tests.support.suite.lanes`).

    With `processes`, child processes are processes, which may be lost, and not threads.
    """
    asked = request(paths, out, **told)
    with nullcontext() if processes else child_threads(asked.pipelines):
        return Engine(asked).run()


class Reference:
    """What a run that nothing disturbs makes of videos, without Ray: its digest, found once a session for
    the same videos and settings.
    """

    def __init__(self, place: Path) -> None:
        self._place, self._known = place, dict[tuple[object, ...], str]()

    def __call__(self, *inputs: Path, pipelines: Sequence[str] = (SCENE, PERSON), **engine: Any) -> str:
        asked = (*map(str, inputs), *pipelines, repr(sorted(engine.items())))
        if asked not in self._known:
            out = self._place / str(len(self._known))
            paths = [path for entry in inputs for path in video_paths([str(entry)])]
            report = run(paths, out, pipelines=pipelines, cluster=NONE, **engine)
            assert report.failed == 0, report.outcomes
            self._known[asked] = digest(sqlite(out))
        return self._known[asked]


def video_paths(inputs: Sequence[str]) -> list[Path]:
    """The local videos that `inputs` lead to, as a run finds them."""
    return [Path(path) for path in find_files(inputs).paths]


def digest(url: str) -> str:
    """The canonical digest of everything a store holds."""
    store = open_store(url, read_only=True)
    try:
        return canonical_digest(store.canonical_rows())
    finally:
        store.close()


def rows(url: str, pipeline: str) -> dict[str, list[Annotation]]:
    """Annotations of each video of a store."""
    store = open_store(url, read_only=True)
    try:
        found = {}
        for job in store.jobs():
            if pipeline in job.pipeline_results:
                key = WorkKey(job.video_id, pipeline, job.pipeline_results[pipeline].config_hash)
                found[job.video_path.name] = store.annotations(key)
        return found
    finally:
        store.close()
