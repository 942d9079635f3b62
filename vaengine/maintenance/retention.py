"""Removing results for good: what is meant, what goes with it beside the store, and what is told of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from actors.stores.engines.address import StoreUrl
from actors.stores.engines.sqlite_backup import copies_before
from actors.stores.rules.erasure_text import files_in
from actors.stores.rules.pruning import ended_at, pruning_of
from actors.stores.rules.transitions import now
from schemas.errors import NotFound, UsageError
from schemas.storage.backend import ResultStore, StorageBackend, Store
from schemas.storage.retention import Criteria, PersonIn, Pruning, Removed, RetentionStore
from schemas.work.job import BatchJob, JobStatus
from vaengine.console.output import Table
from vaengine.console.units import bytes_in, counted, duration_of, size
from vaengine.maintenance import erasure_files
from vaengine.maintenance.result_folders import RemovalPlan, ResultFolders
from vaengine.requests.store_location import shown
from vaengine.results.lookup import jobs_of

_PERSON: Final = re.compile(r"(?P<video>.+):(?P<label>(?:person|face|speaker)_\w+)")
_IDENTITY: Final = re.compile(r"identity_\d+")
_WITH_ID: Final = 8  # digits of a job's id that are shown

ELSEWHERE: Final = (
    "copies elsewhere are out of reach: other stores, files written with -o or taken from here, backups"
)


# By age, status and size.


def criteria_of(older_than: str | None, statuses: Iterable[str], to_size: str | None) -> Criteria:
    """The criteria as options give them; raises `UsageError`."""
    named = [word.strip().lower() for text in statuses for word in text.split(",") if word.strip()]
    unknown = sorted(set(named) - {status.value for status in JobStatus})
    if unknown:
        raise UsageError(f"no job is {unknown[0]!r}: --status takes {', '.join(JobStatus)}")
    if older_than is None and not named and to_size is None:
        raise UsageError("say what is to go: --older-than 90d, --status failed or --to-size 10GB")
    return Criteria(
        older_than=None if older_than is None else duration_of(older_than),
        statuses=frozenset(map(JobStatus, named)),
        to_bytes=None if to_size is None else bytes_in(to_size),
    )


def decided(store: RetentionStore, criteria: Criteria) -> Pruning:
    """What would go now."""
    return pruning_of(store.stock(), criteria, now())


def pruning_plan(
    store: ResultStore, pruning: Pruning, named: Sequence[Path]
) -> tuple[ResultFolders, RemovalPlan]:
    """What goes with it from the folders around the store, of which those that were named may be touched."""
    gone, videos = {job.job_id for job in pruning.jobs}, {job.video_id for job in pruning.jobs}
    staying = [job for job in store.jobs() if job.video_id in videos and job.job_id not in gone]
    around = ResultFolders.of(store, pruning.jobs, named)
    return around, erasure_files.prune(around, pruning.jobs, staying)


def prune(store: StorageBackend, pruning: Pruning, named: Sequence[Path]) -> Removed:
    """Have it go, with the files beside a database: those first, so that a kill in between is made good
    by saying it again.
    """
    around, plan = pruning_plan(store, pruning, named)
    plan.carry_out()
    erasure_files.drop_empty_folders(around, pruning.jobs)
    gone = store.prune(pruning)
    around.project_again(store, dict.fromkeys(job.video_id for job in pruning.jobs))
    return Removed.joined([plan.removed, gone])


def pruning_table(pruning: Pruning, around: ResultFolders) -> Table:
    """A line for each job that goes, with the folders that lose files by it."""
    lines = (
        (
            f"{ended_at(job):%Y-%m-%d %H:%M}",
            str(job.status),
            str(job.video_path),
            job.job_id[:_WITH_ID],
            ", ".join(map(str, around.folders(job.video_id))),
        )
        for job in pruning.jobs
    )
    return Table(("ended", "status", "video", "job", "folder"), tuple(lines))


def pruning_line(pruning: Pruning) -> str:
    """What goes, in short."""
    runs = f" and {counted(len(pruning.epochs), 'run')}" if pruning.epochs else ""
    return (
        f"{counted(len(pruning.jobs), 'job')}{runs}, about {size(pruning.freed_bytes)} of "
        f"{size(pruning.freed_bytes + pruning.left_bytes)}"
    )


def pruning_question(store: Store, pruning: Pruning, around: ResultFolders) -> str:
    """What is asked before it goes."""
    folders = [
        folder
        for video_id in dict.fromkeys(job.video_id for job in pruning.jobs)
        for folder in around.folders(video_id)
    ]
    return f"remove {pruning_line(pruning)}, from {' and '.join([shown(store.url), *_places(folders)])}?"


def _places(folders: Sequence[Path]) -> list[str]:
    """Folders of videos, told by what they are in where that is shorter."""
    by_out = Counter(folder.parent for folder in folders)
    return [
        f"{counted(n, 'folder')} in {out}"
        if n > 1
        else str(next(one for one in folders if one.parent == out))
        for out, n in by_out.items()
    ]


def job_data(job: BatchJob, around: ResultFolders) -> dict[str, Any]:
    """A job that goes, as programs read it."""
    return {
        "job_id": job.job_id,
        "video_id": job.video_id,
        "path": str(job.video_path),
        "status": job.status.value,
        "ended_at": ended_at(job).isoformat(),
        "folders": [str(folder) for folder in around.folders(job.video_id)],
    }


# A participant withdraws.


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What `named` means: a video by its id, or persons of videos."""

    named: str
    video_id: str | None = None
    persons: tuple[PersonIn, ...] = ()

    def __str__(self) -> str:
        if self.video_id:
            return f"every trace of video {self.video_id}"
        return (
            f"every row of {', '.join(f'{person.video_id}:{person.label}' for person in self.persons)}, "
            "and of who they are linked to"
        )


