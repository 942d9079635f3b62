"""Marks in pictures that say what they were drawn from, so that outdated ones are recognised."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, unquote

from schemas.annotations.annotation import canonical_json
from schemas.paths import name_of
from vaengine import __version__
from vaengine.results.lookup import VideoResults

# The fields that hold the mark: PNG's text chunks, SVG's Dublin Core, PDF's information dictionary, tags of a
# video. All are plain ASCII there.
PLACES: Final[Mapping[str, str]] = MappingProxyType(
    {"png": "Comment", "svg": "Description", "pdf": "Keywords"}
)
TAG: Final = "comment"
SEARCHED_BYTES: Final = 1 << 16  # bytes at both ends of a file
_MARK: Final = re.compile(rb"vaengine:(render|plot|clip|sheet|page):([A-Za-z0-9%._~-]+):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class SourceMark:
    """The mark of a picture.

    `command` drew it of `subject`, a video's id or what a plot is of. `digest` is the sha256 of what it was
    drawn from, in hexadecimal digits.
    """

    command: str
    subject: str
    digest: str

    def __post_init__(self) -> None:
        if not _MARK.fullmatch(str(self).encode()):
            raise ValueError(f"{self} is no mark of a picture")

    def __str__(self) -> str:
        return f"vaengine:{self.command}:{quote(self.subject, safe='')}:{self.digest}"

    def is_successor_of(self, other: SourceMark | None) -> bool:
        """Whether the other mark is of a picture of the same subject, from results of any time."""
        return other is not None and (self.command, self.subject) == (other.command, other.subject)


def mark_of(command: str, results: VideoResults, *options: object) -> SourceMark:
    """The mark of a picture of these results, with these options, by this version of the program."""
    video = results.video
    facts = (
        __version__,
        name_of(video.path),
        video.fingerprint,
        video.duration_s,
        results.provenance,
        results.sample_fps,
        results.face_fps,
    )
    rows = sorted(canonical_json(row.to_data()) for row in results.annotations)
    return SourceMark(command, video.video_id, digest_of(facts, options, *rows))


def digest_of(*parts: object) -> str:
    """The sha256 of values, by their `repr`."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode(errors="surrogatepass") + b"\n")
    return digest.hexdigest()


def mark_in(path: Path) -> SourceMark | None:
    """The mark in a file; None where there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(SEARCHED_BYTES)
            file.seek(max(0, os.fstat(file.fileno()).st_size - SEARCHED_BYTES))
            tail = file.read(SEARCHED_BYTES)
    except FileNotFoundError:
        return None
    match = _MARK.search(head) or _MARK.search(tail)
    return SourceMark(match[1].decode(), unquote(match[2].decode()), match[3].decode()) if match else None
