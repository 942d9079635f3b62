"""Removes results for good, by pruning or erasure: what goes, what goes with it, and the reports."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from actors.stores.engines.address import StoreUrl
from actors.stores.engines.sqlite_backup import copies_before
from actors.stores.rules.erasure_text import files_in
from actors.stores.rules.pruning import ended_at, pruning_of
from actors.stores.rules.states import now
from schemas.errors import NotFound, UsageError
from schemas.pipelines import is_human
from schemas.storage.backend import ResultStore, StorageBackend, Store
from schemas.storage.people import PIPELINE_OF, kind_of_label
from schemas.storage.retention import Criteria, PersonIn, Pruning, Removed, RetentionStore
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus
from vaengine.console.output import Table
from vaengine.console.units import bytes_in, counted, duration_of, size
from vaengine.maintenance import erasure_files
from vaengine.maintenance.audit_mentions import audit_mentions
from vaengine.maintenance.erasure_queries import Forgotten, query_erasure
from vaengine.maintenance.result_folders import RemovalPlan, ResultFolders
from vaengine.people.resolution import EntityResolution, ResolvedPerson
from vaengine.queries.similarity.embedding_matrix import forget_matrices
from vaengine.requests.store_location import shown
from vaengine.results.lookup import jobs_of

_PERSON: Final = re.compile(r"(?P<video>.+):(?P<label>(?:person|face|speaker)_\w+)")
_IDENTITY: Final = re.compile(r"identity_\d+")
_ID_DIGITS_SHOWN: Final = 8  # digits of a job's id that are shown

ELSEWHERE: Final = (
    "copies elsewhere are out of reach: other stores, files written with -o or taken from here, backups, "
    "and what `vaengine similar` keeps in the caches of other machines and users"
)


# By age, status and size.


def criteria_of(older_than: str | None, statuses: Iterable[str], to_size: str | None) -> Criteria:
    """The criteria of pruning from options; raises `UsageError`."""
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
    """The jobs and runs that criteria select now."""
    return pruning_of(store.stock(), criteria, now())


def pruning_plan(
    store: ResultStore, pruning: Pruning, named: Sequence[Path]
) -> tuple[ResultFolders, RemovalPlan]:
    """The results folders, and the plan of changes that go with a pruning.

    Only named folders may be touched.
    """
    gone, videos = {job.job_id for job in pruning.jobs}, {job.video_id for job in pruning.jobs}
    staying = [job for job in store.jobs() if job.video_id in videos and job.job_id not in gone]
    result_folders = ResultFolders.of(store, pruning.jobs, named)
    return result_folders, erasure_files.prune(result_folders, pruning.jobs, staying)


def prune(store: StorageBackend, pruning: Pruning, named: Sequence[Path]) -> Removed:
    """Prune: files beside a database go first, so that a repeated command completes after a kill."""
    result_folders, plan = pruning_plan(store, pruning, named)
    plan.carry_out()
    erasure_files.drop_empty_folders(result_folders, pruning.jobs)
    removed_rows = store.prune(pruning)
    result_folders.project_again(store, dict.fromkeys(job.video_id for job in pruning.jobs))
    return Removed.joined([plan.removed, removed_rows, _drop_matrices(store)])


def pruning_table(pruning: Pruning, result_folders: ResultFolders) -> Table:
    """A row for each job that goes, with the folders that lose files."""
    lines = (
        (
            f"{ended_at(job):%Y-%m-%d %H:%M}",
            str(job.status),
            job.location,
            job.job_id[:_ID_DIGITS_SHOWN],
            ", ".join(map(str, result_folders.folders(job.video_id))),
        )
        for job in pruning.jobs
    )
    return Table(("ended", "status", "video", "job", "folder"), tuple(lines))


def pruning_line(pruning: Pruning) -> str:
    """A short summary of what goes."""
    runs = f" and {counted(len(pruning.epochs), 'run')}" if pruning.epochs else ""
    return (
        f"{counted(len(pruning.jobs), 'job')}{runs}, about {size(pruning.freed_bytes)} of "
        f"{size(pruning.freed_bytes + pruning.left_bytes)}"
    )


def pruning_question(store: Store, pruning: Pruning, result_folders: ResultFolders) -> str:
    """The question before pruning."""
    folders = [
        folder
        for video_id in dict.fromkeys(job.video_id for job in pruning.jobs)
        for folder in result_folders.folders(video_id)
    ]
    return f"remove {pruning_line(pruning)}, from {' and '.join([shown(store.url), *_place_texts(folders)])}?"


def _place_texts(folders: Sequence[Path]) -> list[str]:
    """Folders of videos, grouped by their results folder where that is shorter."""
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
        "path": job.location,
        "status": job.status.value,
        "ended_at": ended_at(job).isoformat(),
        "folders": [str(folder) for folder in around.folders(job.video_id)],
    }


# A participant withdraws.


@dataclass(frozen=True, slots=True)
class ErasureReport:
    """What a name selects for erasure: a video by its id, or persons of videos."""

    named: str
    video_id: str | None = None
    persons: tuple[PersonIn, ...] = ()
    resolved: ResolvedPerson | None = None  # who has a name
    names: tuple[str, ...] = ()  # all that the persons ever had

    @property
    def person_ids(self) -> tuple[str, ...]:
        return (self.resolved.person.person_id,) if self.resolved else ()

    @property
    def videos(self) -> tuple[str, ...]:
        """The ids of all videos that are concerned."""
        return (
            (self.video_id,) if self.video_id else tuple(dict.fromkeys(one.video_id for one in self.persons))
        )

    def __str__(self) -> str:
        if self.video_id:
            return f"every trace of video {self.video_id}"
        if self.resolved:
            places = counted(len(self.videos), "video")
            return f"{self.resolved.person.shown_name}, with the name and every row in {places}"
        return (
            f"every row of {', '.join(f'{person.video_id}:{person.label}' for person in self.persons)}, "
            "and of who they are linked to"
        )


def resolve_erasure(store: StorageBackend, named: str) -> ErasureReport:
    """Resolve a name for erasure.

    It is a video's id or path, `VIDEO:person_0003` (or face, or speaker), an identity of the collection, or
    the name or id of a person. Raises `NotFound`; `UsageError` for a name of a person and of a video.
    """
    if found := _PERSON.fullmatch(named):
        video_id = jobs_of(store, found["video"])[0].video_id
        return ErasureReport(named, persons=(PersonIn(video_id, found["label"]),))
    faces = (
        [one for one in store.identities() if one.identity_id == named] if _IDENTITY.fullmatch(named) else []
    )
    if faces:
        return ErasureReport(
            named,
            persons=tuple(PersonIn(one.video_id, one.face_id, one.config_hash) for one in faces),
            names=(named,),
        )
    known = EntityResolution(store)
    if (person := known.people.find(named)) is None:
        return ErasureReport(named, video_id=jobs_of(store, named)[0].video_id)
    _require_no_video(store, named, person.person_id)
    resolved = known.of(person)
    names = known.people.names_of(known.log, person.person_id)
    persons = [*_persons_of(resolved), *_older_persons_of(known, resolved), *_named_by_people(store, names)]
    return ErasureReport(named, persons=tuple(persons), resolved=resolved, names=names)


def _persons_of(resolved: ResolvedPerson) -> Iterator[PersonIn]:
    """A person's labels in the current results; an erasure follows links by itself."""
    for video in resolved.videos:
        for label in (one for one in video.labels if video.how[one] != "linked"):
            yield PersonIn(video.video_id, label, video.config_hashes[PIPELINE_OF[kind_of_label(label)]])


