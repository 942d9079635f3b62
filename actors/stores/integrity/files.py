"""Checks a store of files; each video is checked while nobody writes it, and runs go on in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from actors.atomic_files import read_object
from actors.stores.files.layout import FileLayout
from actors.stores.files.registry import job_in
from actors.stores.files.shared_lock import stillness
from actors.stores.integrity.files_work import faults_of
from actors.stores.integrity.finding import DONE_ANEW, Finding
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob

REMOVE: Final = "remove it, nobody reads it"
UNREADABLE: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
)  # of JSON that is whole, but not what was written


def faults(tree: FileLayout) -> Iterator[Finding]:
    """Everything that is not as it was written, left behind, or nobody's."""
    with stillness(tree):
        folders = sorted(
            path for path in tree.base.iterdir() if (path / "jobs").is_dir() or (path / ".state").is_dir()
        )
    for folder in folders:
        with stillness(tree):
            found = list(_of_video(tree, unquote(folder.name)))
        yield from found
    with stillness(tree):
        found = [*_scratch(tree), *_leases(tree), *_sources(tree), *_identities(tree)]
    yield from found


def _of_video(tree: FileLayout, video_id: str) -> Iterator[Finding]:
    jobs = []
    for path in tree.jobs_of(video_id):
        if job := _job(path):
            jobs.append(job)
        else:
            yield Finding("damaged", str(path), "the file of a job cannot be read", DONE_ANEW)
    for path in (tree.video(video_id), tree.attempts(video_id)):
        if path.exists() and read_object(path) is None:
            yield Finding("damaged", str(path), "it is not the JSON object that was written", DONE_ANEW)
    asked = _asked(jobs)
    for key, wanted in asked.items():
        yield from faults_of(tree, key, wanted)
    yield from _strays(tree, video_id, jobs, set(asked))


def _job(path: Path) -> BatchJob | None:
    try:
        return job_in(path)
    except UNREADABLE:
        return None


def _asked(jobs: list[BatchJob]) -> dict[WorkKey, list[BatchJob]]:
    """Work keys of these jobs, each with the jobs that ask for it."""
    found: dict[WorkKey, list[BatchJob]] = {}
    for job in jobs:
        for name, result in job.pipeline_results.items():
            found.setdefault(WorkKey(job.video_id, name, result.config_hash), []).append(job)
    return found


def _strays(tree: FileLayout, video_id: str, jobs: list[BatchJob], asked: set[WorkKey]) -> Iterator[Finding]:
    """What lies in a video's folder for which no job asks."""
    folder = tree.folder(video_id)
    own = {tree.log(video_id, job.job_id) for job in jobs} | {
        path for key in asked for path in (tree.work(key), tree.older_result(key))
    }
    own |= {tree.partial(key) for key in asked}
    there = ("logs/*.jsonl", "*@*")
    found = [path for pattern in there for path in (folder / ".state").glob(pattern)]
    found += [*folder.glob("runs/*/*.json"), *folder.glob("*.partial.json")]
    for path in sorted(set(found) - own):
        yield Finding("orphan", str(path), "no job asks for it", REMOVE)
    if not jobs and tree.attempts(video_id).exists():
        yield Finding("orphan", str(tree.attempts(video_id)), "the video has no job", REMOVE)


def _scratch(tree: FileLayout) -> Iterator[Finding]:
    """Nobody writes, so that nothing is on its way to its place."""
    for path in sorted(tree.scratch.glob("*")) if tree.scratch.is_dir() else ():
        yield Finding(
            "leftover",
            str(path),
            "a write that was cut short left it",
            "the next run removes it after an hour",
        )


def _leases(tree: FileLayout) -> Iterator[Finding]:
    leases = sorted(tree.live.glob("*/*.lease"))
    if not leases:
        return
    jobs = [job for path in tree.all_jobs() if (job := _job(path))]
    names = {tree.lease_name(key) for key in _asked(jobs)}
    for path in leases:
        if path.name not in names:
            yield Finding("orphan", str(path), "a lease for which no job asks", REMOVE)
        elif not tree.run(int(path.parent.name)).exists():
            yield Finding("orphan", str(path), "a lease of a run that the store does not know", REMOVE)


def _sources(tree: FileLayout) -> Iterator[Finding]:
    for path in sorted((tree.base / ".store" / "paths").glob("*/*.json")):
        entry = read_object(path) or {}
        if not tree.video(str(entry.get("video_id", ""))).exists():
            yield Finding(
                "orphan",
                str(path),
                f"it leads to {entry.get('video_id', 'nothing')}, which is not there",
                REMOVE,
            )


def _identities(tree: FileLayout) -> Iterator[Finding]:
    if not tree.identities.exists():
        return
    stored = read_object(tree.identities)
    if stored is None:
        yield Finding(
            "damaged",
            str(tree.identities),
            "it is not the JSON object that was written",
            "`vaengine identities` makes it anew",
        )
        return
    for video_id in sorted({one["video_id"] for one in stored.get("identities", ())}):
        if not tree.jobs_of(video_id):
            what = f"it names persons of {video_id}, which has no job"
            yield Finding("orphan", str(tree.identities), what, "`vaengine identities` makes it anew")
