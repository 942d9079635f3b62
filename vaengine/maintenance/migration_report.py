"""The report of a move or a comparison of stores: lines for people, one object for programs."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from actors.atomic_files import write_atomic
from actors.transfer.digest import SectionDigest
from actors.transfer.lossy_values import LossyValue
from vaengine.console.output import Table, event
from vaengine.console.units import counted
from vaengine.maintenance.migration import Comparison, Migration

EQUAL: Final = 0
DIFFERENT: Final = 3
LEFT_OUT: Final = 4
STEPS: Final = {
    "moved": "moved",
    "overwritten": "there already and different, overwritten",
    "unchanged": "there already, unchanged since",
    "noted": "there already, equal",
    "same": "there already, with the same results of another run",
    "kept": "there already and different, left as it is",
    "refused": "there already with other results, not moved",
    "removed": "removed there since, not brought back",
    "quarantined": "left out",
}
SHOWN: Final = 20  # lines of a list; the report has them all


def migration_lines(found: Migration) -> Iterator[str]:
    """How a move ended."""
    yield f"{found.source} -> {found.destination}"
    yield from (
        f"{counted(found.steps[step], 'unit')} {told}" for step, told in STEPS.items() if step in found.steps
    )
    yield f"{found.moved_rows:,} rows written, each read back and equal"
    lossy = [str(value) for own in found.quarantined.values() for value in own]
    yield from _some([f"left out: {value}" for value in lossy])
    yield from _some(
        [f"overwritten: {unit}, which the destination had otherwise" for unit in found.overwritten]
    )
    yield from _some([f"stays as it is in the destination: {unit}" for unit in found.kept])
    yield from _some(
        [f"not moved: {unit}, of which the destination has results of its own" for unit in found.refused]
    )
    if found.kept or found.refused:
        yield (
            f"where {found.source} is right, {_overwriting(found.source, found.destination)} moves them again"
        )
    if found.refused:
        yield (
            f"where those of {found.source} are not wanted, `vaengine db forget` them there; where both "
            "are, move elsewhere"
        )
    yield from _some([f"removed in the destination: {unit}" for unit in found.removed])
    if found.source_in_use:
        yield (
            "a run was at work on the source: give the same command again when it has ended, it moves what "
            "is new"
        )


def comparison_lines(found: Comparison) -> Iterator[str]:
    """How a comparison ended."""
    yield from _some([f"differs: {one}" for one in found.differences], found.differing)
    yield from (f"answered otherwise: {name}" for name in found.otherwise)
    same = "all of the first is in the second" if found.within else "equal"
    verdict = same if found.equal else f"not equal: {counted(found.differing, 'section')} differ"
    asked = f", {counted(found.questions, 'question')} answered by both" if found.questions else ""
    yield f"{verdict}: {found.first} and {found.second}, {counted(found.units, 'unit')}{asked}"
    if not found.equal:
        yield mending(found)


def mending(found: Comparison) -> str:
    """How two stores that differ become equal."""
    stays = (
        f"; {counted(found.beyond, 'unit')} that only {found.second} has would stay" if found.beyond else ""
    )
    gone = (
        f"; {counted(found.removed, 'unit')} removed from {found.second} would not return"
        if found.removed
        else ""
    )
    if found.lacking > found.removed:
        return (
            f"where {found.first} is right, {_overwriting(found.first, found.second)} moves again what "
            f"differs{stays}{gone}"
        )
    if found.removed:
        return (
            f"what {found.second} lacks was removed there: `vaengine db forget` it in {found.first} too, "
            "or move that into a new store"
        )
    if found.beyond:
        command = shlex.join(["vaengine", "migrate", found.second, found.first])
        return f"{found.second} has all that {found.first} has, and more: `{command}` moves the rest"
    return "the rows are the same, their answers are not: `vaengine db check` looks for what is wrong in each"


def _overwriting(source: str, destination: str) -> str:
    return f"`{shlex.join(['vaengine', 'migrate', source, destination, '--overwrite-differing'])}`"


def lossy_lines(
    lossy: Sequence[LossyValue], rows: int, destination: str, overwritten: Sequence[str] = ()
) -> Iterator[str]:
    """What a look ahead found; `overwritten` are the units that would be."""
    yield from _some([str(value) for value in lossy])
    yield from (f"would be overwritten: {unit}, which {destination} has otherwise" for unit in overwritten)
    told = (
        f"{counted(len(lossy), 'value')} would not arrive unchanged"
        if lossy
        else "all would arrive unchanged"
    )
    yield f"{rows:,} rows for {destination}: {told}; nothing was written"


def table(tables: Mapping[str, SectionDigest]) -> Table:
    """Rows and digest by table."""
    return Table(
        ("table", "rows", "digest"),
        tuple((name, f"{seal.rows:,}", seal.digest[:16]) for name, seal in tables.items()),
    )


def migration_event(found: Migration) -> dict[str, Any]:
    """A move as one object."""
    quarantined = {unit: [str(value) for value in lossy] for unit, lossy in found.quarantined.items()}
    return event("migration", found, quarantined=quarantined)


def comparison_event(found: Comparison) -> dict[str, Any]:
    """A comparison as one object."""
    cure = {} if found.equal else {"mending": mending(found)}
    differences = [str(one) for one in found.differences]
    return event("verification", found, equal=found.equal, differences=differences, **cure)


def lossy_event(
    lossy: Sequence[LossyValue],
    rows: Mapping[str, int],
    source: str,
    destination: str,
    overwritten: Sequence[str] = (),
) -> dict[str, Any]:
    """A look ahead as one object."""
    told = {
        "source": source,
        "destination": destination,
        "rows": dict(rows),
        "overwritten": list(overwritten),
    }
    return event("preflight", told, hazards=[asdict(value) for value in lossy])


def migration_code(found: Migration) -> int:
    """0 when everything is there, 4 when something was left out."""
    return LEFT_OUT if found.quarantined or found.refused else EQUAL


def write(report: Mapping[str, Any], path: Path) -> None:
    """Keep a report, whole or not at all; raises what `write_atomic` raises."""
    write_atomic(
        path.absolute(), json.dumps(report, indent=2, ensure_ascii=False).encode(errors="backslashreplace")
    )


def _some(lines: Sequence[str], every: int | None = None) -> Iterator[str]:
    yield from lines[:SHOWN]
    left = (len(lines) if every is None else every) - SHOWN
    if left > 0:
        yield f"and {left:,} more"
