"""The interface of a store as an endpoint of a transfer or a comparison."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Literal

from actors.transfer.digest import OmittedColumns, SectionDigest
from actors.transfer.golden_queries import QueryResults
from actors.transfer.unit import Unit, WireRow

SectionDigests = Mapping[str, SectionDigest]  # by table


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """The entry of a unit in the ledger of moved units."""

    digests: SectionDigests = field(default_factory=dict)  # when it was moved; empty where it never was
    source: str = ""  # id of the store from which it came


class Source(ABC):
    """The content of a store at one moment."""

    @abstractmethod
    def units(self) -> list[Unit]:
        """All units in the order of a transfer: batches, settings, videos, identities."""

    @abstractmethod
    def is_in_use(self) -> bool:
        """Whether a live run works on the store."""

    @abstractmethod
    def holds(self, unit: Unit) -> bool:
        """Whether the store has anything of a unit; cheap."""

    @abstractmethod
    def epochs(self, batch_id: str) -> list[int]:
        """The epochs of the runs of a batch, in the order in which they began."""

    @abstractmethod
    def pipelines(self, unit: Unit) -> list[str]:
        """Names of pipelines, at least of all those in the rows of a unit."""

    @abstractmethod
    def rows(self, unit: Unit, table: str) -> Iterator[WireRow]:
        """The rows of a section, a few at a time in memory."""

    def run_golden_queries(
        self, parameters: Mapping[str, Mapping[str, Any]] | None = None
    ) -> tuple[Mapping[str, Mapping[str, Any]], QueryResults] | None:
        """Run the golden queries with these parameters (None: chosen from the content of the store).

        Returns the parameters and the results; None where the store cannot run queries.
        """
        return None

    @abstractmethod
    def ledger(self, unit: Unit) -> LedgerEntry:
        """The ledger entry of the unit."""


class Sink(Source):
    """Writes one unit to a store; nothing of it counts until the block has ended without an error."""

    @abstractmethod
    def taken_epochs(self, epochs: Collection[int], batch_id: str) -> set[int]:
        """Those of these epochs that another batch has in this store."""

    @abstractmethod
    def newest_epoch(self) -> int:
        """The highest epoch in this store, 0 where there is no run."""

    @abstractmethod
    def clear(self, unit: Unit) -> None:
        """Remove the unit."""

    @abstractmethod
    def fill(
        self,
        unit: Unit,
        pipelines: Sequence[str],
        sections: Iterable[tuple[str, Iterable[WireRow]]],
        epochs: Sequence[int] = (),
    ) -> None:
        """Add the rows of each table of a unit of which the store has nothing.

        `pipelines` has at least those of the rows; `epochs` are those of its runs in this store.
        """

    @abstractmethod
    def record(self, unit: Unit, digests: SectionDigests, source: str) -> None:
        """Write the ledger entry of a unit: its digests, and the id of the store from which it came."""


class Endpoint(ABC):
    """One store of a transfer."""

    url: str
    store_id: str  # the same wherever the store is moved
    kind: Literal["files", "sqlite", "postgresql"]
    omitted: OmittedColumns  # columns that this store does not keep

    @abstractmethod
    def read(self) -> AbstractContextManager[Source]:
        """Read the content of this moment, whatever others write meanwhile."""

    @abstractmethod
    def write(self, unit: Unit) -> AbstractContextManager[Sink]:
        """Write a unit while nobody else writes it; an exception leaves it as it was."""

    @abstractmethod
    def finish(self) -> None:
        """Called once after all units, for what is done at the end, such as the planner's statistics."""

    @abstractmethod
    def close(self) -> None:
        """Release connections."""
