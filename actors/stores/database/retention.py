"""Removes jobs, videos and persons from database tables, or counts their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete

from actors.stores.backend.recount import recount
from actors.stores.encoding import rows
from actors.stores.rules.erasure import PersonErasure, rows_without
from actors.stores.rules.people import PeopleErasure, erased
from actors.stores.rules.pruning import PruneDecision
from actors.stores.rules.states import keys_of, now
from actors.stores.sql import removal
from actors.stores.sql.attempts import SqlJobLog
from actors.stores.sql.jobs import SqlJobs
from actors.stores.sql.people import SqlPeople
from actors.stores.sql.removal import RowsToRemove
from actors.stores.sql.statements import queries
from actors.stores.sql.statements.queries import PipelineIds
from schemas.annotations.annotation import Annotation
from schemas.storage import tables
from schemas.storage.retention import Label
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob


@dataclass(frozen=True, slots=True)
class SqlRemover:
    """See `backend.transaction.Remover`."""

    connection: Connection
    pipelines: PipelineIds
    jobs: SqlJobs
    log: SqlJobLog
    dry_run: bool = False
    remains: tuple[str, ...] = ()  # `Database.wipe` says what remains
    _rows: dict[WorkKey, list[Annotation]] = field(default_factory=dict)  # of the video that was read last

    def _remove(self, parts: RowsToRemove) -> Counter[str]:
        return removal.remove(self.connection, parts, dry_run=self.dry_run)

    def require_inside(self, video_ids: Iterable[str]) -> None:
        """Does nothing: tables have no links."""

    def key_bytes(self, jobs: Sequence[BatchJob]) -> dict[WorkKey, int]:
        return removal.key_bytes(self.connection)

    def video_bytes(self, jobs: Sequence[BatchJob]) -> dict[str, int]:
        return removal.video_bytes(self.connection)

    def rows_of(self, key: WorkKey) -> list[Annotation]:
        if any(other.video_id != key.video_id for other in self._rows):
            self._rows.clear()  # a person may be in thousands of videos
        if key not in self._rows:
            data = queries.data_of(self.connection, key, self.pipelines.id_of(key.pipeline))
            self._rows[key] = [Annotation.from_data(row) for row in data]
        return self._rows[key]

    def has_rows(self, key: WorkKey) -> bool:
        parts = removal.of_unfinished(key, self.pipelines.id_of(key.pipeline))
        return removal.remove(self.connection, parts, dry_run=True).total() > 0

    def drop_jobs(
        self,
        decision: PruneDecision,
        epochs: Collection[int],
        siblings: Sequence[BatchJob],
        people: PeopleErasure,
    ) -> Counter[str]:
        removal.hand_over_rows(self.connection, decision, siblings)
        counts = self._remove(removal.of_jobs(self.connection, decision))
        return counts + self._remove(removal.of_runs(epochs)) + self._erase_people(people)

    def drop_video(
        self, video_id: str, jobs: Sequence[BatchJob], paths: Collection[str], people: PeopleErasure
    ) -> Counter[str]:
        counts = self._remove(removal.of_video(video_id, [job.job_id for job in jobs]))
        counts += removal.mask(self.connection, video_id, {video_id, *paths}, dry_run=self.dry_run)
        return counts + self._erase_people(people)

    def _erase_people(self, people: PeopleErasure) -> Counter[str]:
        records = SqlPeople(self.connection)
        log, counts = erased(records.log(), people)
        if counts and not self.dry_run:
            records.replace(log)
        return counts

    # Persons.

    def drop_persons(self, persons: Sequence[PersonErasure], people: PeopleErasure) -> Counter[str]:
        return sum(map(self._drop_person, persons), self._erase_people(people))

    def _drop_person(self, person: PersonErasure) -> Counter[str]:
        counts = self._remove(removal.of_faces(person.video_id, person.faces))
        for key, labels in person.labels.items():
            counts += self._erase_labels(key, labels)
        for key in person.unfinished:
            counts += self._remove(removal.of_unfinished(key, self.pipelines.id_of(key.pipeline)))
            self._recount(key, [])
        return counts

    def _erase_labels(self, key: WorkKey, labels: frozenset[Label]) -> Counter[str]:
        """Remove the rows of these labels, and replace those that list them."""
        before = self.rows_of(key)
        after = rows_without(before, labels)
        kept = {row.annotation_id for row in after}
        erased = [row.annotation_id for row in before if row.annotation_id not in kept]
        kept_before = (row for row in before if row.annotation_id in kept)
        changed = [row for row, old in zip(after, kept_before, strict=True) if row != old]
        counts = self._remove(removal.of_person(erased))
        if not self.dry_run:
            self._rewrite(key, changed)
            self._rows[key] = after
        if erased or changed:
            self._recount(key, after)
        return counts

    def _rewrite(self, key: WorkKey, changed: Sequence[Annotation]) -> None:
        if not changed:
            return
        for page in queries.paged(row.annotation_id for row in changed):
            self.connection.execute(
                delete(tables.annotations).where(tables.annotations.c.annotation_id.in_(page))
            )
        owner = next(
            job for job in self.jobs.of_videos([key.video_id]) if keys_of(job).get(key.pipeline) == key
        )
        at, pipeline_id = rows.time_text(now()) or "", self.pipelines.id_of(key.pipeline)
        queries.insert_rows(self.connection, changed, owner.job_id, pipeline_id, at)

    def _recount(self, key: WorkKey, remaining: Sequence[Annotation]) -> None:
        if not self.dry_run:
            recount(self.jobs, self.log, key, remaining)
