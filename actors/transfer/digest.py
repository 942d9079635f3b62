"""Digests of sections: equal for equal rows, in any order and from any store.

Each row is packed as MessagePack (exact types, floats by their bits). JSON is packed as its values with keys
in order, since `jsonb` keeps values but not their spelling. The digest of a section is the sum of its rows'
BLAKE2b-256, so that neither side has to sort (AdHash: Bellare and Micciancio, "A new paradigm for
collision-free hashing", 1997).
"""

from __future__ import annotations

import json
import marshal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec

from actors.transfer.unit import LAYOUTS, TableLayout, TravelRow

SIZE: Final = 32
_MODULUS: Final = 1 << (8 * SIZE)
_VERSION: Final = 2

Left = frozenset[tuple[str, str]]  # (table, column) that a store does not keep


@dataclass(frozen=True, slots=True)
class SectionDigest:
    """How many rows a section has, and the digest of them (hex)."""

    rows: int
    digest: str

    @classmethod
    def together(cls, seals: Iterable[SectionDigest]) -> SectionDigest:
        """Of all their rows."""
        found = list(seals)
        return cls(sum(one.rows for one in found), _hex(sum(int(one.digest, 16) for one in found)))


class Digester:
    """Takes rows of one table, tells their seal."""

    def __init__(self, layout: TableLayout, left_out: Left = frozenset()) -> None:
        names, json_places = layout.names, layout.json
        self._kept = kept = tuple(
            at for at, name in enumerate(names) if (layout.table.name, name) not in left_out
        )
        self._json, self._all = json_places, len(self._kept) == len(names)
        self.names = tuple(names[at] for at in kept)  # of what is hashed
        self._rows = self._sum = 0

    def packed(self, row: TravelRow) -> bytes:
        """The row as it is hashed."""
        try:
            return _pack(self.canonical(row, _said))
        except (
            OverflowError,
            UnicodeEncodeError,
        ):  # integers beyond 64 bits and lone surrogates, which MessagePack has not
            return marshal.dumps(self.canonical(row), _VERSION)

    def canonical(self, row: TravelRow, read: Callable[[str], Any] | None = None) -> list[Any]:
        """The row with JSON in one spelling, or as what `read` makes of it."""
        values, read = list(row), read or respelled
        for at in self._json:
            if values[at] is not None:
                values[at] = read(values[at])
        return values if self._all else [values[at] for at in self._kept]

    def passing(self, rows: Iterable[TravelRow]) -> Iterator[TravelRow]:
        """The rows, each taken note of on its way; this is what a move spends its time on, so names are
        looked up once.
        """
        packed, number = self.packed, int.from_bytes
        for row in rows:
            self._rows += 1
            self._sum += number(blake2b(packed(row), digest_size=SIZE).digest(), "little")
            yield row

    def seal(self) -> SectionDigest:
        return SectionDigest(self._rows, _hex(self._sum))


def _hex(total: int) -> str:
    return f"{total % _MODULUS:0{2 * SIZE}x}"


def section_digest(table: str, rows: Iterable[TravelRow], left_out: Left = frozenset()) -> SectionDigest:
    """The seal of these rows of a table."""
    sealer = Digester(LAYOUTS[table], left_out)
    deque(sealer.passing(rows), maxlen=0)
    return sealer.seal()


_read: Final = msgspec.json.Decoder().decode  # of a name that comes twice it takes the last, as `jsonb` does
_pack: Final = msgspec.msgpack.Encoder(order="deterministic").encode


def _said(text: str) -> tuple[Any]:
    """What JSON says, in a tuple, so that its null is not the column's NULL.

    Raises ValueError for what is no JSON.
    """
    try:
        return (_read(text),)
    except ValueError:  # NaN, infinities and lone surrogates, which Python's own module takes
        return (json.loads(text),)


def respelled(text: str) -> str:
    """JSON that is the same text where `jsonb` has it equal, and another where not.

    Raises ValueError for what is no JSON.
    """
    (said,) = _said(text)
    return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
