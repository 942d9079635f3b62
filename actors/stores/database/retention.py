"""Removing from a store in a database: one transaction each, then the database's own files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from functools import cache

from sqlalchemy import Connection, delete, select

from actors.stores.database.controls import DatabaseRequests
from actors.stores.encoding import rows
from actors.stores.rules.erasure import Erasure, job_with, withdrawal_of, without
from actors.stores.rules.erasure_text import removed, require_idle
from actors.stores.rules.pruning import PruneDecision, batch_at
from actors.stores.rules.transitions import keys_of, now
from actors.stores.sql import attempts, queries, removal
from schemas.annotations.annotation import Annotation
from schemas.storage import tables
from schemas.storage.retention import PersonIn, Pruning, Removed, Stock
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob
from schemas.work.job_event import JobEvent

_UNFINISHED = {
    "name": tables.REMOVAL,
    "value": "the database's files still hold bytes of it",
}  # a row of table `meta`


class DatabaseRetention(DatabaseRequests):
    """The part of the store by which results go again."""

    def stock(self) -> Stock:
        with self._db.read() as connection:
            jobs = queries.jobs_where(connection)
            return Stock(
                jobs=tuple(jobs),
                held=removal.held(connection, jobs),
                batches=tuple(removal.batches(connection)),
                key_bytes=removal.key_bytes(connection),
                video_bytes=removal.video_bytes(connection),
            )

    def prune(self, pruning: Pruning) -> Removed:
        with self._db.write(None) as connection:
            there = queries.jobs_of_videos(connection, (job.video_id for job in pruning.jobs))
            going = PruneDecision.of(pruning, there, removal.held(connection, there))
            removal.hand_over(connection, going, there)
            counts = removal.carried_out(connection, removal.of_jobs(connection, going))
            counts += removal.carried_out(
                connection, removal.of_runs(self._runs_that_go(connection, pruning))
            )
        return removed(counts)

    @staticmethod
    def _runs_that_go(connection: Connection, pruning: Pruning) -> set[int]:
        """Those that were decided on and are over and without a job still."""
        used = set(connection.scalars(select(tables.jobs.c.batch_id).distinct()))
        there = removal.batches(connection)
        return {
            run.epoch
            for run in there
            if run.epoch in pruning.epochs and not run.alive and run.batch_id not in used
        }

    def paths_of(self, video_id: str) -> tuple[str, ...]:
        with self._db.read() as connection:
            return tuple(sorted(removal.paths_of(connection, video_id)))

    def forget_video(self, video_id: str, *, dry_run: bool = False) -> Removed:
        def carry_out(connection: Connection) -> Removed:
            jobs, paths = (
                queries.jobs_of_videos(connection, [video_id]),
                removal.paths_of(connection, video_id),
            )
            require_idle(video_id, self._batch_at(connection, jobs, paths))
            parts = removal.of_video(video_id, [job.job_id for job in jobs])
            counts = removal.carried_out(connection, parts, dry_run=dry_run)
            return removed(counts + removal.mask(connection, video_id, {video_id, *paths}, dry_run=dry_run))

        return self._forget(carry_out, dry_run=dry_run)

    @staticmethod
    def _batch_at(connection: Connection, jobs: Sequence[BatchJob], paths: Collection[str]) -> str | None:
        return batch_at(jobs, removal.held(connection, jobs), removal.batches(connection), paths)

    def _forget(self, carry_out: Callable[[Connection], Removed], *, dry_run: bool) -> Removed:
        """Count on a snapshot, or carry out in a transaction after which no bytes are to be left."""
        if dry_run:
            with self._db.read() as connection:
                return carry_out(connection)
        with self._db.write(None) as connection:
            self._db.overwrite(connection)
            gone = carry_out(connection)
            if gone.total:
                queries.put(connection, tables.meta, [_UNFINISHED])
        return Removed.joined([gone, self.finish_removal()])

    def forget_persons(self, persons: Sequence[PersonIn], *, dry_run: bool = False) -> Removed:
        def carry_out(connection: Connection) -> Removed:
            return Removed.joined([self._withdraw(connection, person, dry_run=dry_run) for person in persons])

        return self._forget(carry_out, dry_run=dry_run)

    def _withdraw(self, connection: Connection, person: PersonIn, *, dry_run: bool) -> Removed:
        rows_of = cache(lambda key: [Annotation.from_data(data) for data in queries.data_of(connection, key)])
        jobs = queries.jobs_of_videos(connection, [person.video_id])
        require_idle(
            person.video_id, self._batch_at(connection, jobs, removal.paths_of(connection, person.video_id))
        )
        withdrawal, at = withdrawal_of(person, jobs, rows_of), rows.time_text(now()) or ""
        taken = [
            self._take_out(
                connection, key, rows_of(key), without(rows_of(key), labels), jobs, at, dry_run=dry_run
            )
            for key, labels in withdrawal.labels.items()
        ]
        redone = {
            key: self._drop_unfinished(connection, key, jobs, dry_run=dry_run) for key in withdrawal.redone
        }
        identified = self._unidentify(connection, person, withdrawal, dry_run=dry_run)
        told = withdrawal.told({key for key, counts in redone.items() if counts.total()})
        return removed(sum((*taken, *redone.values()), identified), told)

    def _drop_unfinished(
        self, connection: Connection, key: WorkKey, jobs: Sequence[BatchJob], *, dry_run: bool
    ) -> Counter[str]:
        counts = removal.carried_out(connection, removal.of_unfinished(connection, key), dry_run=dry_run)
        self._recount(connection, jobs, key, [], dry_run=dry_run)
        return counts

    def _take_out(
        self,
        connection: Connection,
        key: WorkKey,
        before: Sequence[Annotation],
        after: Sequence[Annotation],
        jobs: Sequence[BatchJob],
        at: str,
        *,
        dry_run: bool,
    ) -> Counter[str]:
        """Rows of one result: those that are not in `after` go, those that are another there are replaced."""
        kept = {row.annotation_id for row in after}
        gone = [row.annotation_id for row in before if row.annotation_id not in kept]
        changed = [
            row
            for row, old in zip(after, (row for row in before if row.annotation_id in kept), strict=True)
            if row != old
        ]
        counts = removal.carried_out(connection, removal.of_person(gone), dry_run=dry_run)
        owner = next(job for job in jobs if keys_of(job).get(key.pipeline) == key)
        if changed and not dry_run:
            for page in queries.paged(row.annotation_id for row in changed):
                connection.execute(
                    delete(tables.annotations).where(tables.annotations.c.annotation_id.in_(page))
                )
            queries.insert_rows(
                connection, changed, owner.job_id, queries.pipeline_ids(connection)[key.pipeline], at
            )
        self._recount(connection, jobs, key, after, dry_run=dry_run or not (gone or changed))
        return counts

    @staticmethod
    def _recount(
        connection: Connection,
        jobs: Sequence[BatchJob],
        key: WorkKey,
        left: Sequence[Annotation],
        *,
        dry_run: bool,
    ) -> None:
        linked = [
            job
            for job in queries.jobs_by_id(connection, (job.job_id for job in jobs)).values()
            if key in keys_of(job).values()
        ]
        changed = [new for job in linked if (new := job_with(job, key, left)) != job]
        if not dry_run:
            queries.put_jobs(connection, changed)
            attempts.note(
                connection,
                (
                    JobEvent(job.job_id, now(), "forgotten", key.pipeline, "a person's rows")
                    for job in changed
                ),
            )

    @staticmethod
    def _unidentify(
        connection: Connection, person: PersonIn, withdrawal: Erasure, *, dry_run: bool
    ) -> Counter[str]:
        named = (
            {(person.label, person.config_hash)}
            if person.column == "face_id" and person.config_hash
            else set()
        )
        parts = removal.of_faces(person.video_id, withdrawal.faces | named)
        return removal.carried_out(connection, parts, dry_run=dry_run)

    def finish_removal(self) -> Removed:
        with self._db.read() as connection:
            pending = connection.scalar(
                select(tables.meta.c.value).where(tables.meta.c.name == _UNFINISHED["name"])
            )
            busy = any(run.alive for run in removal.batches(connection))
        if pending is None:
            return Removed()
        if busy:
            return Removed(
                left=(
                    f"{self.url} is in use by a run, so its files may hold bytes of it: say the same again "
                    "once that has ended",
                )
            )
        wiped = self._db.wipe()
        if wiped.done:
            with self._db.write(None) as connection:
                connection.execute(delete(tables.meta).where(tables.meta.c.name == _UNFINISHED["name"]))
        return Removed(left=(wiped.told,) if wiped.told else ())
