"""Damage to files as it happens and as it does not: the same seed gives the same bytes."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Final

# Names of structures whose numbers lead a demuxer, of MP4 and AVI; Matroska and the rest have theirs in
# front.
LANDMARKS: Final = tuple(
    b"ftyp moov mvhd tkhd mdhd elst hdlr stsd stts ctts stss stsc stsz stco co64 avcC hvcC esds trun tfhd "
    b"mdat"
    b" hdrl avih strh strf idx1 movi fmt  data OggS fLaC".split(b" ")
)
NUMBERS: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEAD: Final = 2048  # bytes in front in which most formats say what they are

Mutation = Callable[[bytearray, random.Random, bytes], None]


def mutated(data: bytes, seed: int, other: bytes = b"") -> bytes:
    """One to three kinds of damage to `data`; splices may take pieces of `other`."""
    chance = random.Random(seed)
    damaged = bytearray(data)
    for mutation in chance.choices(MUTATIONS, k=chance.choice((1, 1, 2, 3))):
        if len(damaged) > 16:
            mutation(damaged, chance, other)
    return bytes(damaged)


def flipped(data: bytearray, chance: random.Random, _: bytes) -> None:
    """Single bytes anywhere."""
    for _number in range(chance.choice((1, 4, 20, 200))):
        data[chance.randrange(len(data))] ^= chance.randrange(1, 256)


def zeroed(data: bytearray, chance: random.Random, _: bytes) -> None:
    """A run of zeros, as a copy that was interrupted leaves it."""
    start, length = chance.randrange(len(data)), chance.choice((8, 64, 512, 4096, 20_000))
    stop = min(len(data), start + length)
    data[start:stop] = bytes(stop - start)


def cut_off(data: bytearray, chance: random.Random, _: bytes) -> None:
    """The end is missing; now and then nearly everything is."""
    del data[int(len(data) * chance.choice((chance.random(), chance.random() ** 4))) :]


def spliced(data: bytearray, chance: random.Random, other: bytes) -> None:
    """A stretch is missing, there twice, or of another file."""
    start, length = chance.randrange(len(data)), chance.choice((1, 3, 188, 1000, 10_000))
    way = chance.randrange(3)
    if way == 0:
        del data[start : start + length]
    elif way == 1:
        data[start:start] = data[start : start + length]
    else:
        at = chance.randrange(max(1, len(other)))
        data[start : start + length] = other[at : at + length]


def front_changed(data: bytearray, chance: random.Random, _: bytes) -> None:
    """Numbers at the limits of their types among the first bytes."""
    _numbers_in(data, chance, 0, min(len(data), HEAD))


def structure_changed(data: bytearray, chance: random.Random, _: bytes) -> None:
    """The same behind the name of a structure, where counts, times and sizes are."""
    found = [at for name in LANDMARKS if (at := bytes(data).find(name)) >= 0]
    at = chance.choice(found) if found else 0
    _numbers_in(data, chance, max(0, at - 4), min(len(data), at + 80))


MUTATIONS: Final[Sequence[Mutation]] = (
    flipped,
    zeroed,
    cut_off,
    spliced,
    front_changed,
    structure_changed,
    structure_changed,
)


def _numbers_in(data: bytearray, chance: random.Random, low: int, high: int) -> None:
    for _number in range(chance.choice((1, 1, 2, 6))):
        size, form = chance.choice(((1, "B"), (2, "H"), (4, "I"), (4, "I")))
        at = chance.randrange(low, max(low + 1, high - size))
        order = chance.choice("<>")
        piece = struct.pack(
            order + form, chance.choice((*NUMBERS, chance.getrandbits(32))) & ((1 << 8 * size) - 1)
        )
        data[at : at + size] = piece[: len(data) - at]
