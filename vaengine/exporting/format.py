"""A format of another tool as a value: what it holds, what it loses, and what makes its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vaengine.exporting.output_file import OutputFile
from vaengine.exporting.values.source import Source


@dataclass(frozen=True, slots=True)
class Format:
    """`name` is what users type, `opened_by` names programs that read it.

    `kinds` are the annotation types that it holds, `left_out` says what it cannot hold of these, a line
    each. `files` makes the files of a source, in order, each written before the next is asked for. Where it
    `needs_pictures` frames are cut out of the videos unless the user says otherwise; where it
    `can_have_pictures` they are cut out on request. `draws_lines` says that its readers draw straight lines
    between boxes themselves.
    """

    name: str
    opened_by: str
    kinds: tuple[str, ...]
    files: Callable[[Source], Iterator[OutputFile]]
    left_out: tuple[str, ...] = ()
    needs_pictures: bool = False
    can_have_pictures: bool = False
    draws_lines: bool = False
