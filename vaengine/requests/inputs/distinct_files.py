"""Tells files apart by their real paths, in eight bytes for each.

A hash stands for each real path. Only paths whose hashes are equal are compared.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import NamedTuple

from schemas.packed import packed
from schemas.paths import name_of
from vaengine.requests.inputs.media_kinds import suffix_of


class Found(NamedTuple):
    """Files that were found together: their paths, and for each the path without links in it, or its URL."""

    paths: Sequence[str]
    real_paths: Sequence[str]


class Hashes:
    """The hashes of real paths, in the order they were added."""

    def __init__(self) -> None:
        self._numbers = array("q")

    def add(self, real: str) -> None:
        """Add the hash of a real path or a URL."""
        self._numbers.append(hash(real))

    def added(self, found: Iterable[Found]) -> Iterator[str]:
        """The paths of files as they come, whose hashes are added meanwhile."""
        for paths, real_paths in found:
            self._numbers.extend(map(hash, real_paths))
            yield from paths

    def first_of_each(self, paths: Sequence[str], real_path: Callable[[str], str]) -> Sequence[str]:
        """`paths`, one for each hash that was added, without further paths of the same file."""
        repeated = self._repeated()
        return packed(self._distinct(paths, repeated, real_path)) if repeated else paths

    def _distinct(
        self, paths: Sequence[str], repeated: Set[int], real_path: Callable[[str], str]
    ) -> Iterator[str]:
        met: set[str] = set()
        for path, number in zip(paths, self._numbers, strict=True):
            if number in repeated:
                real = real_path(path)
                if real in met:
                    continue
                met.add(real)
            yield path

    def _repeated(self) -> Set[int]:
        """Hashes that were added more than once."""
        import numpy as np

        ordered = np.sort(np.frombuffer(self._numbers, np.int64)) if self._numbers else np.zeros(0, np.int64)
        return set(ordered[1:][ordered[1:] == ordered[:-1]].tolist())

    def places_of_others(self, used: Hashes) -> Sequence[int]:
        """Places of the hashes that are not among `used`, each hash once."""
        import numpy as np

        if not self._numbers:
            return ()
        numbers, places = np.unique(np.frombuffer(self._numbers, np.int64), return_index=True)
        is_other = np.isin(numbers, np.array(used._numbers, np.int64), invert=True)
        others: list[int] = places[is_other].tolist()
        return others


class LeftAlone:
    """Files that were found and are not used. They are only counted, by extension."""

    def __init__(self) -> None:
        self._hashes, self._kinds = Hashes(), array("l")
        self._kind_by_suffix: dict[str, int] = {}

    def add(self, real: str) -> None:
        """Count a file by its real path or URL."""
        suffix = suffix_of(name_of(real))
        self._hashes.add(real)
        self._kinds.append(self._kind_by_suffix.setdefault(suffix, len(self._kind_by_suffix)))

    def by_suffix(self, used: Hashes) -> dict[str, int]:
        """How many files there are of each extension that are not used after all, the most frequent first."""
        suffixes = list(self._kind_by_suffix)
        counts = Counter(self._kinds[place] for place in self._hashes.places_of_others(used))
        named = [(suffixes[kind], count) for kind, count in counts.items()]
        return dict(sorted(named, key=lambda one: (-one[1], one[0])))
