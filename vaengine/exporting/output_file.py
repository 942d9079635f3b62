"""One file of an export: its name below the folder, and how its content is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

import msgspec

_JOINED_LINES: Final = 2_000  # that are encoded and written at once


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file at `name`, with `/` between folders; `write` is called once, with the open file."""

    name: str
    write: Callable[[BinaryIO], object]

    def __post_init__(self) -> None:
        path = PurePosixPath(self.name)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise ValueError(f"{self.name!r} is no name below a folder")


def bytes_file(name: str, data: bytes) -> OutputFile:
    """A file of these bytes."""
    return OutputFile(name, lambda file: file.write(data))


def text_file(name: str, texts: Iterable[str], *, bom: bool = False) -> OutputFile:
    """A UTF-8 file of these pieces of text, taken one after the other; pieces bring their own line ends."""

    def write(file: BinaryIO) -> None:
        if bom:
            file.write(b"\xef\xbb\xbf")
        page: list[str] = []
        for text in texts:
            page.append(text)
            if len(page) >= _JOINED_LINES:
                file.write("".join(page).encode())
                page.clear()
        file.write("".join(page).encode())

    return OutputFile(name, write)


def json_file(name: str, value: object) -> OutputFile:
    """A UTF-8 file of a JSON value, indented."""
    return bytes_file(
        name, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
    )


def compact_json(value: object) -> str:
    """A JSON value on one line; written once for every box, so by msgspec: json takes seven times as long."""
    return msgspec.json.encode(value).decode()


def json_members(members: Iterable[tuple[str, Iterable[Any]]]) -> Iterator[str]:
    """The text of a JSON object whose values are lists, an element a line, taken one after the other."""
    opening = "{\n"
    for name, elements in members:
        yield f"{opening}{json.dumps(name)}: ["
        mark = "\n"
        for element in elements:
            yield mark + compact_json(element)
            mark = ",\n"
        yield "\n]"
        opening = ",\n"
    yield "\n}\n"
