"""Runs of the real engine without Ray: the same plan, chunks, finalizer and store, about a second each.

`local_runs.run(paths, out, pipelines=..., scene__threshold=..., ...)` takes what `runs.run` beside it takes
and returns the same report; `digest` and `rows` read the store. No fixture is needed, and nothing is
left running.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from schemas.work.job import BatchReport
from schemas.work.progress import Snapshot
from tests.support.runs import runs
from tests.support.runs.runs import digest, rows, sqlite
from tests.support.suite.child_threads import child_threads
from vaengine.execution.engine import Engine
from vaengine.requests.executor_choice import NONE

__all__ = ["digest", "reference_digest", "rows", "run", "sqlite"]


def run(
    paths: Sequence[Path],
    out: Path,
    *,
    listener: Callable[[Snapshot], None] | None = None,
    processes: bool = False,
    **told: Any,
) -> BatchReport:
    """One run in this process, and children of it where `processes` is set; `listener` gets its snapshots."""
    asked = runs.request(paths, out, cluster=NONE, **told)
    with nullcontext() if processes else child_threads(asked.pipelines):
        return Engine(asked, listener=listener).run()


def reference_digest(paths: Sequence[Path], out: Path, **told: Any) -> str:
    """The digest of an undisturbed run over `paths` with its results in `out`: what any other run of the
    same must come to.
    """
    report = run(paths, out, **told)
    assert report.completed == len(paths), report
    return digest(sqlite(out))
