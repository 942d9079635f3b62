"""Checks a store of files; nobody writes while one video is checked, and runs go on in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from actors.atomic_files import read_object
from actors.stores.files.documents.layout import FileLayout
from actors.stores.files.documents.lock import shared_lock
from actors.stores.files.registry import job_in
from actors.stores.integrity.files_work import faults_of
from actors.stores.integrity.finding import DONE_ANEW, RESTORE, Finding
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

REMOVE: Final = "remove it, nobody reads it"
# Raised for JSON that is valid, but not what was written.
READ_ERRORS: Final = (ValueError, KeyError, TypeError, AttributeError)


def faults(layout: FileLayout) -> Iterator[Finding]:
    """The faults of a store: damaged files, leftovers, and orphans."""
    with shared_lock(layout):
        folders = sorted(
            path for path in layout.base.iterdir() if (path / "jobs").is_dir() or (path / ".state").is_dir()
        )
    for folder in folders:
        with shared_lock(layout):
            findings = list(_video_faults(layout, unquote(folder.name)))
        yield from findings
    with shared_lock(layout):
        findings = [
            *_scratch(layout),
            *_leases(layout),
            *_sources(layout),
            *_identities(layout),
            *_people(layout),
        ]
    yield from findings


def _video_faults(layout: FileLayout, video_id: str) -> Iterator[Finding]:
    jobs = []
    for path in layout.jobs_of(video_id):
        if job := _job(path):
            jobs.append(job)
        else:
            yield Finding("damaged", str(path), "the file of a job cannot be read", DONE_ANEW)
    for path in (layout.video(video_id), layout.attempts(video_id)):
        if path.exists() and read_object(path) is None:
            yield Finding("damaged", str(path), "it is not the JSON object that was written", DONE_ANEW)
    jobs_by_key = _jobs_by_key(jobs)
    for key, key_jobs in jobs_by_key.items():
        yield from faults_of(layout, key, key_jobs)
    yield from _orphans(layout, video_id, jobs, set(jobs_by_key))


def _job(path: Path) -> BatchJob | None:
    try:
        return job_in(path)
    except READ_ERRORS:
        return None


def _jobs_by_key(jobs: list[BatchJob]) -> dict[WorkKey, list[BatchJob]]:
    """The work keys of these jobs, each with its jobs."""
    by_key: dict[WorkKey, list[BatchJob]] = {}
    for job in jobs:
        for name, result in job.pipeline_results.items():
            by_key.setdefault(WorkKey(job.video_id, name, result.config_hash), []).append(job)
    return by_key


def _orphans(
    layout: FileLayout, video_id: str, jobs: list[BatchJob], jobs_by_key: set[WorkKey]
) -> Iterator[Finding]:
    """The files in a video's folder that belong to no job."""
    folder = layout.folder(video_id)
    known = {layout.log(video_id, job.job_id) for job in jobs} | {
        path for key in jobs_by_key for path in (layout.work(key), layout.older_result(key))
    }
    known |= {layout.partial(key) for key in jobs_by_key}
    patterns = ("logs/*.jsonl", "*@*")
    paths = [path for pattern in patterns for path in (folder / ".state").glob(pattern)]
    paths += [*folder.glob("runs/*/*.json"), *folder.glob("*.partial.json")]
    for path in sorted(set(paths) - known):
        yield Finding("orphan", str(path), "no job asks for it", REMOVE)
    if not jobs and layout.attempts(video_id).exists():
        yield Finding("orphan", str(layout.attempts(video_id)), "the video has no job", REMOVE)


def _scratch(layout: FileLayout) -> Iterator[Finding]:
    """The files that writes have left in the scratch folder; nobody writes now."""
    for path in sorted(layout.scratch.glob("*")) if layout.scratch.is_dir() else ():
        yield Finding(
            "leftover",
            str(path),
            "a write that was cut short left it",
            "the next run removes it after an hour",
        )


def _leases(layout: FileLayout) -> Iterator[Finding]:
    leases = sorted(layout.live.glob("*/*.lease"))
    if not leases:
        return
    jobs = [job for path in layout.all_jobs() if (job := _job(path))]
    names = {layout.lease_name(key) for key in _jobs_by_key(jobs)}
    for path in leases:
        if path.name not in names:
            yield Finding("orphan", str(path), "a lease for which no job asks", REMOVE)
        elif not layout.run(int(path.parent.name)).exists():
            yield Finding("orphan", str(path), "a lease of a run that the store does not know", REMOVE)


def _sources(layout: FileLayout) -> Iterator[Finding]:
    for path in sorted((layout.base / ".store" / "paths").glob("*/*.json")):
        entry = read_object(path) or {}
        if not layout.video(str(entry.get("video_id", ""))).exists():
            yield Finding(
                "orphan",
                str(path),
                f"it leads to {entry.get('video_id', 'nothing')}, which is not there",
                REMOVE,
            )


def _identities(layout: FileLayout) -> Iterator[Finding]:
    if not layout.identities.exists():
        return
    stored = read_object(layout.identities)
    if stored is None:
        yield Finding(
            "damaged",
            str(layout.identities),
            "it is not the JSON object that was written",
            "`vaengine identities` makes it anew",
        )
        return
    for video_id in sorted({entry["video_id"] for entry in stored.get("identities", ())}):
        if not layout.jobs_of(video_id):
            fault = f"it names persons of {video_id}, which has no job"
            yield Finding("orphan", str(layout.identities), fault, "`vaengine identities` makes it anew")


def _people(layout: FileLayout) -> Iterator[Finding]:
    if layout.people.exists() and read_object(layout.people) is None:
        yield Finding("damaged", str(layout.people), "it is not the JSON object that was written", RESTORE)
