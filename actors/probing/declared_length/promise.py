"""The length that a header promises, and what a file lacks of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Promise:
    """The length of a file, as its header declares it.

    `size_bytes` is the size of the whole file, and `length_s` the time from zero of its clock to the end; 0
    where the header does not say. `lacks_end`: the file ends in the middle of something, or without the
    mark that stands at the end of a whole file.
    """

    size_bytes: int = 0
    length_s: Fraction = Fraction(0)
    lacks_end: bool = False

    def is_kept(self, size_bytes: int) -> bool:
        """Whether a file of that size is as long as its header says."""
        return not self.lacks_end and size_bytes >= self.size_bytes

    def missing_s(self, size_bytes: int, start_s: Fraction, end_s: Fraction) -> Fraction | None:
        """Seconds that a stream lacks at its end; None where that cannot be known.

        The stream plays `[start_s, end_s)` of the file's clock. Where only the size is promised, the
        missing seconds are in proportion to the missing bytes.
        """
        if self.is_kept(size_bytes):
            return Fraction(0)
        if self.length_s:
            return max(Fraction(0), self.length_s - end_s)
        if self.size_bytes > size_bytes:
            return (end_s - start_s) * (self.size_bytes - size_bytes) / max(1, size_bytes)
        return None

    def note(self, size_bytes: int) -> str | None:
        """A warning about a truncated file of `size_bytes`; None where it is whole."""
        if self.is_kept(size_bytes):
            return None
        if self.size_bytes > size_bytes:
            return f"the file is truncated: {size_bytes:,} of {self.size_bytes:,} bytes are there"
        return "the file is truncated: it ends before its end mark, and does not say by how much"
