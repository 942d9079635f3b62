"""Sequences of very many values that stay in memory compressed, such as a million paths."""

from __future__ import annotations

import itertools
import pickle
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar, overload

T = TypeVar("T")

BLOCK: Final = 1_000  # values that are compressed together
LEAST: Final = 10_000  # values that are worth it
_LEVEL: Final = 1  # of compression; a higher one takes longer and saves little


class PackedSequence(Sequence[T]):
    """An immutable sequence in compressed blocks: a path of 50 characters takes about 5 bytes.

    Reading in order or by pages is fast; a single value costs the time of its block.
    """

    __slots__ = ("_blocks", "_length", "_read")

    def __init__(self, values: Iterable[T]) -> None:
        """`values` are any that can be pickled; they are read once."""
        self._blocks: list[bytes] = []
        self._length = 0
        self._read: tuple[int, list[T]] = (-1, [])  # the block that was read last, with its number
        remaining = iter(values)
        while block := list(itertools.islice(remaining, BLOCK)):
            self._blocks.append(zlib.compress(pickle.dumps(block, pickle.HIGHEST_PROTOCOL), _LEVEL))
            self._length += len(block)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return itertools.chain.from_iterable(map(_values, self._blocks))

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...

    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        places = range(self._length)[place]
        if isinstance(places, int):
            return self._block(places // BLOCK)[places % BLOCK]
        if places == range(self._length):
            return self
        if places.step != 1:
            return packed(self[number] for number in places)
        return packed(itertools.islice(self._from(places.start), len(places)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, PackedSequence | tuple):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"<{self._length:,} values, packed>"

    def __getstate__(self) -> tuple[list[bytes], int]:
        return self._blocks, self._length

    def __setstate__(self, state: tuple[list[bytes], int]) -> None:
        self._blocks, self._length = state
        self._read = (-1, [])

    def _from(self, start: int) -> Iterator[T]:
        for number in range(start // BLOCK, len(self._blocks)):
            yield from self._block(number)[max(0, start - number * BLOCK) :]

    def _block(self, number: int) -> list[T]:
        read, values = self._read  # one value, so that threads may share it
        if read != number:
            values = _values(self._blocks[number])
            self._read = (number, values)
        return values


def packed(values: Iterable[T]) -> Sequence[T]:
    """The values as a tuple, or as a `PackedSequence` where there are `LEAST` or more."""
    remaining = iter(values)
    first = tuple(itertools.islice(remaining, LEAST))
    return first if len(first) < LEAST else PackedSequence(itertools.chain(first, remaining))


def _values(block: bytes) -> Any:
    return pickle.loads(zlib.decompress(block))
