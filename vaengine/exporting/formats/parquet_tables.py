"""Apache Parquet: the same tables as CSV, with types, lists and 50,000 rows in memory at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from vaengine.exporting.format import Format
from vaengine.exporting.output_file import OutputFile
from vaengine.exporting.tables import moments, video_table
from vaengine.exporting.tables.columns import columns_of
from vaengine.exporting.tables.table_rows import table_rows
from vaengine.exporting.values.source import Source
from vaengine.results.annotation_kinds import TYPES

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP: Final = 50_000  # rows


def files(source: Source) -> Iterator[OutputFile]:
    """`TYPE.parquet` of each annotation type, `videos.parquet` and `moments.parquet`."""
    for kind in TYPES:
        columns = columns_of(kind)
        rows = ([column.value(row, video) for column in columns] for row, video in table_rows(source, kind))
        yield _file(kind, {column.name: column.arrow_type for column in columns}, rows)
    found = (list(row.values()) for row in video_table.video_rows(source))
    yield _file("videos", video_table.COLUMNS, found)
    moment_rows = (
        list(row.values()) for video in source.videos() for row in moments.moments_of(source, video)
    )
    yield _file("moments", moments.COLUMNS, moment_rows)


def _file(name: str, types: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> OutputFile:
    def write(file: BinaryIO) -> None:
        import pyarrow.parquet

        schema = _schema(types)
        with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for page in _pages(rows):
                writer.write_table(_table(page, schema))

    return OutputFile(f"{name}.parquet", write)


def _pages(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    page: list[Sequence[Any]] = []
    for row in rows:
        page.append(row)
        if len(page) == ROW_GROUP:
            yield page
            page = []
    if page:
        yield page


def _table(page: Sequence[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = zip(*page, strict=True)
    arrays = [pa.array(list(column), field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _schema(types: Mapping[str, str]) -> pa.Schema:
    import pyarrow as pa

    known = {
        **{"string": pa.string(), "int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()},
        "numbers": pa.list_(pa.float64()),
        "points": pa.list_(pa.list_(pa.float64())),
        "strings": pa.list_(pa.string()),
    }
    return pa.schema([(name, known[kind]) for name, kind in types.items()])


FORMAT = Format("parquet", "pandas, polars, DuckDB, Spark, datasets", TYPES, files)
