"""Results that people made: rows of one video as they were read from a file of another tool."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.annotations.annotation import Annotation
from schemas.pipelines import is_human
from schemas.storage.people import PersonEdit, PersonReference
from schemas.work.job import BatchJob


@dataclass(frozen=True, slots=True)
class HumanResults:
    """The rows of one import in one video, by pipeline; a pipeline without rows is a result too.

    `job` has these pipelines, all in one configuration: the digest of what was imported. `made_of` has the
    configuration of the result that each pipeline's rows are a correction of; it is empty for an import.
    """

    job: BatchJob
    rows: Mapping[str, tuple[Annotation, ...]]
    made_of: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.rows or set(self.rows) != set(self.job.pipeline_results):
            raise ValueError("a job of imported rows has their pipelines and no others")
        if not all(map(is_human, self.rows)):
            raise ValueError(f"rows that people made are of pipelines of their own, not {sorted(self.rows)}")


@dataclass(frozen=True, slots=True)
class NamingEdits:
    """Edits of who is who that come with an import, in order, and the references that they are about.

    `after` is the id of the newest edit that the decision knew, None for none.
    """

    edits: tuple[PersonEdit, ...] = ()
    references: tuple[PersonReference, ...] = field(default=(), repr=False)
    after: str | None = None


class ImportStore(ABC):
    """Results that people made, beside those of the machine."""

    @abstractmethod
    def add_human_results(
        self, imports: Sequence[HumanResults], naming: NamingEdits | None = None
    ) -> frozenset[str]:
        """Store imports and edits as a whole, in one transaction; returns the ids of the jobs that are new.

        What was imported before is not changed. Older imports of a video stay beside the new one, which is
        the current one. No lease is needed, and no result of a machine is touched. Raises `PeopleChanged`
        where another edit than `naming.after` is the newest by now, and `ResultsChanged` where another
        result than one of `made_of` answers by now.
        """