def _older_persons_of(known: EntityResolution, resolved: ResolvedPerson) -> Iterator[PersonIn]:
    """A person's labels in results of other configurations, which may be kept beside the current ones."""
    for reference in (known.log.references[one] for one in resolved.person.references):
        if known.config_hash(reference.video_id, reference.pipeline) != reference.config_hash:
            yield PersonIn(reference.video_id, reference.label, reference.config_hash)


def _named_by_people(store: StorageBackend, names: Iterable[str]) -> Iterator[PersonIn]:
    """Whom people called by one of these names in what they annotated."""
    folded = {name.casefold() for name in names}
    found: dict[PersonIn, None] = {}
    for job in store.jobs():
        for name, result in job.pipeline_results.items():
            rows = (
                store.annotations(WorkKey(job.video_id, name, result.config_hash)) if is_human(name) else ()
            )
            for row in (one for one in rows if str(one.attributes.get("name", "")).casefold() in folded):
                labels = filter(None, (row.person_id, row.face_id, row.speaker_id))
                found |= dict.fromkeys(PersonIn(job.video_id, label, result.config_hash) for label in labels)
    yield from found


def _require_no_video(store: StorageBackend, named: str, person_id: str) -> None:
    """Raises `UsageError` where a name is a video's too."""
    try:
        video_id = jobs_of(store, named)[0].video_id
    except NotFound:
        return
    raise UsageError(f"{named} is a person and a video: say {person_id} or {video_id}")


