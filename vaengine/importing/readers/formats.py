"""The formats that are read, and which of them a file is of, by its content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from schemas.errors import UnreadableImport, UsageError
from vaengine.importing.document import ImportedFile
from vaengine.importing.readers import (
    audacity,
    boris,
    coco,
    cvat,
    dive,
    eaf,
    label_studio,
    via,
    viame,
    videoannotator,
)
from vaengine.importing.readers.parsing import (
    SourceFile,
    csv_rows,
    json_value,
    reason,
    tsv_rows,
    xml_root,
)

Syntax = Literal["XML", "JSON", "CSV", "TSV"]


@dataclass(frozen=True, slots=True)
class Format:
    """A format: how it is written down, whether content is of it, and its reader."""

    name: str
    syntax: Syntax
    matches: Callable[[Any], bool]
    read: Callable[[Any], ImportedFile]


# Of those of one syntax the first that matches counts.
_READERS: Final = (
    Format(cvat.NAME, "XML", cvat.matches, cvat.read),
    Format(eaf.NAME, "XML", eaf.matches, eaf.read),
    Format(boris.NAME, "JSON", boris.matches, boris.read),
    Format(videoannotator.NAME, "JSON", videoannotator.matches, videoannotator.read),
    Format(coco.NAME, "JSON", coco.matches, coco.read),
    Format(dive.NAME, "JSON", dive.matches, dive.read),
    Format(label_studio.NAME, "JSON", label_studio.matches, label_studio.read),
    Format(via.NAME, "CSV", via.matches, via.read),
    Format(viame.NAME, "CSV", viame.matches, viame.read),
    Format(audacity.NAME, "TSV", audacity.matches, audacity.read),
)


def _label_track(file: SourceFile) -> audacity.LabelTrack:
    path = Path(file.name).absolute()
    return audacity.LabelTrack(path.stem, path.parent.name, list(tsv_rows(file)))


FORMATS: Final = {one.name: one for one in _READERS}
_PARSERS: Final[dict[Syntax, Callable[[SourceFile, str], Any]]] = {
    "XML": xml_root,
    "JSON": json_value,
    "CSV": lambda file, name: list(csv_rows(file, name)),
    "TSV": lambda file, _: _label_track(file),
}


def read_file(file: SourceFile, format_name: str | None = None) -> ImportedFile:
    """What a file says, in the format of this name or in the one that its content is of.

    Raises `UnreadableImport`; `UsageError` for an unknown format.
    """
    if format_name is not None and format_name not in FORMATS:
        raise UsageError(f"unknown format {format_name!r}: --format takes {', '.join(FORMATS)}")
    syntax = _syntax(file.data)
    asked = FORMATS.get(format_name or "")
    if asked is not None and asked.syntax != syntax:
        raise file.refuse(asked.name, f"it is no {asked.syntax}")
    content = _PARSERS[syntax](file, asked.name if asked else f"any known format of {syntax}")
    for one in [asked] if asked else FORMATS.values():
        if one.syntax == syntax and one.matches(content):
            return _read(file, one, content)
    if asked:
        raise file.refuse(asked.name, "it does not begin like one")
    known = [one.name for one in FORMATS.values() if one.syntax == syntax]
    raise UnreadableImport(
        file.name, "a known format", f"it is {syntax}, but none of {', '.join(known)}; --format names one"
    )


def _read(file: SourceFile, of: Format, content: Any) -> ImportedFile:
    """What a reader makes of content, which is a stranger's: anything in it may be of a wrong type."""
    try:
        return of.read(content)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise file.refuse(of.name, reason(error)) from error


def _syntax(data: bytes) -> Syntax:
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start[:1] in (b"<", b"{", b"["):
        return "XML" if start[:1] == b"<" else "JSON"
    return "TSV" if b"\t" in start.partition(b"\n")[0] else "CSV"
