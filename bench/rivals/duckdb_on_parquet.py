"""DuckDB on files of Parquet that have the same rows as a store.

DuckDB is no dependency of the project. `make rivals` puts it into an environment of its own; with that Python
`-m bench query` has a column for it.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Column, select

from actors.stores.database.backend import DatabaseStorageBackend
from schemas.storage import tables

THREADS: Final = 2
PAGE_ROWS: Final = 50_000
_COLUMNS: Final = {
    "annotations": (
        *("annotation_id", "annotation_type", "video_id", "timestamp_seconds", "end_seconds", "person_id"),
        *("confidence", "bbox_x", "bbox_y", "bbox_width", "bbox_height", "label", "words"),
    ),
    "videos": ("video_id", "path", "width", "height", "duration_seconds"),
}
_PARAMETER: Final = re.compile(r"(?<!:):(\w+)")


def is_installed() -> bool:
    """Whether DuckDB is there."""
    return importlib.util.find_spec("duckdb") is not None


@dataclass
class ParquetFiles:
    """The tables of a store as files in a folder, and a connection of DuckDB that reads them."""

    folder: Path
    connection: Any = field(init=False)

    def __post_init__(self) -> None:
        import duckdb

        self.connection = duckdb.connect(config={"threads": THREADS})
        for name in _COLUMNS:
            path = self.folder / f"{name}.parquet"
            self.connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}')")

    def rows(self, sql: str, values: dict[str, Any]) -> list[Any]:
        """The rows of a statement with `:name` for its values."""
        found: list[Any] = self.connection.execute(_PARAMETER.sub(r"$\1", sql), values or None).fetchall()
        return found


def export(store: DatabaseStorageBackend, folder: Path) -> ParquetFiles:
    """Write the tables of a store to Parquet, video by video, and open them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in _COLUMNS.items():
        table = tables.metadata.tables[name]
        _write(store, folder / f"{name}.parquet", [table.c[column] for column in columns])
    return ParquetFiles(folder)


def _write(store: DatabaseStorageBackend, path: Path, columns: list[Column[Any]]) -> None:
    schema = pa.schema([(column.name, _type_of(column)) for column in columns])
    with store.reading() as connection, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        query = select(*columns).order_by(columns[0].table.c.video_id)
        for page in connection.execute(query.execution_options(yield_per=PAGE_ROWS)).partitions():
            values = zip(*page, strict=True)
            arrays = [pa.array(each, kind.type) for each, kind in zip(values, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _type_of(column: Column[Any]) -> pa.DataType:
    python = column.type.python_type
    return {float: pa.float64(), int: pa.int64()}.get(python, pa.string())