def meant(store: StorageBackend, named: str) -> ErasureReport:
    """A video's id or path, `VIDEO:person_0003` (or face, or speaker), or an identity of the collection;
    raises `NotFound`.
    """
    if found := _PERSON.fullmatch(named):
        video_id = jobs_of(store, found["video"])[0].video_id
        return ErasureReport(named, persons=(PersonIn(video_id, found["label"]),))
    faces = (
        [one for one in store.identities() if one.identity_id == named] if _IDENTITY.fullmatch(named) else []
    )
    if faces:
        return ErasureReport(
            named, persons=tuple(PersonIn(one.video_id, one.face_id, one.config_hash) for one in faces)
        )
    return ErasureReport(named, video_id=jobs_of(store, named)[0].video_id)


def forget(
    store: StorageBackend, what: ErasureReport, named: Sequence[Path], *, dry_run: bool = False
) -> Removed:
    """Have it go from the named folders around the store, then from the store; what lies elsewhere is told.

    Raises `AtWork`, `LeadsOut`, and `NotFound` where a person has no row there.
    """
    expected = _from_store(store, what, dry_run=True)  # refuses before any file goes
    if what.persons and not expected.total:
        raise NotFound(what.named, store.url)
    videos = (
        (what.video_id,)
        if what.video_id
        else tuple(dict.fromkeys(person.video_id for person in what.persons))
    )
    around = ResultFolders.of(store, [job for job in store.jobs() if job.video_id in videos], named)
    paths = store.paths_of(what.video_id) if what.video_id else ()
    plan = (
        erasure_files.forget_video(around, what.video_id, paths)
        if what.video_id
        else erasure_files.forget_persons(around, what.persons)
    )
    if dry_run:
        return _told(store, what, [expected, _own(around, what, paths), plan.removed])
    own = _own(around, what, paths)
    plan.carry_out()
    if what.video_id:
        erasure_files.drop_folders(around, what.video_id, paths)
    gone = _from_store(store, what, dry_run=False)
    around.project_again(store, videos)
    return _told(store, what, [gone, own, plan.removed])


def _told(store: Store, what: ErasureReport, parts: Sequence[Removed]) -> Removed:
    return Removed.joined([*parts, Removed(left=(*_copies(store), *_unreached(what)))])


def _own(around: ResultFolders, what: ErasureReport, paths: Sequence[str]) -> Removed:
    """The folder that a store of files removes itself, which counts its files."""
    files = len(list(files_in(around.own / what.video_id, paths))) if around.own and what.video_id else 0
    return Removed(folders={str(around.own / str(what.video_id)): files} if around.own and files else {})


def _from_store(store: RetentionStore, what: ErasureReport, *, dry_run: bool) -> Removed:
    if what.video_id:
        return store.forget_video(what.video_id, dry_run=dry_run)
    return store.forget_persons(what.persons, dry_run=dry_run)


def forgetting_question(store: Store, what: ErasureReport, expected: Removed) -> str:
    """What is asked before it goes; `expected` is what a dry run found."""
    folders = (f"{folder} ({counted(count, 'file')})" for folder, count in expected.folders.items())
    return f"remove {what}, for good, from {' and '.join([shown(store.url), *folders])}?"


def _copies(store: Store) -> list[str]:
    """Copies that upgrades of an SQLite file have left beside it hold all that it held then."""
    address = StoreUrl.parse(store.url)
    kept = copies_before(address.path) if address.kind == "sqlite" else []
    return [
        f"{path}, a copy from before an upgrade, holds what was there then: remove it once the upgrade is "
        "trusted"
        for path in kept
    ]


def _unreached(what: ErasureReport) -> tuple[str, ...]:
    again = (
        "videos themselves are never touched: a run with other settings, or after the whole video was "
        "forgotten, finds everybody again"
    )
    voices = any(person.column != "speaker_id" for person in what.persons)
    unheard = ("voices are linked to nobody: name them as VIDEO:speaker_0001",) if voices else ()
    return (*unheard, again, ELSEWHERE)


def removed_table(removed: Removed) -> Table:
    """A line for each kind of thing that went."""
    return Table(("what", "removed"), tuple((kind, f"{count:,}") for kind, count in removed.counts.items()))


def removed_line(removed: Removed, *, dry_run: bool) -> str:
    """The sum, in words."""
    if not removed.total:
        return "nothing to remove"
    return f"{'would remove' if dry_run else 'removed'} {removed.total:,} rows and files"


def folder_lines(removed: Removed, *, dry_run: bool) -> list[str]:
    """The folders around the store that lose files, a line each."""
    word = "would change" if dry_run else "changed"
    return [f"{word}: {folder} ({counted(count, 'file')})" for folder, count in removed.folders.items()]


def left_lines(removed: Removed) -> list[str]:
    """What could not be reached, a line each."""
    return [f"not reached: {line}" for line in removed.left]
