"""Computes digests of sections: equal for equal rows, in any order and from any store.

Each row is packed as MessagePack (exact types, floats by their bits). JSON is packed as its value with sorted
keys, since `jsonb` keeps values but not their spelling. The digest of a section is the sum of its rows'
BLAKE2b-256, so that no store has to sort (AdHash: Bellare and Micciancio, "A new paradigm for collision-free
hashing", 1997).
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

from actors.transfer.unit import LAYOUTS, TableLayout, WireRow

DIGEST_BYTES: Final = 32
_MODULUS: Final = 1 << (8 * DIGEST_BYTES)
_MARSHAL_VERSION: Final = 2

OmittedColumns = frozenset[tuple[str, str]]  # (table, column) that a store does not keep


@dataclass(frozen=True, slots=True)
class SectionDigest:
    """The number of rows of a section, and their digest (hex)."""

    rows: int
    digest: str

    @classmethod
    def together(cls, digests: Iterable[SectionDigest]) -> SectionDigest:
        """The digest of the rows of several sections."""
        sections = list(digests)
        return cls(
            sum(digest.rows for digest in sections), _hex(sum(int(digest.digest, 16) for digest in sections))
        )


class Digester:
    """Computes the digest of rows of one table while they pass through."""

    def __init__(self, layout: TableLayout, omitted: OmittedColumns = frozenset()) -> None:
        names, json_positions = layout.names, layout.json
        self._kept = kept_positions = tuple(
            position for position, name in enumerate(names) if (layout.table.name, name) not in omitted
        )
        self._json_positions, self._has_all = json_positions, len(self._kept) == len(names)
        self.names = tuple(names[position] for position in kept_positions)  # of what is hashed
        self._rows = self._sum = 0

    def pack(self, row: WireRow) -> bytes:
        """The bytes of a row that are hashed."""
        try:
            return _encode(self.canonical(row, _parsed))
        except (OverflowError, UnicodeEncodeError):
            # MessagePack has neither integers beyond 64 bits nor lone surrogates.
            return marshal.dumps(self.canonical(row), _MARSHAL_VERSION)

    def canonical(self, row: WireRow, read: Callable[[str], Any] | None = None) -> list[Any]:
        """The values of a row that are hashed, with JSON normalized, or converted by `read`."""
        values, read = list(row), read or normalized
        for position in self._json_positions:
            if values[position] is not None:
                values[position] = read(values[position])
        return values if self._has_all else [values[position] for position in self._kept]

    def pass_through(self, rows: Iterable[WireRow]) -> Iterator[WireRow]:
        """Yields the rows and adds each to the digest.

        A transfer spends most of its time here, so names are looked up once.
        """
        pack, number = self.pack, int.from_bytes
        for row in rows:
            self._rows += 1
            self._sum += number(blake2b(pack(row), digest_size=DIGEST_BYTES).digest(), "little")
            yield row

    def digest(self) -> SectionDigest:
        return SectionDigest(self._rows, _hex(self._sum))


def _hex(total: int) -> str:
    return f"{total % _MODULUS:0{2 * DIGEST_BYTES}x}"


def section_digest(
    table: str, rows: Iterable[WireRow], omitted: OmittedColumns = frozenset()
) -> SectionDigest:
    """The digest of these rows of a table."""
    digester = Digester(LAYOUTS[table], omitted)
    deque(digester.pass_through(rows), maxlen=0)
    return digester.digest()


_decode: Final = msgspec.json.Decoder().decode  # of a key that comes twice it takes the last, as `jsonb` does
_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode


def _parsed(text: str) -> tuple[Any]:
    """The value of JSON text in a tuple, so that JSON's null differs from the column's NULL.

    Raises ValueError for invalid JSON.
    """
    try:
        return (_decode(text),)
    except ValueError:  # Python's own module accepts NaN, infinities and lone surrogates
        return (json.loads(text),)


def normalized(text: str) -> str:
    """JSON text in one spelling: equal where `jsonb` holds the values equal, and only there.

    Raises ValueError for invalid JSON.
    """
    (value,) = _parsed(text)
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
