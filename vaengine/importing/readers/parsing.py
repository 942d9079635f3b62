"""XML, JSON, CSV and text of other tools, read without trust."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

import msgspec

from schemas.errors import UnreadableImport

MAX_RATE: Final = 1000  # frames a second that any tool may say


@dataclass(frozen=True, slots=True)
class SourceFile:
    """The name and the bytes of a file that is read."""

    name: str
    data: bytes

    def refuse(self, format_name: str, why: object) -> UnreadableImport:
        """The error that this file is not what it should be."""
        return UnreadableImport(self.name, format_name, " ".join(str(why).split()))

    @property
    def text(self) -> str:
        """The file as text; raises `UnreadableImport` where it is not UTF-8."""
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self.refuse("text", f"it is not UTF-8 ({error.reason} at byte {error.start})") from error


def xml_root(file: SourceFile, format_name: str) -> Element:
    """The root element of a file of XML.

    Raises `UnreadableImport` for broken XML, and for any that declares entities: an entity of entities fills
    the memory, and an external one reads other files.
    """
    parser, builder = expat.ParserCreate(), TreeBuilder()

    def refuse(*_: object) -> None:
        raise file.refuse(format_name, "it declares entities, which no annotation tool writes")

    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    parser.buffer_text = True
    try:
        parser.Parse(file.data.removeprefix(b"\xef\xbb\xbf"), True)
    except expat.ExpatError as error:
        raise file.refuse(format_name, f"it is broken XML: {error}") from error
    root: Element = builder.close()
    return root


def json_value(file: SourceFile, format_name: str) -> Any:
    """The value of a file of JSON; raises `UnreadableImport`."""
    try:
        return msgspec.json.decode(file.data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise file.refuse(format_name, f"it is broken JSON: {error}") from error


def csv_rows(file: SourceFile, format_name: str) -> Iterator[tuple[int, list[str]]]:
    """The rows of a file of comma-separated values, each with the number of its line from 1."""
    reader = csv.reader(io.StringIO(file.text, newline=""))
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise file.refuse(format_name, f"line {reader.line_num}: {error}") from error


def tsv_rows(file: SourceFile) -> Iterator[tuple[int, list[str]]]:
    """The cells between tabs of each line that has any, with its number from 1; quotes mean nothing."""
    for line, text in enumerate(file.text.splitlines(), start=1):
        if text.strip():
            yield line, text.split("\t")


def reason(error: Exception) -> str:
    """What was wrong with a value that could not be read."""
    return f"{error} is missing, or names nothing" if isinstance(error, KeyError) else str(error)


def number(value: object) -> float:
    """A finite number; raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{value!r} is no number")
    found = float(value)
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is no finite number")
    return found


def whole(value: object) -> int:
    """A whole number, as a number or as text; raises ValueError."""
    found = number(value)
    if found != int(found):
        raise ValueError(f"{value!r} is no whole number")
    return int(found)


def rate_of(value: object) -> Fraction | None:
    """Frames a second, from a number or from text such as `30000/1001`; None for none and for 0."""
    if value in (None, "", 0):
        return None
    try:
        found = (
            Fraction(value) if isinstance(value, str) else Fraction(number(value)).limit_denominator(10_000)
        )
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"{value!r} is no rate of frames") from error
    if not 0 <= found <= MAX_RATE:
        raise ValueError(f"{value!r} is no rate of frames")
    return found or None


def text_of(values: Mapping[str, Any], *names: str) -> str:
    """The first of these entries that is a text with anything in it; empty for none."""
    texts = (values.get(name) for name in names)
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")


# Words under which tools keep, beside a track, who it is: as an id of ours, or as a name.
_ID_NAMES: Final = ("person_id", "face_id", "id")
_PERSON_NAMES: Final = ("name", "person", "person_name", "identity", "subject")
_OWN_ID: Final = re.compile(r"(person|face)_\d+")


def own_id(attributes: Mapping[str, Any], *others: object) -> str | None:
    """The id that vaengine gave a track, of its attributes or of these other texts; None for none."""
    texts = [text_of(attributes, name) for name in _ID_NAMES] + [str(other) for other in others]
    return next((text for text in texts if _OWN_ID.fullmatch(text)), None)


def person_name(attributes: Mapping[str, Any]) -> str | None:
    """What a person called a track; None where nobody did."""
    name = text_of(attributes, *_PERSON_NAMES)
    return name if name and not _OWN_ID.fullmatch(name) else None
