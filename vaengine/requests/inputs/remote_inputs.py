"""The videos that a URL leads to: one object, what is below a prefix, or what a pattern matches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from actors.sources.file_system import require_readable_url
from actors.sources.listing import is_pattern, is_prefix, objects_below, objects_matching
from schemas.paths import name_of
from vaengine.requests.inputs.media_kinds import OWN_FILES, SOUND_SUFFIXES, VIDEO_SUFFIXES, suffix_of

Note = Callable[[str], None]


def urls_of(url: str, *, takes: Callable[[str], bool], left_alone: Note) -> Iterator[str]:
    """URLs of the objects to annotate; a URL with the suffix of a medium is taken without being asked for.

    Of a prefix or pattern those that `takes` says; the others go to `left_alone`. Raises `UsageError` for a
    URL that cannot be read, and what a listing raises.
    """
    require_readable_url(url)
    if is_pattern(url):
        yield from _selected(iter(objects_matching(url)), takes, left_alone)
    elif suffix_of(name_of(url)) not in VIDEO_SUFFIXES | SOUND_SUFFIXES and is_prefix(url):
        yield from _selected(objects_below(url), takes, left_alone)
    else:
        yield url


def _selected(urls: Iterator[str], takes: Callable[[str], bool], left_alone: Note) -> Iterator[str]:
    for url in urls:
        if takes(url):
            yield url
        elif not OWN_FILES.fullmatch(name_of(url)):
            left_alone(url)
