"""Retention: criteria, decisions, counts, and the part of a store's protocol that deletes results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from schemas.pipelines import AUDIO, FACE, PERSON
from schemas.work.chunk import WorkKey
from schemas.work.job import BatchJob, JobStatus

if TYPE_CHECKING:
    from schemas.work.run import StoredBatch

FORGOTTEN: Final = "(forgotten)"  # stands where a path was that nobody is to know any longer
COLUMN_OF: Final = {
    PERSON: "person_id",
    FACE: "face_id",
    AUDIO: "speaker_id",
}  # by which each pipeline tells people apart

Label = tuple[str, str]  # ("face_id", "face_0002")


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which jobs may go, by age and status, and down to how many bytes of the store; raises ValueError
    where nothing is asked.
    """

    older_than: timedelta | None = None
    statuses: frozenset[JobStatus] = frozenset()
    to_bytes: int | None = None

    def __post_init__(self) -> None:
        if self.older_than is None and not self.statuses and self.to_bytes is None:
            raise ValueError("an age, a status or a size is needed")
        if (self.older_than is not None and self.older_than < timedelta(0)) or (
            self.to_bytes is not None and self.to_bytes < 0
        ):
            raise ValueError("an age and a size are at least 0")


@dataclass(frozen=True, slots=True)
class Stock:
    """What a store holds at one moment. `held` are ids of jobs that a live run is at; bytes are estimates in
    a database, exact in files.

    `key_bytes` is what each work key takes, `video_bytes` what is known of each video beside that.
    """

    jobs: tuple[BatchJob, ...]
    held: frozenset[str]
    batches: tuple[StoredBatch, ...]
    key_bytes: Mapping[WorkKey, int]
    video_bytes: Mapping[str, int]

    @property
    def total_bytes(self) -> int:
        return sum(self.key_bytes.values()) + sum(self.video_bytes.values())


@dataclass(frozen=True, slots=True)
class Pruning:
    """The decision: these jobs as they were seen, oldest first, and these runs; a store leaves those that
    have changed since.
    """

    jobs: tuple[BatchJob, ...] = ()
    epochs: tuple[int, ...] = ()
    freed_bytes: int = 0
    left_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PersonIn:
    """A person of one video by the id that a pipeline gave; `config_hash` is that of its result, None for
    the newest.
    """

    video_id: str
    label: str
    config_hash: str | None = None

    def __post_init__(self) -> None:
        if self.label.partition("_")[0] not in ("person", "face", "speaker"):
            raise ValueError(f"a person of a video is person_N, face_N or speaker_N, not {self.label!r}")

    @property
    def column(self) -> str:
        return f"{self.label.partition('_')[0]}_id"

    @property
    def pipeline(self) -> str:
        return next(pipeline for pipeline, column in COLUMN_OF.items() if column == self.column)


@dataclass(frozen=True, slots=True)
class Removed:
    """What went, counted by table or kind of file, in words what could not be reached, files around the
    store by their folder, and in words what else was done.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    folders: Mapping[str, int] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @classmethod
    def joined(cls, parts: Iterable[Removed]) -> Removed:
        """All of them as one; what was left is told once."""
        counts, folders = Counter[str](), Counter[str]()
        left: dict[str, None] = {}
        told: dict[str, None] = {}
        for part in parts:
            counts.update(part.counts)
            folders.update(part.folders)
            left |= dict.fromkeys(part.left)
            told |= dict.fromkeys(part.told)
        sums = (dict(sorted(counts.items())), tuple(left), dict(sorted(folders.items())))
        return cls(*sums, tuple(told))


class RetentionStore(ABC):
    """Store methods that delete results.

    Each call is one transaction; in files, one that was killed is carried out to its end by the next of them.
    Nothing that a live run is at is touched: `prune` leaves it, the others raise `AtWork`. A dry run counts
    and changes nothing.
    """

    @abstractmethod
    def stock(self) -> Stock:
        """Everything a decision about pruning needs."""

    @abstractmethod
    def prune(self, pruning: Pruning) -> Removed:
        """Remove jobs with all that no other job asks for, videos that no job is left of, and runs."""

    @abstractmethod
    def paths_of(self, video_id: str) -> tuple[str, ...]:
        """Every path a video was found under."""

    @abstractmethod
    def forget_video(self, video_id: str, *, dry_run: bool = False) -> Removed:
        """Remove every trace of a video; where something of others names its paths, `FORGOTTEN` takes
        their place.
        """

    @abstractmethod
    def forget_persons(
        self, persons: Sequence[PersonIn], *, person_ids: Sequence[str] = (), dry_run: bool = False
    ) -> Removed:
        """Remove rows and embeddings of persons and of who they are linked to; results keep their state, with
        new counts and digests.

        What refers to them in who is who goes too, and everything of the persons of the collection
        `person_ids`, their names included.

        What is kept of work that has not ended cannot be split: its chunks of that kind go as a whole, and
        are done again.
        """

    @abstractmethod
    def finish_removal(self) -> Removed:
        """Carry out what a removal that was cut off has left to do, so that no bytes of what went stay in
        the store's own files.
        """
