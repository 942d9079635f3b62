"""CSV (RFC 4180): a tidy table for each annotation type, one of the videos, and one wide table of moments."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile, text_file
from vaengine.exporting.tables import moments, video_table
from vaengine.exporting.tables.columns import columns_of
from vaengine.exporting.tables.table_rows import table_rows
from vaengine.exporting.values.source import Source
from vaengine.results.annotation_kinds import TYPES


def files(source: Source) -> Iterator[OutputFile]:
    """`TYPE.csv` of each annotation type, `videos.csv` and `moments.csv`."""
    bom = source.options.bom
    for kind in TYPES:
        columns = columns_of(kind)
        rows = ([column.value(row, video) for column in columns] for row, video in table_rows(source, kind))
        yield text_file(f"{kind}.csv", _lines([column.name for column in columns], rows), bom=bom)
    found = (list(row.values()) for row in video_table.video_rows(source))
    yield text_file("videos.csv", _lines(list(video_table.COLUMNS), found), bom=bom)
    yield text_file("moments.csv", _lines(list(moments.COLUMNS), _moments(source)), bom=bom)


def _moments(source: Source) -> Iterator[list[Any]]:
    for video in source.videos():
        for row in moments.moments_of(source, video):
            yield list(moments.without_formulas(row).values())


def _lines(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(titles)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
        yield text.getvalue()
        text.seek(0)
        text.truncate()
    yield text.getvalue()


def _cell(value: Any) -> Any:
    """Truth as true or false and lists as JSON; csv itself writes numbers so that they read back."""
    spelled = _SPELLED.get(type(value))
    return value if spelled is None else spelled(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_SPELLED: Final[Mapping[type, Callable[[Any], str]]] = {
    bool: lambda value: "true" if value else "false",
    **dict.fromkeys((list, tuple, dict), _json),
}


FORMAT = Format("csv", "spreadsheets, R, pandas, DuckDB", TYPES, files)
