"""What dead runs have left: runs that never said how they ended, and folders of processes that are gone."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from schemas.storage.backend import RunStore, StorageBackend
from schemas.work.batch_progress import INTERRUPTED
from schemas.work.job import JobStatus
from vaengine.console.units import counted, size
from vaengine.postgres.data_directory import LOCK
from vaengine.reporting.progress_rates import ENDED
from vaengine.reporting.run_states import run_states, shown_states

MIN_FOLDER_AGE_S: Final = 3600.0  # a younger folder may belong to a run that is just being started
RAY_SESSION: Final = re.compile(r"session_\d{4}-.*_(\d+)$")  # the last number is the process that started it


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """A folder nobody uses any more."""

    path: Path
    size_bytes: int

    def __str__(self) -> str:
        return f"{self.path} ({size(self.size_bytes)})"


def clean(store: StorageBackend | None, temporary: Path | None = None) -> Iterator[str]:
    """Remove what is left over; a line for each thing that went.

    Nothing that a living process uses is touched, nor any result.
    """
    for batch_id in end_dead_runs(store) if store else ():
        yield f"run {batch_id}: ended as killed, its work is free"
    if store and (again := put_back(store)):
        yield f"{counted(again, 'job')} that no run is at work on: pending again"
    for folder in unused_folders(temporary or Path(tempfile.gettempdir())):
        shutil.rmtree(
            folder.path, ignore_errors=True
        )  # what another user owns stays, and is not told as gone
        if not folder.path.exists():
            yield f"removed {folder}"


def end_dead_runs(store: RunStore) -> Iterator[str]:
    """Runs that are gone without a word: what they held is anybody's.

    A silent one whose process is there may be stopped by Ctrl-Z.
    """
    for run in run_states(store):
        if run.state == INTERRUPTED:
            store.close_run(run.batch.epoch, "killed")
            yield run.batch.batch_id


def put_back(store: StorageBackend) -> int:
    """Jobs that a dead run has left in work are pending again; returns how many."""
    jobs = list(store.jobs())
    states = shown_states(store, jobs, run_states(store))
    interrupted = [job for job in jobs if states[job.job_id] == INTERRUPTED]
    for job in interrupted:
        left = [name for name, result in job.pipeline_results.items() if result.status not in ENDED]
        store.mark(None, job.job_id, left, JobStatus.PENDING)
    return len(interrupted)


def unused_folders(temporary: Path, *, now_s: float | None = None) -> list[SessionFolder]:
    """Folders of runs and of Ray sessions of which no process is left, older than an hour; a database
    that was stopped is none.
    """
    before = (time.time() if now_s is None else now_s) - MIN_FOLDER_AGE_S
    used = _in_use()
    sessions = [path for path in (temporary / "ray").glob("session_*") if _is_dead_session(path, used)]
    own = [
        path for path in temporary.glob("vaengine-*") if str(path) not in used and not (path / LOCK).exists()
    ]
    found = [
        path
        for path in (*own, *sessions)
        if path.is_dir() and not path.is_symlink() and path.stat().st_mtime < before
    ]
    return [SessionFolder(path, sum(_sizes(path))) for path in sorted(found)]


def _is_dead_session(path: Path, used: str) -> bool:
    named = RAY_SESSION.search(path.name)
    return named is not None and not psutil.pid_exists(int(named.group(1))) and path.name not in used


def _in_use() -> str:
    """Working folders and command lines of all processes, as one text to look for a name in."""
    return "\n".join(_told(psutil.process_iter(["cmdline", "cwd"])))


def _told(processes: Iterable[psutil.Process]) -> Iterator[str]:
    for process in processes:
        yield " ".join(process.info["cmdline"] or ())
        yield process.info["cwd"] or ""


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, names in os.walk(folder):
        yield from (
            path.lstat().st_size
            for name in names
            if (path := Path(place) / name).is_file() and not path.is_symlink()
        )
