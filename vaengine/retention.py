"""Removing results for good: what is meant, what goes with it beside the store, and what is told of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from actors.stores.address import Address
from actors.stores.pruning import ended_at, pruning_of
from actors.stores.sqlite_copy import copies_before
from actors.stores.transitions import now
from schemas.errors import NotFound, UsageError
from schemas.job import JobStatus
from schemas.retention import Criteria, PersonIn, Pruning, Removed
from schemas.store import StorageBackend
from vaengine import traces
from vaengine.lookup import jobs_of
from vaengine.output import Table
from vaengine.quantities import bytes_in, counted, duration_of, size, timestamp
from vaengine.surroundings import Surroundings

_PERSON: Final = re.compile(r"(?P<video>.+):(?P<label>(?:person|face|speaker)_\w+)")
_IDENTITY: Final = re.compile(r"identity_\d+")
_WITH_ID: Final = 8  # digits of a job's id that are shown

ELSEWHERE: Final = "copies elsewhere are out of reach: other stores, files written with -o or taken from here, backups"


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


def decided(store: StorageBackend, criteria: Criteria) -> Pruning:
    """What would go now."""
    return pruning_of(store.stock(), criteria, now())


def prune(store: StorageBackend, pruning: Pruning, out: Path | None) -> Removed:
    """Have it go, with the files beside a database: those first, so that a kill in between is made good by saying it again."""
    around = Surroundings.of(store, pruning.jobs, out)
    beside = around.drop_projections(store, pruning.jobs)
    gone = store.prune(pruning)
    around.project_again(store, dict.fromkeys(job.video_id for job in pruning.jobs))
    return Removed.joined([beside, gone])


def pruning_table(pruning: Pruning) -> Table:
    """A line for each job that goes."""
    lines = ((f"{ended_at(job):%Y-%m-%d %H:%M}", str(job.status), str(job.video_path), job.job_id[:_WITH_ID]) for job in pruning.jobs)
    return Table(("ended", "status", "video", "job"), tuple(lines))


def pruning_line(pruning: Pruning) -> str:
    """What goes, in short."""
    runs = f" and {counted(len(pruning.epochs), 'run')}" if pruning.epochs else ""
    return (
        f"{counted(len(pruning.jobs), 'job')}{runs}, about {size(pruning.freed_bytes)} of {size(pruning.freed_bytes + pruning.left_bytes)}"
    )


def pruning_events(pruning: Pruning) -> Iterator[dict[str, Any]]:
    """The same as JSON events: each job and run that goes."""
    at = timestamp()
    for job in pruning.jobs:
        told = {"job_id": job.job_id, "video_id": job.video_id, "path": str(job.video_path), "status": job.status.value}
        yield {"event": "job", "time": at, **told, "ended_at": ended_at(job).isoformat()}
    for epoch in pruning.epochs:
        yield {"event": "run", "time": at, "epoch": epoch}


# A participant withdraws.


@dataclass(frozen=True, slots=True)
class Forgetting:
    """What `named` means: a video by its id, or persons of videos."""

    named: str
    video_id: str | None = None
    persons: tuple[PersonIn, ...] = ()

    def __str__(self) -> str:
        if self.video_id:
            return f"every trace of video {self.video_id}"
        return f"every row of {', '.join(f'{person.video_id}:{person.label}' for person in self.persons)}, and of who they are linked to"


def meant(store: StorageBackend, named: str) -> Forgetting:
    """A video's id or path, `VIDEO:person_0003` (or face, or speaker), or an identity of the collection; raises `NotFound`."""
    if found := _PERSON.fullmatch(named):
        video_id = jobs_of(store, found["video"])[0].video_id
        return Forgetting(named, persons=(PersonIn(video_id, found["label"]),))
    faces = [one for one in store.identities() if one.identity_id == named] if _IDENTITY.fullmatch(named) else []
    if faces:
        return Forgetting(named, persons=tuple(PersonIn(one.video_id, one.face_id, one.config_hash) for one in faces))
    return Forgetting(named, video_id=jobs_of(store, named)[0].video_id)


def forget(store: StorageBackend, what: Forgetting, out: Path | None, *, dry_run: bool = False) -> Removed:
    """Have it go from the files around the store, then from the store; raises `AtWork`, and `NotFound` where a person has no row there."""
    expected = _from_store(store, what, dry_run=True)  # refuses before any file goes
    if what.persons and not expected.total:
        raise NotFound(what.named, store.url)
    videos = (what.video_id,) if what.video_id else tuple(dict.fromkeys(person.video_id for person in what.persons))
    around = Surroundings.of(store, [job for job in store.jobs() if job.video_id in videos], out)
    if what.video_id:
        beside = traces.forget_video(around, what.video_id, store.paths_of(what.video_id), dry_run=dry_run)
    else:
        beside = traces.forget_persons(around, what.persons, dry_run=dry_run)
    gone = expected if dry_run else _from_store(store, what, dry_run=False)
    if not dry_run:
        around.project_again(store, videos)
    return Removed.joined([gone, beside, Removed(left=(*_copies(store), *_unreached(what)))])


def _from_store(store: StorageBackend, what: Forgetting, *, dry_run: bool) -> Removed:
    if what.video_id:
        return store.forget_video(what.video_id, dry_run=dry_run)
    return store.forget_persons(what.persons, dry_run=dry_run)


def _copies(store: StorageBackend) -> list[str]:
    """Copies that upgrades of an SQLite file have left beside it hold all that it held then."""
    address = Address.parse(store.url)
    kept = copies_before(address.path) if address.kind == "sqlite" else []
    return [f"{path}, a copy from before an upgrade, holds what was there then: remove it once the upgrade is trusted" for path in kept]


def _unreached(what: Forgetting) -> tuple[str, ...]:
    again = "videos themselves are never touched: a run with other settings, or after the whole video was forgotten, finds everybody again"
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


def left_lines(removed: Removed) -> list[str]:
    """What could not be reached, a line each."""
    return [f"not reached: {line}" for line in removed.left]


def removed_events(removed: Removed, *, dry_run: bool) -> Iterator[dict[str, Any]]:
    """What went as JSON events: each kind, each thing that could not be reached, the sum last."""
    at = timestamp()
    for kind, count in removed.counts.items():
        yield {"event": "removed", "time": at, "kind": kind, "count": count}
    for line in removed.left:
        yield {"event": "not_reached", "time": at, "what": line}
    yield {"event": "report", "time": at, "dry_run": dry_run, "removed": removed.total}
