"""Answers as tables for people and as rows for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from schemas.paths import name_of
from vaengine.console.output import Table
from vaengine.queries.match import Match

if TYPE_CHECKING:
    import pyarrow as pa

Format: TypeAlias = Literal["table", "json", "csv", "parquet"]
COLUMNS: Final = {
    "video_id": "string",
    "path": "string",
    "start_s": "float64",
    "end_s": "float64",
    "score": "float64",
    "why": "string",
    "annotation_ids": "string",
}


def time_text(seconds: float) -> str:
    """A time to a tenth of a second: `0:07.5`, `1:02:03.0`."""
    tenths = round(10 * seconds)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{clock}:{rest // 10:02}.{rest % 10}"


def match_table(matches: Iterable[Match]) -> Table:
    """A line for each match: video, from, to, score and why."""
    rows = (
        (
            name_of(match.path),
            time_text(match.start_s),
            time_text(match.end_s),
            "" if match.score is None else f"{match.score:.2f}",
            match.why,
        )
        for match in matches
    )
    return Table(("video", "from", "to", "score", "why"), tuple(rows), names=0)


def records(matches: Iterable[Match]) -> list[dict[str, Any]]:
    """Each match as a flat mapping with the columns `COLUMNS`; ids are joined by blanks."""
    return [
        {name: getattr(match, name) for name in COLUMNS} | {"annotation_ids": " ".join(match.annotation_ids)}
        for match in matches
    ]


def json_lines(matches: Iterable[Match]) -> list[str]:
    """Each match as one JSON object."""
    return [json.dumps(record, ensure_ascii=False) for record in records(matches)]


def csv_text(matches: Iterable[Match]) -> str:
    """The matches as CSV with a line of titles."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(COLUMNS), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records(matches))
    return text.getvalue()


def arrow_table(matches: Iterable[Match]) -> pa.Table:
    """The matches as an Arrow table, whose columns never vary."""
    import pyarrow as pa

    listed: list[Mapping[str, Any]] = list(records(matches))
    types = {name: getattr(pa, kind)() for name, kind in COLUMNS.items()}
    return pa.table({name: pa.array([row[name] for row in listed], types[name]) for name in COLUMNS})


def write_parquet(matches: Iterable[Match], path: Path) -> None:
    """Write the matches to a Parquet file."""
    import pyarrow.parquet

    pyarrow.parquet.write_table(arrow_table(matches), path)
