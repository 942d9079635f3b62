"""What a header says of its file's length, and what that means for a file that is there."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Promise:
    """`size_bytes` of the whole file and `length_s` of what it plays, from zero of its clock; 0 where the
    header does not say.

    `lacks_end`: the file ends in the middle of something, or without the mark that stands at the end of a
    whole one.
    """

    size_bytes: int = 0
    length_s: Fraction = Fraction(0)
    lacks_end: bool = False

    def is_kept(self, size_bytes: int) -> bool:
        """Whether a file of that size is as long as its header says."""
        return not self.lacks_end and size_bytes >= self.size_bytes

    def missing_s(self, size_bytes: int, start_s: Fraction, end_s: Fraction) -> Fraction | None:
        """How much of a stream is missing that plays `[start_s, end_s)` of the file's clock; None where that
        is not to be known.

        Where only the size is promised, as much as the bytes that are missing would play.
        """
        if self.is_kept(size_bytes):
            return Fraction(0)
        if self.length_s:
            return max(Fraction(0), self.length_s - end_s)
        if self.size_bytes > size_bytes:
            return (end_s - start_s) * (self.size_bytes - size_bytes) / max(1, size_bytes)
        return None

    def note(self, size_bytes: int) -> str | None:
        """What there is to say of a file of that size; None where it is as long as it should be."""
        if self.is_kept(size_bytes):
            return None
        if self.size_bytes > size_bytes:
            return f"the file is truncated: {size_bytes:,} of {self.size_bytes:,} bytes are there"
        return "the file is truncated: it ends before its end mark, and does not say by how much"
