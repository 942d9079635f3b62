"""A store as one side of a move or a comparison."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from actors.transfer.digest import Left, SectionDigest
from actors.transfer.golden_queries import Answers
from actors.transfer.unit import TravelRow, Unit

Seals = Mapping[str, SectionDigest]  # by table


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An entry of a ledger: the seals of a unit as it was moved, empty where it never was, and the id of
    the store that it came from.
    """

    seals: Seals = field(default_factory=dict)
    source: str = ""


class Source(ABC):
    """What one side holds, as of one moment."""

    @abstractmethod
    def units(self) -> list[Unit]:
        """Everything there is, in the order it is to be moved in: batches, settings, videos, identities."""

    @abstractmethod
    def is_in_use(self) -> bool:
        """Whether a run is at work on it."""

    @abstractmethod
    def holds(self, unit: Unit) -> bool:
        """Whether there is anything of a unit; cheap."""

    @abstractmethod
    def epochs(self, batch_id: str) -> list[int]:
        """Numbers of the runs of a batch, as they began."""

    @abstractmethod
    def pipelines(self, unit: Unit) -> list[str]:
        """Names of pipelines, among them all that the rows of a unit are of."""

    @abstractmethod
    def rows(self, unit: Unit, table: str) -> Iterator[TravelRow]:
        """Rows of a section, a few at a time in memory."""

    def golden(
        self, told: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[Mapping[str, Mapping[str, Any]], Answers] | None:
        """Golden questions as they were asked (None: of what is there) and their answers; None where
        questions cannot be asked.
        """
        return None

    @abstractmethod
    def ledger(self, unit: Unit) -> LedgerEntry:
        """What was noted when the unit was last moved here."""


class Sink(Source):
    """One unit being moved here; nothing of it counts unless the end is reached."""

    @abstractmethod
    def taken(self, epochs: Collection[int], batch_id: str) -> set[int]:
        """Those of these numbers of runs that another batch has here."""

    @abstractmethod
    def newest(self) -> int:
        """The highest number of a run here, 0 where there is none."""

    @abstractmethod
    def clear(self, unit: Unit) -> None:
        """Remove the unit."""

    @abstractmethod
    def fill(
        self,
        unit: Unit,
        pipelines: Sequence[str],
        sections: Iterable[tuple[str, Iterable[TravelRow]]],
        epochs: Sequence[int] = (),
    ) -> None:
        """Add rows of each table of a unit of which nothing is there; they are of some of these
        pipelines, its runs get these numbers.
        """

    @abstractmethod
    def note(self, unit: Unit, seals: Seals, source: str) -> None:
        """Enter what was moved, and where it came from, into the ledger."""


class Endpoint(ABC):
    """One store: `store_id` is its own wherever it lies, `left_out` what it does not keep of what others
    do.
    """

    url: str
    store_id: str
    kind: Literal["files", "sqlite", "postgresql"]
    left_out: Left

    @abstractmethod
    def reading(self) -> AbstractContextManager[Source]:
        """Read what is there as of now, whatever others write meanwhile."""

    @abstractmethod
    def writing(self, unit: Unit) -> AbstractContextManager[Sink]:
        """Write a unit that nobody else writes meanwhile; an exception leaves it as it was."""

    @abstractmethod
    def settle(self) -> None:
        """What is done once when everything is there, such as counting anew what queries are planned by."""

    @abstractmethod
    def close(self) -> None:
        """Release connections."""
