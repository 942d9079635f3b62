"""Lists of paths and URLs, read as a stream: text with one a line, or a column of a Parquet file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

from actors.sources.source import open_source
from schemas.errors import UsageError, VideoError
from schemas.paths import name_of

TEXT_SUFFIXES: Final = (".txt", ".lst")
PARQUET_SUFFIX: Final = ".parquet"
COLUMNS: Final = ("path", "url", "uri", "location", "video_path")  # the first that there is
BATCH_ROWS: Final = 8192

Entry = tuple[int, str]  # its number from 1, and its text


def is_list(location: str) -> bool:
    """Whether a location is a list by its name."""
    return Path(name_of(location)).suffix.lower() in (*TEXT_SUFFIXES, PARQUET_SUFFIX)


def entries_of(location: str) -> Iterator[Entry]:
    """The entries of a list, one after the other; raises `UsageError` where it cannot be read."""
    with _opened(location) as file:
        if Path(name_of(location)).suffix.lower() == PARQUET_SUFFIX:
            yield from _parquet_entries(location, file)
        else:
            yield from text_entries(_lines(file))


def text_entries(lines: Iterable[str]) -> Iterator[Entry]:
    """Entries of a text list; blank lines and those that begin with `#` are left out."""
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if text and not text.startswith("#"):
            yield number, text


def lines_of(data: bytes) -> Iterator[str]:
    """The lines of a text list; file names are bytes, so they survive in any encoding."""
    return (os.fsdecode(line) for line in data.removeprefix(b"\xef\xbb\xbf").splitlines())


def _lines(file: BinaryIO) -> Iterable[str]:
    return io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape")


@contextmanager
def _opened(location: str) -> Iterator[BinaryIO]:
    try:
        with open_source(location) as file:
            yield file
    except OSError as error:
        raise UsageError(
            f"{location} cannot be read: {error.strerror or error}; check its permissions"
        ) from error
    except VideoError as error:
        raise UsageError(str(error)) from error


def _parquet_entries(location: str, file: BinaryIO) -> Iterator[Entry]:
    from pyarrow import ArrowException, parquet

    try:
        table = parquet.ParquetFile(file)
        column = _column(location, table.schema_arrow)
        number = 0
        for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=[column]):
            for text in batch.column(0).to_pylist():
                number += 1
                if text:
                    yield number, text
    except ArrowException as error:
        raise UsageError(f"{location} is no Parquet file that can be read: {_line(error)}") from error


def _column(location: str, schema: Any) -> str:
    """The column that holds the paths: by its name, or the only one of texts."""
    texts = [field.name for field in schema if str(field.type) in ("string", "large_string")]
    named = next((name for name in COLUMNS if name in texts), None)
    if column := named or (texts[0] if len(texts) == 1 else None):
        return column
    raise UsageError(
        f"{location} has no column of paths: name one of its text columns {COLUMNS[0]} or {COLUMNS[1]} "
        f"(it has {', '.join(schema.names)})"
    )


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