def forget(
    store: StorageBackend, erasure: ErasureReport, named: Sequence[Path], *, dry_run: bool = False
) -> Removed:
    """Erase from the named folders around the store, then from the store; copies elsewhere are reported.

    Raises `AtWork`, `LeadsOut`, and `NotFound` where a person has no row there.
    """
    expected = _from_store(store, erasure, dry_run=True)  # raises before any file is removed
    if erasure.persons and not expected.total:
        raise NotFound(erasure.named, store.url)
    videos = erasure.videos
    result_folders = ResultFolders.of(store, [job for job in store.jobs() if job.video_id in videos], named)
    paths = store.paths_of(erasure.video_id) if erasure.video_id else ()
    plan = (
        erasure_files.forget_video(result_folders, erasure.video_id, paths)
        if erasure.video_id
        else erasure_files.forget_persons(result_folders, erasure.persons)
    )
    forgotten = Forgotten.of(erasure.names, erasure.persons, erasure.video_id, paths)
    queries = query_erasure(store.saved_queries(), forgotten)
    audits = Removed(left=tuple(audit_mentions(result_folders.outs, {*erasure.names, *forgotten.videos})))
    if dry_run:
        own_folder = _own_folder(result_folders, erasure, paths)
        return _report(store, erasure, [expected, own_folder, plan.removed, queries.removed, audits])
    own_folder = _own_folder(result_folders, erasure, paths)
    plan.carry_out()
    if erasure.video_id:
        erasure_files.drop_folders(result_folders, erasure.video_id, paths)
    queries.carry_out(store)  # before the rows: afterwards nobody knows the name
    removed_rows = _from_store(store, erasure, dry_run=False)
    result_folders.project_again(store, videos)
    parts = [removed_rows, own_folder, plan.removed, queries.removed, _drop_matrices(store), audits]
    return _report(store, erasure, parts)


def _drop_matrices(store: Store) -> Removed:
    """Remove the embeddings that `vaengine similar` keeps in the cache of this user on this machine."""
    files = forget_matrices(store.url, os.environ)
    return Removed({"cached_embeddings": files} if files else {})


def _report(store: Store, erasure: ErasureReport, parts: Sequence[Removed]) -> Removed:
    return Removed.joined([*parts, Removed(left=(*_copy_lines(store), *_unreached_lines(erasure)))])


def _own_folder(result_folders: ResultFolders, erasure: ErasureReport, paths: Sequence[str]) -> Removed:
    """The folder that a store of files removes itself, with the number of its files."""
    files = (
        len(list(files_in(result_folders.own / erasure.video_id, paths)))
        if result_folders.own and erasure.video_id
        else 0
    )
    return Removed(
        folders={str(result_folders.own / str(erasure.video_id)): files}
        if result_folders.own and files
        else {}
    )


def _from_store(store: RetentionStore, erasure: ErasureReport, *, dry_run: bool) -> Removed:
    if erasure.video_id:
        return store.forget_video(erasure.video_id, dry_run=dry_run)
    return store.forget_persons(erasure.persons, person_ids=erasure.person_ids, dry_run=dry_run)


def forgetting_question(store: Store, erasure: ErasureReport, expected: Removed) -> str:
    """The question before an erasure; `expected` is what a dry run found."""
    folders = (f"{folder} ({counted(count, 'file')})" for folder, count in expected.folders.items())
    return f"remove {erasure}, for good, from {' and '.join([shown(store.url), *folders])}?"


def _copy_lines(store: Store) -> list[str]:
    """Lines about copies from before an upgrade of an SQLite file, which hold everything of that time."""
    address = StoreUrl.parse(store.url)
    kept = copies_before(address.path) if address.kind == "sqlite" else []
    return [
        f"{path}, a copy from before an upgrade, holds what was there then: remove it once the upgrade is "
        "trusted"
        for path in kept
    ]


def _unreached_lines(erasure: ErasureReport) -> tuple[str, ...]:
    again_line = (
        "videos themselves are never touched: a run with other settings, or after the whole video was "
        "forgotten, finds everybody again"
    )
    has_no_speaker = any(person.column != "speaker_id" for person in erasure.persons)
    voice_lines = ("voices are linked to nobody: name them as VIDEO:speaker_0001",) if has_no_speaker else ()
    lost = erasure.resolved.unmatched if erasure.resolved else ()
    lost_lines = (f"{one.reference} is not found again, so rows may be left: {one.reason}" for one in lost)
    return (*lost_lines, *voice_lines, again_line, ELSEWHERE)


def removed_table(removed: Removed) -> Table:
    """A row for each kind of thing that was removed."""
    return Table(("what", "removed"), tuple((kind, f"{count:,}") for kind, count in removed.counts.items()))


def removed_line(removed: Removed, *, dry_run: bool) -> str:
    """The number of removed rows and files, in words."""
    if not removed.total:
        return "nothing to remove"
    return f"{'would remove' if dry_run else 'removed'} {removed.total:,} rows and files"


def folder_lines(removed: Removed, *, dry_run: bool) -> list[str]:
    """A line for each folder around the store that loses files."""
    word = "would change" if dry_run else "changed"
    return [f"{word}: {folder} ({counted(count, 'file')})" for folder, count in removed.folders.items()]


def told_lines(removed: Removed) -> list[str]:
    """A line for each saved query that goes or was changed."""
    return list(removed.told)


def left_lines(removed: Removed) -> list[str]:
    """A line for each thing that could not be reached."""
    return [f"not reached: {line}" for line in removed.left]
