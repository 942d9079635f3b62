"""What looking after a store came to, as lines and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from vaengine.console.output import Table
from vaengine.console.units import counted, size

if TYPE_CHECKING:
    from actors.stores.integrity.finding import Finding
    from actors.stores.integrity.statistics import StoreStatistics
    from vaengine.maintenance.maintenance import Backup, SchemaStatus, Upgrade, VacuumResult

_STANDS = {
    "empty": "there are no tables yet; a run makes them, or `vaengine db upgrade`",
    "older": "they differ: a run upgrades the tables, and so does `vaengine db upgrade`",
    "current": "they agree",
    "newer": "they differ: a newer version of vaengine wrote them; update vaengine",
    "foreign": "the tables are somebody else's; give another database",
}


def schema_status_lines(stands: SchemaStatus) -> list[str]:
    """`tables 0002, this version 0003: ...`."""
    return [f"tables {stands.found or 'none'}, this version {stands.needed}: {_STANDS[stands.state]}"]


def upgrade_line(done: Upgrade) -> str:
    """What an upgrade did."""
    if done.before == done.after:
        return f"{done.store}: tables are at {done.after} already, nothing was done"
    return f"{done.store}: tables {done.before or 'none'} -> {done.after}"


def check_lines(found: Sequence[Finding], url: str) -> Iterator[str]:
    """A line for each finding, or one that there are none."""
    yield from map(str, found)
    if not found:
        yield f"{url}: nothing is wrong"


def census_lines(counted_up: StoreStatistics) -> list[str]:
    """What a store holds, in short."""
    states = ", ".join(f"{count} {status}" for status, count in counted_up.jobs.items()) or "none"
    lines = [f"{size(counted_up.size_bytes)}; {counted(counted_up.videos, 'video')}; jobs: {states}"]
    if counted_up.oldest_job:
        newest = f"newest result {counted_up.newest_result}" if counted_up.newest_result else "no result yet"
        lines.append(f"jobs from {counted_up.oldest_job} to {counted_up.newest_job} UTC; {newest}")
    return lines


def census_tables(counted_up: StoreStatistics) -> list[Table]:
    """Of its tables, its annotations and its embeddings."""
    held = [
        (one.name, f"{one.count:,}", "?" if one.size_bytes is None else size(one.size_bytes))
        for one in counted_up.holdings
    ]
    kinds = [(one.pipeline, one.annotation_type, f"{one.count:,}") for one in counted_up.annotations]
    vectors = [
        (one.pipeline, one.model, f"{one.count:,}", size(one.size_bytes)) for one in counted_up.embeddings
    ]
    return [
        Table(("holds", "count", "size"), tuple(held)),
        Table(("pipeline", "annotations", "count"), tuple(kinds)),
        Table(("pipeline", "embeddings of", "count", "size"), tuple(vectors)),
    ]


def vacuum_line(done: VacuumResult) -> str:
    """How large a store was and is."""
    return f"{done.store}: {size(done.before_bytes)} before, {size(done.after_bytes)} after"


def backup_line(made: Backup) -> str:
    """Where a backup is."""
    return f"{made.path} ({size(made.size_bytes)}) has {made.store}; to use it: {made.restoring}"
