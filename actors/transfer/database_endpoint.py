"""A database, of either kind, as one side of a move."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from typing import Any, Final, Literal

from sqlalchemy import (
    Connection,
    Select,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    union,
    update,
)

from actors.stores.encoding import rows
from actors.stores.engines.database import Database
from actors.stores.rules.transitions import now
from actors.stores.sql import leases as lease_queries
from actors.stores.sql import queries
from actors.stores.sql.bulk_insert import add_rows
from actors.stores.sql.leases import current_epoch
from actors.transfer import golden_queries
from actors.transfer.digest import Left, SectionDigest
from actors.transfer.endpoint import Endpoint, LedgerEntry, Seals, Sink, Source
from actors.transfer.select_rows import OWNER, owned, wire_rows
from actors.transfer.unit import LAYOUTS, PIPELINE, POSITION, TABLES, Kind, TravelRow, Unit
from schemas.errors import StoreFailed
from schemas.storage import tables

ledger: Final = tables.migration_ledger
_ENTRY: Final = (ledger.c.kind == bindparam("kind_is"), ledger.c.unit == bindparam("unit_is"))
_NOTED: Final = select(ledger.c.table_name, ledger.c.row_count, ledger.c.digest, ledger.c.source).where(
    *_ENTRY
)
_NOTED_NO_LONGER: Final = delete(ledger).where(*_ENTRY)
_TOUCHED: Final = (
    update(ledger)
    .where(ledger.c.unit == select(ledger.c.unit).limit(1).scalar_subquery())
    .values(source=ledger.c.source)
)
_SETTINGS: Final = (
    select(tables.meta.c.name).where(tables.meta.c.name.not_in(tables.OF_ITSELF)).order_by(tables.meta.c.name)
)
_STORE_ID: Final = select(tables.meta.c.value).where(tables.meta.c.name == tables.STORE_ID)
_OF_NO_JOB: Final = (
    select(tables.annotations.c.job_id)
    .outerjoin(tables.jobs, tables.jobs.c.job_id == tables.annotations.c.job_id)
    .where(tables.annotations.c.video_id == bindparam(OWNER))
    .where(tables.annotations.c.job_id.is_not(None), tables.jobs.c.job_id.is_(None))
    .limit(1)
)


@cache
def _is_there(kind: Kind) -> Select[tuple[bool]]:
    """Whether any table has a row of the unit named by parameter `owner`."""
    of = [table for table in TABLES[kind] if table not in (tables.job_pipeline_status, tables.job_events)]
    return select(or_(*(exists(select(literal(1)).select_from(table).where(owned(table))) for table in of)))


class DatabaseEndpoint(Endpoint):
    """Tables of this version in a database."""

    left_out: Left = frozenset()

    def __init__(self, database: Database, kind: Literal["sqlite", "postgresql"]) -> None:
        self._db, self.url, self.kind = database, database.url, kind
        with database.read() as connection:
            self.store_id = connection.execute(_STORE_ID).scalar_one()

    @contextmanager
    def reading(self) -> Iterator[Source]:
        with self._db.read() as connection, closing(DatabaseSource(self._db, connection)) as reader:
            yield reader

    @contextmanager
    def writing(self, unit: Unit) -> Iterator[Sink]:
        with self._db.write(None, [unit.name] if unit.kind == "video" else None) as connection:
            self._db.commit_without_waiting(connection)
            with closing(DatabaseSink(self._db, connection)) as writer:
                yield writer

    def settle(self) -> None:
        self._db.fill_vectors()
        with self._db.write(None) as connection:
            connection.execute(_TOUCHED)  # its end waits for the disk, and so for all that came before
            self._db.analyze(connection)

    def close(self) -> None:
        self._db.close()


class DatabaseSource(Source):
    """One snapshot of a database."""

    def __init__(self, database: Database, connection: Connection) -> None:
        self._db, self._connection = database, connection
        self._reading: Generator[TravelRow] | None = None

    def close(self) -> None:
        """Be done with rows that were not read to their end, as where an error came between, while the
        transaction is there.
        """
        if self._reading is not None:
            self._reading.close()

    def units(self) -> list[Unit]:
        return [
            *(Unit("batch", name) for name in self._batches()),
            *(Unit("setting", name) for name in self._connection.scalars(_SETTINGS)),
            *(Unit("video", name) for name in self._videos()),
            *([Unit("identities", "")] if self.holds(Unit("identities", "")) else []),
        ]

    def _batches(self) -> list[str]:
        runs = tables.runs.c
        return list(
            self._connection.scalars(
                select(runs.batch_id).group_by(runs.batch_id).order_by(func.min(runs.epoch))
            )
        )

    def _videos(self) -> list[str]:
        """Every video that there is anything of, also where what it belongs to is gone."""
        of = [table for table in Unit("video", "").tables if "video_id" in table.c]
        return sorted(self._connection.scalars(union(*(select(table.c.video_id).distinct() for table in of))))

    def is_in_use(self) -> bool:
        epochs = set(self._connection.scalars(select(tables.leases.c.epoch).distinct()))
        return bool(lease_queries.live_epochs(self._connection, epochs, self._db.now(self._connection)))

    def holds(self, unit: Unit) -> bool:
        return bool(self._connection.scalar(_is_there(unit.kind), {OWNER: unit.name}))

    def epochs(self, batch_id: str) -> list[int]:
        runs = tables.runs.c
        return list(
            self._connection.scalars(select(runs.epoch).where(runs.batch_id == batch_id).order_by(runs.epoch))
        )

    def pipelines(self, unit: Unit) -> list[str]:
        return sorted(queries.pipeline_ids(self._connection))

    def rows(self, unit: Unit, table: str) -> Iterator[TravelRow]:
        self.close()
        self._reading = wire_rows(self._connection, table, unit.name)
        return self._reading

    def golden(
        self, told: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[Mapping[str, Mapping[str, Any]], golden_queries.Answers]:
        questions = told or golden_queries.asked(self._connection)
        return questions, golden_queries.answers(self._connection, questions)

    def ledger(self, unit: Unit) -> LedgerEntry:
        found = self._connection.execute(_NOTED, {"kind_is": unit.kind, "unit_is": unit.digest}).all()
        return LedgerEntry(
            {one.table_name: SectionDigest(one.row_count, one.digest) for one in found},
            found[0].source if found else "",
        )


class DatabaseSink(DatabaseSource, Sink):
    """One transaction."""

    def taken(self, epochs: Collection[int], batch_id: str) -> set[int]:
        runs = tables.runs.c
        return set(
            self._connection.scalars(
                select(runs.epoch).where(runs.epoch.in_(epochs), runs.batch_id != batch_id)
            )
        )

    def newest(self) -> int:
        return current_epoch(self._connection)

    def clear(self, unit: Unit) -> None:
        jobs = select(tables.jobs.c.job_id).where(owned(tables.jobs))
        leases = tables.leases
        if unit.kind == "video":
            self._connection.execute(delete(leases).where(leases.c.video_id == unit.name))
        if unit.kind == "batch":
            epochs = select(tables.runs.c.epoch).where(owned(tables.runs))
            self._connection.execute(delete(leases).where(leases.c.epoch.in_(epochs)), {OWNER: unit.name})
        for table in reversed(unit.tables):
            of_jobs = table in (tables.job_pipeline_status, tables.job_events)
            self._connection.execute(
                delete(table).where(table.c.job_id.in_(jobs) if of_jobs else owned(table)), {OWNER: unit.name}
            )

    def fill(
        self,
        unit: Unit,
        pipelines: Sequence[str],
        sections: Iterable[tuple[str, Iterable[TravelRow]]],
        epochs: Sequence[int] = (),
    ) -> None:
        numbers: dict[str | None, int | None] = {None: None}
        numbers.update(queries.pipeline_ids(self._connection, pipelines))
        for name, found in sections:
            table, names = LAYOUTS[name].table, LAYOUTS[name].names
            if table is tables.runs:
                self._add_runs(names, found, epochs)
            elif table is tables.annotations:
                with self._db.without_reference_checks(self._connection) as without_reference_checks:
                    self._add(table, names, found, numbers)
                if without_reference_checks:
                    self._require_jobs(unit)
            else:
                self._add(table, names, found, numbers)

    def _add_runs(self, names: tuple[str, ...], found: Iterable[TravelRow], epochs: Sequence[int]) -> None:
        place = names.index(POSITION)
        columns = (*names[:place], "epoch", *names[place + 1 :])
        numbered = (
            (*row[:place], epoch, *row[place + 1 :]) for epoch, row in zip(epochs, found, strict=False)
        )  # one may have begun since
        add_rows(self._connection, tables.runs, columns, numbered)

    def _require_jobs(self, unit: Unit) -> None:
        """What a foreign key would, at once for all rows; nobody else writes jobs of this video meanwhile."""
        if missing := self._connection.scalar(_OF_NO_JOB, {OWNER: unit.name}):
            raise StoreFailed(
                self._db.url,
                f"rows of {unit} are of job {missing}, which is not there; `vaengine db check` tells of such "
                "rows",
            )

    def _add(
        self,
        table: Table,
        names: tuple[str, ...],
        found: Iterable[TravelRow],
        numbers: Mapping[str | None, int | None],
    ) -> None:
        if table is tables.video_paths:
            found = list(found)
            self._free_paths([row[names.index("path")] for row in found])
        if PIPELINE in names and "pipeline_id" in table.c:
            at = names.index(PIPELINE)
            found = ((*row[:at], numbers[row[at]], *row[at + 1 :]) for row in found)
            names = tuple("pipeline_id" if name == PIPELINE else name for name in names)
        if POSITION in names:
            place = names.index(POSITION)
            found = ((*row[:place], *row[place + 1 :]) for row in found)
            names = (*names[:place], *names[place + 1 :])
        add_rows(self._connection, table, names, found)

    def _free_paths(self, paths: list[str]) -> None:
        """A path leads to one video: what it led to before has another content now."""
        for page in queries.paged(paths):
            self._connection.execute(delete(tables.video_paths).where(tables.video_paths.c.path.in_(page)))

    def note(self, unit: Unit, seals: Seals, source: str) -> None:
        self._connection.execute(_NOTED_NO_LONGER, {"kind_is": unit.kind, "unit_is": unit.digest})
        of = {"kind": unit.kind, "unit": unit.digest, "source": source, "moved_at": rows.time_text(now())}
        entries = [
            of | {"table_name": table, "row_count": seal.rows, "digest": seal.digest}
            for table, seal in seals.items()
        ]
        self._connection.execute(insert(ledger), entries)
